/** The histogram of calls to the API server, which every process of the operator has. */
import { Histogram, type Registry } from 'prom-client';
import type { OnRequest } from './types.ts';

export function createRequestMetric(registers: Registry[]): OnRequest {
  const requests = new Histogram({
    name: 'batch_upload_kube_request_duration_seconds',
    help: 'Calls to the API server; status 0 when no answer came.',
    labelNames: ['verb', 'resource', 'status'],
    buckets: [0.01, 0.05, 0.25, 1, 5, 30],
    registers,
  });
  return ({ verb, resource, status, seconds }) => {
    // A watch lasts for minutes by design, so it would only distort the histogram.
    if (verb !== 'watch') requests.observe({ verb, resource, status: String(status) }, seconds);
  };
}
