/** An SFTP source from the remote folder to the notice, with a real OpenSSH server and a real S3 server. */
import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { appendFile, chmod, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CreateBucketCommand, GetObjectCommand, HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { FilePosition } from '#ledger/types.ts';
import type { Outcome } from '#operator/bridge/model/types.ts';
import type { AfterFetch } from '#operator/bridge/sftp/after-fetch.ts';
import { startToxiproxy } from '#support/network/toxiproxy.ts';
import { eventually } from '#support/process/eventually.ts';
import {
  type RecordingSource,
  type RecordingSourceOptions,
  startRecordingSource,
} from '#support/sftp/recording-source.ts';
import { s3ClientOf } from '#support/sftp/sftp-source.ts';
import { type SshServer, startSshServer } from '#support/sftp/ssh-server.ts';
import { type S3Server, startS3Server } from '#support/storage/s3-server.ts';

const bucket = 'uploads';
let ssh: SshServer;
let server: S3Server;
let s3: S3Client;
/** Each test has a folder of its own. */
let directory: string;
let folder: string;
let tests = 0;

beforeAll(async () => {
  [ssh, server] = await Promise.all([startSshServer(), startS3Server()]);
  s3 = s3ClientOf(server);
  await s3.send(new CreateBucketCommand({ Bucket: bucket }));
});
afterAll(async () => {
  s3.destroy();
  await Promise.all([ssh.stop(), server.stop()]);
});
beforeEach(async () => {
  tests += 1;
  directory = `outbox-${tests}`;
  folder = await ssh.makeFolder(directory);
});

const start = (options: Partial<RecordingSourceOptions> = {}): RecordingSource =>
  startRecordingSource({ ssh, s3, bucket, directory, ...options });
const put = (name: string, content: string | Buffer = 'id\n1\n') => writeFile(join(folder, name), content);
const admitted = (source: RecordingSource, count = 1) =>
  source.until(`${count} admitted`, () => source.admitted.length >= count);
const fetched = (source: RecordingSource) =>
  source.log.filter(({ message }) => message === 'remote file fetched').length;
const sha256 = (content: Buffer) => createHash('sha256').update(content).digest('hex');

async function contentOf(key: string): Promise<Buffer> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  return Buffer.from(await Body!.transformToByteArray());
}

it('a file becomes an object that says where it came from, and a notice of it', async () => {
  const content = randomBytes(100_000);
  await put('records 2026.csv', content);
  await using source = start();
  await admitted(source);
  const [notice] = source.admitted;
  expect(notice).toMatchObject({
    bucket,
    size: content.length,
    versionId: null,
    sequencer: null,
    key: expect.stringMatching(/^raw-uploads\/ns\/partner\/[0-9a-f]{20}\/records 2026\.csv$/),
    event: { id: notice!.key.split('/')[3], time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) },
  });
  expect(content.equals(await contentOf(notice!.key))).toBe(true);
  const head = await s3.send(new HeadObjectCommand({ Bucket: bucket, Key: notice!.key }));
  expect(head.ETag).toBe(`"${notice!.eTag}"`);
  expect(head.Metadata).toEqual({
    sha256: sha256(content),
    'source-identity': notice!.event!.id,
    'source-host': `127.0.0.1:${ssh.port}`,
    'source-path': `${directory}/records%202026.csv`,
    'source-size': String(content.length),
    'source-mtime': notice!.event!.time,
  });
  expect(source.failing).toEqual([]);
});

const MIB = 1024 * 1024;

it.each([0, 1, 8 * MIB, 8 * MIB + 1, 33 * MIB])('a file of %i bytes arrives as it is', async (size) => {
  const content = randomBytes(size);
  await put('a.csv', content);
  await using source = start();
  await admitted(source);
  const stored = await contentOf(source.admitted[0]!.key);
  expect(stored.length).toBe(size);
  expect(sha256(stored)).toBe(sha256(content));
  expect(source.log.find(({ message }) => message === 'remote file fetched')?.fields).toMatchObject({
    bytes: size,
    sha256: sha256(content),
  });
  expect(source.usedBytes()).toBe(0);
});

it('names of all kinds', async () => {
  const names = [
    'a b+c.csv',
    'größe 日本.csv',
    'x..\\..\\etc.csv',
    '%2e%2e.csv',
    "it's; rm -rf $HOME.csv",
    `${'ü'.repeat(120)}.csv`,
  ];
  for (const name of names) await put(name, name);
  await using source = start();
  await admitted(source, names.length);
  const contents = await Promise.all(source.admitted.map(({ key }) => contentOf(key)));
  expect(contents.map(String).sort()).toEqual(names.sort());
  for (const { key } of source.admitted)
    expect(key).toMatch(/^raw-uploads\/ns\/partner\/[0-9a-f]{20}\/[^/\\]{1,200}\.csv$/);
});

