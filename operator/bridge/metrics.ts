/** The bridge's metrics, as Prometheus writes them. */
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
      help: 'What became of objects that were told of: created, known, ignored (by reason), later (by reason).',
      labelNames: ['outcome', 'reason'],
      registers,
    }),
    errors: new Counter({
      name: name('errors_total'),
      help: 'Failures by what failed (object, list, receive, fetch, ledger, afterSuccess) and reason.',
      labelNames: ['activity', 'reason'],
      registers,
    }),
    lag: new Gauge({
      name: name('lag_seconds'),
      help: 'Age of the oldest file or message of a source that is not handled yet.',
      labelNames: ['namespace', 'source'],
      registers,
    }),
    sources: new Gauge({
      name: name('sources'),
      help: 'Sources by the status of their condition Ready.',
      labelNames: ['ready'],
      registers,
    }),
    listDuration: new Histogram({
      name: name('list_duration_seconds'),
      help: 'One pass over the prefix of a source.',
      labelNames: ['ok'],
      buckets: [0.01, 0.05, 0.25, 1, 5, 30, 120, 600],
      registers,
    }),
    eventToUpload: new Histogram({
      name: name('event_to_upload_seconds'),
      help: 'From the time that an event gives to the BatchUpload, by the clocks of two machines.',
      buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 600],
      registers,
    }),
    afterSuccess: new Counter({
      name: name('after_success_total'),
      help: 'Objects of complete uploads that were deleted or moved.',
      labelNames: ['action', 'ok'],
      registers,
    }),
    statusWrites: new Counter({ name: name('status_writes_total'), help: 'Statuses written.', registers }),
    eventsDropped: new Gauge({
      name: name('events_dropped'),
      help: 'Kubernetes events that could not be written.',
      registers,
    }),
    onRequest: createRequestMetric(registers),
  };
}
