import { execFile, spawnSync } from 'node:child_process';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  AbortMultipartUploadCommand,
  CreateBucketCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  PutBucketCorsCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '#common/clock.ts';
import { claimLeftFiles } from '#ledger/gateway/files.ts';
import { holdFile, registerFile } from '#ledger/gateway/registrations.ts';
import { corsConfiguration } from '#operator/gateway/files/bucket-cors.ts';
import { watchStorages } from '#operator/gateway/files/check-storage.ts';
import { markRegistered, pinFile } from '#operator/gateway/files/pin-file.ts';
import { removeLeftFiles, removeLeftFilesOf } from '#operator/gateway/files/remove-left-files.ts';
import { withClient } from '#support/database/database.ts';
import { openTestUpload } from '#support/database/ledger.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import {
  ask,
  BODY,
  exists,
  makeOld,
  OTHER,
  put,
  replace,
  send,
  soon,
  start as startGateway,
} from '#support/gateway/file-steps.ts';
import { ALICE, type Answer, type FilesGateway, NAMESPACE } from '#support/gateway/files-gateway.ts';
import { crc64nvme } from '#support/storage/crc64nvme.ts';
import { type S3Server, startS3Server } from '#support/storage/s3-server.ts';
import { listBlocks, readProjectFile } from '../unit/docs/markdown.ts';

const MIB = 1024 ** 2;
/** S3's smallest part. */
const PART = 5 * MIB;
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('base64');

let postgres: Postgres;
let server: S3Server;
beforeAll(async () => {
  [postgres, server] = await Promise.all([startPostgres(), startS3Server({ versioning: true })]);
});
afterAll(() => Promise.all([postgres.stop(), server.stop()]));

const start = (options: Omit<Parameters<typeof startGateway>[0], 'postgres' | 'storage'> = {}) =>
  startGateway({ postgres, storage: server, ...options });

/** Sends the head of a PUT and the beginning of its body, and ends the connection as a lost network or a killed program does. */
async function cut(url: string, headers: Record<string, string>, beginning: Uint8Array, how: 'lost' | 'killed') {
  const sending = request(url, { method: 'PUT', headers });
  sending.on('error', () => undefined);
  await new Promise((resolve) => sending.write(beginning, resolve));
  if (how === 'lost') sending.socket!.resetAndDestroy();
  else sending.destroy();
}

async function post({ form: { url, fields } }: Answer, body: Uint8Array, changed: Record<string, string> = {}) {
  const form = new FormData();
  for (const [name, value] of Object.entries({ ...fields, ...changed })) form.append(name, value);
  form.append('file', new Blob([Buffer.from(body)]), 'whatever.csv');
  return await fetch(url, { method: 'POST', body: form });
}

const pin = (gateway: FilesGateway, id: string, more: object = {}) =>
  pinFile(gateway.deps, { namespace: NAMESPACE, id, identity: ALICE, scope: 'All', ...more });
const register = (gateway: FilesGateway, id: string, uploadName = 'u') =>
  markRegistered(gateway.deps, { namespace: NAMESPACE, id, uploadName });
const problem = (detail: RegExp) =>
  expect.objectContaining({ name: 'Problem', message: expect.stringMatching(detail) });

