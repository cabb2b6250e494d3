/** What becomes of requests and connections when a gateway ends, as at each rollout. Sockets are real. */
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { GatewayApp } from '#operator/gateway/model/types.ts';
import { EventReader } from '#support/gateway/event-reader.ts';
import { type GatewayBench, startGatewayBench, TOKEN_AUDIENCE } from '#support/gateway/gateway.ts';
import { eventually } from '#support/process/eventually.ts';

let bench: GatewayBench;
beforeAll(async () => {
  bench = await startGatewayBench({ databaseUrl: 'postgres://nobody@127.0.0.1:1/nothing' });
  bench.api.review('tokenreviews', () => ({
    authenticated: true,
    audiences: [TOKEN_AUDIENCE],
    user: { username: 'alice' },
  }));
});
afterAll(() => bench?.[Symbol.asyncDispose]());

const headers = { authorization: 'Bearer token' };
const LONG = '/v1/namespaces/n/long';

/** An endpoint whose answer goes on until the test ends it. */
function addLong(app: GatewayApp): { write(text: string): void; end(): void } {
  const body = new Readable({ read() {} });
  const config = { access: { verb: 'list', resource: 'batchuploads' } } as const;
  app.get(LONG.replace('/n/', '/:namespace/'), { config }, (_request, reply) => {
    void reply.header('content-type', 'text/plain').send(body as never);
    body.push('begin,');
  });
  return { write: (text) => body.push(text), end: () => body.push(null) };
}

async function open(port: number): Promise<{ socket: Socket; isClosed: () => boolean }> {
  const socket = connect(port, '127.0.0.1');
  let isClosed = false;
  socket.on('error', () => undefined).on('data', () => undefined);
  socket.on('close', () => {
    isClosed = true;
  });
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  return { socket, isClosed: () => isClosed };
}

it('an answer that is under way comes whole, and connections without a request end at once', async () => {
  let long: ReturnType<typeof addLong>;
  const gateway = await bench.start({
    extend: (app) => {
      long = addLong(app);
    },
  });
  const idle = await open(gateway.port);
  idle.socket.write('GET /v1/nothing HTTP/1.1\r\nhost: a\r\n\r\n');
  const [answered] = await Promise.all([new Promise((resolve) => idle.socket.once('data', resolve)), sleep(20)]);
  expect(String(answered)).toMatch(/^HTTP\/1.1 40/);
  expect(idle.isClosed()).toBe(false);
  const answer = await fetch(`${gateway.url}${LONG}`, { headers });
  expect(answer.status).toBe(200);
  const reader = new EventReader(await fetch(`${gateway.url}/v1/namespaces/n/uploads/watch`, { headers }));
  expect((await reader.next())!.event).toBe('snapshot');

  let isStopped = false;
  const stopped = gateway.stop().then(() => {
    isStopped = true;
  });
  await eventually('the idle connection is closed', idle.isClosed);
  for (let event = await reader.next(); event?.event !== 'end'; event = await reader.next()) {
    expect(event).not.toBeNull();
  }
  await expect(fetch(`${gateway.url}${LONG}`, { headers })).rejects.toThrow();
  expect(isStopped).toBe(false);
  long!.write('middle,');
  long!.end();
  expect(await answer.text()).toBe('begin,middle,');
  await stopped;
});

it('a connection on which nothing was asked does not keep the gateway', async () => {
  const gateway = await bench.start();
  const silent = await open(gateway.port);
  await gateway.stop();
  await eventually('the connection is closed', silent.isClosed);
});

it('a request that asks the storage gets its answer', async () => {
  const waiting: (() => void)[] = [];
  const storage = createServer((_request, response) => {
    waiting.push(() => void response.writeHead(200).end());
  });
  await new Promise<void>((resolve) => storage.listen(0, '127.0.0.1', resolve));
  bench.secret('n', 'batch-upload-s3', {
    AWS_ACCESS_KEY_ID: 'a',
    AWS_SECRET_ACCESS_KEY: 'b',
    AWS_REGION: 'us-east-1',
    AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${(storage.address() as AddressInfo).port}`,
  });
  const fileStorage = new Map([['n', { bucket: 'files', prefix: 'raw-uploads', publicEndpoint: null }]]);
  const gateway = await bench.start({ config: { fileStorage } });
  const answer = fetch(`${gateway.url}/v1/namespaces/n/files/storage`, { headers });
  // The gateway itself looks at the storage at its start, too.
  await eventually('the storage is asked', () => waiting.length === 2);
  const stopped = gateway.stop();
  await sleep(200);
  for (const go of waiting) go();
  expect((await answer).status).toBe(200);
  await stopped;
  storage.closeAllConnections();
  await new Promise((resolve) => storage.close(resolve));
});

it('an answer that takes too long is cut', async () => {
  const gateway = await bench.start({ drainMs: 100, extend: (app) => void addLong(app) });
  const answer = await fetch(`${gateway.url}${LONG}`, { headers });
  expect(answer.status).toBe(200);
  await gateway.stop();
  await expect(answer.text()).rejects.toThrow();
});
