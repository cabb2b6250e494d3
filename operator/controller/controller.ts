/**
 * The controller while it leads: caches, queue, workers, sweep. The queue holds keys `namespace/name` of uploads; every
 * change of an upload, its Jobs, pods, schema or ledger row puts the upload's key into the queue.
 */
import { type Clock, sleep } from '#common/clock.ts';
import type { Logger } from '#common/log.ts';
import { runTogether } from '#common/run-together.ts';
import type { BatchUpload, RecordSchema } from '#kube/custom-resources.ts';
import { keyOf } from '#kube/object-cache.ts';
import type { Job, Namespace, Pod } from '#kube/resource-types.ts';
import type { EventRecorder, KubeClient, ProcessResult, WorkQueue } from '#kube/types.ts';
import { createWorkQueue } from '#kube/work-queue.ts';
import type { ControllerConfig } from '#operator/config/controller-config.ts';
import { awaitClusterId, createMigratorFinder, createServiceAccountFinder } from '#operator/tenancy/cluster-facts.ts';
import { Databases } from '#operator/tenancy/databases.ts';
import { type Caches, createCaches } from './caches.ts';
import { cleanUpUpload } from './cleanup.ts';
import { isHeld } from './cleanup-policy.ts';
import { type CloseDeps, closeDeleted, type DeletedUpload, sweep, toDeletedUpload } from './close-deleted.ts';
import { createFaultPoints } from './fault-point.ts';
import { isLoading, uploadUidOf, viewAllJobs } from './job-view.ts';
import { createLedgerCounters, type Metrics } from './metrics.ts';
import { createPoolFinder } from './pool/find-pool.ts';
import { WarmPods } from './pool/warm-pods.ts';
import { endingRequest, recountRequest } from './queue/ask-for-turn.ts';
import { UploadTurns } from './queue/upload-turns.ts';
import { type ReconcileDeps, reconcileUpload, tidyUp } from './reconcile.ts';
import { isFinal } from './retry-policy.ts';
import { updateSchemaStatus } from './schema-status.ts';
import { UploadMemories } from './upload-memory.ts';

export interface ControllerDeps {
  client: KubeClient;
  events: EventRecorder;
  config: ControllerConfig;
  clock: Clock;
  log: Logger;
  metrics: Metrics;
}

export interface Controller {
  readonly caches: Caches;
  readonly queue: WorkQueue;
  readonly databases: Databases;
  /** Milliseconds for which the controller has led without having begun to work on uploads; 0 once it works. */
  readonly startingMs: number;
  /** Leads until the signal aborts. @throws when a part of the controller ends before */
  run(signal: AbortSignal): Promise<void>;
}

const SCHEMA_WORKERS = 2;

/** Tries to close a deleted upload's row before the row is left to the sweep. */
const CLOSE_TRIES = 6;

