/** Transfers that are cut, frozen, killed or refused leave one object with the right digest, and nothing unfinished. */
import { createHash, randomBytes } from 'node:crypto';
import { rename, utimes, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import {
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type FaultyProxy, type HttpFault, startFaultyProxy } from '#support/network/faulty-proxy.ts';
import { startFreezingProxy } from '#support/network/freezing-proxy.ts';
import { startToxiproxy, type Toxiproxy } from '#support/network/toxiproxy.ts';
import { type RecordingSource, startRecordingSource } from '#support/sftp/recording-source.ts';
import { s3ClientOf, settingsOf, startSourceProcess } from '#support/sftp/sftp-source.ts';
import { type SshServer, startSshServer } from '#support/sftp/ssh-server.ts';
import { type S3Server, startS3Server } from '#support/storage/s3-server.ts';

const MIB = 1024 * 1024;
/** The size of ten parts. */
const SIZE = 77 * MIB;
const CUT = 'a transfer was cut and goes on';

let ssh: SshServer;
let server: S3Server;
let toxiproxy: Toxiproxy;
/** The proxy between the source and S3, which calls `onPart` and `faultOf`. */
let storage: FaultyProxy;
let onPart: ((number: number) => void | Promise<void>) | undefined;
let faultOf: ((request: IncomingMessage) => HttpFault | null) | undefined;
let direct: S3Client;
let s3: S3Client;

let bucket: string;
let directory: string;
let file: string;
let tests = 0;

beforeAll(async () => {
  [ssh, server, toxiproxy] = await Promise.all([
    startSshServer(),
    startS3Server({ versioning: true }),
    startToxiproxy(),
  ]);
  storage = await startFaultyProxy(server.endpoint, (request) => {
    const part = new URL(request.url!, server.endpoint).searchParams.get('partNumber');
    if (part) void onPart?.(Number(part));
    return faultOf?.(request) ?? null;
  });
  direct = s3ClientOf(server);
  s3 = s3ClientOf({ ...server, endpoint: storage.endpoint });
});
afterAll(async () => {
  for (const client of [direct, s3]) client.destroy();
  await storage[Symbol.asyncDispose]();
  await toxiproxy[Symbol.asyncDispose]();
  await Promise.all([ssh.stop(), server.stop()]);
});
beforeEach(async () => {
  tests += 1;
  onPart = undefined;
  faultOf = undefined;
  bucket = `uploads-${tests}`;
  directory = `outbox-${tests}`;
  await direct.send(new CreateBucketCommand({ Bucket: bucket }));
  const status = { VersioningConfiguration: { Status: 'Enabled' as const } };
  await direct.send(new PutBucketVersioningCommand({ Bucket: bucket, ...status }));
  file = join(await ssh.makeFolder(directory), 'big.csv');
});

const sha256 = (content: Buffer) => createHash('sha256').update(content).digest('hex');

async function put(size = SIZE): Promise<Buffer> {
  const content = randomBytes(size);
  await writeFile(`${file}.part`, content);
  await rename(`${file}.part`, file);
  return content;
}

const start = (options: Partial<Parameters<typeof startRecordingSource>[0]> = {}) =>
  startRecordingSource({ ssh, s3, bucket, directory, storageRetry: { retrySeconds: 5 }, ...options });
const admitted = (source: RecordingSource, count = 1) =>
  source.until(`${count} admitted`, () => source.admitted.length >= count);
const logged = (source: RecordingSource, message: string) => source.log.filter((entry) => entry.message === message);

/** Expects one version of one object with these bytes, and nothing else. */
async function expectStored(content: Buffer): Promise<void> {
  const { Versions = [], DeleteMarkers = [] } = await direct.send(new ListObjectVersionsCommand({ Bucket: bucket }));
  expect(DeleteMarkers).toEqual([]);
  expect(Versions.map(({ Size }) => Size)).toEqual([content.length]);
  const { Body } = await direct.send(new GetObjectCommand({ Bucket: bucket, Key: Versions[0]!.Key }));
  expect(sha256(Buffer.from(await Body!.transformToByteArray()))).toBe(sha256(content));
  expect(await unfinished()).toEqual([]);
}

async function unfinished() {
  const { Uploads = [] } = await direct.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
  return Uploads.map(({ Key }) => Key);
}

it('the connection is cut twice: the transfer goes on at the last part that was read', async () => {
  const content = await put();
  const proxy = await toxiproxy.createProxy(ssh.port);
  const cuts = new Set([2, 6]);
  onPart = (part) => (cuts.delete(part) ? proxy.cut() : undefined);
  await using source = start({ port: proxy.port });
  await admitted(source);
  // The proxy is away for a moment after a cut, so the next connection may fail with another reason.
  const lost = logged(source, CUT).filter(({ fields }) => fields['reason'] === 'ConnectionLost');
  const resumed = lost.map(({ fields }) => fields['parts'] as number);
  expect(resumed).toHaveLength(2);
  for (const parts of resumed) expect(parts).toBeGreaterThan(0);
  expect(source.admitted[0]).toMatchObject({ size: SIZE, versionId: expect.stringMatching(/./) });
  expect(logged(source, 'remote file fetched')[0]!.fields['sha256']).toBe(sha256(content));
  expect(source.usedBytes()).toBe(0);
  await expectStored(content);
});

it('the connection freezes: it is given up after the time for a request, and the transfer goes on', async () => {
  const content = await put();
  await using proxy = await startFreezingProxy(ssh.port);
  let frozen = 0;
  onPart = (part) => {
    if (part === 2 && frozen === 0) frozen = proxy.freeze();
  };
  await using source = start({ port: proxy.port, limits: { requestMs: 10_000 } });
  await admitted(source);
  expect(frozen).toBe(1);
  expect(logged(source, CUT).map(({ fields }) => fields['reason'])).toEqual(['NoAnswer']);
  await expectStored(content);
});

it('a connection that is always cut is given up after five tries without a part, and nothing is left', async () => {
  await put();
  const proxy = await toxiproxy.createProxy(ssh.port);
  await proxy.add('downstream', { type: 'limit_data', attributes: { bytes: 4 * MIB } });
  // The clock and the random number make all backoffs short.
  await using source = start({ port: proxy.port, random: () => 0, clock: createHastyClock() });
  await source.until('given up', () => source.failing.some(({ key }) => key !== null));
  expect(source.failing.find(({ key }) => key !== null)).toMatchObject({
    key: `${directory}/big.csv`,
    reason: 'ConnectionLost',
  });
  expect(logged(source, CUT).length).toBeGreaterThanOrEqual(4);
  expect(source.admitted).toEqual([]);
  await source.stop();
  expect(await unfinished()).toEqual([]);
  expect(source.usedBytes()).toBe(0);
});

it.each(['replaced', 'longer', 'deleted'])(
  'the file is %s while it is fetched: only what is there in the end is handed on',
  async (how) => {
    await put();
    const next = how === 'deleted' ? undefined : randomBytes(how === 'longer' ? SIZE + 1 : SIZE);
    if (next) {
      // The new file is written earlier, since writing may take longer than fetching the old one.
      await writeFile(`${file}.part`, next);
      // The new file has the same size, so only its time shows the change.
      await utimes(`${file}.part`, 1_700_000_000, 1_700_000_000);
    }
    let changed = false;
    onPart = async (part) => {
      if (part !== 2 || changed) return;
      changed = true;
      await rename(next ? `${file}.part` : file, next ? file : `${file}.part`);
    };
    await using source = start();
    await source.until('changed', () => logged(source, 'remote file changed while it was fetched').length > 0);
    if (next) {
      await admitted(source);
      await expectStored(next);
      expect(source.admitted[0]!.event!.time).toBe('2023-11-14T22:13:20.000Z');
    } else {
      await source.moreLooks(2);
      expect(source.admitted).toEqual([]);
      expect(await unfinished()).toEqual([]);
    }
    expect(source.failing).toEqual([]);
  },
);

it('the process is killed in the middle: the next one completes, with one object and nothing unfinished', async () => {
  const content = await put();
  const settings = settingsOf(
    ssh,
    { ...server, endpoint: storage.endpoint },
    {
      directory,
      afterFetch: { action: 'Delete' as const },
      bucket,
      files: 1,
    },
  );
  const killed = Promise.withResolvers<void>();
  onPart = (part) => {
    if (part === 3) killed.resolve();
  };
  const first = startSourceProcess(settings);
  await killed.promise;
  await first.kill();
  expect(first.lines.some(({ kind }) => kind === 'admitted')).toBe(false);
  expect(await unfinished()).toHaveLength(1);
  // This unfinished upload belongs to another file, so the transfer must not abort it.
  const foreign = 'raw-uploads/ns/partner/other/big.csv';
  await direct.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key: foreign }));
  onPart = undefined;
  const second = startSourceProcess(settings);
  const { notice } = await second.line('admitted');
  await second.line('ended');
  expect(notice.size).toBe(SIZE);
  expect(await unfinished()).toEqual([foreign]);
  const { Versions = [] } = await direct.send(new ListObjectVersionsCommand({ Bucket: bucket }));
  expect(Versions.map(({ Key }) => Key)).toEqual([notice.key]);
  const { Body } = await direct.send(new GetObjectCommand({ Bucket: bucket, Key: notice.key }));
  expect(sha256(Buffer.from(await Body!.transformToByteArray()))).toBe(sha256(content));
});

