/** What a load needs of the database before its first record: the lock of its file, a ledger, and the target table. */
import { randomUUID } from 'node:crypto';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { InputError } from '#cli/input-error.ts';
import { Fault } from '#common/faults.ts';
import { databaseFault, disconnect } from '#ledger/connection/postgres.ts';
import { checkLedgerRights } from '#ledger/ledger-rights.ts';
import { ledgerVersion, migrate, readLedgerState } from '#ledger/migrate.ts';
import {
  findUnfinishedUpload,
  reopenAppendedPart,
  tryLockSubject,
  type UploadSubject,
} from '#ledger/uploads/find-unfinished-upload.ts';
import { openUpload } from '#ledger/uploads/open-upload.ts';
import { prepareTarget } from '#runner/target/prepare-target.ts';
import { type FileLock, keepLock } from './file-lock.ts';
import { connectFirst } from './first-contact.ts';
import type { LoadRequest } from './loading.ts';
import type { LoadSource } from './source.ts';

/** The cluster of every load without a cluster, in the ledger's column cluster_id. */
export const LOCAL_CLUSTER = 'local';
/** PostgreSQL notices the end of a killed process a moment later, and keeps its lock until then. */
const LOCK_TRIES = 10;
const LOCK_WAIT_MS = 200;

export interface PreparedLoad {
  /** The lock of everybody who loads this file, until the load has ended. */
  lock: FileLock;
  /** The id of the load that goes on, or of a new one. */
  id: string;
}

/** @throws InputError for what a person has to do first, Fault of the database */
export async function prepareDatabase(
  source: LoadSource,
  load: LoadRequest,
  stop: AbortController,
): Promise<PreparedLoad> {
  const { namespace, request, schema } = load;
  const subject = { clusterId: LOCAL_CLUSTER, namespace, request, schema };
  const client = await connectFirst(load.databaseUri);
  try {
    await waitForLock(client, subject, source.name);
    await prepareLedger(client, load);
    const why = (await checkLedgerRights(client)) ?? (await prepareTarget(client, schema));
    if (why) throw new InputError(why.message);
    const begun = (await findUnfinishedUpload(client, subject)) ?? (await reopenAppendedPart(client, subject));
    const id = begun ?? randomUUID();
    await openUpload(client, { ...subject, id, name: basename(request.s3.key), sourceType: 'CLI' });
    const onTaken = () => stop.abort(heldByAnother(source.name, schema.target.table));
    return { lock: keepLock({ client, subject, databaseUri: load.databaseUri, onTaken }), id };
  } catch (error) {
    await disconnect(client);
    if (error instanceof InputError || error instanceof Fault) throw error;
    throw databaseFault(error);
  }
}

async function waitForLock(client: pg.Client, subject: UploadSubject, name: string): Promise<void> {
  for (let tries = 1; !(await tryLockSubject(client, subject)); tries += 1) {
    if (tries === LOCK_TRIES) throw heldByAnother(name, subject.schema.target.table);
    await sleep(LOCK_WAIT_MS);
  }
}

const heldByAnother = (name: string, table: string): InputError =>
  new InputError(
    `Another process loads ${name} into ${table} at this moment. Wait for its end. The lock of a process on a machine that was switched off ends within a minute.`,
  );

/**
 * The command line makes a ledger where there is none, and brings that of its own database up to date. It never changes one
 * that a cluster may use.
 */
async function prepareLedger(
  client: pg.Client,
  { isOwnDatabase, terminal }: Pick<LoadRequest, 'isOwnDatabase' | 'terminal'>,
): Promise<void> {
  const state = await readLedgerState(client);
  if (state === 'current') return;
  if (state === 'missing' || isOwnDatabase) {
    if (state === 'outdated') terminal.stderr.write('The ledger of an earlier release is brought up to date.\n');
    await migrate(client);
    return;
  }
  const version = await ledgerVersion(client);
  throw new InputError(
    `The ledger in this database is of an earlier version (${version}). The operator that uses it brings it up to date when its release is installed; without an operator, an administrator runs the output of: operator print-migrations ${version}`,
  );
}