export function createController(deps: ControllerDeps): Controller {
  const { client, config, clock, log, metrics } = deps;
  const caches = createCaches({ client, log, namespaces: config.namespaces });
  const counters = createLedgerCounters(metrics);
  const databases = new Databases({
    client,
    program: 'operator',
    clock,
    log,
    tickMs: config.tickMs,
    onRow: counters.onRow,
  });
  const memories = new UploadMemories();
  const deleted = new Map<string, DeletedUpload[]>();
  const queue = createWorkQueue({
    log,
    clock,
    onProcessed({ ok, seconds, waitedSeconds }) {
      metrics.reconcile.observe(seconds);
      metrics.waited.observe(waitedSeconds);
      if (!ok) metrics.reconcileErrors.inc();
    },
  });

  const schemaQueue = createWorkQueue({ log, clock });
  let startingSince: number | null = null;

  listen({ caches, queue, schemaQueue, deleted });

  async function lead(signal: AbortSignal): Promise<void> {
    const clusterId = await awaitClusterId({ client, clock, log }, signal);
    if (clusterId === null) return;
    await Promise.all([caches.uploads.synced, caches.schemas.synced]);
    await Promise.all([waitForNamespaces(caches, { clock, signal }), waitForPriorities(caches, { clock, signal })]);
    const reachPoint = createFaultPoints(config.fault, log);
    const findMigrator = createMigratorFinder(client);
    const base = { client, caches, databases, config, clock, log, clusterId, reachPoint };
    const shared = { ...base, findMigrator };
    const findServiceAccount = createServiceAccountFinder(client, clock);
    const warmPods: WarmPods = new WarmPods({
      ...{ client, caches, clock, log },
      max: config.runner.warmPods.max,
      graceMs: config.stuckPodGraceMs,
      enqueue: (key) => queue.add(key),
      onEnd: () => turns.noticeEnd(),
    });
    const turns = new UploadTurns({
      limits: config.limits,
      clock,
      countPools: (place) => databases.countAt(place),
      countWarmPods: () => warmPods.count(),
      graceMs: config.stuckPodGraceMs,
      podsOf: (upload) => {
        const pods = caches.podsOf(upload).filter((pod) => isLoading(pod, upload));
        return pods.map(({ metadata }) => metadata?.name ?? '');
      },
      isInPool: (key) => warmPods.keptBy(key) !== null,
      onTurn: (key) => queue.add(key),
    });
    recountUploads({ turns, warmPods }, caches);
    noticePools(warmPods, caches);
    const reconcileDeps: ReconcileDeps = {
      turns,
      warmPods,
      ...shared,
      settings: config.runner,
      events: deps.events,
      memories,
      counters,
      metrics,
      enqueue: (key) => queue.add(key),
      findServiceAccount,
      findPool: createPoolFinder({ client, clock, settings: config.runner, clusterId, findServiceAccount }),
    };
    const onWentBack = (upload: BatchUpload) => {
      const key = keyOf(upload);
      log.warn({ key, uid: upload.metadata.uid }, 'the database has lost the end of an upload, which goes on');
      memories.of(key, upload.metadata.uid).wentBack = true;
      queue.add(key);
    };
    const closeDeps: CloseDeps = { ...shared, ...config, onWentBack };
    const process = createProcess({ reconcileDeps, closeDeps, deleted, queue });
    startingSince = null;
    log.info({ clusterId, namespaces: config.namespaces }, 'controller started');
    const { workers, sweepIntervalMs: intervalMs } = config;
    const processSchema = async (key: string, end: AbortSignal) => {
      const schema = caches.schemas.get(key);
      return schema && updateSchemaStatus(shared, schema, end);
    };
    await runTogether(
      [
        { name: 'the work queue', run: (end) => queue.run({ workers, signal: end, process }) },
        {
          name: 'the statuses of schemas',
          run: (end) => schemaQueue.run({ workers: SCHEMA_WORKERS, signal: end, process: processSchema }),
        },
        { name: 'the sweep', run: (end) => sweepNowAndThen(closeDeps, { clock, intervalMs, signal: end }) },
        { name: 'the care of warm pods', run: (end) => tidyNowAndThen(warmPods, { clock, log, signal: end }) },
        {
          name: 'the care of connections',
          run: (end) => careForConnections({ databases, turns }, { clock, signal: end }),
        },
      ],
      signal,
    );
  }

  return {
    caches,
    queue,
    databases,
    get startingMs() {
      return startingSince === null ? 0 : clock.monotonic() - startingSince;
    },
    async run(signal) {
      startingSince = clock.monotonic();
      try {
        await runTogether(
          [
            { name: 'the watch of the cluster', run: (end) => caches.run(end) },
            { name: 'the work on uploads', run: lead },
          ],
          signal,
        );
      } finally {
        await databases.close();
      }
    },
  };
}

/** Finds the uploads that work already, since their sessions count before the first of them is reconciled. */
function recountUploads({ turns, warmPods }: { turns: UploadTurns; warmPods: WarmPods }, caches: Caches): void {
  for (const upload of caches.uploads.values()) {
    const jobs = viewAllJobs(caches.jobsOf(upload.metadata), upload.metadata.uid);
    const request = isFinal(upload) || isBeingDeleted(upload) ? null : recountRequest(upload, jobs);
    const { status, metadata } = upload;
    if (request && jobs.length === 0 && status?.pod)
      warmPods.recountUpload(request.key, metadata.namespace, status.pod);
    if (request) turns.recount(request);
    else turns.recountEnding(endingRequest(upload, jobs));
  }
}