describe.each([{ versioned: false }, { versioned: true }])('a file of one PUT, versioned: $versioned', (bucket) => {
  it('is put straight into the storage, checked and pinned', async () => {
    await using gateway = await start(bucket);
    const place = await ask(gateway, { checksum: { algorithm: 'SHA256', value: sha256(BODY) } });
    expect(place.key).toBe(`raw-uploads/${place.id}/records.csv`);
    expect(place).toMatchObject({ state: 'Open', bucket: gateway.bucket });
    await expect(pin(gateway, place.id)).rejects.toThrow(/never put/);

    const answer = await put(place);
    expect(answer.status).toBe(200);
    const pinned = await pin(gateway, place.id);
    const versionId = bucket.versioned ? answer.headers.get('x-amz-version-id') : null;
    expect(pinned).toEqual({
      id: place.id,
      bucket: gateway.bucket,
      key: place.key,
      fileName: 'records.csv',
      size: BODY.length,
      eTag: answer.headers.get('etag')!.replaceAll('"', ''),
      versionId,
    });
    const completed = await gateway.call('POST', `/files/${place.id}/complete`);
    expect(completed.body).toEqual({ id: place.id, size: BODY.length, eTag: pinned.eTag, versionId });
  });

  it('is refused with another content, length or header, and a second time', async () => {
    await using gateway = await start(bucket);
    const place = await ask(gateway, { checksum: { algorithm: 'SHA256', value: sha256(BODY) } });
    const { url, headers } = place.put;
    expect((await put(place, OTHER)).status).toBe(400);
    const { 'content-length': _, ...free } = headers;
    expect((await send(url, free, Buffer.concat([BODY, BODY]))).status).toBe(403);
    for (const name of Object.keys(free)) {
      const { [name]: __, ...without } = free;
      const answer = await send(url, { 'content-type': 'x/y', ...without }, BODY);
      expect([name, answer.status]).toEqual([name, 403]);
    }
    expect(await exists(gateway, place)).toBe(false);
    expect((await put(place)).status).toBe(200);
    expect((await put(place)).status).toBe(412);
  });

  it('of which a PUT was cut is refused, also where this server keeps the beginning', async () => {
    await using gateway = await start(bucket);
    const content = randomBytes(3 * MIB);
    for (const checksum of [undefined, { algorithm: 'SHA256', value: sha256(content) }]) {
      const place = await ask(gateway, { size: content.length, ...(checksum ? { checksum } : {}) });
      await cut(place.put.url, place.put.headers, content.subarray(0, MIB), 'killed');
      await soon(async () => {
        const wrong = checksum ? /never put, or its PUT was cut/ : /1048576 bytes, and 3145728 were declared/;
        await expect(pin(gateway, place.id)).rejects.toThrow(wrong);
      });
    }
  });

  it.each(['CRC32', 'CRC32C', 'CRC64NVME', 'SHA256'])('has its %s compared by the storage', async (algorithm) => {
    await using gateway = await start(bucket);
    const bytes = { CRC32: 4, CRC32C: 4, CRC64NVME: 8, SHA256: 32 }[algorithm]!;
    const wrong = await ask(gateway, { checksum: { algorithm, value: Buffer.alloc(bytes, 9).toString('base64') } });
    expect((await put(wrong)).status).toBe(400);
    if (algorithm !== 'CRC64NVME') return;
    const right = await ask(gateway, { checksum: { algorithm, value: crc64nvme(BODY) } });
    expect((await put(right)).status).toBe(200);
    await pin(gateway, right.id);
  });

  it('that was replaced between put and registration is refused, or the pinned version is what was put', async () => {
    await using gateway = await start(bucket);
    const declared = await ask(gateway, { checksum: { algorithm: 'SHA256', value: sha256(BODY) } });
    await put(declared);
    await replace(gateway, declared, OTHER);
    await expect(pin(gateway, declared.id)).rejects.toThrow(/not the declared one.*without the SHA256/);

    const named = await ask(gateway);
    const eTag = (await put(named)).headers.get('etag')!;
    await expect(pin(gateway, named.id, { eTag })).resolves.toMatchObject({ eTag: eTag.replaceAll('"', '') });
    await replace(gateway, named, OTHER);
    await expect(pin(gateway, named.id, { eTag })).rejects.toThrow(/put again/);
    await replace(gateway, named, Buffer.concat([OTHER, OTHER]));
    await expect(pin(gateway, named.id)).rejects.toThrow(/18 bytes, and 9 were declared/);

    if (!bucket.versioned) return;
    const kept = await ask(gateway);
    await put(kept);
    const { versionId } = await pin(gateway, kept.id);
    await replace(gateway, kept, OTHER);
    const command = new GetObjectCommand({ Bucket: gateway.bucket, Key: kept.key, VersionId: versionId! });
    const { Body } = await gateway.s3.send(command);
    expect(Buffer.from(await Body!.transformToByteArray())).toEqual(BODY);
  });

  it('is put by a form, and exactly that file', async () => {
    await using gateway = await start(bucket);
    const place = await ask(gateway, { checksum: { algorithm: 'SHA256', value: sha256(BODY) } });
    const refused = async (body: Uint8Array, changed: Record<string, string> = {}) => {
      expect((await post(place, body, changed)).status).toBeGreaterThanOrEqual(400);
      expect(await exists(gateway, place)).toBe(false);
    };
    await refused(OTHER);
    await refused(BODY.subarray(1));
    await refused(Buffer.concat([BODY, BODY]));
    await refused(BODY, { key: `raw-uploads/${place.id}/other.csv` });
    await refused(BODY, { 'Content-Type': 'text/html' });
    await refused(BODY, { 'x-amz-meta-more': 'x' });
    expect((await post(place, BODY)).status).toBeLessThan(300);
    await pin(gateway, place.id);
  });

  it('that nobody registers is removed after a day, by the record alone', async () => {
    await using gateway = await start(bucket);
    const [left, replaced, registered, held, young] = [
      await ask(gateway),
      await ask(gateway),
      await ask(gateway),
      await ask(gateway),
      await ask(gateway),
    ] as const;
    for (const place of [left, replaced, registered, held, young]) await put(place);
    await replace(gateway, replaced, OTHER);
    await pin(gateway, registered.id);
    await register(gateway, registered.id);
    const stranger = { key: `raw-uploads/${randomUUID()}/records.csv` } as Answer;
    await replace(gateway, stranger, BODY);
    await makeOld(gateway);
    await gateway.sql((client) =>
      client.query('UPDATE batch_upload.batch_upload_files SET created_at = now() WHERE id = $1', [young.id]),
    );
    await pin(gateway, held.id);

    expect(await removeLeftFilesOf(gateway.deps, NAMESPACE)).toBe(2);
    const stay = await Promise.all(
      [left, replaced, registered, held, young, stranger].map((one) => exists(gateway, one)),
    );
    expect(stay).toEqual([false, false, true, true, true, true]);
    const { Versions = [], DeleteMarkers = [] } = await gateway.s3.send(
      new ListObjectVersionsCommand({ Bucket: gateway.bucket, Prefix: `raw-uploads/${left.id}` }),
    );
    expect([...Versions, ...DeleteMarkers]).toEqual([]);
    expect(await removeLeftFilesOf(gateway.deps, NAMESPACE)).toBe(0);

    for (const { id } of [left, replaced]) {
      expect((await gateway.call('GET', `/files/${id}`)).body.state).toBe('Removed');
      await expect(pin(gateway, id)).rejects.toThrow(/removed\. Ask for a new place/);
      await expect(register(gateway, id)).rejects.toThrow(/removed/);
    }
    await register(gateway, held.id);
    expect(gateway.log.entries.filter(({ message }) => /never registered/.test(message))).toHaveLength(2);
    const { values } = await gateway.deps.metrics.filesRemoved.get();
    expect(values[0]!.value).toBe(2);
  });

  it('that its sender deletes is gone, also when it is put once more', async () => {
    await using gateway = await start(bucket);
    const place = await ask(gateway);
    await put(place);
    expect(await gateway.call('DELETE', `/files/${place.id}`)).toMatchObject({ status: 204 });
    expect(await gateway.call('DELETE', `/files/${place.id}`)).toMatchObject({ status: 204 });
    expect(await exists(gateway, place)).toBe(false);
    await expect(pin(gateway, place.id)).rejects.toThrow(/deleted by its sender/);
    await expect(register(gateway, place.id)).rejects.toThrow(/deleted by its sender/);
    expect((await put(place)).status).toBe(200);
    await makeOld(gateway);
    await removeLeftFilesOf(gateway.deps, NAMESPACE);
    expect(await exists(gateway, place)).toBe(false);
  });
});

