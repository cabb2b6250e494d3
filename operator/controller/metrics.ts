/** The operator's metrics, by the names of the monitoring in production as Prometheus writes them. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { BatchUpload } from '#kube/custom-resources.ts';
import { createRequestMetric } from '#kube/request-metric.ts';
import type { ErrorSummary, UploadProgress } from '#ledger/types.ts';

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export type Metrics = ReturnType<typeof createMetrics>;

export function createMetrics() {
  const registers = [new Registry()];
  // Memory, CPU, garbage collection and the event loop's lag.
  collectDefaultMetrics({ register: registers[0]! });
  const processed = new Counter({
    name: 'batch_upload_records_processed_total',
    help: 'Records of which the fate is in the ledger, as seen by this leader.',
    labelNames: ['status'],
    registers,
  });
  const failed = new Counter({
    name: 'batch_upload_records_failed_total',
    help: 'Records by error code, of the most frequent codes of each upload.',
    labelNames: ['error_code'],
    registers,
  });
  const queueDepth = new Gauge({
    name: 'batch_upload_queue_depth',
    help: 'Planned chunks of running uploads that are not done.',
    registers,
  });
  const active = new Gauge({
    name: 'batch_upload_active_uploads',
    help: 'Uploads that are not at their end.',
    labelNames: ['phase'],
    registers,
  });
  const oldest = new Gauge({
    name: 'batch_upload_oldest_active_seconds',
    help: 'Time since the start of the upload that has been running longest.',
    registers,
  });
  const duration = new Histogram({
    name: 'batch_upload_processing_duration_seconds',
    help: 'From the start of an upload to its end.',
    labelNames: ['phase'],
    buckets: [1, 5, 15, 30, 60, 300, 900, 3600, 14_400],
    registers,
  });
  const reconcile = new Histogram({
    name: 'batch_upload_reconcile_duration_seconds',
    help: 'One look at one upload.',
    buckets: SECONDS,
    registers,
  });
  const reconcileErrors = new Counter({
    name: 'batch_upload_reconcile_errors_total',
    help: 'Looks that ended in an error and are repeated after a backoff.',
    registers,
  });
  const waited = new Histogram({
    name: 'batch_upload_workqueue_wait_seconds',
    help: 'From being ready to being looked at.',
    buckets: SECONDS,
    registers,
  });
  const gauge = (name: string, help: string) => new Gauge({ name: `batch_upload_${name}`, help, registers });
  return {
    registry: registers[0]!,
    processed,
    failed,
    queueDepth,
    active,
    oldest,
    duration,
    reconcile,
    reconcileErrors,
    waited,
    leader: gauge('leader', '1 while this process leads.'),
    workqueueDepth: gauge('workqueue_depth', 'Uploads that wait for a worker.'),
    workqueueActive: gauge('workqueue_active', 'Uploads that are being looked at.'),
    workqueueDelayed: gauge('workqueue_delayed', 'Uploads that wait for their time.'),
    workqueueLongest: gauge('workqueue_longest_running_seconds', 'Age of the longest look that goes on.'),
    watchFailures: gauge('watch_failures', 'Lists and watches that ended with an error.'),
    databases: gauge('databases', 'Databases with open connections.'),
    eventsDropped: gauge('events_dropped', 'Kubernetes events that could not be written.'),
    onRequest: createRequestMetric(registers),
  };
}

/** Counters from the ledger's sums: what was done before this process looked first is not counted again. */
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
    /** `known`: what the status had before, of an earlier look, process or attempt. */
    onErrors(id: string, errors: readonly ErrorSummary[], known: readonly { code: string; count: number }[]): void {
      const before = seenErrors.get(id) ?? new Map(known.map(({ code, count }) => [code, count]));
      for (const { code, count } of errors) {
        const added = count - (before.get(code) ?? 0);
        if (added > 0) metrics.failed.inc({ error_code: code }, added);
        before.set(code, Math.max(count, before.get(code) ?? 0));
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

/** Gauges over all uploads, from the cache; set when they are asked for. */
export function measureUploads(metrics: Metrics, uploads: Iterable<BatchUpload>, now: number): void {
  const phases = new Map<string, number>([
    ['Pending', 0],
    ['Queued', 0],
    ['Planning', 0],
    ['Processing', 0],
  ]);
  let oldest = 0;
  let pendingChunks = 0;
  for (const { status } of uploads) {
    const phase = status?.phase ?? 'Pending';
    if (!phases.has(phase)) continue;
    phases.set(phase, phases.get(phase)! + 1);
    const started = Date.parse(status?.startTime ?? '');
    if (phase !== 'Pending' && !Number.isNaN(started)) oldest = Math.max(oldest, (now - started) / 1000);
    const { records, plan } = status ?? {};
    const left = (records?.total ?? 0) - (records?.processed ?? 0);
    // The status has records, not chunks: a chunk's share of them.
    if (phase === 'Processing' && records?.total)
      pendingChunks += Math.ceil((left / records.total) * (plan?.chunks ?? 0));
  }
  for (const [phase, n] of phases) metrics.active.set({ phase }, n);
  metrics.oldest.set(oldest);
  metrics.queueDepth.set(pendingChunks);
}
