import { randomBytes, randomUUID } from 'node:crypto';
import {
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { workKey, workPrefix } from '#common/job-contract.ts';
import { createWorkCopy, removeWorkCopies } from '#runner/storage/work-copy.ts';
import type { RetryOptions } from '#s3/retry.ts';
import { type HttpFault, startFaultyProxy } from '#support/network/faulty-proxy.ts';
import { startFreezingProxy } from '#support/network/freezing-proxy.ts';
import { type S3Server, startS3Server } from '#support/storage/s3-server.ts';

const MIB = 1024 * 1024;
const retry: RetryOptions = { signal: new AbortController().signal, retrySeconds: 5, stallSeconds: 30 };

describe.each([false, true])('a bucket with versions: %s', (versioning) => {
  let server: S3Server;
  let s3: S3Client;
  const bucket = 'bucket';

  beforeAll(async () => {
    server = await startS3Server({ versioning });
    const { endpoint, region, accessKeyId, secretAccessKey } = server;
    s3 = new S3Client({ endpoint, region, forcePathStyle: true, credentials: { accessKeyId, secretAccessKey } });
    await s3.send(new CreateBucketCommand({ Bucket: bucket }));
    if (versioning) {
      const status = { VersioningConfiguration: { Status: 'Enabled' as const } };
      await s3.send(new PutBucketVersioningCommand({ Bucket: bucket, ...status }));
    }
  });
  afterAll(async () => {
    s3.destroy();
    await server.stop();
  });

  const versionsUnder = async (prefix: string) => {
    const { Versions = [], DeleteMarkers = [] } = await s3.send(
      new ListObjectVersionsCommand({ Bucket: bucket, Prefix: prefix }),
    );
    return [...Versions, ...DeleteMarkers].map(({ Key }) => Key);
  };
  const startedUploads = async () =>
    (await s3.send(new ListMultipartUploadsCommand({ Bucket: bucket }))).Uploads?.map(({ Key }) => Key) ?? [];

  it('a connection that goes silent under a part is given up, and the part is sent again', async () => {
    await using proxy = await startFreezingProxy(server.port);
    const { region, accessKeyId, secretAccessKey } = server;
    const endpoint = `http://127.0.0.1:${proxy.port}`;
    const through = new S3Client({
      ...{ endpoint, region, forcePathStyle: true, maxAttempts: 1 },
      credentials: { accessKeyId, secretAccessKey },
    });
    const key = `${workPrefix(randomUUID())}pod/canonical.csv`;
    const bytes = randomBytes(20 * MIB);
    const faults: string[] = [];
    const copy = createWorkCopy(
      through,
      { bucket, key },
      { ...retry, stallSeconds: 1, retrySeconds: 60, onRetry: ({ message }) => faults.push(message) },
    );
    await copy.write(bytes.subarray(0, 8 * MIB));
    await copy.write(bytes.subarray(8 * MIB, 16 * MIB));
    expect(proxy.freeze()).toBeGreaterThan(0);
    await copy.write(bytes.subarray(16 * MIB));
    expect(await copy.finish()).toMatchObject({ sizeBytes: bytes.length });
    expect(faults.join()).toContain('timeout');
    const stored = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    expect(bytes.equals(await stored.Body!.transformToByteArray())).toBe(true);
    through.destroy();
  });

  it.each([0, 1, 8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 17 * MIB])(
    'a copy of %i bytes is what was written',
    async (size) => {
      const key = `${workPrefix(randomUUID())}pod/canonical.csv`;
      const bytes = randomBytes(size);
      const copy = createWorkCopy(s3, { bucket, key }, retry);
      for (let at = 0; at < size; at += 1_000_003) await copy.write(bytes.subarray(at, at + 1_000_003));
      const identity = await copy.finish();
      expect(identity).toMatchObject({ bucket, key, sizeBytes: size, eTag: expect.stringMatching(/./) });
      expect(identity.versionId === null).toBe(!versioning);
      const { Body, ETag } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
      expect(ETag).toBe(identity.eTag);
      expect(bytes.equals(await Body!.transformToByteArray())).toBe(true);
      expect(await startedUploads()).toEqual([]);
    },
  );

  it('an aborted copy leaves nothing', async () => {
    const prefix = workPrefix(randomUUID());
    const copy = createWorkCopy(s3, { bucket, key: `${prefix}pod/canonical.csv` }, retry);
    await copy.write(randomBytes(9 * MIB));
    await copy.abort();
    expect(await startedUploads()).toEqual([]);
    expect(await versionsUnder(prefix)).toEqual([]);
  });

  it('all copies of an upload are removed, with what a dead pod left, and nobody else’s', async () => {
    const [id, other] = [randomUUID(), randomUUID()];
    const put = (key: string) => s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: 'x' }));
    for (const pod of ['a', 'b']) await put(`${workPrefix(id)}${pod}/canonical.csv`);
    if (versioning) await put(`${workPrefix(id)}a/canonical.csv`);
    await put(`${workPrefix(other)}a/canonical.csv`);
    await s3.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key: `${workPrefix(id)}c/canonical.csv` }));
    expect(await removeWorkCopies(s3, { bucket, uploadId: id, lastAttempt: 1 }, retry)).toBe(versioning ? 3 : 2);
    expect(await versionsUnder(workPrefix(id))).toEqual([]);
    expect(await versionsUnder(workPrefix(other))).toHaveLength(1);
    expect(await startedUploads()).toEqual([]);
    expect(await removeWorkCopies(s3, { bucket, uploadId: id, lastAttempt: 1 }, retry)).toBe(0);
  });

  it('the copies of a later attempt stay, also one that is being written', async () => {
    const id = randomUUID();
    const keyOf = (attempt: number, podName: string) => workKey(id, { attempt, podName });
    const put = (key: string) => s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: 'x' }));
    for (const attempt of [1, 2, 3]) await put(keyOf(attempt, 'a'));
    const begin = (key: string) => s3.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key: key }));
    for (const attempt of [2, 3]) await begin(keyOf(attempt, 'b'));
    expect(await removeWorkCopies(s3, { bucket, uploadId: id, lastAttempt: 2 }, retry)).toBe(2);
    expect(await versionsUnder(workPrefix(id))).toEqual([keyOf(3, 'a')]);
    expect(await startedUploads()).toEqual([keyOf(3, 'b')]);
    expect(await removeWorkCopies(s3, { bucket, uploadId: id, lastAttempt: 3 }, retry)).toBe(1);
    expect([await versionsUnder(workPrefix(id)), await startedUploads()]).toEqual([[], []]);
  });
});

