import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { expect, it } from 'vitest';
import { createQueueClient } from '#operator/bridge/events/queue-client.ts';
import { listPage } from '#operator/bridge/storage/storage-calls.ts';
import { createStorageClients } from '#operator/tenancy/storage-clients.ts';
import { FakeClock } from '#support/process/fake-clock.ts';

const { signal } = new AbortController();
const MIB = 1024 ** 2;
const clock = new FakeClock();
const read = async () => ({ AWS_ACCESS_KEY_ID: 'k', AWS_SECRET_ACCESS_KEY: 's' });
const storage = createStorageClients({
  allowedEndpoints: ['127.0.0.1'],
  clock,
  secrets: { read, distrust: () => undefined },
});

async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const listAt = async (endpoint: string) =>
  listPage(
    await storage.open('ns', { bucket: 'bucket', prefix: '', endpoint }, signal),
    { bucket: 'bucket', prefix: '', token: null },
    signal,
  );

it.each(['list', 'queue'])('an answer without an end does not fill the memory: %s', async (what) => {
  let sent = 0;
  const piece = Buffer.alloc(MIB, ' ');
  await using server = await serve((request, response) => {
    request.resume();
    response.setHeader('content-type', 'application/x-amz-json-1.0');
    const more = () => {
      while (!response.destroyed && sent < 256 * MIB) {
        sent += MIB;
        if (!response.write(piece)) return void response.once('drain', more);
      }
      response.end();
    };
    more();
  });
  const queueUrl = `${server.endpoint}/1/q`;
  const client = createQueueClient({ queueUrl, credentials: { accessKeyId: 'k', secretAccessKey: 's' } });
  const asked =
    what === 'list' ? listAt(server.endpoint) : client.send(new ReceiveMessageCommand({ QueueUrl: queueUrl }));
  await expect(asked).rejects.toThrow();
  expect(sent).toBeLessThan(64 * MIB);
});

it('a list that ends in the middle is no list', async () => {
  const page = (rest: string) => `<?xml version="1.0"?><ListBucketResult>${rest}</ListBucketResult>`;
  let body = page('<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>');
  await using server = await serve((_, response) => void response.end(body));
  expect(await listAt(server.endpoint)).toEqual({ objects: [], next: 't' });
  body = page('<IsTruncated>true</IsTruncated>');
  await expect(listAt(server.endpoint)).rejects.toMatchObject({ reason: 'StorageError' });
  body = page('<IsTruncated>false</IsTruncated>');
  expect(await listAt(server.endpoint)).toEqual({ objects: [], next: null });
});
