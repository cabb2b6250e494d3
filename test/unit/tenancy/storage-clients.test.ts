import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HeadObjectCommand } from '@aws-sdk/client-s3';
import { expect, it } from 'vitest';
import type { KubeClient } from '#kube/types.ts';
import {
  createClientWithPresentKeys,
  createSecretReader,
  createStorageClients,
} from '#operator/tenancy/storage-clients.ts';
import { eventually } from '#support/process/eventually.ts';
import { FakeClock } from '#support/process/fake-clock.ts';

const { signal } = new AbortController();
const encode = (data: Record<string, string>) =>
  Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]));

function setUp() {
  const clock = new FakeClock();
  const stored = { keyId: 'old', gets: 0 };
  const client = {
    async find() {
      stored.gets += 1;
      return { data: encode({ AWS_ACCESS_KEY_ID: stored.keyId, AWS_SECRET_ACCESS_KEY: 's' }) };
    },
  } as unknown as Pick<KubeClient, 'find'>;
  const secrets = createSecretReader({ program: 'bridge', client, clock });
  return {
    clock,
    stored,
    storage: createStorageClients({ secrets, clock, allowedEndpoints: ['127.0.0.1', 's3', 'other'] }),
  };
}

it('keys that are refused a thousand times are read again once in two seconds', async () => {
  const { clock, stored, storage } = setUp();
  const refusals = async () => {
    for (let n = 0; n < 1000; n += 1) {
      await storage.open('ns', { bucket: 'bucket', prefix: '' }, signal);
      storage.distrust('ns', { bucket: 'bucket', prefix: '' });
    }
  };
  await refusals();
  expect(stored.gets).toBe(1);
  await clock.advance(2_000);
  stored.keyId = 'new';
  await refusals();
  expect(stored.gets).toBe(2);
  expect(storage.size).toBe(2);
});

it('a client is not closed while a call goes on, however long it takes', async () => {
  const waiting: ServerResponse[] = [];
  const server = createServer((_, response) => void waiting.push(response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { clock, storage } = setUp();
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const s3 = await storage.open('ns', { bucket: 'bucket', prefix: '', endpoint }, signal);
    const answer = s3.send(new HeadObjectCommand({ Bucket: 'bucket', Key: 'a' }));
    answer.catch(() => undefined);
    await eventually('the call', () => waiting.length === 1);
    await clock.advance(3_600_000);
    storage.closeUnused();
    waiting[0]!.setHeader('etag', '"e"').end();
    expect(await answer).toMatchObject({ ETag: '"e"' });
    storage.closeUnused();
    expect(storage.size).toBe(1);
    await clock.advance(3_600_000);
    storage.closeUnused();
    expect(storage.size).toBe(0);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

it('a client for months asks with the keys that the Secret has by then', async () => {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(/Credential=([^/]+)/.exec(request.headers.authorization ?? '')?.[1] ?? '');
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { clock, stored, storage } = setUp();
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const s3 = createClientWithPresentKeys(() =>
      storage.open('ns', { bucket: 'bucket', prefix: '', endpoint }, signal),
    );
    const head = () => s3.send(new HeadObjectCommand({ Bucket: 'bucket', Key: 'a' }));
    await head();
    stored.keyId = 'new';
    await clock.advance(30_000);
    await head();
    expect(asked).toEqual(['old', 'new']);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
