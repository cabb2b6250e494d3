/** Gathers all that `decide` wants to know of an upload. Reads only; the one that is wrong or missing is a value. */
import { isTrue } from '#api/conditions.ts';
import { DEFAULT_NAMES } from '#api/defaults.ts';
import type { UploadExplanation } from '#api/explanation.ts';
import { databaseSecretName, jobName, s3SecretName } from '#api/names.ts';
import type { Clock } from '#common/clock.ts';
import { Fault } from '#common/faults.ts';
import type { RunnerCommand } from '#common/job-contract.ts';
import type { Logger } from '#common/log.ts';
import type { BatchUpload } from '#kube/custom-resources.ts';
import { EVENTS } from '#kube/resource-types.ts';
import type { KubeClient } from '#kube/types.ts';
import { isLedgerOutdated } from '#ledger/client/connection.ts';
import type { Database, Reading } from '#ledger/client/database.ts';
import type { ErrorSummary, UploadProgress } from '#ledger/types.ts';
import type { ControllerConfig } from '#operator/config/controller-config.ts';
import { checkAllowed } from '#operator/tenancy/allow-list.ts';
import { type Databases, findSecret } from '#operator/tenancy/databases.ts';
import { secretMissing } from '#operator/tenancy/secret-missing.ts';
import { explainFault } from './accept-upload.ts';
import type { Caches } from './caches.ts';
import { neededKind } from './job-policy.ts';
import { viewJob, viewPod } from './job-view.ts';
import { nextRate } from './progress-policy.ts';
import { hasNoPods } from './stuck-pod-policy.ts';
import type { JobView, LedgerView, Observed } from './types.ts';
import type { UploadMemory } from './upload-memory.ts';

export interface ObserveDeps {
  client: Pick<KubeClient, 'find' | 'list'>;
  caches: Caches;
  databases: Databases;
  config: ControllerConfig;
  clock: Clock;
  log: Logger;
}

export interface ObserveInput {
  upload: BatchUpload;
  memory: UploadMemory;
  /** Called when something of the upload changes in the ledger. */
  notify: () => void;
  /** What was read before is known to be old. */
  reread: boolean;
  signal: AbortSignal;
}

/** Time between two readings of the most frequent errors of a running upload. */
const TOP_ERRORS_MS = 3_000;
const CREATION_MS = 15_000;

export async function observe(
  deps: ObserveDeps,
  input: ObserveInput,
): Promise<{ observed: Observed; database: Database | null }> {
  const { config, clock, caches } = deps;
  const { upload, memory } = input;
  const { namespace, uid } = upload.metadata;
  const { ledger, database } = await observeLedger(deps, input);
  const row = ledger.state === 'row' ? ledger.row : null;
  if (row?.status === 'Failed' || row?.status === 'Deleted') memory.failedSince ??= clock.now();
  // Tried again: it may fail once more.
  else if (row) memory.failedSince = null;
  const jobs = viewJobs(deps, upload, row?.attempt ?? 1);
  const pods = caches.podsOf(uid).map(viewPod);
  const { name } = upload.spec.schemaRef;
  return {
    database,
    observed: {
      now: clock.now(),
      upload,
      ledger,
      schema: ledger.state === 'absent' ? (caches.schemas.get(`${namespace}/${name}`)?.spec ?? null) : null,
      jobs,
      pods,
      creationRefused: row ? await observeCreation(deps, input, { row, jobs, pods }) : null,
      recreated: memory.recreated,
      failedSince: memory.failedSince,
      recordsPerSecond: memory.rate?.perSecond ?? null,
      topErrors: database && row ? await observeTopErrors(clock, memory, { database, row }) : [],
      stuckPodGraceMs: config.stuckPodGraceMs,
      waitingMs: config.waitingMs,
    },
  };
}

async function observeLedger(
  deps: ObserveDeps,
  input: ObserveInput,
): Promise<{ ledger: LedgerView; database: Database | null }> {
  const { namespace } = input.upload.metadata;
  const refused = checkAllowed(namespace, input.upload.spec, deps.config) ?? checkCaches(deps, namespace);
  if (refused) return { ledger: { state: 'unreachable', why: refused }, database: null };
  let database: Database | null = null;
  try {
    database = await openDatabase(deps, input);
    const reading = await readLedger(deps, input, database);
    if (reading.row)
      input.memory.rate = nextRate(input.memory.rate, { at: reading.at, processed: reading.row.counts.processed });
    return { ledger: reading.row ? { state: 'row', row: reading.row } : { state: 'absent' }, database };
  } catch (error) {
    const why = explainFault(error);
    if (!why) throw error;
    if (isLedgerOutdated(error)) return { ledger: { state: 'outdated', why }, database };
    return { ledger: { state: 'unreachable', why }, database: null };
  }
}