describe('a large file', () => {
  const fileLimits = { onePutBytes: 8 * MIB, partBytes: PART, unregistered: 100 };
  const size = 6 * PART - 12_345;
  const content = randomBytes(size);
  const checksum = { algorithm: 'CRC64NVME', value: crc64nvme(content) };
  const slice = (number: number) => content.subarray((number - 1) * PART, number * PART);

  async function putParts(gateway: FilesGateway, id: string, numbers: number[], more: object = {}) {
    const { status, body } = await gateway.call('POST', `/files/${id}/parts`, { body: { numbers, ...more } });
    expect(status).toBe(200);
    const tags = [];
    for (const { number, url, headers } of body.parts) {
      const answer = await send(url, headers, slice(number));
      expect(answer.status).toBe(200);
      tags.push({ number, eTag: answer.headers.get('etag')! });
    }
    return tags;
  }
  const listed = async (gateway: FilesGateway, id: string) =>
    (await gateway.call('GET', `/files/${id}/parts`)).body.parts.map(({ number }) => number);

  it.each([{ versioned: false }, { versioned: true }])(
    'is cut and resumed twice, versioned: $versioned',
    async (bucket) => {
      await using gateway = await start({ ...bucket, fileLimits });
      const { id, key, multipart, ...place } = await ask(gateway, { size, checksum });
      expect(multipart).toEqual({ partSize: PART, parts: 6, partsAtOnce: 100 });
      expect(place).not.toHaveProperty('put');
      expect(place).not.toHaveProperty('form');
      await expect(pin(gateway, id)).rejects.toThrow(/parts were not put together/);

      const checksums = (numbers: number[]) => ({ checksums: numbers.map((number) => crc64nvme(slice(number))) });
      await putParts(gateway, id, [1, 4], checksums([1, 4]));
      // A part that is cut in the middle is no part.
      for (const how of ['lost', 'killed'] as const) {
        const asked = { numbers: [2], ...checksums([2]) };
        const { body } = await gateway.call('POST', `/files/${id}/parts`, { body: asked });
        await cut(body.parts[0]!.url, body.parts[0]!.headers, slice(2).subarray(0, MIB), how);
      }
      expect(await listed(gateway, id)).toEqual([1, 4]);
      const early = await gateway.call('POST', `/files/${id}/complete`);
      expect(early).toMatchObject({ status: 409, body: { detail: expect.stringMatching(/have these: 2, 3, 5, 6\./) } });

      await putParts(gateway, id, [2, 3], checksums([2, 3]));
      expect(await listed(gateway, id)).toEqual([1, 2, 3, 4]);
      await putParts(gateway, id, [5, 6]);
      const { parts } = (await gateway.call('GET', `/files/${id}/parts?after=4`)).body;
      expect(parts.map(({ number, size: bytes }) => [number, bytes])).toEqual([
        [5, PART],
        [6, PART - 12_345],
      ]);
      const done = await gateway.call('POST', `/files/${id}/complete`);
      expect(done).toMatchObject({
        status: 200,
        body: { id, size, versionId: bucket.versioned ? expect.any(String) : null },
      });
      expect(await gateway.call('POST', `/files/${id}/complete`)).toEqual({ ...done, headers: expect.anything() });
      expect(await pin(gateway, id)).toMatchObject({ eTag: done.body.eTag, versionId: done.body.versionId });
      expect(await gateway.call('GET', `/files/${id}/parts`)).toMatchObject({
        status: 409,
        body: { detail: expect.stringMatching(/together already/) },
      });
      const { Body, ContentType } = await gateway.s3.send(new GetObjectCommand({ Bucket: gateway.bucket, Key: key }));
      expect(ContentType).toBe('text/csv');
      expect(crc64nvme(await Body!.transformToByteArray())).toBe(checksum.value);
    },
  );

  it('with another checksum than declared is refused, and can be mended', async () => {
    await using gateway = await start({ fileLimits });
    const { id } = await ask(gateway, { size, checksum });
    const [first, ...others] = await putParts(gateway, id, [1, 2, 3, 4, 5, 6]);
    const { body } = await gateway.call('POST', `/files/${id}/parts`, { body: { numbers: [1] } });
    const { url, headers } = body.parts[0]!;
    expect((await send(url, headers, slice(2))).status).toBe(200);
    const stale = await gateway.call('POST', `/files/${id}/complete`, { body: { parts: [first!, ...others] } });
    expect(stale).toMatchObject({ status: 409, body: { detail: expect.stringMatching(/ETag .*: 1\./) } });
    const wrong = await gateway.call('POST', `/files/${id}/complete`);
    expect(wrong).toMatchObject({ status: 422, body: { detail: expect.stringMatching(/do not have the CRC64NVME/) } });
    await putParts(gateway, id, [1]);
    const right = await gateway.call('POST', `/files/${id}/complete`, { body: { parts: [first!, ...others] } });
    expect(right).toMatchObject({ status: 200 });
  });

  it('is not taken with a part that was cut and has no checksum, though this server lists its whole size', async () => {
    await using gateway = await start({ fileLimits });
    const { id } = await ask(gateway, { size, checksum });
    const tags = await putParts(gateway, id, [1, 3, 4, 5, 6]);
    const { body } = await gateway.call('POST', `/files/${id}/parts`, { body: { numbers: [2] } });
    await cut(body.parts[0]!.url, body.parts[0]!.headers, slice(2).subarray(0, MIB), 'killed');
    await soon(async () => expect(await listed(gateway, id)).toContain(2));
    const complete = (parts?: object) =>
      gateway.call('POST', `/files/${id}/complete`, parts ? { body: { parts } } : {});
    expect(await complete()).toMatchObject({ status: 422, body: { detail: expect.stringMatching(/CRC64NVME/) } });
    expect(await complete(tags)).toMatchObject({
      status: 409,
      body: { detail: expect.stringMatching(/ETag .*: 2\./) },
    });
    await putParts(gateway, id, [2]);
    expect(await complete()).toMatchObject({ status: 200 });
  });

  it('without a checksum has parts of exactly their size', async () => {
    await using gateway = await start({ fileLimits });
    const { id } = await ask(gateway, { size });
    const { body } = await gateway.call('POST', `/files/${id}/parts`, { body: { numbers: [6] } });
    // The server may answer before it has read the body.
    const longer = send(body.parts[0]!.url, {}, slice(1)).then(({ status }) => status);
    expect([403, 'refused']).toContain(await longer.catch(() => 'refused'));
    expect(await listed(gateway, id)).toEqual([]);
    await putParts(gateway, id, [1, 2, 3, 4, 5, 6]);
    expect(await gateway.call('POST', `/files/${id}/complete`)).toMatchObject({ status: 200 });
  });

  it.each([
    [{ numbers: [7] }, /are 1 to 6: there is no part 7/],
    [{ numbers: [1], checksums: [crc64nvme(slice(1))] }, /only where the file has one/],
    [{ numbers: [0] }, /numbers\/0 must be >= 1/],
    [{ numbers: [] }, /fewer than 1/],
    [{ numbers: [1, 1] }, /duplicate/],
    [{ numbers: Array.from({ length: 101 }, (_, i) => i + 1) }, /more than 100/],
    [{ numbers: ['1'] }, /must be integer/],
  ])('has no other parts: %j', async (body, detail) => {
    await using gateway = await start({ fileLimits });
    const { id } = await ask(gateway, { size });
    expect(await gateway.call('POST', `/files/${id}/parts`, { body })).toMatchObject({
      status: 400,
      body: { detail: expect.stringMatching(detail) },
    });
  });

  it('that is deleted or left has no parts in the storage any more', async () => {
    await using gateway = await start({ fileLimits });
    const uploads = async () =>
      (await gateway.s3.send(new ListMultipartUploadsCommand({ Bucket: gateway.bucket }))).Uploads ?? [];
    const deleted = await ask(gateway, { size });
    const left = await ask(gateway, { size });
    await putParts(gateway, deleted.id, [1]);
    await putParts(gateway, left.id, [1]);
    expect(await uploads()).toHaveLength(2);
    expect(await gateway.call('DELETE', `/files/${deleted.id}`)).toMatchObject({ status: 204 });
    expect(await uploads()).toHaveLength(1);
    await makeOld(gateway);
    const late = await gateway.call('POST', `/files/${left.id}/parts`, { body: { numbers: [2] } });
    expect(late).toMatchObject({ status: 409, body: { detail: expect.stringMatching(/expired/) } });
    await removeLeftFilesOf(gateway.deps, NAMESPACE);
    expect(await uploads()).toEqual([]);
    expect(await gateway.call('POST', `/files/${left.id}/complete`)).toMatchObject({ status: 409 });
  });

  it('whose parts were aborted in the storage needs a new place', async () => {
    await using gateway = await start({ fileLimits });
    const { id, key } = await ask(gateway, { size });
    const { Uploads = [] } = await gateway.s3.send(new ListMultipartUploadsCommand({ Bucket: gateway.bucket }));
    const UploadId = Uploads[0]!.UploadId!;
    await gateway.s3.send(new AbortMultipartUploadCommand({ Bucket: gateway.bucket, Key: key, UploadId }));
    expect(await gateway.call('POST', `/files/${id}/complete`)).toMatchObject({
      status: 409,
      body: { detail: expect.stringMatching(/were aborted there\. Ask for a new place/) },
    });
  });

  it('takes a checksum that joins only', async () => {
    await using gateway = await start({ fileLimits });
    const body = { name: 'a.csv', size, checksum: { algorithm: 'SHA256', value: sha256(content) } };
    expect(await gateway.call('POST', '/files', { body })).toMatchObject({
      status: 400,
      body: { detail: expect.stringMatching(/CRC64NVME/), errors: [{ pointer: '/checksum' }] },
    });
  });
});

