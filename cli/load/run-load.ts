/**
 * The whole of a load in one process: ledger and target are prepared, the file is planned and processed as by pods, and the
 * upload is closed. The ledger alone says what is done, so that the same call goes on after any interruption.
 *
 * | the ledger has                         | this call                                            |
 * |----------------------------------------|------------------------------------------------------|
 * | no unfinished load of the file         | opens one                                            |
 * | one that is planned, of these bytes    | loads the chunks that are not done                   |
 * | one that is planned, of other bytes    | ends it as failed, and asks to be called again       |
 * | the same content, loaded               | says so, and loads nothing                           |
 */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { basename } from 'node:path';
import type pg from 'pg';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { InputError } from '#cli/input-error.ts';
import type { Interrupts } from '#cli/io/interrupts.ts';
import type { Terminal } from '#cli/io/terminal.ts';
import { Fault } from '#common/faults.ts';
import { DEFAULTS, type RunnerConfig } from '#common/job-contract.ts';
import type { Logger } from '#common/log.ts';
import { connect, disconnect } from '#ledger/connection/postgres.ts';
import { readFirstErrors, type StoredError } from '#ledger/errors/read-errors.ts';
import { checkLedgerRights } from '#ledger/ledger-rights.ts';
import { ledgerVersion, migrate, readLedgerState } from '#ledger/migrate.ts';
import type { Counts, ErrorSummary, PlannedUpload, UploadProgress, UploadRequest, UploadRow } from '#ledger/types.ts';
import { dequeueUpload, readContentKey } from '#ledger/uploads/claim-content.ts';
import { findTooManyFailed } from '#ledger/uploads/error-policy.ts';
import { findUnfinishedUpload, tryLockSubject } from '#ledger/uploads/find-unfinished-upload.ts';
import { completeUpload, failUpload } from '#ledger/uploads/finish-upload.ts';
import { openUpload } from '#ledger/uploads/open-upload.ts';
import { readProgress, readTopErrors } from '#ledger/uploads/read-progress.ts';
import { assertPlanned, readUpload } from '#ledger/uploads/read-upload.ts';
import type { RunnerDeps } from '#runner/deps.ts';
import { planUpload } from '#runner/plan.ts';
import { processIndex } from '#runner/process.ts';
import { createSession, type Session } from '#runner/session.ts';
import { createContentDigest } from '#runner/storage/content-digest.ts';
import { readBlocks } from '#runner/storage/read-blocks.ts';
import { createRetryOptions } from '#runner/storage/retry-options.ts';
import { prepareTarget } from '#runner/target/prepare-target.ts';
import { NO_TELEMETRY } from '#runner/telemetry/datadog.ts';
import type { ReadObject } from '#s3/object-identity.ts';
import { createLoadProgress, type LoadProgress } from './load-progress.ts';
import type { LoadSource } from './source.ts';

/** The cluster of every load without a cluster, in the ledger's column cluster_id. */
const LOCAL_CLUSTER = 'local';
/** A file of more than this is divided among the sessions. */
const BYTES_OF_SESSION = 4 * 1024 * 1024;
const WATCH_MS = 500;
const MOST_CODES = 20;

export interface LoadRequest {
  schema: RecordSchemaSpec;
  databaseUri: string;
  namespace: string;
  request: UploadRequest;
  limits: { maxFailedRecords: number | undefined; maxFailedPercent: number | undefined };
  parallelism: number;
  rowsOfCode: number;
  terminal: Terminal;
  interrupts: Interrupts;
}

export interface LoadResult {
  file: string;
  table: string;
  uploadId: string;
  status: 'Complete' | 'Failed';
  /** Why a load failed, or that the content was loaded before. */
  message: string | null;
  mode: 'Commit' | 'Validate';
  records: Counts & { total: number };
  errors: ErrorSummary[];
  firstErrors: StoredError[];
  durationMs: number;
}

/** @throws InputError for what a person has to do first, Fault of the file, the database or the storage */
export async function runLoad(source: LoadSource, load: LoadRequest): Promise<LoadResult> {
  const startedAt = performance.now();
  const stop = new AbortController();
  load.interrupts.handleOnce(() => stop.abort(interrupted()));
  await using cleanup = new AsyncDisposableStack();
  // The connection also holds the lock of everybody who loads this file, until the load has ended.
  const client = await connect({ uri: load.databaseUri, applicationName: 'batch-upload/load' });
  cleanup.defer(() => disconnect(client));
  await prepare(client, load);
  const id = await open(client, source, load);
  const progress = createLoadProgress(load.terminal.stderr);
  cleanup.defer(() => progress.clear());
  const loading: Loading = { source, load, id, stop, progress, log: createLoadLog(load.terminal), cleanup };
  const control = createLoadSession(loading, 'control');
  try {
    await loadUpload(loading, control);
  } catch (error) {
    if (!(error instanceof Fault) || error.retryable || error.category === 'fenced') throw error;
    const { reason, message } = error;
    await control.run((session) => failUpload(session, { id }, { reason, message }));
    throw error;
  }
  await removeCopies(loading);
  // Awaited here, since the sessions are closed at the end of this function.
  return await readResult(control, loading, startedAt);
}

