/** The controller's metrics. Their names are those that dashboards and alerts in production use. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { BatchUpload } from '#kube/custom-resources.ts';
import { createRequestMetric } from '#kube/request-metric.ts';
import { DUPLICATE_CODE } from '#ledger/errors/duplicate-code.ts';
import type { ErrorSummary, UploadProgress } from '#ledger/types.ts';
import { CODES, REFUSED_CODE } from '#runner/record-processor.ts';

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export type Metrics = ReturnType<typeof createMetrics>;

export function createMetrics() {
  const registry = new Registry();
  // Memory, CPU, garbage collection and the event loop's lag.
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    registry,
    ...createRecordMetrics(registers),
    ...createUploadMetrics(registers),
    ...createReconcileMetrics(registers),
    ...createProcessMetrics(registers),
    onRequest: createRequestMetric(registers),
  };
}

function createRecordMetrics(registers: Registry[]) {
  return {
    processed: new Counter({
      name: 'batch_upload_records_processed_total',
      help: 'Records whose outcome is committed in the ledger, as counted by the current leader, by status.',
      labelNames: ['status'],
      registers,
    }),
    failed: new Counter({
      name: 'batch_upload_records_failed_total',
      help: 'Failed records by error code; only the most frequent codes of each upload are counted. Codes that a RecordSchema makes up count as `other`.',
      labelNames: ['error_code'],
      registers,
    }),
    queueDepth: new Gauge({
      name: 'batch_upload_queue_depth',
      help: 'Planned chunks of running uploads that are not done yet.',
      registers,
    }),
  };
}

function createUploadMetrics(registers: Registry[]) {
  return {
    active: new Gauge({
      name: 'batch_upload_active_uploads',
      help: 'Uploads that have not ended, by phase.',
      labelNames: ['phase'],
      registers,
    }),
    oldest: new Gauge({
      name: 'batch_upload_oldest_active_seconds',
      help: 'Seconds since the start of the active upload that started first; suspended ones are left out.',
      registers,
    }),
    duration: new Histogram({
      name: 'batch_upload_processing_duration_seconds',
      help: 'Seconds from the start of an upload to its end, by outcome (complete, failed or cancelled).',
      labelNames: ['phase'],
      buckets: [1, 5, 15, 30, 60, 300, 900, 3600, 14_400],
      registers,
    }),
  };
}

function createReconcileMetrics(registers: Registry[]) {
  return {
    reconcile: new Histogram({
      name: 'batch_upload_reconcile_duration_seconds',
      help: 'Seconds that one reconcile of one upload took.',
      buckets: SECONDS,
      registers,
    }),
    reconcileErrors: new Counter({
      name: 'batch_upload_reconcile_errors_total',
      help: 'Reconciles that ended in an error and are repeated after a backoff.',
      registers,
    }),
    waited: new Histogram({
      name: 'batch_upload_workqueue_wait_seconds',
      help: 'Seconds that an upload in the work queue waited for a worker.',
      buckets: SECONDS,
      registers,
    }),
    workqueueDepth: new Gauge({
      name: 'batch_upload_workqueue_depth',
      help: 'Uploads in the work queue that wait for a worker.',
      registers,
    }),
    workqueueActive: new Gauge({
      name: 'batch_upload_workqueue_active',
      help: 'Uploads that are being reconciled.',
      registers,
    }),
    workqueueDelayed: new Gauge({
      name: 'batch_upload_workqueue_delayed',
      help: 'Uploads that are put into the work queue at a later time.',
      registers,
    }),
    workqueueLongest: new Gauge({
      name: 'batch_upload_workqueue_longest_running_seconds',
      help: 'Seconds that the longest of the running reconciles has taken so far.',
      registers,
    }),
  };
}

function createProcessMetrics(registers: Registry[]) {
  return {
    leader: new Gauge({
      name: 'batch_upload_leader',
      help: '1 while this process is the leader, else 0.',
      registers,
    }),
    watchFailures: new Gauge({
      name: 'batch_upload_watch_failures',
      help: 'Lists and watches of the API server that ended with an error.',
      registers,
    }),
    databases: new Gauge({
      name: 'batch_upload_databases',
      help: 'Databases to which this process has open connections.',
      registers,
    }),
    eventsDropped: new Gauge({
      name: 'batch_upload_events_dropped',
      help: 'Kubernetes events that could not be written.',
      registers,
    }),
  };
}

/** A label for each of the many codes that schemas make up would be a series that stays until the process ends. */
const OWN_CODES: ReadonlySet<string> = new Set([...Object.values(CODES), DUPLICATE_CODE, REFUSED_CODE]);

function sumByLabel(errors: readonly { code: string; count: number }[]): Map<string, number> {
  const sums = new Map<string, number>();
  for (const { code, count } of errors) {
    const label = OWN_CODES.has(code) ? code : 'other';
    sums.set(label, (sums.get(label) ?? 0) + count);
  }
  return sums;
}

/** Counts what the ledger's sums have grown by since this process read them first. */
export function createLedgerCounters(metrics: Pick<Metrics, 'processed' | 'failed'>) {
  const seen = new Map<string, UploadProgress['counts']>();
  const seenErrors = new Map<string, Map<string, number>>();
  return {
    onRow({ id, counts }: UploadProgress): void {
      const before = seen.get(id);
      seen.set(id, counts);
      if (before === undefined) return;
      for (const status of ['succeeded', 'failed', 'duplicate'] as const) {
        const added = counts[status] - before[status];
        if (added > 0) metrics.processed.inc({ status }, added);
      }
    },
    /** @param known the errors in the status that an earlier reconcile, process or attempt wrote. */
    onErrors(id: string, errors: readonly ErrorSummary[], known: readonly { code: string; count: number }[]): void {
      const before = seenErrors.get(id) ?? sumByLabel(known);
      for (const [label, sum] of sumByLabel(errors)) {
        const added = sum - (before.get(label) ?? 0);
        if (added > 0) metrics.failed.inc({ error_code: label }, added);
        before.set(label, Math.max(sum, before.get(label) ?? 0));
      }
      seenErrors.set(id, before);
    },
    forget(id: string): void {
      seen.delete(id);
      seenErrors.delete(id);
    },
  };
}

export type LedgerCounters = ReturnType<typeof createLedgerCounters>;

/** Sets the gauges over all uploads, which are read from the cache when Prometheus asks for them. */
export function measureUploads(metrics: Metrics, uploads: Iterable<BatchUpload>, now: number): void {
  const phases = new Map<string, number>([
    ['Pending', 0],
    ['Queued', 0],
    ['Planning', 0],
    ['Processing', 0],
    ['Suspended', 0],
  ]);
  let oldest = 0;
  let pendingChunks = 0;
  for (const { status } of uploads) {
    const phase = status?.phase ?? 'Pending';
    if (!phases.has(phase)) continue;
    phases.set(phase, phases.get(phase)! + 1);
    const started = Date.parse(status?.startTime ?? '');
    if (phase !== 'Pending' && phase !== 'Suspended' && !Number.isNaN(started))
      oldest = Math.max(oldest, (now - started) / 1000);
    const { records, plan } = status ?? {};
    const left = (records?.total ?? 0) - (records?.processed ?? 0);
    // The status counts records, not chunks: the share of records that are left gives the number of chunks.
    if (phase === 'Processing' && records?.total)
      pendingChunks += Math.ceil((left / records.total) * (plan?.chunks ?? 0));
  }
  for (const [phase, n] of phases) metrics.active.set({ phase }, n);
  metrics.oldest.set(oldest);
  metrics.queueDepth.set(pendingChunks);
}
