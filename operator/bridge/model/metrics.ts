/** The bridge's Prometheus metrics. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { createRequestMetric } from '#kube/request-metric.ts';

export type BridgeMetrics = ReturnType<typeof createBridgeMetrics>;

export function createBridgeMetrics() {
  const registers = [new Registry()];
  collectDefaultMetrics({ register: registers[0]!, eventLoopMonitoringPrecision: 200 });
  const name = (rest: string) => `batch_upload_bridge_${rest}`;
  return {
    registry: registers[0]!,
    arrivals: new Counter({
      name: name('arrivals_total'),
      help: 'Notices of objects by outcome: created, known, waiting, ignored (with the reason), later (with the reason).',
      labelNames: ['outcome', 'reason'],
      registers,
    }),
    errors: new Counter({
      name: name('errors_total'),
      help: 'Failures by activity (object, list, receive, fetch, ledger, feed, afterSuccess) and reason.',
      labelNames: ['activity', 'reason'],
      registers,
    }),
    lag: new Gauge({
      name: name('lag_seconds'),
      help: 'Age in seconds of the oldest file or message of an UploadSource that is not handled yet.',
      labelNames: ['namespace', 'source'],
      registers,
    }),
    waiting: new Gauge({
      name: name('waiting_files'),
      help: 'Files of an UploadSource that wait for BatchUploads that were created before (Serial, maxActiveUploads).',
      labelNames: ['namespace', 'source'],
      registers,
    }),
    held: new Gauge({
      name: name('held'),
      help: '1 when a failed BatchUpload holds the files of an UploadSource (Serial), else 0.',
      labelNames: ['namespace', 'source'],
      registers,
    }),
    deletedUploads: new Counter({
      name: name('deleted_uploads_total'),
      help: 'Ended BatchUploads that were deleted because of a history limit.',
      registers,
    }),
    sources: new Gauge({
      name: name('sources'),
      help: 'UploadSources by the status of their condition Ready.',
      labelNames: ['ready'],
      registers,
    }),
    listDuration: new Histogram({
      name: name('list_duration_seconds'),
      help: 'Seconds that one list of a prefix takes, all pages together.',
      labelNames: ['ok'],
      buckets: [0.01, 0.05, 0.25, 1, 5, 30, 120, 600],
      registers,
    }),
    eventToUpload: new Histogram({
      name: name('event_to_upload_seconds'),
      help: 'Seconds from the time in an event to the creation of its BatchUpload, by the clocks of two machines.',
      buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 600],
      registers,
    }),
    afterSuccess: new Counter({
      name: name('after_success_total'),
      help: 'Attempts to delete or move the object of a complete upload.',
      labelNames: ['action', 'ok'],
      registers,
    }),
    statusWrites: new Counter({
      name: name('status_writes_total'),
      help: 'Writes of UploadSource statuses.',
      registers,
    }),
    eventsDropped: new Gauge({
      name: name('events_dropped'),
      help: 'Kubernetes events that could not be written.',
      registers,
    }),
    onRequest: createRequestMetric(registers),
  };
}
