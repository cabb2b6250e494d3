/** The gateway's Prometheus metrics. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { createRequestMetric } from '#kube/request-metric.ts';

export type GatewayMetrics = ReturnType<typeof createGatewayMetrics>;

export function createGatewayMetrics() {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 200 });
  const name = (rest: string) => `batch_upload_gateway_${rest}`;
  return {
    registry,
    requests: new Histogram({
      name: name('request_duration_seconds'),
      help: 'Seconds that a request takes, by method, route and status; the seconds of a watch are those until its first event.',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30],
      registers,
    }),
    refusals: new Counter({
      name: name('refusals_total'),
      help: 'Requests that were refused, by the problem of the answer.',
      labelNames: ['problem'],
      registers,
    }),
    signIns: new Counter({
      name: name('sign_ins_total'),
      help: 'People who came to the staff page to sign in, by the result: signed_in, refused or unavailable (the identity provider).',
      labelNames: ['result'],
      registers,
    }),
    watchers: new Gauge({
      name: name('watchers'),
      help: 'Open watches of uploads.',
      registers,
    }),
    filesRemoved: new Counter({
      name: name('files_removed_total'),
      help: 'Files that were asked for and never registered, and that were removed.',
      registers,
    }),
    onRequest: createRequestMetric(registers),
  };
}