interface Loading {
  source: LoadSource;
  load: LoadRequest;
  id: string;
  /** Aborts everything: after Ctrl-C, or when one session has failed. */
  stop: AbortController;
  progress: LoadProgress;
  log: Logger;
  cleanup: AsyncDisposableStack;
}

function interrupted(): Fault {
  return new Fault({
    code: 'UNK_STOPPED',
    category: 'retryable',
    restart: true,
    reason: 'Stopped',
    message: 'The load was interrupted. Call the same command again, and it goes on where it was.',
  });
}

/** The command line makes a ledger where there is none, and never changes one that a cluster may use. */
async function prepare(client: pg.Client, { schema }: LoadRequest): Promise<void> {
  const state = await readLedgerState(client);
  if (state === 'missing') await migrate(client);
  if (state === 'outdated') {
    const version = await ledgerVersion(client);
    throw new InputError(
      `The ledger in this database is of an earlier version (${version}). The operator that uses it brings it up to date when its release is installed; without an operator, an administrator runs the output of: operator print-migrations ${version}`,
    );
  }
  const why = (await checkLedgerRights(client)) ?? (await prepareTarget(client, schema));
  if (why) throw new InputError(why.message);
}

/** @returns the id of the load that goes on, or of a new one. @throws InputError when another process loads the file */
async function open(
  client: pg.Client,
  source: LoadSource,
  { namespace, request, schema }: LoadRequest,
): Promise<string> {
  const subject = { clusterId: LOCAL_CLUSTER, namespace, request, schema };
  if (!(await tryLockSubject(client, subject))) {
    throw new InputError(
      `Another process loads ${source.name} into ${schema.target.table} at this moment. Wait for its end; if it is gone, its connection ends within a minute.`,
    );
  }
  const unfinished = await findUnfinishedUpload(client, subject);
  const id = unfinished ?? randomUUID();
  await openUpload(client, { ...subject, id, name: basename(request.s3.key), sourceType: 'CLI' });
  return id;
}

async function loadUpload(loading: Loading, control: Session): Promise<void> {
  const { id, load, progress, source } = loading;
  const deps = createDeps(loading, control, 1);
  let upload = await control.run((client) => read(client, id));
  let object: ReadObject | null = null;
  if (upload.plan) await expectSameContent(deps, upload as PlannedUpload, source);
  else {
    progress.planning(() => source.bytesRead());
    object = await planUpload(deps, upload);
    upload = await control.run((client) => read(client, id));
  }
  while (upload.status === 'Queued') {
    progress.note('Another load has the same content. This one waits for its end.');
    await new Promise((resolve) => setTimeout(resolve, 1000));
    loading.stop.signal.throwIfAborted();
    await control.run((client) => dequeueUpload(client, id));
    upload = await control.run((client) => read(client, id));
  }
  if (upload.status !== 'Processing') return;
  assertPlanned(upload);
  const watching = new AbortController();
  const watched = watch(loading, control, watching.signal);
  try {
    await processAll(loading, upload, object);
  } finally {
    watching.abort();
    await watched;
  }
  await endIfTooManyFailed(control, load, id);
  await control.run((client) => completeUpload(client, id));
}

/** Each session takes every n-th index, so that all of them have some; who has ended helps the others. */
async function processAll(loading: Loading, upload: PlannedUpload, object: ReadObject | null): Promise<void> {
  const { load, stop } = loading;
  const indexes = upload.plan.execution === 'Inline' ? 1 : upload.plan.totalIndexes;
  const sessions = Math.min(load.parallelism, indexes);
  const work = Array.from({ length: sessions }, async (_, first) => {
    const session = createLoadSession(loading, `process-${first}`);
    for (let index = first; index < indexes; index += sessions) {
      const deps = createDeps(loading, session, upload.attempt);
      await processIndex({ ...deps, config: { ...deps.config, completionIndex: index } }, upload, object);
    }
  });
  try {
    await Promise.all(work);
  } catch (error) {
    // The others end with their transactions; what they had not committed is loaded by the next call.
    if (!stop.signal.aborted) stop.abort(error);
    await Promise.allSettled(work);
    throw error;
  }
}

/** Shows how far the load is, and ends it when more records failed than the limit allows. */
async function watch({ id, load, progress, stop }: Loading, control: Session, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && !stop.signal.aborted) {
    try {
      const row = await control.run(async (client) => (await readProgress(client, [id])).get(id)!);
      progress.loading(row.counts.processed, row.totalRecords ?? 0);
      if (await endIfTooManyFailed(control, load, id, row)) return;
    } catch {
      // The sessions that load say what is wrong with the database.
    }
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, WATCH_MS);
      signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
    });
  }
}