describe('names', () => {
  it.each([
    "'; rm -rf ~ #.csv",
    '100% & more + ünïcode 証明書 👩‍🎓.csv',
    '%2e%2e%2f%2e%2e%2fetc.csv',
    "it's (a) *file*!.csv",
    ' spaces ',
  ])('%s is kept as it is', async (name) => {
    await using gateway = await start();
    const place = await ask(gateway, { name });
    expect(place).toMatchObject({ name, key: `raw-uploads/${place.id}/${name}` });
    expect((await put(place)).status).toBe(200);
    const read = await gateway.call('GET', `/files/${place.id}`);
    expect(read).toMatchObject({ body: { name } });
    expect(read.headers['content-type']).toMatch(/^application\/json/);
    expect(await pin(gateway, place.id)).toMatchObject({ key: place.key, fileName: name });
    const form = await ask(gateway, { name });
    expect((await post(form, BODY)).status).toBeLessThan(300);
    await pin(gateway, form.id);
  });

  it.each([
    '../x.csv',
    'a\\b',
    '..',
    '',
    'a\0',
    '\tx.csv',
    `\${filename}`,
    'a\u202eb',
    '=HYPERLINK("x","y").csv',
    '+1.csv',
    '-1.csv',
    '@x.csv',
    '<img src=x onerror=alert(1)>.csv',
  ])('%j is refused', async (name) => {
    await using gateway = await start();
    expect(await gateway.call('POST', '/files', { body: { name, size: 1 } })).toMatchObject({
      status: 422,
      body: {
        type: 'https://batchupload.dev/problems/unprocessable',
        detail: expect.stringMatching(/^The name of the file must/),
        errors: [{ pointer: '/name', detail: expect.stringMatching(/^must/) }],
      },
    });
    await gateway.sql(async (client) => {
      expect((await client.query('SELECT FROM batch_upload.batch_upload_files')).rowCount).toBe(0);
    });
  });

  it.each([
    { name: 'a', size: -1 },
    { name: 'a', size: 5 * 1024 ** 4 + 1 },
    { name: 'a', size: 1.5 },
    { name: 'a', size: '1' },
    { name: 'a', size: 1, contentType: 'text/csv\r\nx-evil: 1' },
    { name: 'a', size: 1, checksum: { algorithm: 'MD5', value: 'x' } },
    { name: 'a', size: 1, key: 'raw-uploads/other/b.csv' },
    { name: 'a', size: 1, bucket: 'other' },
    { size: 1 },
    [],
  ])('%j is no file', async (body) => {
    await using gateway = await start();
    expect(await gateway.call('POST', '/files', { body })).toMatchObject({ status: 400 });
  });
});

