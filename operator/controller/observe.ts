/**
 * Gathers what `decide` needs to know of an upload. Observing reads from the caches, the API server and the ledger, and
 * writes nothing: what the next reconcile has to remember is returned, and the database is handed to `watchDatabase`.
 * Something that is missing or wrong in the cluster or the database is a value; only unexpected errors are thrown.
 */
import { isTrue } from '#api/conditions.ts';
import { DEFAULT_NAMES } from '#api/defaults.ts';
import type { UploadExplanation } from '#api/explanation.ts';
import { databaseSecretName, jobName, s3SecretName } from '#api/names.ts';
import type { Clock } from '#common/clock.ts';
import { Fault } from '#common/faults.ts';
import { MOST_BYTES_OF_A_POOL, type RunnerCommand } from '#common/job-contract.ts';
import type { Logger } from '#common/log.ts';
import type { BatchUpload } from '#kube/custom-resources.ts';
import { EVENTS } from '#kube/resource-types.ts';
import type { KubeClient } from '#kube/types.ts';
import type { Database, Reading } from '#ledger/client/database.ts';
import { isLedgerOutdated } from '#ledger/client/pool-connection.ts';
import { hasBranchedOff } from '#ledger/connection/lineage.ts';
import type { UploadProgress } from '#ledger/types.ts';
import { findWaits } from '#ledger/uploads/find-waits.ts';
import type { ControllerConfig } from '#operator/config/controller-config.ts';
import { noteSettings } from '#operator/jobs/pod-template.ts';
import { checkAllowed, checkServiceAccount } from '#operator/tenancy/allow-list.ts';
import { type Databases, decodeSecret, findSecret } from '#operator/tenancy/databases.ts';
import { secretMissing } from '#operator/tenancy/secret-missing.ts';
import { refuseEndpoint } from '#s3/allowed-endpoint.ts';
import { explainFault } from './accept-upload.ts';
import type { Caches } from './caches.ts';
import { showColumns } from './columns-policy.ts';
import { neededKind } from './job-policy.ts';
import { isPodOf, isUnfinished, newestAttempt, viewAllJobs, viewCleanupJobs, viewJob, viewPod } from './job-view.ts';
import type { FindPool } from './pool/find-pool.ts';
import type { WarmPods } from './pool/warm-pods.ts';
import { nextRate } from './progress-policy.ts';
import { countDisruptions, lastCreation, lookAt } from './sightings.ts';
import { hasNoPods } from './stuck-pod-policy.ts';
import type { JobView, JobViews, LedgerView, Observed } from './types.ts';
import type { UploadMemory } from './upload-memory.ts';

export interface ObserveDeps {
  client: Pick<KubeClient, 'find' | 'list'>;
  caches: Caches;
  databases: Databases;
  config: ControllerConfig;
  /** Says whether the namespace is being deleted. */
  clock: Clock;
  log: Logger;
  findPool: FindPool;
  warmPods: Pick<WarmPods, 'view' | 'find' | 'lookUp'>;
}

export interface ObserveInput {
  upload: BatchUpload;
  memory: Readonly<UploadMemory>;
  /**
   * Called with the upload's database before its row is read, so that the database reports every change of the row from
   * then on, also when the observation fails.
   */
  watchDatabase: (database: Database) => void;
  /** True when an action of this reconcile has changed the ledger, so that an earlier reading is known to be old. */
  reread: boolean;
  signal: AbortSignal;
}

export interface Observation {
  observed: Omit<Observed, 'turn'>;
  /** Null when the ledger is out of reach. */
  database: Database | null;
  /** What the caller has to write into the upload's memory. */
  remember: Pick<
    UploadMemory,
    | 'rate'
    | 'lineage'
    | 'failedSince'
    | 'seen'
    | 'disruptions'
    | 'still'
    | 'waits'
    | 'topErrors'
    | 'columns'
    | 'creationRefused'
  >;
}

/** Time between two readings of the most frequent errors of a running upload. */
const TOP_ERRORS_MS = 3_000;
/** An upload whose progress stays the same for this time may be held up in the database. */
const STILL_MS = 15_000;
/** Time between two looks at the sessions of such an upload. */
const LOOK_MS = 10_000;
/** Time between two readings of the events that say why a Job gets no pods. */
const CREATION_MS = 15_000;
/** Time after which a Job without pods is looked at for events. */
const EVENTS_AFTER_MS = 5_000;