it('a file that grows is left alone until it does not', async () => {
  await put('a.csv', 'id\n');
  await using source = start({ settleSeconds: 1 });
  for (let row = 0; row < 8; row += 1) {
    await source.moreLooks(1);
    await appendFile(join(folder, 'a.csv'), `${row}\n`);
  }
  expect(source.admitted).toEqual([]);
  await admitted(source);
  expect(String(await contentOf(source.admitted[0]!.key))).toBe('id\n0\n1\n2\n3\n4\n5\n6\n7\n');
});

it('a file under a name for unfinished ones is left alone until it is renamed', async () => {
  await put('a.csv.filepart');
  await using source = start();
  await source.moreLooks(3);
  expect(source.admitted).toEqual([]);
  await rename(join(folder, 'a.csv.filepart'), join(folder, 'a.csv'));
  await admitted(source);
  expect(source.admitted[0]!.key).toMatch(/\/a\.csv$/);
});

describe('afterwards', () => {
  it('a file is moved, into a folder that is made, and under another name where its own is taken', async () => {
    await using source = start({ afterFetch: { action: 'Move', directory: 'old/processed' } });
    const moved = async () => (await readdir(join(folder, 'old/processed')).catch(() => [])).sort();
    for (const content of ['first', 'second']) {
      await put('a.csv', content);
      await source.until('moved', () => source.admitted.length > 0);
      while ((await readdir(folder)).includes('a.csv')) await source.moreLooks(1);
      source.admitted.length = 0;
    }
    expect(await moved()).toEqual(['a.csv', expect.stringMatching(/^a\.csv\.\d{8}T\d{9}Z$/)]);
    expect(await readdir(folder)).toEqual(['old']);
    expect(fetched(source)).toBe(2);
  });

  it('a file is renamed, and not taken for a new one', async () => {
    await put('a.csv');
    await put('a.csv.done', 'of yesterday');
    await using source = start({ afterFetch: { action: 'Rename', suffix: '.done' } });
    await admitted(source);
    while ((await readdir(folder)).includes('a.csv')) await source.moreLooks(1);
    await source.moreLooks(2);
    expect((await readdir(folder)).sort()).toEqual([
      expect.stringMatching(/^a\.csv\.\d{8}T\d{9}Z\.done$/),
      'a.csv.done',
    ]);
    expect(source.admitted).toHaveLength(1);
  });

  it('a file is deleted', async () => {
    await put('a.csv');
    await using source = start({ afterFetch: { action: 'Delete' } });
    await admitted(source);
    while ((await readdir(folder)).length > 0) await source.moreLooks(1);
    expect(fetched(source)).toBe(1);
  });

  it('a file is kept, and fetched once: also by the next process', async () => {
    await put('a.csv');
    await using first = start();
    await admitted(first);
    await first.moreLooks(3);
    expect(first.admitted).toHaveLength(1);
    await first.stop();
    await using second = start();
    await admitted(second);
    await second.moreLooks(3);
    expect(second.admitted).toEqual(first.admitted);
    expect(fetched(second)).toBe(0);
    // A file that is written again counts as another file.
    await put('a.csv', 'id\n1\n2\n');
    await admitted(second, 2);
    expect(second.admitted[1]!.key).not.toBe(second.admitted[0]!.key);
  });

  it('a file that is kept and in the ledger costs nothing', async () => {
    await put('a.csv');
    await using source = start({ knownKeys: async (keys) => new Set(keys) });
    await source.moreLooks(3);
    expect(source.admitted).toEqual([]);
    expect(fetched(source)).toBe(0);
  });

  it.each<AfterFetch>([
    { action: 'Move', directory: 'processed' },
    { action: 'Rename', suffix: '.done' },
    { action: 'Delete' },
  ])('without permission for %j: said clearly, fetched once, and done when it is permitted', async (afterFetch) => {
    await put('a.csv');
    await chmod(folder, 0o555);
    await using source = start({ afterFetch });
    await source.until('failing', () => source.failing.length > 0);
    expect(source.failing[0]).toMatchObject({ key: `${directory}/a.csv`, reason: 'AfterFetchFailed' });
    expect(source.failing[0]!.message).toContain('spec.sftp.afterFetch.action');
    await source.moreLooks(2);
    await chmod(folder, 0o755);
    // The next try of the file comes after five seconds.
    while ((await readdir(folder)).includes('a.csv')) await source.moreLooks(1);
    expect(source.admitted).toHaveLength(1);
    expect(fetched(source)).toBe(1);
  });
});