describe('a file of somebody else', () => {
  it('is no file, whatever is asked', async () => {
    await using gateway = await start({
      fileLimits: { onePutBytes: 8, partBytes: PART, unregistered: 100 },
      config: { namespaces: ['n', 'm'] },
    });
    gateway.secret('m', 'batch-upload-database', { uri: gateway.databaseUrl });
    const { id } = await ask(gateway);
    const asked = [
      ['GET', `/files/${id}`],
      ['GET', `/files/${id}/parts`],
      ['POST', `/files/${id}/parts`, { numbers: [1] }],
      ['POST', `/files/${id}/complete`],
      ['DELETE', `/files/${id}`],
    ] as const;
    for (const [method, path, body] of asked) {
      const options = body === undefined ? {} : { body };
      expect(await gateway.call(method, path, { ...options, user: 'mallory' })).toMatchObject({ status: 404 });
      expect(await gateway.call(method, path, { ...options, namespace: 'm' })).toMatchObject({ status: 404 });
    }
    await expect(pin(gateway, id, { identity: { user: 'mallory' } })).rejects.toThrow(/mallory has no file/);
    await expect(pin(gateway, id, { namespace: 'm' })).rejects.toThrow(/has no file/);
    await expect(pin(gateway, randomUUID())).rejects.toThrow(/has no file/);
    expect((await gateway.call('GET', `/files/${id}`)).body.state).toBe('Open');
  });

  it.each(['../../x', 'x', '%2e%2e', `${randomUUID()}'--`])('has no id %s', async (id) => {
    await using gateway = await start();
    expect((await gateway.call('GET', `/files/${id}`)).status).toBeGreaterThanOrEqual(400);
  });
});

it('a user asks for so many files that nobody registers, and for no more', async () => {
  await using gateway = await start({ fileLimits: { onePutBytes: 8 * MIB, partBytes: PART, unregistered: 2 } });
  const { id } = await ask(gateway);
  await ask(gateway);
  const body = { name: 'a.csv', size: 1 };
  expect(await gateway.call('POST', '/files', { body })).toMatchObject({
    status: 429,
    body: { detail: expect.stringMatching(/alice has asked for 2 files .* that no upload loads/) },
  });
  expect(await gateway.call('POST', '/files', { body, user: 'bob' })).toMatchObject({ status: 201 });
  await register(gateway, id);
  await ask(gateway);
});

