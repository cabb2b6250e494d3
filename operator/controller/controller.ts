/**
 * The controller while it leads: caches, queue, workers, sweep. A key is `namespace/name`; whatever is heard of an
 * upload, its Jobs, pods, schema or ledger row puts its key into the queue.
 */
import { type Clock, sleep } from '#common/clock.ts';
import type { Logger } from '#common/log.ts';
import type { BatchUpload, RecordSchema } from '#kube/custom-resources.ts';
import { keyOf } from '#kube/object-cache.ts';
import type { Job, Pod } from '#kube/resource-types.ts';
import type { EventRecorder, KubeClient, ProcessResult, WorkQueue } from '#kube/types.ts';
import { createWorkQueue } from '#kube/work-queue.ts';
import type { ControllerConfig } from '#operator/config/controller-config.ts';
import { createMigratorFinder, createServiceAccountFinder, readClusterId } from '#operator/tenancy/cluster-facts.ts';
import { Databases } from '#operator/tenancy/databases.ts';
import { type Caches, createCaches } from './caches.ts';
import { isHeld } from './cleanup-policy.ts';
import { type CloseDeps, closeGone, type Gone, goneOf, sweep } from './close-deleted.ts';
import { createFaultPoints } from './fault-point.ts';
import { uploadUidOf } from './job-view.ts';
import { createLedgerCounters, type Metrics } from './metrics.ts';
import { type ReconcileDeps, reconcileUpload, tidyUp } from './reconcile.ts';
import { isSettled } from './retry-policy.ts';
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
  /** Leads until aborted. */
  run(signal: AbortSignal): Promise<void>;
}

/** A deleted upload's row that cannot be closed is tried so often here; then the sweep has it. */
const CLOSE_TRIES = 6;

export function createController(deps: ControllerDeps): Controller {
  const { client, config, clock, log, metrics } = deps;
  const caches = createCaches({ client, log, namespaces: config.namespaces });
  const counters = createLedgerCounters(metrics);
  const databases = new Databases({ client, clock, log, tickMs: config.tickMs, onRow: counters.onRow });
  const memories = new UploadMemories();
  const gone = new Map<string, Gone[]>();
  const queue = createWorkQueue({
    log,
    clock,
    onProcessed({ ok, seconds, waitedSeconds }) {
      metrics.reconcile.observe(seconds);
      metrics.waited.observe(waitedSeconds);
      if (!ok) metrics.reconcileErrors.inc();
    },
  });

  listen({ caches, queue, gone });

  async function lead(signal: AbortSignal): Promise<void> {
    const clusterId = await readClusterId(client, signal);
    const reachPoint = createFaultPoints(config.fault, log);
    const shared = { client, caches, databases, config, clock, log, clusterId, reachPoint };
    const reconcileDeps: ReconcileDeps = {
      ...shared,
      settings: config.runner,
      events: deps.events,
      memories,
      counters,
      metrics,
      enqueue: (key) => queue.add(key),
      findMigrator: createMigratorFinder(client),
      findServiceAccount: createServiceAccountFinder(client, clock),
    };
    const closeDeps: CloseDeps = { ...shared, ...config };
    const process = createProcess({ reconcileDeps, closeDeps, gone, queue });
    log.info({ clusterId, namespaces: config.namespaces }, 'controller started');
    await Promise.all([
      queue.run({ workers: config.workers, signal, process }),
      sweepNowAndThen(closeDeps, { clock, intervalMs: config.sweepIntervalMs, signal }),
      closeUnusedNowAndThen(databases, { clock, signal }),
    ]);
  }

  return {
    caches,
    queue,
    databases,
    async run(signal) {
      const watching = caches.run(signal);
      try {
        await Promise.all([caches.uploads.synced, caches.schemas.synced]);
        await waitForNamespaces(caches, { clock, signal });
        await lead(signal);
      } finally {
        await watching;
        await databases.close();
      }
    },
  };
}