it('a storage that refuses the copy says what to do', async () => {
  await using server = await startS3Server();
  const { endpoint, region, accessKeyId, secretAccessKey } = server;
  const s3 = new S3Client({ endpoint, region, forcePathStyle: true, credentials: { accessKeyId, secretAccessKey } });
  const copy = createWorkCopy(s3, { bucket: 'not-there', key: 'work/u/p/canonical.csv' }, retry);
  await expect(copy.finish()).rejects.toMatchObject({
    code: 'S3_WORK_COPY',
    reason: 'BucketNotFound',
    category: 'permanent',
    message: expect.stringContaining('spec.work.s3.bucket'),
  });
  s3.destroy();
});

/** The answer of a storage that forgets an upload as soon as it is complete. */
const NO_SUCH_UPLOAD = { status: 404, body: '<Error><Code>NoSuchUpload</Code><Message>gone</Message></Error>' };

describe.each<[HttpFault, HttpFault | null]>([
  [{ status: 503 }, null],
  ['lost answer', null],
  ['lost answer', NO_SUCH_UPLOAD],
])('every kind of request meets %j once, and to be completed again %j', (fault, again) => {
  it('and the copy is what was written', async () => {
    await using server = await startS3Server();
    const { region, accessKeyId, secretAccessKey } = server;
    const credentials = { accessKeyId, secretAccessKey };
    const direct = new S3Client({ endpoint: server.endpoint, region, forcePathStyle: true, credentials });
    await direct.send(new CreateBucketCommand({ Bucket: 'bucket' }));
    const kinds = new Set<string>();
    let completed = 0;
    await using proxy = await startFaultyProxy(server.endpoint, ({ method, url }) => {
      const query = [...new URL(url!, server.endpoint).searchParams.keys()].filter((name) => name !== 'x-id');
      const kind = [method, ...query].join(' ');
      if (kind === 'POST uploadId') completed += 1;
      if (kinds.has(kind)) return kind === 'POST uploadId' && completed === 2 ? again : null;
      kinds.add(kind);
      return fault;
    });
    const s3 = new S3Client({ endpoint: proxy.endpoint, region, forcePathStyle: true, credentials, maxAttempts: 1 });
    const place = { bucket: 'bucket', key: 'work/u/p/canonical.csv' };
    const faults: string[] = [];
    const copy = createWorkCopy(s3, place, { ...retry, onRetry: ({ code }) => faults.push(code) });
    const bytes = randomBytes(20 * MIB);
    await copy.write(bytes);
    expect(await copy.finish()).toMatchObject({ ...place, sizeBytes: bytes.length });
    const { Body } = await direct.send(new GetObjectCommand({ Bucket: place.bucket, Key: place.key }));
    expect(bytes.equals(await Body!.transformToByteArray())).toBe(true);
    // The upload is begun, gets a part, is completed, and the object is looked at.
    expect([...kinds].sort()).toEqual(['HEAD', 'POST uploadId', 'POST uploads', 'PUT partNumber uploadId']);
    expect(faults).toEqual(Array(4).fill('S3_UNAVAILABLE'));
    for (const client of [s3, direct]) client.destroy();
  });
});