export async function observe(deps: ObserveDeps, input: ObserveInput): Promise<Observation> {
  const { config, clock, caches } = deps;
  const { upload, memory } = input;
  const { namespace, uid } = upload.metadata;
  const { ledger, database, rate, lineage } = await observeLedger(deps, input);
  const row = ledger.state === 'row' ? ledger.row : null;
  const failedSince = row === null ? memory.failedSince : sinceFailure(row, memory, clock);
  const views = viewJobs(deps, upload, row?.attempt ?? newestAttempt(caches.jobsOf(upload.metadata), uid));
  const ownJobs = new Set([views.plan, views.process].flatMap((job) => (job?.owned ? [job.uid] : [])));
  const claiming = claimingPod(deps, upload, row);
  // Nothing is decided about the pod while the ledger is out of reach, as where the Role is missing: then the cache is good enough.
  const warmPod = row
    ? await deps.warmPods.lookUp(namespace, claiming, input.signal)
    : deps.warmPods.find(namespace, claiming);
  const podViews = caches
    .podsOf(upload.metadata)
    .flatMap((pod) => (isPodOf(pod, namespace, ownJobs) ? [viewPod(pod)] : []));
  const refusedAccount = checkServiceAccount(upload.spec, config.runner.serviceAccountNames);
  const isPoolable = row !== null && refusedAccount === null && mayBePooled(row, views, memory);
  const plan = isPoolable ? await deps.findPool(upload, input.signal) : null;
  const pool = plan && deps.warmPods.view(plan);
  if (warmPod) podViews.push(warmPod.pod);
  // An upload that waits for a pod waits for what hinders the pods of its pool.
  else if (pool && row?.assignment?.state === 'Waiting') podViews.push(...pool.startingPods);
  const at = clock.monotonic();
  const { jobs, pods, seen } = lookAt(views, podViews, { memory, at });
  const disruptions = countDisruptions(podViews, { memory, at });
  const { name } = upload.spec.schemaRef;
  const now = clock.now();
  const creation = row ? await observeCreation(deps, input, { row, jobs, pods }) : null;
  const works = jobs.plan?.active || jobs.process?.active || warmPod;
  const { still, waits } = await observeWaits(deps, memory, { database, row: works ? row : null });
  const topErrors = database && row ? await observeTopErrors(clock, memory, { database, row }) : null;
  const columns = database && row ? await observeColumns(input, { database, row }) : memory.columns;
  return {
    database,
    observed: {
      now,
      upload,
      ledger,
      schema: ledger.state === 'absent' ? (caches.schemas.get(`${namespace}/${name}`)?.spec ?? null) : null,
      jobs,
      pods,
      pool,
      warmPod,
      endingPods:
        caches.podsOf(upload.metadata).filter((pod) => isUnfinished(pod, namespace)).length +
        countEndingWarm(deps, upload, row),
      allJobs: viewAllJobs(caches.jobsOf(upload.metadata), uid),
      cleanupJobs: viewCleanupJobs(caches.jobsOf(upload.metadata), uid),
      isTerminating: caches.isTerminating(namespace),
      creationRefused: creation?.message ?? null,
      created: row ? lastCreation(memory, jobName(uid, neededKind(row), row.attempt), clock) : null,
      disruptions: disruptions && { ...disruptions, agoMs: at - disruptions.at },
      databaseBusy: sayBusy(database),
      waits: waits?.list ?? [],
      jobRefused: memory.jobRefused,
      recreated: memory.recreated,
      failedSince,
      recordsPerSecond: rate?.perSecond ?? null,
      topErrors: topErrors?.list ?? [],
      columns,
      refusedAccount,
      settings: noteSettings({ upload, settings: config.runner }),
      stuckPodGraceMs: config.stuckPodGraceMs,
      waitingMs: config.waitingMs,
    },
    remember: {
      rate,
      lineage,
      failedSince,
      seen,
      disruptions,
      still,
      waits,
      topErrors: topErrors ?? memory.topErrors,
      columns,
      creationRefused: creation ?? memory.creationRefused,
    },
  };
}

/** An upload that has had a Job keeps to Jobs, and so does a file that is known to be large or to be copied. */
function mayBePooled(row: UploadProgress, jobs: JobViews, { created, recreated }: Readonly<UploadMemory>): boolean {
  const isRunning = row.status === 'Planning' || row.status === 'Processing';
  const isSmall = (row.sizeBytes ?? 0) <= MOST_BYTES_OF_A_POOL && row.workBucket === null;
  const hadJob = jobs.plan !== null || created !== null || recreated > 0;
  // The pool plays no role in what follows for an upload that a pod has had.
  const isOpenToPools = row.assignment === null || row.assignment.state === 'Waiting';
  return isRunning && isSmall && !hadJob && isOpenToPools && neededKind(row) === 'plan';
}