it('two processes fetch the same file at once: the second finds what the first wrote, and writes no second version', async () => {
  const content = await put(100_000);
  const both = Promise.withResolvers<void>();
  let puts = 0;
  // Both processes look for the object before either of them writes it.
  faultOf = ({ method }) => {
    if (method === 'PUT') puts += 1;
    if (puts === 2) both.resolve();
    return method === 'PUT' && puts <= 2 ? { status: 503 } : null;
  };
  await using first = start();
  await using second = start();
  await both.promise;
  await Promise.all([admitted(first), admitted(second)]);
  expect(second.admitted).toEqual(first.admitted);
  await expectStored(content);
});

it('an object of another file under the same key is replaced', async () => {
  const content = await put(100_000);
  await using first = start({ afterFetch: { action: 'Keep' } });
  await admitted(first);
  await first.stop();
  const { key } = first.admitted[0]!;
  await direct.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: 'of somebody else' }));
  await using second = start();
  await admitted(second);
  const { Body } = await direct.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  expect(sha256(Buffer.from(await Body!.transformToByteArray()))).toBe(sha256(content));
});

it('stopped in the middle: nothing is left', async () => {
  await put();
  const second = Promise.withResolvers<void>();
  onPart = (part) => {
    if (part === 2) second.resolve();
  };
  const source = start();
  await second.promise;
  await source.stop();
  expect(source.admitted).toEqual([]);
  expect(source.failing).toEqual([]);
  expect(await unfinished()).toEqual([]);
  expect(source.usedBytes()).toBe(0);
});