async function endIfTooManyFailed(
  control: Session,
  { limits }: LoadRequest,
  id: string,
  known?: UploadProgress,
): Promise<boolean> {
  const { maxFailedRecords, maxFailedPercent } = limits;
  if (maxFailedRecords === undefined && maxFailedPercent === undefined) return false;
  const policy = {
    ...(maxFailedRecords === undefined ? {} : { maxFailedRecords }),
    ...(maxFailedPercent === undefined ? {} : { maxFailedPercent }),
    storeRowData: true,
  };
  const row = known ?? (await control.run(async (client) => (await readProgress(client, [id])).get(id)!));
  if (!findTooManyFailed(policy, row, [])) return false;
  const errors = await control.run((client) => readTopErrors(client, id));
  const why = findTooManyFailed(policy, row, errors)!;
  await control.run((client) => failUpload(client, { id }, why));
  return true;
}

/** A file that was changed after its load began is another file. */
async function expectSameContent(deps: RunnerDeps, upload: PlannedUpload, source: LoadSource): Promise<void> {
  const { store, session } = deps;
  const retry = createRetryOptions(deps);
  const identity = await store.head(upload.request.s3, retry);
  const digest = createContentDigest(await session.run(readContentKey));
  for await (const piece of readBlocks(store, identity, { start: 0, end: identity.sizeBytes }, retry))
    digest.update(piece);
  if (digest.digest() === upload.plan.digest) return;
  throw new Fault({
    code: 'S3_PRECONDITION',
    category: 'permanent',
    reason: 'SourceChanged',
    message: `${source.name} is not the file whose load was begun before and has not ended. What was loaded of that file stays. Call the same command again to load ${source.name} as it is now.`,
  });
}

function createLoadSession({ id, load, stop, log, cleanup }: Loading, role: string): Session {
  const session = createSession({
    database: { uri: load.databaseUri },
    uploadId: id,
    role,
    retrySeconds: DEFAULTS.retrySeconds,
    stallSeconds: DEFAULTS.stallSeconds,
    signal: role === 'control' ? new AbortController().signal : stop.signal,
    log,
  });
  cleanup.defer(() => session.close());
  return session;
}

function createDeps({ id, load, source, stop, log }: Loading, session: Session, attempt: number): RunnerDeps {
  const config: RunnerConfig = {
    uploadId: id,
    attempt,
    namespace: load.namespace,
    parallelism: load.parallelism,
    inlineLimitBytes: load.parallelism > 1 ? BYTES_OF_SESSION : DEFAULTS.inlineLimitBytes,
    maxRecordBytes: DEFAULTS.maxRecordBytes,
    retrySeconds: DEFAULTS.retrySeconds,
    stallSeconds: DEFAULTS.stallSeconds,
    completionIndex: 0,
    podName: `${hostname()}-${process.pid}`,
    databaseUri: load.databaseUri,
    databaseCaCert: undefined,
    datadog: false,
    logLevel: 'warn',
  };
  return { config, session, store: source.store, telemetry: NO_TELEMETRY, log, signal: stop.signal };
}

/** Only what a person should know of: the rest is in the ledger. */
function createLoadLog({ stderr }: Terminal): Logger {
  const show = (fields: object, message: string) => {
    const { code } = fields as { code?: string };
    stderr.write(`${stderr.isTTY ? '\r\x1b[2K' : ''}${message}${code ? ` (${code})` : ''}\n`);
  };
  return { debug: () => undefined, info: () => undefined, warn: show, error: show };
}

async function read(client: pg.Client, id: string): Promise<UploadRow> {
  const upload = await readUpload(client, id);
  if (upload) return upload;
  throw new InputError('The ledger was removed from the database while the file was loaded. Call the command again.');
}

async function removeCopies({ id, source, load, stop, log }: Loading): Promise<void> {
  const retry = { signal: stop.signal, retrySeconds: load.parallelism, stallSeconds: DEFAULTS.stallSeconds };
  await source.store.removeCopies({ bucket: source.workBucket, uploadId: id }, retry).catch((err) => {
    log.warn({ err }, 'the plain copy of the file could not be removed');
  });
}

async function readResult(control: Session, { id, source, load }: Loading, startedAt: number): Promise<LoadResult> {
  const row = await control.run(async (client) => (await readProgress(client, [id])).get(id)!);
  const errors = await control.run((client) => readTopErrors(client, id, MOST_CODES));
  const codes = errors.map(({ code }) => code);
  const firstErrors = await control.run((client) =>
    readFirstErrors(client, { id, codes, rowsOfCode: load.rowsOfCode }),
  );
  return {
    file: source.name,
    table: load.schema.target.table,
    uploadId: id,
    status: row.status === 'Complete' ? 'Complete' : 'Failed',
    message: row.sameAs
      ? `The same content was loaded before, as ${row.sameAs.name}. Give --reload to load it again.`
      : row.failureMessage,
    mode: row.validateOnly ? 'Validate' : 'Commit',
    records: { ...row.counts, total: row.totalRecords ?? 0 },
    errors,
    firstErrors,
    durationMs: Math.round(performance.now() - startedAt),
  };
}
