/** The access keys that the queue receiver uses. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { it, vi } from 'vitest';
import type { ReceiverDeps } from '#operator/bridge/model/types.ts';
import { receiveFromQueue } from '#operator/bridge/sources/queue-receiver.ts';
import { createAdmissions } from '#support/bridge/admissions.ts';
import { testSource } from '#support/bridge/upload-source.ts';
import { eventually } from '#support/process/eventually.ts';
import { FakeClock } from '#support/process/fake-clock.ts';
import { createRecordingLog } from '#support/process/recording-log.ts';

it('a Secret that is made after the source is used, without a restart', async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'of-the-bridge').stubEnv('AWS_SECRET_ACCESS_KEY', 's');
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(/Credential=([^/]+)/.exec(request.headers.authorization ?? '')?.[1] ?? '');
    request.resume();
    response.setHeader('content-type', 'application/x-amz-json-1.0').end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const queueUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/1/q`;
  const source = testSource('orders', {
    s3: { bucket: 'bucket', prefix: '' },
    s3Event: { sqs: { queueUrl }, relistSeconds: 600 },
  });
  const clock = new FakeClock();
  let secret: Record<string, string> | null = null;
  const nothing = () => undefined;
  const deps = {
    ...{ clock, log: createRecordingLog(), admit: createAdmissions().admit, readSecret: async () => secret },
    recorder: { problem: nothing, waitingSince: nothing },
  } as unknown as ReceiverDeps;
  const stop = new AbortController();
  const done = receiveFromQueue(source, deps, stop.signal);
  try {
    await eventually('the bridge asks as itself', () => asked.includes('of-the-bridge'));
    secret = { AWS_ACCESS_KEY_ID: 'of-the-secret', AWS_SECRET_ACCESS_KEY: 's' };
    let asks = true;
    void (async () => {
      while (asks) await clock.advance(5_000);
    })();
    await eventually('the keys of the Secret', () => asked.includes('of-the-secret')).finally(() => {
      asks = false;
    });
  } finally {
    stop.abort();
    void clock.advance(5_000);
    await done;
    server.closeAllConnections();
    server.close();
    vi.unstubAllEnvs();
  }
});