/** The pod that had an upload until this was taken from it. */
function countEndingWarm({ warmPods }: ObserveDeps, { metadata }: BatchUpload, row: UploadProgress | null): number {
  const assignment = row?.assignment;
  const withdrawn = assignment?.state === 'Returned' ? warmPods.find(metadata.namespace, assignment.pod) : null;
  return withdrawn?.pod.deleting || withdrawn?.job?.deleting ? 1 : 0;
}

/** Without the ledger, the status says which pod had the upload last. */
function claimingPod(
  { caches }: ObserveDeps,
  { status, metadata }: BatchUpload,
  row: UploadProgress | null,
): string | null | undefined {
  if (row) return row.assignment?.state === 'Claimed' ? row.assignment.pod : null;
  if (caches.jobsOf(metadata).length > 0) return null;
  return status?.phase === 'Planning' || status?.phase === 'Processing' ? status.pod : null;
}

/** A database that is always slow would otherwise be said to be in order and held up by turns. */
function sayBusy(database: Database | null): Observed['databaseBusy'] {
  const busy = database?.busy ?? null;
  const why = explainFault(busy?.fault);
  return busy && why && { why, forMs: busy.forMs };
}

/** Null for a running upload, also for one that failed before and is tried again. */
function sinceFailure({ status }: UploadProgress, memory: Readonly<UploadMemory>, clock: Clock): number | null {
  return status === 'Failed' || status === 'Deleted' ? (memory.failedSince ?? clock.now()) : null;
}

interface LedgerObservation {
  ledger: LedgerView;
  database: Database | null;
  rate: UploadMemory['rate'];
  lineage: UploadMemory['lineage'];
}