describe('a registration', () => {
  it('is recorded once, for one upload', async () => {
    await using gateway = await start();
    const place = await ask(gateway);
    await put(place);
    await register(gateway, place.id, 'first');
    await register(gateway, place.id, 'first');
    await expect(register(gateway, place.id, 'second')).rejects.toThrow(/loaded by the upload first/);
    await expect(register(gateway, randomUUID())).rejects.toThrow(/no file/);
    expect(await gateway.call('DELETE', `/files/${place.id}`)).toMatchObject({
      status: 409,
      body: { detail: expect.stringMatching(/loaded by the upload first/) },
    });
    await pin(gateway, place.id);
    expect((await gateway.call('GET', `/files/${place.id}`)).body).toMatchObject({
      state: 'Registered',
      uploadName: 'first',
    });
    expect(await exists(gateway, place)).toBe(true);
  });

  it('is not cut short by its sender', async () => {
    await using gateway = await start();
    const refused = await ask(gateway);
    await expect(pin(gateway, refused.id)).rejects.toThrow(/never put/);
    expect(await gateway.call('DELETE', `/files/${refused.id}`)).toMatchObject({ status: 204 });
    const place = await ask(gateway);
    await put(place);
    await pin(gateway, place.id);
    expect(await gateway.call('DELETE', `/files/${place.id}`)).toMatchObject({
      status: 409,
      body: { detail: expect.stringMatching(/is being completed or registered/) },
    });
    await register(gateway, place.id);
    expect(await exists(gateway, place)).toBe(true);
  });

  it('wins against a removal that comes while it is under way, and loses after it', async () => {
    await using gateway = await start();
    const scope = { clusterId: 'cluster', namespace: NAMESPACE };
    const [first, second] = [await ask(gateway), await ask(gateway)];
    await makeOld(gateway);
    await withClient(gateway.databaseUrl, (one) =>
      withClient(gateway.databaseUrl, async (other) => {
        await one.query('BEGIN');
        expect(await holdFile(one, { ...scope, id: first.id })).not.toBeNull();
        // The row of the registration is locked: the removal takes the other one only, and does not wait.
        const claimed = await claimLeftFiles(other, { ...scope, limit: 10 });
        expect(claimed.map(({ id }) => id)).toEqual([second.id]);
        await one.query('COMMIT');
        expect(await claimLeftFiles(other, { ...scope, limit: 10 })).toEqual([]);
        expect(await registerFile(other, { ...scope, id: first.id, uploadName: 'u' })).not.toBeNull();

        // A registration that waits for the lock of a removal sees what the removal has decided.
        const third = await ask(gateway);
        await makeOld(gateway);
        await one.query('BEGIN');
        expect(await claimLeftFiles(one, { ...scope, limit: 10 })).toHaveLength(1);
        const registering = registerFile(other, { ...scope, id: third.id, uploadName: 'u' });
        await one.query('COMMIT');
        expect(await registering).toBeNull();
      }),
    );
    await expect(register(gateway, second.id)).rejects.toThrow(/removed/);
  });

  it('by hand counts: an object that an upload of the ledger loads stays', async () => {
    await using gateway = await start();
    const [loaded, left] = [await ask(gateway), await ask(gateway)];
    await put(loaded);
    await put(left);
    await gateway.sql(async (client) => {
      const request = { s3: { bucket: gateway.bucket, key: loaded.key } };
      const id = await openTestUpload(client, { namespace: NAMESPACE, name: 'by-hand', request });
      await client.query(`UPDATE batch_upload.batch_uploads SET cluster_id = 'cluster' WHERE id = $1`, [id]);
    });
    await makeOld(gateway);
    expect(await removeLeftFilesOf(gateway.deps, NAMESPACE)).toBe(1);
    expect([await exists(gateway, loaded), await exists(gateway, left)]).toEqual([true, false]);
    expect((await gateway.call('GET', `/files/${loaded.id}`)).body.uploadName).toBe('by-hand');
  });
});

describe('the removal', () => {
  it('is shared by gateways, and each file is removed once', async () => {
    await using gateway = await start();
    const places = [];
    for (let count = 0; count < 45; count += 1) places.push(await ask(gateway));
    await Promise.all(places.slice(0, 5).map((place) => put(place)));
    await makeOld(gateway);
    const removed = await Promise.all([1, 2, 3].map(() => removeLeftFilesOf(gateway.deps, NAMESPACE)));
    expect(removed.reduce((sum, count) => sum + count)).toBe(45);
  });

  it('goes on where another gateway has ended, and with other namespaces where a database is away', async () => {
    await using gateway = await start({ config: { namespaces: ['broken', 'none', NAMESPACE] } });
    gateway.secret('broken', 'batch-upload-database', { uri: 'postgres://u:p@127.0.0.1:1/d' });
    const place = await ask(gateway);
    await put(place);
    await makeOld(gateway);
    const scope = { clusterId: 'cluster', namespace: NAMESPACE };
    await gateway.sql(async (client) => {
      expect(await claimLeftFiles(client, { ...scope, limit: 1 })).toHaveLength(1);
      await client.query(`UPDATE batch_upload.batch_upload_files SET claimed_at = now() - interval '11 minutes'`);
    });
    const stop = new AbortController();
    const clock = {
      ...systemClock,
      schedule: (_ms: number, callback: () => void) => systemClock.schedule(20, callback),
    };
    const running = removeLeftFiles({ ...gateway.deps, clock }, stop.signal);
    await soon(async () => expect(await exists(gateway, place)).toBe(false));
    await soon(() =>
      expect(gateway.log.entries.filter(({ message }) => /could not be removed/.test(message)).length).toBe(2),
    );
    stop.abort();
    await running;
    expect(gateway.log.entries.filter(({ message }) => /could not be removed/.test(message))).toHaveLength(2);
  });

  it('leaves what it cannot delete for the next time', async () => {
    await using gateway = await start();
    const place = await ask(gateway);
    await put(place);
    await makeOld(gateway);
    const credentials = { accessKeyId: server.accessKeyId, secretAccessKey: 'x' };
    const refused = new S3Client({ ...server, forcePathStyle: true, credentials });
    const storage = { ...gateway.deps.storage, open: async () => refused };
    await expect(removeLeftFilesOf({ ...gateway.deps, storage }, NAMESPACE)).rejects.toThrow(/refused the access keys/);
    refused.destroy();
    expect(await exists(gateway, place)).toBe(true);
    await expect(register(gateway, place.id)).rejects.toThrow(/removed/);
  });
});