describe('who is asked whether it is to be an upload', () => {
  it('refuses before a byte was fetched', async () => {
    await put('a.csv');
    await using source = start({ refuse: ({ name }) => ({ reason: 'NoSchema', message: `none for ${name}` }) });
    await source.moreLooks(3);
    expect(source.ignored).toEqual([{ key: `${directory}/a.csv`, reason: 'NoSchema', message: 'none for a.csv' }]);
    expect(fetched(source)).toBe(0);
  });

  it('refuses afterwards: the file stays where it is', async () => {
    await put('a.csv');
    const outcome: Outcome = { kind: 'Ignored', reason: 'TooLarge', message: 'no' };
    await using source = start({ outcomeOf: () => outcome, afterFetch: { action: 'Delete' } });
    await source.until('ignored', () => source.ignored.length > 0);
    await source.moreLooks(3);
    expect(source.ignored).toHaveLength(1);
    expect(await readdir(folder)).toEqual(['a.csv']);
    expect(fetched(source)).toBe(1);
  });

  it('puts off: asked again, and not fetched again', async () => {
    await put('a.csv');
    const outcomes: Outcome[] = [
      { kind: 'Later', reason: 'LedgerAway', message: 'not now' },
      { kind: 'Known', name: 'upload' },
    ];
    await using source = start({ outcomeOf: () => outcomes.shift()!, afterFetch: { action: 'Delete' } });
    await admitted(source);
    await source.moreLooks(1);
    expect(await readdir(folder)).toEqual(['a.csv']);
    expect(source.lag).toBeGreaterThan(0);
    await admitted(source, 2);
    while ((await readdir(folder)).length > 0) await source.moreLooks(1);
    expect(fetched(source)).toBe(1);
  });
});

it('a file that is replaced before it was fetched: what comes first is not known until the next look', async () => {
  await put('a.csv');
  let find: (() => FilePosition | null) | null | undefined;
  await using source = start({
    intervalSeconds: 3600,
    onUnhandled: (next) => {
      find = next;
    },
    // The file is replaced after the look has seen it, by one that is older than the files behind it.
    refuse: ({ name }) => {
      writeFileSync(join(folder, name), 'id\n1\n2\n');
      return null;
    },
  });
  await eventually('changed', () => source.log.some(({ message }) => message.startsWith('remote file changed')));
  await eventually('the look has ended, and the file is forgotten', () => source.looks === 1 && find === null);
  expect(source.admitted).toEqual([]);
});

describe('what goes wrong', () => {
  it('the folder is missing, and made later', async () => {
    await using source = start({ directory: `${directory}/later` });
    await source.until('failing', () => source.failing.length > 0);
    expect(source.failing[0]).toMatchObject({ key: null, reason: 'DirectoryNotFound' });
    await ssh.makeFolder(`${directory}/later`);
    await source.until('recovered', () => source.recovered > 0);
  });

  it('a file may not be read: the others are', async () => {
    await put('a.csv');
    await put('b.csv');
    await chmod(join(folder, 'a.csv'), 0o000);
    await using source = start();
    await admitted(source);
    await source.until('failing', () => source.failing.length > 0);
    expect(source.failing[0]).toMatchObject({ key: `${directory}/a.csv`, reason: 'PermissionDenied' });
    expect(source.admitted.map(({ key }) => key)).toEqual([expect.stringMatching(/b\.csv$/)]);
  });

  it('the bucket is missing: a reason for people', async () => {
    await put('a.csv');
    await using source = start({ bucket: 'not-there' });
    await source.until('failing', () => source.failing.length > 0);
    expect(source.failing[0]).toMatchObject({
      reason: 'BucketNotFound',
      message: expect.stringContaining('spec.s3.bucket'),
    });
    expect(source.admitted).toEqual([]);
  });

  it('the host key is wrong: nothing is fetched', async () => {
    await put('a.csv');
    await using other = await startSshServer();
    const knownHosts = other.knownHosts({ port: ssh.port });
    const readSecret = async () => ({ name: 'partner', privateKey: ssh.privateKey, knownHosts });
    await using source = start({ readSecret });
    await source.until('failing', () => source.failing.length > 0);
    expect(source.failing[0]).toMatchObject({ key: null, reason: 'HostKeyMismatch' });
    expect(source.looks).toBe(0);
  });

  it('one server is silent: it is said, and another source goes on', async () => {
    await put('a.csv');
    await using toxiproxy = await startToxiproxy();
    const proxy = await toxiproxy.createProxy(ssh.port);
    const limits = { connectMs: 3_000, requestMs: 3_000 };
    await using slow = start({ port: proxy.port, limits });
    await admitted(slow);
    await proxy.add('downstream', { type: 'timeout', attributes: { timeout: 0 } });
    const before = slow.failing.length;
    await put('b.csv');
    await using other = start({ name: 'other' });
    await admitted(other, 2);
    await slow.until('failing', () => slow.failing.length > before);
    expect(slow.failing[before]).toMatchObject({ key: null, reason: 'NoAnswer' });
    const looks = other.looks;
    await slow.until('failing again', () => slow.failing.length > before + 1);
    expect(other.looks).toBeGreaterThan(looks);
    expect(slow.admitted).toHaveLength(1);
  });
});