function checkCaches({ caches }: ObserveDeps, namespace: string): UploadExplanation | null {
  const watched = caches.namespaces.get(namespace);
  if (watched?.jobs.hasSynced && watched.pods.hasSynced) return null;
  return {
    reason: 'NamespaceNotReady',
    message: `The operator cannot list the Jobs and pods of the namespace ${namespace} yet. If this stays, its Role is missing there: the chart makes it for uploads.namespaces.`,
  };
}

/** For an upload that is not accepted yet the Secrets are read now: they decide where it goes. */
async function openDatabase({ client, databases }: ObserveDeps, input: ObserveInput): Promise<Database> {
  const { upload, memory, notify, signal } = input;
  const { namespace, uid } = upload.metadata;
  const fresh = !isTrue(upload.status, 'Accepted') && !input.reread;
  const s3 = s3SecretName(upload.spec);
  if (fresh && s3 !== DEFAULT_NAMES.s3Secret && !(await findSecret(client, { namespace, name: s3 }, signal))) {
    throw explained(secretMissing(namespace, s3, 's3'));
  }
  const ref = { namespace, name: databaseSecretName(upload.spec) };
  const database = await databases.open(ref, { fresh, signal });
  if (memory.database !== database) memory.database?.unwatch(uid);
  memory.database = database;
  database.watch(uid, notify);
  return database;
}

/**
 * What the last tick read is good enough, unless it could be older than something that is known already: a Job that is
 * gone or at its end has committed all it ever will, but perhaps after that tick.
 */
async function readLedger(deps: ObserveDeps, { upload, reread }: ObserveInput, database: Database): Promise<Reading> {
  const last = database.last(upload.metadata.uid);
  // The poll has found that the database is away: what it read before is not shown as if it were now.
  if (last === null || reread || database.fault !== null) return database.read(upload.metadata.uid);
  const { row } = last;
  if (row === null || (row.status !== 'Planning' && row.status !== 'Processing'))
    return row === null ? database.read(upload.metadata.uid) : last;
  const job = viewJobs(deps, upload, row.attempt)[neededKind(row)];
  return job === null || job.verdict !== 'none' ? database.read(upload.metadata.uid) : last;
}

export function viewJobs(
  { caches }: Pick<ObserveDeps, 'caches'>,
  upload: BatchUpload,
  attempt: number,
): Observed['jobs'] {
  const { namespace, uid } = upload.metadata;
  const jobs = caches.namespaces.get(namespace)?.jobs;
  const view = (kind: RunnerCommand): JobView | null => {
    const job = jobs?.get(`${namespace}/${jobName(uid, kind, attempt)}`);
    return job ? viewJob(job, kind, uid) : null;
  };
  return { plan: view('plan'), process: view('process') };
}

/** Final when the upload is: then they are read once more, whatever the time. */
async function observeTopErrors(
  clock: Clock,
  memory: UploadMemory,
  { database, row }: { database: Database; row: UploadProgress },
): Promise<ErrorSummary[]> {
  const count = row.counts.failed + row.counts.duplicate;
  if (count === 0) return [];
  const known = memory.topErrors;
  if (known?.count === count) return known.list;
  const final = row.completedAt !== null;
  const now = clock.monotonic();
  if (known && !final && now - known.at < TOP_ERRORS_MS) return known.list;
  const list = await database.readTopErrors(row.id);
  memory.topErrors = { list, count, at: now };
  return list;
}

/** The Job controller says in events why it makes no pods; asked for only when there are none. */
async function observeCreation(
  { client, clock, log, config }: ObserveDeps,
  { upload, memory, signal }: ObserveInput,
  { row, jobs, pods }: Pick<Observed, 'jobs' | 'pods'> & { row: UploadProgress },
): Promise<string | null> {
  const job = jobs[neededKind(row)];
  const running = row.status === 'Planning' || row.status === 'Processing';
  if (!running || job === null || !hasNoPods(job, pods) || clock.now() - job.createdAt < config.stuckPodGraceMs)
    return null;
  const known = memory.creationRefused;
  if (known && clock.monotonic() - known.at < CREATION_MS) return known.message;
  let message: string | null = null;
  try {
    const { items } = await client.list(EVENTS, {
      namespace: upload.metadata.namespace,
      fieldSelector: `involvedObject.uid=${job.uid},reason=FailedCreate`,
      signal,
      timeoutMs: 10_000,
    });
    message = items.at(-1)?.message ?? null;
  } catch (error) {
    signal.throwIfAborted();
    log.debug({ err: error }, 'cannot read the events of a Job');
  }
  memory.creationRefused = { message, at: clock.monotonic() };
  return message;
}

function explained({ reason, message }: UploadExplanation): Fault {
  return new Fault({ code: 'CFG_SECRET', category: 'permanent', reason, message });
}
