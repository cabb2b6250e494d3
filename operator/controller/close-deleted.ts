/**
 * Closes the ledger rows of deleted uploads: at once when the controller sees the deletion, else by the sweep. The sweep also finds the
 * uploads whose end the database has lost.
 */
import type pg from 'pg';
import { DEFAULT_NAMES } from '#api/defaults.ts';
import { databaseSecretName } from '#api/names.ts';
import { Fault } from '#common/faults.ts';
import type { Logger } from '#common/log.ts';
import { createSemaphore } from '#common/semaphore.ts';
import { BATCH_UPLOADS, type BatchUpload } from '#kube/custom-resources.ts';
import type { KubeClient } from '#kube/types.ts';
import type { Database } from '#ledger/client/database.ts';
import { sqlState } from '#ledger/connection/postgres.ts';
import { removeKeys } from '#ledger/keys/remove-keys.ts';
import { removePending } from '#ledger/pending/pending-records.ts';
import { closeDeletedUpload, listRunningUploads } from '#ledger/uploads/finish-upload.ts';
import { type Databases, type SecretRef, VISITED_AT_A_TIME } from '#operator/tenancy/databases.ts';
import { type FindMigrator, migrateWhereNamed } from '#operator/tenancy/prepare-ledger.ts';
import type { Caches } from './caches.ts';
import type { ReachPoint } from './fault-point.ts';
import { isFinal } from './retry-policy.ts';

export interface CloseDeps {
  client: Pick<KubeClient, 'find'>;
  caches: Pick<Caches, 'uploads' | 'uploadByUid'>;
  databases: Databases;
  log: Logger;
  clusterId: string;
  namespaces: readonly string[];
  extraDatabaseSecrets: readonly string[];
  reachPoint: ReachPoint;
  findMigrator: (namespace: string) => FindMigrator;
  /** Called for an upload that runs in the ledger, although its status says that it has ended. */
  onWentBack: (upload: BatchUpload) => void;
}

/** What is needed of a deleted upload to close its ledger row. */
export interface DeletedUpload {
  uid: string;
  secret: SecretRef;
}

export function toDeletedUpload({ metadata, spec }: BatchUpload): DeletedUpload {
  return { uid: metadata.uid, secret: { namespace: metadata.namespace, name: databaseSecretName(spec) } };
}

/** @throws Fault when the ledger is out of reach; the caller tries again and in the end leaves the row to the sweep. */
export async function closeDeleted(
  { databases, log, reachPoint }: CloseDeps,
  { uid, secret }: DeletedUpload,
): Promise<void> {
  // The row is in the database where it was opened, even if the Secret names another database by now.
  const database = databases.peek(secret) ?? (await databases.open(secret));
  reachPoint('before-close-deleted');
  const status = await closeRow(database, uid);
  if (status !== null) log.info({ uid, status }, 'the resource is deleted, the ledger row is closed');
}

async function closeRow(database: Database, uid: string) {
  try {
    return await database.finish(uid, (client) => closeDeletedUpload(client, uid), { isDeleted: true });
  } catch (error) {
    if (hasNoLedger(error)) return null;
    throw error;
  }
}

/**
 * Closes this cluster's running rows without an upload, in every database that the enabled namespaces name, and brings
 * the ledgers up to date on which the bridge waits. A database that fails is passed over until the next sweep.
 * @returns the number of rows that were closed.
 */
export async function sweep(deps: CloseDeps, signal: AbortSignal): Promise<number> {
  const { caches, log, namespaces, extraDatabaseSecrets } = deps;
  // Without the list of all uploads every row would look as if its upload were deleted.
  if (!caches.uploads.hasSynced) return 0;
  let closed = 0;
  const seen = new Set<Database>();
  const current = new Set<Database>();
  const names = [DEFAULT_NAMES.databaseSecret, ...extraDatabaseSecrets];
  const refs = namespaces.flatMap((namespace) => names.map((name) => ({ namespace, name })));
  // Several at a time, because a database that does not answer takes seconds.
  const gate = createSemaphore(VISITED_AT_A_TIME);
  const sweepOne = async ({ namespace, name }: (typeof refs)[number]): Promise<void> => {
    if (signal.aborted) return;
    try {
      const database = await deps.databases.open({ namespace, name }, { signal });
      if (!current.has(database)) {
        const isCurrent = await migrateWhereNamed({ database, findMigrator: deps.findMigrator(namespace) });
        if (isCurrent) current.add(database);
      }
      if (seen.has(database)) return;
      seen.add(database);
      // The rows that were closed count, whatever fails after them.
      await sweepDatabase(deps, database, { signal, onClosed: () => (closed += 1) });
    } catch (error) {
      if (signal.aborted) return;
      const level = error instanceof Fault ? 'debug' : 'warn';
      log[level]({ err: error, namespace, secret: name }, 'a database was not swept');
    }
  };
  await Promise.all(refs.map((ref) => gate.run(() => sweepOne(ref))));
  return closed;
}

async function sweepDatabase(
  deps: CloseDeps,
  database: Database,
  { signal, onClosed }: { signal: AbortSignal; onClosed: () => void },
): Promise<void> {
  const none = { rows: [], isMore: false };
  const { rows, isMore } = await database
    .run((client) => visit(client, deps.clusterId), { isVisit: true })
    .catch((error) => (hasNoLedger(error) ? none : Promise.reject(error)));
  let closed = 0;
  for (const row of rows) {
    if (signal.aborted) break;
    const upload = deps.caches.uploadByUid(row.id);
    if (upload !== undefined) {
      // The end of the upload was committed before its status was written, and a standby was promoted that lacked it.
      if (isFinal(upload)) deps.onWentBack(upload);
      continue;
    }
    // The cache may be old, so that the API server is asked before a row is closed.
    const found = await deps.client.find(BATCH_UPLOADS, row, { signal });
    if (found?.metadata.uid === row.id && found.metadata.deletionTimestamp === undefined) continue;
    await closeRow(database, row.id);
    closed += 1;
    onClosed();
    deps.log.info(
      { uid: row.id, namespace: row.namespace, upload: row.name },
      'closed the ledger row of a deleted upload',
    );
  }
  if (isMore || closed > 0) await removeLeftRows(database, signal);
}

/** What a sweep mostly finds in a database, on one connection. */
async function visit(client: pg.ClientBase, clusterId: string) {
  const rows = await listRunningUploads(client, clusterId);
  const remove = async () => (await removeKeys(client)) || (await removePending(client));
  // A ledger of an earlier version lacks one of the tables.
  const isMore = await remove().catch((error) => (hasNoLedger(error) ? false : Promise.reject(error)));
  return { rows, isMore };
}

async function removeLeftRows(database: Database, signal: AbortSignal): Promise<void> {
  try {
    while (!signal.aborted && (await database.run(removeKeys, { isVisit: true })));
    while (!signal.aborted && (await database.run(removePending, { isVisit: true })));
  } catch (error) {
    if (!hasNoLedger(error)) throw error;
  }
}

function hasNoLedger(error: unknown): boolean {
  const state = sqlState(error instanceof Fault ? error.cause : error);
  return state === '42P01' || state === '3F000';
}