describe('a storage that cannot be used says what to do, and nothing is lost', () => {
  const asked = { body: { name: 'a.csv', size: 1 } };
  const rows = (gateway: FilesGateway) =>
    gateway.sql(async (client) => (await client.query('SELECT FROM batch_upload.batch_upload_files')).rowCount);
  const secret = (gateway: FilesGateway, data: object) =>
    gateway.secret(NAMESPACE, 'batch-upload-s3', {
      AWS_ACCESS_KEY_ID: server.accessKeyId,
      AWS_SECRET_ACCESS_KEY: server.secretAccessKey,
      AWS_REGION: server.region,
      AWS_ENDPOINT_URL_S3: server.endpoint,
      ...data,
    });

  it.each([
    ['away', { AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:1' }, /cannot be reached or failed.*check that it runs/],
    [
      'with wrong keys',
      { AWS_SECRET_ACCESS_KEY: 'wrong' },
      /refused the access keys.*check the Secret batch-upload-s3/,
    ],
    ['with an unknown key', { AWS_ACCESS_KEY_ID: 'nobody' }, /refused the access keys.*s3:ListBucket/],
    ['with half a key', { AWS_SECRET_ACCESS_KEY: undefined }, /only one of AWS_ACCESS_KEY_ID/],
  ])('%s', async (_, data, detail) => {
    await using gateway = await start();
    const known = Object.fromEntries(Object.entries(data).filter(([, value]) => value !== undefined));
    if (Object.values(data).includes(undefined as never)) {
      gateway.secret(NAMESPACE, 'batch-upload-s3', { AWS_ACCESS_KEY_ID: 'x', AWS_ENDPOINT_URL_S3: server.endpoint });
      gateway.api.remove('secrets', NAMESPACE, 'batch-upload-s3');
      gateway.secret(NAMESPACE, 'batch-upload-s3', { AWS_ACCESS_KEY_ID: 'x', AWS_ENDPOINT_URL_S3: server.endpoint });
    } else secret(gateway, known);
    const answer = await gateway.call('POST', '/files', asked);
    expect(answer).toMatchObject({ status: 503, body: { detail: expect.stringMatching(detail) } });
    expect(JSON.stringify(answer.body)).not.toContain(server.secretAccessKey);
    expect(await rows(gateway)).toBe(0);
    expect(await gateway.call('GET', '/files/storage')).toMatchObject({ status: 503 });
  });

  it('without access keys', async () => {
    await using gateway = await start();
    gateway.api.remove('secrets', NAMESPACE, 'batch-upload-s3');
    expect(await gateway.call('POST', '/files', asked)).toMatchObject({
      status: 503,
      body: { detail: expect.stringMatching(/no access keys.*kubectl -n n create secret generic batch-upload-s3/) },
    });
    expect(await rows(gateway)).toBe(0);
  });

  it('without the bucket', async () => {
    await using gateway = await start({ bucket: 'no-such-bucket' });
    expect(await gateway.call('POST', '/files', asked)).toMatchObject({
      status: 503,
      body: {
        detail: expect.stringMatching(/bucket no-such-bucket.*does not exist\. Its administrator must create it/),
      },
    });
    expect(await rows(gateway)).toBe(0);
    await gateway.s3.send(new CreateBucketCommand({ Bucket: 'no-such-bucket' }));
    await soon(async () => expect(await gateway.call('POST', '/files', asked)).toMatchObject({ status: 201 }));
  });

  it('without any storage for the namespace', async () => {
    await using gateway = await start({ config: { fileStorage: new Map() } });
    expect(await gateway.call('POST', '/files', asked)).toMatchObject({
      status: 422,
      body: { detail: expect.stringMatching(/takes no files for the namespace n.*gateway\.storage/) },
    });
  });

  it('away while a file is registered: the file stays as it is', async () => {
    await using gateway = await start();
    const place = await ask(gateway);
    await put(place);
    secret(gateway, { AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:1' });
    gateway.deps.storage.distrust(NAMESPACE, { bucket: gateway.bucket, prefix: '' });
    await soon(() => expect(pin(gateway, place.id)).rejects.toEqual(problem(/cannot be reached/)));
    secret(gateway, {});
    gateway.deps.storage.distrust(NAMESPACE, { bucket: gateway.bucket, prefix: '' });
    await soon(() => pin(gateway, place.id));
  });

  it('with a database that is away', async () => {
    await using gateway = await start({ config: { namespaces: ['away'] } });
    gateway.secret('away', 'batch-upload-database', { uri: 'postgres://u:secret@127.0.0.1:1/d' });
    gateway.secret('away', 'batch-upload-s3', {
      AWS_ACCESS_KEY_ID: server.accessKeyId,
      AWS_SECRET_ACCESS_KEY: server.secretAccessKey,
      AWS_ENDPOINT_URL_S3: server.endpoint,
    });
    const answer = await gateway.call('POST', '/files', { ...asked, namespace: 'away' });
    expect(answer).toMatchObject({
      status: 503,
      headers: { 'retry-after': '5' },
      body: { detail: expect.stringMatching(/database.*cannot be used.*Check that PostgreSQL runs/) },
    });
  });
});

describe('web pages', () => {
  const allowedOrigins = ['https://pages.example.com'];

  it('may put files once the bucket has the rules that are printed', async () => {
    await using gateway = await start({ config: { allowedOrigins } });
    const stop = new AbortController();
    const watching = watchStorages(gateway.deps, stop.signal);
    const state = async () => (await gateway.call('GET', '/files/storage')).body;
    expect(await state()).toMatchObject({
      bucket: gateway.bucket,
      prefix: 'raw-uploads',
      onePutBytes: 100_000_000,
      pages: { status: 'Refused', message: expect.stringMatching(/no CORS rules\. Run: operator print-cors/) },
    });
    await soon(() =>
      expect(gateway.log.entries).toContainEqual({
        level: 'warn',
        message: 'the storage of a namespace is not ready for files',
        fields: { namespace: NAMESPACE, detail: expect.stringContaining('put-bucket-cors') },
      }),
    );
    stop.abort();
    await watching;
    const CORSConfiguration = corsConfiguration(allowedOrigins);
    await gateway.s3.send(new PutBucketCorsCommand({ Bucket: gateway.bucket, CORSConfiguration }));
    await using second = await start({ bucket: gateway.bucket, config: { allowedOrigins } });
    expect((await second.call('GET', '/files/storage')).body.pages.status).toBe('Allowed');
    // What the browser asks the storage before the PUT.
    const { put: request } = await ask(second, { checksum: { algorithm: 'SHA256', value: sha256(BODY) } });
    const preflight = await fetch(request.url, {
      method: 'OPTIONS',
      headers: {
        origin: allowedOrigins[0]!,
        'access-control-request-method': 'PUT',
        'access-control-request-headers': 'content-type,if-none-match,x-amz-checksum-sha256',
      },
    });
    expect(preflight.status).toBe(200);
    expect(preflight.headers.get('access-control-allow-origin')).toBe(allowedOrigins[0]);
  });

  it('are not looked for when no origins are configured', async () => {
    await using gateway = await start();
    expect((await gateway.call('GET', '/files/storage')).body.pages.status).toBe('NotNeeded');
  });
});

// The lines of the page need jq, which the project itself does not.
const hasJq = spawnSync('jq', ['--version']).status === 0;
describe.skipIf(!hasJq)('docs/how-to/upload-by-api.md', () => {
  const blocks = listBlocks(readProjectFile('docs/how-to/upload-by-api.md'))
    .filter(({ language }) => language === 'bash')
    .map(({ lines }) => lines.join('\n'));

  it.each([
    ['one PUT', 1000, blocks.slice(0, 3)],
    ['parts', 12 * MIB, [blocks[0]!.replace(/, checksum: {.*?}/, ''), 'ID=$(jq -r .id place.json)', blocks[3]!]],
  ])('its lines put a file by %s', async (_, length, lines) => {
    await using gateway = await start({ fileLimits: { onePutBytes: 8 * MIB, partBytes: PART, unregistered: 100 } });
    await gateway.app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = gateway.app.server.address() as AddressInfo;
    const folder = await mkdtemp(join(tmpdir(), 'batch-upload-docs-'));
    const content = randomBytes(length);
    await writeFile(join(folder, 'records.csv'), content);
    const API = `http://127.0.0.1:${port}/v1/namespaces/${NAMESPACE}`;
    const env = { ...process.env, API, TOKEN: ALICE.user, FILE: 'records.csv' };
    const script = ['set -euo pipefail', ...lines].join('\n');
    try {
      const { stdout } = await promisify(execFile)('bash', ['-c', script], { cwd: folder, env });
      const { id } = JSON.parse(stdout.slice(stdout.lastIndexOf('{')));
      const { key } = await pin(gateway, id);
      const { Body } = await gateway.s3.send(new GetObjectCommand({ Bucket: gateway.bucket, Key: key }));
      expect(Buffer.from(await Body!.transformToByteArray()).equals(content)).toBe(true);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

it('signs for the address that the outside sees', async () => {
  const bucket = `b-${randomUUID()}`;
  const publicEndpoint = server.endpoint.replace('127.0.0.1', 'localhost');
  await using gateway = await start({
    bucket,
    config: { fileStorage: new Map([[NAMESPACE, { bucket, prefix: '', publicEndpoint }]]) },
  });
  await gateway.s3.send(new CreateBucketCommand({ Bucket: bucket }));
  const place = await ask(gateway);
  expect(place.key).toBe(`${place.id}/records.csv`);
  expect([new URL(place.put.url).hostname, new URL(place.form.url).hostname]).toEqual(['localhost', 'localhost']);
  expect((await put(place)).status).toBe(200);
  await pin(gateway, place.id);
});