describe('the storage', () => {
  const kindOf = ({ method, url }: IncomingMessage) =>
    [method, ...new URL(url!, server.endpoint).searchParams.keys()].filter((name) => name !== 'x-id').join(' ');

  it.each<[string, HttpFault]>([
    ['fails', { status: 503 }],
    ['gets damaged bytes', { status: 400, body: '<Error><Code>BadDigest</Code></Error>' }],
    ['does what it is asked and loses its answer', 'lost answer'],
  ])('%s once for every kind of request: all the same', async (_what, fault) => {
    const content = await put(20 * MIB);
    const kinds = new Set<string>();
    faultOf = (request) => {
      const kind = kindOf(request);
      if (kinds.has(kind) || kind.startsWith('PUT tagging')) return null;
      kinds.add(kind);
      // A server can find damage only in a request with a body.
      return JSON.stringify(fault).includes('BadDigest') && !kind.startsWith('PUT') ? null : fault;
    };
    await using source = start();
    await admitted(source);
    expect([...kinds].sort()).toEqual(
      expect.arrayContaining(['HEAD', 'POST uploadId', 'POST uploads', 'PUT partNumber uploadId']),
    );
    await source.stop();
    const { Versions = [] } = await direct.send(new ListObjectVersionsCommand({ Bucket: bucket }));
    expect(Versions).toHaveLength(1);
    const { Body } = await direct.send(new GetObjectCommand({ Bucket: bucket, Key: source.admitted[0]!.key }));
    expect(sha256(Buffer.from(await Body!.transformToByteArray()))).toBe(sha256(content));
  });

  it('refuses a part: nothing is handed on, and the transfer is begun again later', async () => {
    const content = await put(20 * MIB);
    let refused = 0;
    faultOf = (request) => {
      if (!kindOf(request).startsWith('PUT partNumber') || refused > 0) return null;
      refused += 1;
      return { status: 403, body: '<Error><Code>AccessDenied</Code></Error>' };
    };
    await using source = start();
    await source.until('failing', () => source.failing.length > 0);
    expect(source.failing[0]).toMatchObject({ key: `${directory}/big.csv`, reason: 'StorageAccessDenied' });
    expect(await unfinished()).toEqual([]);
    await admitted(source);
    await expectStored(content);
  });
});

/** The system's clock, except that every timer fires after 50 ms, which skips the backoffs. */
function createHastyClock() {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    schedule(_ms: number, callback: () => void) {
      const timer = setTimeout(callback, 50);
      return () => clearTimeout(timer);
    },
  };
}
