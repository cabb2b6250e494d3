import type { Registry } from 'prom-client';
import { createBridgeMetrics } from '#operator/bridge/model/metrics.ts';
import { createMetrics } from '#operator/controller/metrics.ts';
import { createGatewayMetrics } from '#operator/gateway/model/metrics.ts';
import { markdownTable, pageHead } from './text.ts';

/** The page of metrics, from the registries of the programs; `datadog` is the file that names Datadog's metrics. */
export function describeMetrics(datadog: string): string {
  const names = [...datadog.matchAll(/dogstatsd\.(\w+)\('([\w.]+)'/g)].map(([, method, name]) => {
    return [`\`${name}\``, method === 'increment' ? 'count' : method!];
  });
  return [
    pageHead(
      'Metrics',
      'Every program of the operator answers `GET /metrics` in the text format of Prometheus, also with the usual metrics of a Node.js process.',
    ),
    '## Controller\n',
    prometheusTable(createMetrics().registry),
    '## Bridge\n',
    prometheusTable(createBridgeMetrics().registry),
    '## Gateway\n',
    prometheusTable(createGatewayMetrics().registry),
    '## Datadog\n',
    'Pods send these by DogStatsD when `BATCH_UPLOAD_DATADOG` is `true`; the spans of chunks are named `batch_upload.process_chunk`.\n',
    markdownTable(['metric', 'kind'], names),
  ].join('\n');
}

function prometheusTable(registry: Registry): string {
  const metrics = registry.getMetricsAsArray() as unknown as Metric[];
  const ours = metrics.filter(({ name }) => name.startsWith('batch_upload_'));
  const rows = ours.map((metric) => [
    `\`${metric.name}\``,
    metric.constructor.name.toLowerCase(),
    (metric.labelNames ?? []).map((label) => `\`${label}\``).join(', '),
    metric.help,
  ]);
  registry.clear();
  return markdownTable(['metric', 'kind', 'labels', 'what it says'], rows);
}

interface Metric {
  name: string;
  help: string;
  labelNames?: readonly string[];
}
