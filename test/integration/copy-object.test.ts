/** Objects are moved by copying and deleting exactly one version. Large objects are copied in parts. */
import { createHash, randomBytes } from 'node:crypto';
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '#common/clock.ts';
import type { SourceRecorder } from '#operator/bridge/model/types.ts';
import { runAfterSuccess } from '#operator/bridge/sources/after-success.ts';
import { copyVersion, deleteVersion } from '#operator/bridge/storage/copy-object.ts';
import { headVersion } from '#operator/bridge/storage/storage-calls.ts';
import { testSource } from '#support/bridge/upload-source.ts';
import { type S3Server, startS3Server } from '#support/storage/s3-server.ts';

const signal = new AbortController().signal;
const MIB = 1024 * 1024;
let server: S3Server;
let s3: S3Client;

beforeAll(async () => {
  server = await startS3Server({ versioning: true });
  const { endpoint, region, accessKeyId, secretAccessKey } = server;
  s3 = new S3Client({ endpoint, region, forcePathStyle: true, credentials: { accessKeyId, secretAccessKey } });
  for (const bucket of ['plain', 'versioned']) await s3.send(new CreateBucketCommand({ Bucket: bucket }));
  const VersioningConfiguration = { Status: 'Enabled' as const };
  await s3.send(new PutBucketVersioningCommand({ Bucket: 'versioned', VersioningConfiguration }));
});
afterAll(async () => {
  s3.destroy();
  await server.stop();
});

const digest = async (bucket: string, key: string) => {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  return createHash('sha256')
    .update(await Body!.transformToByteArray())
    .digest('hex');
};
const put = (bucket: string, key: string, body: Buffer) =>
  s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body, ContentType: 'text/csv' }));

it.each(['plain', 'versioned'])('in parts, with the same bytes: %s', async (bucket) => {
  const bytes = randomBytes(11 * MIB + 17);
  const key = 'in/ä +&(1).csv';
  await put(bucket, key, bytes);
  const found = (await headVersion(s3, { bucket, key, versionId: null }, signal))!;
  // Another version is the latest now.
  if (bucket === 'versioned') await put(bucket, key, randomBytes(100));
  const options = { size: found.size, signal, maxCopyBytes: 5 * MIB, partBytes: 5 * MIB };
  await copyVersion(s3, { bucket, key, ...found }, 'done/a.csv', options);
  expect(await digest(bucket, 'done/a.csv')).toBe(createHash('sha256').update(bytes).digest('hex'));
  expect((await s3.send(new ListMultipartUploadsCommand({ Bucket: bucket }))).Uploads ?? []).toEqual([]);
});

it('one that was replaced is not copied, in one part or several, and nothing is left of the attempt', async () => {
  const [bucket, key] = ['plain', 'in/replaced.csv'];
  await put(bucket, key, randomBytes(6 * MIB));
  const old = (await headVersion(s3, { bucket, key, versionId: null }, signal))!;
  await put(bucket, key, randomBytes(6 * MIB));
  for (const maxCopyBytes of [5 * MIB, 50 * MIB]) {
    const options = { size: old.size, signal, maxCopyBytes, partBytes: 5 * MIB };
    const copied = copyVersion(s3, { bucket, key, ...old }, 'done/replaced.csv', options);
    await expect(copied).rejects.toMatchObject({ reason: 'SourceChanged' });
  }
  expect(await headVersion(s3, { bucket, key: 'done/replaced.csv', versionId: null }, signal)).toBeNull();
  expect((await s3.send(new ListMultipartUploadsCommand({ Bucket: bucket }))).Uploads ?? []).toEqual([]);
});

it('one version is deleted, and again without a complaint', async () => {
  const [bucket, key] = ['versioned', 'in/b.csv'];
  await put(bucket, key, Buffer.from('1'));
  const first = (await headVersion(s3, { bucket, key, versionId: null }, signal))!;
  await put(bucket, key, Buffer.from('22'));
  for (let times = 0; times < 2; times += 1) await deleteVersion(s3, { bucket, key, ...first }, signal);
  expect(await headVersion(s3, { bucket, key, versionId: first.versionId }, signal)).toBeNull();
  expect(await headVersion(s3, { bucket, key, versionId: null }, signal)).toMatchObject({ size: 2 });
});

it('what took the place of an object while it was copied is not deleted, also where a deletion heeds no ETag', async () => {
  const [bucket, key] = ['plain', 'in/late.csv'];
  await put(bucket, key, Buffer.from('old'));
  const old = (await headVersion(s3, { bucket, key, versionId: null }, signal))!;
  const { endpoint, region, accessKeyId, secretAccessKey } = server;
  const careless = new S3Client({
    endpoint,
    region,
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
  });
  careless.middlewareStack.add(
    (next, { commandName }) =>
      async ({ input }) => {
        const answer = await next({
          input: commandName === 'DeleteObjectCommand' ? { Bucket: bucket, Key: key } : input,
        });
        if (commandName === 'CopyObjectCommand') await put(bucket, key, Buffer.from('newer'));
        return answer;
      },
    { step: 'initialize' },
  );
  const afterSuccess = { action: 'Move' as const, prefix: 'done/' };
  const stop = new AbortController();
  await runAfterSuccess(
    {
      ...{ clock: systemClock, intervalMs: 1, recorder: { problem: () => undefined } as unknown as SourceRecorder },
      source: testSource('orders', { s3: { bucket, prefix: 'in/' }, afterSuccess }),
      openStorage: async () => careless,
      arrivals: {
        due: async () => [{ name: 'orders-x', bucket, key, versionId: null, eTag: old.eTag, afterSuccess }],
        markDone: async () => stop.abort(),
      },
    },
    stop.signal,
  );
  careless.destroy();
  expect(await headVersion(s3, { bucket, key: 'done/late.csv', versionId: null }, signal)).toMatchObject({ size: 3 });
  expect(await headVersion(s3, { bucket, key, versionId: null }, signal)).toMatchObject({ size: 5 });
});