/** A namespace whose Role is missing must not keep the others waiting; its uploads say so themselves. */
async function waitForNamespaces(
  caches: Caches,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<void> {
  const synced = [...caches.namespaces.values()].flatMap(({ jobs, pods }) => [jobs.synced, pods.synced]);
  const enough = new AbortController();
  await Promise.race([Promise.allSettled(synced), sleep(clock, 10_000, AbortSignal.any([signal, enough.signal]))]);
  enough.abort();
}

function listen({ caches, queue, gone }: { caches: Caches; queue: WorkQueue; gone: Map<string, Gone[]> }): void {
  caches.uploads.subscribe({
    onAdd: (upload) => queue.add(keyOf(upload)),
    onUpdate: (upload) => queue.add(keyOf(upload)),
    onDelete: (upload) => {
      const key = keyOf(upload);
      // An ended upload's row is closed already.
      if (!isSettled(upload)) addGone(gone, key, goneOf(upload));
      queue.add(key);
    },
  });
  const onSchema = (schema: RecordSchema) => {
    for (const upload of caches.uploads.values()) {
      const { namespace } = upload.metadata ?? {};
      const waits = namespace === schema.metadata?.namespace && upload.spec.schemaRef.name === schema.metadata?.name;
      if (waits && upload.status?.phase === 'Pending') queue.add(keyOf(upload));
    }
  };
  caches.schemas.subscribe({ onAdd: onSchema, onUpdate: onSchema });
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

/** Closings go before the new object of the same name, by the same worker: a key is never processed twice at a time. */
function createProcess({
  reconcileDeps,
  closeDeps,
  gone,
  queue,
}: {
  reconcileDeps: ReconcileDeps;
  closeDeps: CloseDeps;
  gone: Map<string, Gone[]>;
  queue: WorkQueue;
}) {
  return async (key: string, signal: AbortSignal): Promise<ProcessResult> => {
    const { caches, memories, log, counters } = reconcileDeps;
    const upload = caches.uploads.get(key);
    // A deletion in the foreground waits for the Jobs, and they for their pods.
    if (upload && isBeingDeleted(upload) && !isSettled(upload)) {
      const memory = memories.of(key, upload.metadata.uid);
      if (!memory.closing) addGone(gone, key, goneOf(upload));
      memory.closing = true;
    }
    for (const each of gone.get(key) ?? []) {
      try {
        await closeGone(closeDeps, each);
      } catch (error) {
        if (queue.failures(key) + 1 < CLOSE_TRIES) throw error;
        log.warn({ err: error, key, uid: each.uid }, 'the ledger row of a deleted upload is left to the sweep');
      }
      counters.forget(each.uid);
      removeGone(gone, key, each);
    }
    if (upload && !isBeingDeleted(upload)) return reconcileUpload(reconcileDeps, { key, upload, signal });
    if (upload && isHeld(upload)) return tidyUp(reconcileDeps, { key, upload, signal });
    if (!upload) memories.forget(key);
    return undefined;
  };
}

const isBeingDeleted = ({ metadata }: BatchUpload) => metadata?.deletionTimestamp !== undefined;

function addGone(gone: Map<string, Gone[]>, key: string, each: Gone): void {
  gone.set(key, [...(gone.get(key) ?? []), each]);
}

function removeGone(gone: Map<string, Gone[]>, key: string, done: Gone): void {
  const left = (gone.get(key) ?? []).filter((each) => each !== done);
  if (left.length > 0) gone.set(key, left);
  else gone.delete(key);
}

async function sweepNowAndThen(
  deps: CloseDeps,
  { clock, intervalMs, signal }: { clock: Clock; intervalMs: number; signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted) {
    const closed = await sweep(deps, signal).catch((error) => {
      deps.log.warn({ err: error }, 'the sweep failed');
      return 0;
    });
    if (closed > 0) deps.log.info({ closed }, 'swept');
    await sleep(clock, intervalMs, signal);
  }
}

async function closeUnusedNowAndThen(
  databases: Databases,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted) {
    await sleep(clock, 60_000, signal);
    await databases.closeUnused();
  }
}
