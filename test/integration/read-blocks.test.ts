import { createHash } from 'node:crypto';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { copied } from '#runner/source/copied.ts';
import { readBlocks } from '#runner/storage/read-blocks.ts';
import { createS3Store } from '#runner/storage/s3-store.ts';
import { headObject } from '#s3/read-object.ts';
import { type S3Server, startS3Server } from '#support/storage/s3-server.ts';

const bucket = 'blocks';
const BLOCK_BYTES = 8 * 1024 * 1024;
let server: S3Server;
let client: S3Client;
beforeAll(async () => {
  server = await startS3Server();
  const { endpoint, region, accessKeyId, secretAccessKey } = server;
  client = new S3Client({ endpoint, region, forcePathStyle: true, credentials: { accessKeyId, secretAccessKey } });
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
});
afterAll(async () => {
  client?.destroy();
  await server?.stop();
});

const retry = { signal: new AbortController().signal, retrySeconds: 0, stallSeconds: 30 };

async function put(size: number, seed: string) {
  // The numbers make every block different.
  const bytes = Buffer.alloc(size, createHash('sha512').update(seed).digest('base64'));
  for (let at = 0; at < size; at += 1000) bytes.writeUInt32LE(at, Math.min(at, size - 4));
  await client.send(new PutObjectCommand({ Bucket: bucket, Key: 'object', Body: bytes }));
  return { bytes, identity: await headObject(client, { bucket, key: 'object' }, retry) };
}

it.each([4, BLOCK_BYTES, 9 * BLOCK_BYTES + 7])('an object of %i bytes comes in order', async (size) => {
  const { bytes, identity } = await put(size, `${size}`);
  const pieces = await Array.fromAsync(
    copied(readBlocks(createS3Store(client), identity, { start: 0, end: size }, retry)),
  );
  expect(Buffer.concat(pieces).equals(bytes)).toBe(true);
  const part = await Array.fromAsync(
    copied(readBlocks(createS3Store(client), identity, { start: 3, end: size - 1 }, retry)),
  );
  expect(Buffer.concat(part).equals(bytes.subarray(3, -1))).toBe(true);
});

it('all of it can be kept: the pieces are of the memory that it was given', async () => {
  const size = 17 * 1024 * 1024 + 7;
  const { bytes, identity } = await put(size, 'kept');
  const into = Buffer.alloc(size - 3);
  const pieces = await Array.fromAsync(
    readBlocks(createS3Store(client), identity, { start: 3, end: size, into }, retry),
  );
  expect(into.equals(bytes.subarray(3))).toBe(true);
  expect(pieces.every(({ buffer }) => buffer === into.buffer)).toBe(true);
  expect(Buffer.concat(pieces).equals(into)).toBe(true);
});

it('an object that is replaced in the middle is never mixed with the new one', async () => {
  const { identity } = await put(9 * BLOCK_BYTES, 'old');
  const read = async () => {
    let replaced = false;
    for await (const _ of readBlocks(createS3Store(client), identity, { start: 0, end: 9 * BLOCK_BYTES }, retry)) {
      if (!replaced) await put(9 * BLOCK_BYTES, 'new');
      replaced = true;
    }
  };
  await expect(read()).rejects.toMatchObject({ reason: 'SourceChanged' });
});