/** Tells the account of warm pods of every change of their Jobs and pods, and of those that there are. */
function noticePools(warmPods: WarmPods, caches: Caches): void {
  const notice = (object: Job | Pod) => warmPods.notice(object);
  for (const { jobs, pods } of caches.namespaces.values()) {
    for (const job of jobs.values()) warmPods.recount(job);
    jobs.subscribe({ onAdd: notice, onUpdate: notice, onDelete: notice });
    pods.subscribe({ onAdd: notice, onUpdate: notice, onDelete: notice });
  }
}

/** Waits 10 s at most: a namespace without a Role must not hold up the others; its uploads report the missing Role. */
async function waitForNamespaces(
  caches: Caches,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<void> {
  const synced = [...caches.namespaces.values()].flatMap(({ jobs, pods }) => [jobs.synced, pods.synced]);
  await waitAtMost(synced, { ms: 10_000, clock, signal });
}

/** Waits 2 s at most, so that the first turns are given by priority: without the right to read the classes all have 0. */
async function waitForPriorities(
  { priorityClasses }: Caches,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<void> {
  await waitAtMost([priorityClasses.synced], { ms: 2_000, clock, signal });
}

async function waitAtMost(
  synced: readonly Promise<void>[],
  { ms, clock, signal }: { ms: number; clock: Clock; signal: AbortSignal },
): Promise<void> {
  const enough = new AbortController();
  await Promise.race([Promise.allSettled(synced), sleep(clock, ms, AbortSignal.any([signal, enough.signal]))]);
  enough.abort();
}

function listen({
  caches,
  queue,
  schemaQueue,
  deleted,
}: {
  caches: Caches;
  queue: WorkQueue;
  schemaQueue: WorkQueue;
  deleted: Map<string, DeletedUpload[]>;
}): void {
  caches.uploads.subscribe({
    onAdd: (upload) => queue.add(keyOf(upload)),
    onUpdate: (upload) => queue.add(keyOf(upload)),
    onDelete: (upload) => {
      const key = keyOf(upload);
      // The row of an ended upload is closed already.
      if (!isFinal(upload)) addDeleted(deleted, key, toDeletedUpload(upload));
      queue.add(key);
    },
  });
  const onSchema = (schema: RecordSchema) => {
    for (const upload of caches.uploads.values()) {
      const { namespace } = upload.metadata ?? {};
      const waits = namespace === schema.metadata.namespace && upload.spec.schemaRef.name === schema.metadata.name;
      if (waits && upload.status?.phase === 'Pending') queue.add(keyOf(upload));
    }
  };
  // A status that this controller has just written is no news.
  const isNews = ({ metadata, status }: RecordSchema) => status?.observedGeneration !== metadata.generation;
  caches.schemas.subscribe({
    onAdd(schema) {
      schemaQueue.add(keyOf(schema));
      onSchema(schema);
    },
    onUpdate(schema) {
      if (isNews(schema)) schemaQueue.add(keyOf(schema));
      onSchema(schema);
    },
  });
  const onNamespace = ({ metadata }: Namespace) => {
    if (metadata?.deletionTimestamp === undefined) return;
    for (const upload of caches.uploads.values())
      if (upload.metadata.namespace === metadata.name) queue.add(keyOf(upload));
  };
  caches.allNamespaces.subscribe({ onAdd: onNamespace, onUpdate: onNamespace });
  // The order of the uploads that wait may be another one.
  const onPriorityClass = () => {
    for (const upload of caches.uploads.values()) if (upload.status?.phase === 'Queued') queue.add(keyOf(upload));
  };
  caches.priorityClasses.subscribe({
    onAdd: onPriorityClass,
    onUpdate: onPriorityClass,
    onDelete: onPriorityClass,
  });
  const onOwned = (object: Job | Pod) => {
    const upload = caches.uploadByUid(uploadUidOf(object) ?? '');
    if (upload) queue.add(keyOf(upload));
  };
  const handlers = { onAdd: onOwned, onUpdate: onOwned, onDelete: onOwned };
  for (const { jobs, pods } of caches.namespaces.values()) {
    jobs.subscribe(handlers);
    pods.subscribe(handlers);
  }
}

/**
 * A deleted upload's row is closed before a new upload of the same name is reconciled, by the same worker: the queue
 * never processes a key twice at a time.
 */
function createProcess({
  reconcileDeps,
  closeDeps,
  deleted,
  queue,
}: {
  reconcileDeps: ReconcileDeps;
  closeDeps: CloseDeps;
  deleted: Map<string, DeletedUpload[]>;
  queue: WorkQueue;
}) {
  return async (key: string, signal: AbortSignal): Promise<ProcessResult> => {
    const { caches, memories, log, counters } = reconcileDeps;
    const upload = caches.uploads.get(key);
    // Something else may hold a deleted upload for ever.
    if (!upload || isBeingDeleted(upload)) {
      reconcileDeps.turns.release(key);
      reconcileDeps.warmPods.release(key);
    }
    // A foreground deletion waits for the Jobs, which wait for their pods; the row is closed so that the pods end.
    if (upload && isBeingDeleted(upload) && !isFinal(upload)) {
      const memory = memories.of(key, upload.metadata.uid);
      if (!memory.closing) addDeleted(deleted, key, toDeletedUpload(upload));
      memory.closing = true;
    }
    // The deletion of a namespace must not wait for a database, and the operator's Role there is deleted soon.
    const goesWithNamespace = upload && isHeld(upload) && caches.isTerminating(upload.metadata.namespace);
    const notReleased = goesWithNamespace
      ? await cleanUpUpload(reconcileDeps, { upload, memory: memories.of(key, upload.metadata.uid), signal })
      : undefined;
    for (const each of deleted.get(key) ?? []) {
      try {
        await closeDeleted(closeDeps, each);
      } catch (error) {
        if (queue.failures(key) + 1 < CLOSE_TRIES) throw error;
        log.warn({ err: error, key, uid: each.uid }, 'the ledger row of a deleted upload is left to the sweep');
      }
      counters.forget(each.uid);
      removeDeleted(deleted, key, each);
    }
    if (notReleased) return notReleased;
    if (upload && !isBeingDeleted(upload)) {
      return reconcileUpload(reconcileDeps, { key, upload, failures: queue.failures(key), signal });
    }
    if (upload && isHeld(upload) && !goesWithNamespace) return tidyUp(reconcileDeps, { key, upload, signal });
    if (!upload) memories.forget(key);
    return undefined;
  };
}

const isBeingDeleted = ({ metadata }: BatchUpload) => metadata.deletionTimestamp !== undefined;

function addDeleted(deleted: Map<string, DeletedUpload[]>, key: string, each: DeletedUpload): void {
  deleted.set(key, [...(deleted.get(key) ?? []), each]);
}

function removeDeleted(deleted: Map<string, DeletedUpload[]>, key: string, done: DeletedUpload): void {
  const left = (deleted.get(key) ?? []).filter((each) => each !== done);
  if (left.length > 0) deleted.set(key, left);
  else deleted.delete(key);
}

async function sweepNowAndThen(
  deps: CloseDeps,
  { clock, intervalMs, signal }: { clock: Clock; intervalMs: number; signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted) {
    const closed = await sweep(deps, signal).catch((error) => {
      deps.log.warn({ err: error }, 'the sweep of deleted uploads failed, the next sweep tries again');
      return 0;
    });
    if (closed > 0) deps.log.info({ closed }, 'closed the ledger rows of deleted uploads');
    await sleep(clock, intervalMs, signal);
  }
}

async function tidyNowAndThen(
  warmPods: WarmPods,
  { clock, log, signal }: { clock: Clock; log: Logger; signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted) {
    await sleep(clock, 30_000, signal);
    await warmPods.tidy(signal).catch((err) => log.warn({ err }, 'warm pods that do not start could not be deleted'));
  }
}

async function careForConnections(
  { databases, turns }: { databases: Databases; turns: UploadTurns },
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted) {
    await sleep(clock, 60_000, signal);
    await databases.closeUnused();
    // A user without uploads has left its connections to others.
    turns.noticeEnd();
  }
}
