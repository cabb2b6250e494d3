/** Checks what a pod with Datadog switched on sends, as an agent at the other end of real sockets receives it. */
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '#support/process/eventually.ts';

const CHUNK = `{ chunkNumber: 3, records: 10, succeeded: 7, failed: 2, duplicate: 1, durationMs: 42,
  codes: [{ code: 'VAL_002', count: 2, message: '' }, { code: 'DUP_001', count: 1, message: '' }] }`;
const POD = `
  import { createTelemetry } from '#runner/telemetry/datadog.ts';
  const telemetry = await createTelemetry(true);
  await telemetry.traceChunks([{ number: 3, recordCount: 10 }], async () => undefined);
  telemetry.chunkCommitted(${CHUNK});
  telemetry.runFinished(1234);
  await telemetry.flush();
  // The client sends by its own clock, so that the pod lives until the test has what it waits for.
  process.stdin.on('end', () => process.exit(0)).resume();`;

const metrics: string[] = [];
const traces: string[] = [];
const statsd = createSocket('udp4');
const agent = createServer(async (request, response) => {
  const body = await buffer(request);
  // dd-trace sends DogStatsD by HTTP to an agent that accepts it.
  if (request.url === '/dogstatsd/v2/proxy') metrics.push(...body.toString().trim().split('\n'));
  if (request.url?.endsWith('/traces')) traces.push(body.toString('latin1'));
  response.setHeader('content-type', 'application/json').end(JSON.stringify({ rate_by_service: {} }));
});

beforeAll(async () => {
  statsd.on('message', (message) => metrics.push(...message.toString().trim().split('\n')));
  statsd.bind(0, '127.0.0.1');
  agent.listen(0, '127.0.0.1');
  await Promise.all([once(statsd, 'listening'), once(agent, 'listening')]);
  const pod = spawn(process.execPath, ['--input-type=module-typescript', '-e', POD], {
    stdio: ['pipe', 'inherit', 'inherit'],
    env: {
      ...process.env,
      DD_AGENT_HOST: '127.0.0.1',
      DD_DOGSTATSD_PORT: `${statsd.address().port}`,
      DD_TRACE_AGENT_PORT: `${(agent.address() as AddressInfo).port}`,
      DD_SERVICE: 'records',
    },
  });
  const ended = once(pod, 'exit');
  const hasSent = () => metrics.some((line) => line.includes('processing.duration')) && traces.length > 0;
  await eventually('the metrics and a trace arrive', () => hasSent() || pod.exitCode !== null, 120_000);
  pod.stdin.end();
  expect(await ended).toEqual([0, null]);
});
afterAll(() => {
  statsd.close();
  agent.close();
});

// dd-trace itself turns a histogram into count, sum, average, extremes and percentiles.
it.each([
  /^batch_upload\.records\.processed:7\|c\|#.*status:succeeded/,
  /^batch_upload\.records\.processed:2\|c\|#.*status:failed/,
  /^batch_upload\.records\.processed:1\|c\|#.*status:duplicate/,
  /^batch_upload\.records\.failed:2\|c\|#.*error_code:VAL_002/,
  /^batch_upload\.chunk\.duration_ms\.max:42\|g/,
  /^batch_upload\.chunk\.size:10\|g/,
  /^batch_upload\.processing\.duration\.max:1234\|g/,
])('DogStatsD %s', (metric) => {
  expect(metrics.filter((line) => metric.test(line))).toHaveLength(1);
});

it('a duplicate is no failed record', () => {
  expect(metrics.filter((line) => line.includes('DUP_001'))).toEqual([]);
});

it('a span of the chunk', () => {
  const sent = traces.join('');
  expect(sent).toContain('batch_upload.process_chunk');
  expect(sent).toContain('records');
});