async function observeLedger(deps: ObserveDeps, input: ObserveInput): Promise<LedgerObservation> {
  const { namespace } = input.upload.metadata;
  const { rate, lineage } = input.memory;
  const refused = checkAllowed(namespace, input.upload.spec, deps.config) ?? checkCaches(deps, namespace);
  if (refused) return { ledger: { state: 'unreachable', why: refused }, database: null, rate, lineage };
  let database: Database | null = null;
  try {
    database = await openDatabase(deps, input);
    const reading = await readLedger(deps, input, database);
    const { row, at } = reading;
    if (!row) {
      const wasLost = hasBranchedOff(lineage, reading.lineage);
      return { ledger: { state: 'absent', wasLost }, database, rate, lineage };
    }
    const next = nextRate(rate, { at, processed: row.counts.processed });
    return { ledger: { state: 'row', row }, database, rate: next, lineage: reading.lineage ?? lineage };
  } catch (error) {
    const why = explainFault(error);
    if (!why) throw error;
    if (isLedgerOutdated(error)) return { ledger: { state: 'outdated', why }, database, rate, lineage };
    return { ledger: { state: 'unreachable', why }, database: null, rate, lineage };
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

/** The Secrets decide into which database an upload goes; while it is not accepted they are read anew each time. */
async function openDatabase({ client, databases, config }: ObserveDeps, input: ObserveInput): Promise<Database> {
  const { upload, watchDatabase, signal } = input;
  const { namespace } = upload.metadata;
  const fresh = !isTrue(upload.status, 'Accepted') && !input.reread;
  const s3 = s3SecretName(upload.spec);
  const { endpoint } = upload.spec.source.s3;
  if (fresh && (s3 !== DEFAULT_NAMES.s3Secret || endpoint !== undefined)) {
    const secret = await findSecret({ client, program: 'operator' }, { namespace, name: s3 }, signal);
    if (!secret && s3 !== DEFAULT_NAMES.s3Secret) throw explained(secretMissing(namespace, s3, 's3'));
    const own = decodeSecret(secret, 'AWS_ENDPOINT_URL_S3');
    const message = refuseEndpoint(endpoint, { own, allowed: config.allowedEndpoints });
    if (message !== null) throw explained({ reason: 'EndpointNotAllowed', message });
  }
  const ref = { namespace, name: databaseSecretName(upload.spec) };
  const database = await databases.open(ref, { fresh, signal });
  watchDatabase(database);
  return database;
}

/**
 * The reading of the last tick is good enough unless it may be older than something that is known already: a Job that
 * is deleted or has ended has committed everything that it ever will, but perhaps after that tick.
 */
async function readLedger(deps: ObserveDeps, { upload, reread }: ObserveInput, database: Database): Promise<Reading> {
  const last = database.last(upload.metadata.uid);
  // When the tick has found the database out of reach, its earlier reading must not be shown as the present state.
  if (last === null || reread || database.fault !== null) return database.read(upload.metadata.uid);
  const { row } = last;
  if (row === null || (row.status !== 'Planning' && row.status !== 'Processing'))
    return row === null ? database.read(upload.metadata.uid) : last;
  const job = viewJobs(deps, upload, row.attempt)[neededKind(row)];
  return job === null || job.verdict !== 'none' ? database.read(upload.metadata.uid) : last;
}

export function viewJobs({ caches }: Pick<ObserveDeps, 'caches'>, upload: BatchUpload, attempt: number): JobViews {
  const { namespace, uid } = upload.metadata;
  const jobs = caches.namespaces.get(namespace)?.jobs;
  const view = (kind: RunnerCommand): JobView | null => {
    const job = jobs?.get(`${namespace}/${jobName(uid, kind, attempt)}`);
    return job ? viewJob(job, kind, uid) : null;
  };
  return { plan: view('plan'), process: view('process') };
}

/**
 * The errors are read when their number has changed, at most once in {@link TOP_ERRORS_MS}, and once more at the end of
 * the upload. Null when there is no error.
 */
async function observeTopErrors(
  clock: Clock,
  { topErrors: known }: Readonly<UploadMemory>,
  { database, row }: { database: Database; row: UploadProgress },
): Promise<UploadMemory['topErrors']> {
  const count = row.counts.failed + row.counts.duplicate;
  if (count === 0) return null;
  if (known?.count === count) return known;
  const final = row.completedAt !== null;
  const now = clock.monotonic();
  if (known && !final && now - known.at < TOP_ERRORS_MS) return known;
  try {
    const list = await database.readTopErrors(row.id);
    return { list, count, at: now };
  } catch (error) {
    // The examples of errors are no reason to show nothing else of a running upload while its database is held up.
    if (final || !(error instanceof Fault) || error.code !== 'DB_BUSY') throw error;
    return known;
  }
}

/**
 * The columns are read once: a plan never changes, but another attempt may drop it. An operator that begins later finds them in
 * the status. A release before this one has planned some uploads, and says nothing of their columns.
 */
async function observeColumns(
  { upload, memory }: ObserveInput,
  { database, row }: { database: Database; row: UploadProgress },
): Promise<UploadMemory['columns']> {
  if (row.plannedAt === null) return null;
  if (memory.columns !== null || upload.status?.columns !== undefined) return memory.columns;
  try {
    return showColumns(await database.readColumns(row.id));
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'DB_BUSY') throw error;
    return null;
  }
}

/** The sessions are looked at only while the upload should move and does not. */
async function observeWaits(
  { clock, log }: Pick<ObserveDeps, 'clock' | 'log'>,
  memory: Readonly<UploadMemory>,
  { database, row }: { database: Database | null; row: UploadProgress | null },
): Promise<Pick<UploadMemory, 'still' | 'waits'>> {
  if (!database || (row?.status !== 'Planning' && row?.status !== 'Processing')) return { still: null, waits: null };
  const now = clock.monotonic();
  const mark = `${row.status}/${row.attempt}/${row.chunksDone}/${row.counts.processed}`;
  const still = memory.still?.mark === mark ? memory.still : { mark, since: now };
  if (now - still.since < STILL_MS) return { still, waits: null };
  if (memory.waits && now - memory.waits.at < LOOK_MS) return { still, waits: memory.waits };
  const list = await database
    .run((client) => findWaits(client, row.id))
    .catch((error) => {
      log.debug({ err: error }, 'cannot look at the sessions of an upload');
      return memory.waits?.list ?? [];
    });
  return { still, waits: { list, at: now } };
}

/**
 * The Job controller says in events why it makes no pods. The events are read only while a Job that should have pods
 * has none; null otherwise.
 */
async function observeCreation(
  { client, clock, log }: ObserveDeps,
  { upload, memory, signal }: ObserveInput,
  { row, jobs, pods }: Pick<Observed, 'jobs' | 'pods'> & { row: UploadProgress },
): Promise<UploadMemory['creationRefused']> {
  const job = jobs[neededKind(row)];
  const running = row.status === 'Planning' || row.status === 'Processing';
  if (!running || job === null || !hasNoPods(job, pods) || job.stateMs < EVENTS_AFTER_MS) return null;
  const known = memory.creationRefused;
  if (known && clock.monotonic() - known.at < CREATION_MS) return known;
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
  return { message, at: clock.monotonic() };
}

function explained({ reason, message }: UploadExplanation): Fault {
  return new Fault({ code: 'CFG_SECRET', category: 'permanent', reason, message });
}
