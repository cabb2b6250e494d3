/** docs/files.md, row by row: each kind of file holds the same records and must give the same rows in PostgreSQL. */
import { gzipSync } from 'node:zlib';
import { CreateBucketCommand, ListMultipartUploadsCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT_CODES } from '#common/job-contract.ts';
import { readContentKey } from '#ledger/uploads/claim-content.ts';
import { closeDeletedUpload, completeUpload } from '#ledger/uploads/finish-upload.ts';
import { readProgress } from '#ledger/uploads/read-progress.ts';
import { formatRecord } from '#runner/source/write-csv.ts';
import { createContentDigest } from '#runner/storage/content-digest.ts';
import { withClient } from '#support/database/database.ts';
import { startToxiproxy } from '#support/network/toxiproxy.ts';
import { eventually } from '#support/process/eventually.ts';
import { csv, EXPECTED, FILE_FAULTS, KINDS, RECORD_FAULTS, SCHEMA } from '#support/records/file-kinds.ts';
import { workbook } from '#support/records/workbook.ts';
import { BUCKET, type RunnerBench, startRunnerBench } from '#support/runner/runner.ts';

let bench: RunnerBench;
beforeAll(async () => {
  bench = await startRunnerBench();
});
afterAll(() => bench[Symbol.asyncDispose]());

const TABLE = 'CREATE TABLE people (id text PRIMARY KEY, name text, zip text, note text, row bigint)';

async function newTarget(): Promise<string> {
  const url = await bench.newDatabase();
  await withClient(url, (client) => client.query(TABLE));
  return url;
}

const progressOf = (url: string, id: string) =>
  withClient(url, async (client) => (await readProgress(client, [id])).get(id)!);

const rowsOf = (url: string) =>
  withClient(url, async (client) => {
    const result = await client.query({
      text: 'SELECT id, name, zip, note, row::int FROM people ORDER BY row',
      rowMode: 'array',
    });
    return result.rows;
  });

async function objectsUnder(prefix: string, bucket = BUCKET): Promise<string[]> {
  const { Contents = [] } = await bench.client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix }));
  return Contents.map(({ Key }) => Key!);
}

async function load(body: Buffer | string, options: Parameters<RunnerBench['open']>[2] & { key?: string } = {}) {
  const url = await newTarget();
  const { key = `file-${Math.random()}`, ...rest } = options;
  await bench.put(key, body);
  const id = await bench.open(url, key, { schema: SCHEMA, ...rest });
  const { code, log } = await bench.run('plan', url, id);
  return { url, id, code, log, progress: await progressOf(url, id) };
}

describe('the same records in every kind of file give the same rows', () => {
  it.each(KINDS)('$name', async ({ key, body, format, found, copied, expected = EXPECTED }) => {
    const { url, id, code, log, progress } = await load(body, {
      ...(key ? { key } : {}),
      ...(format ? { format } : {}),
    });
    expect(code, JSON.stringify(log)).toBe(0);
    expect(await rowsOf(url)).toEqual(expected);
    expect(progress.format).toMatchObject(found);
    expect(progress.workBucket).toBe(copied ? BUCKET : null);
    expect((await objectsUnder(`work/${id}/`)).length).toBe(copied ? 1 : 0);
    // The digest is that of the user's own file, whether or not the file was copied.
    const digest = createContentDigest(await withClient(url, readContentKey));
    digest.update(Buffer.from(body));
    expect(progress.digest).toBe(digest.digest());
    expect(progress.sizeBytes).toBe(Buffer.byteLength(body));
    expect(await withClient(url, (client) => completeUpload(client, id))).toBe('Complete');
  });
});

describe('a fault of one record is its own', () => {
  it.each(RECORD_FAULTS)('%s', async (_name, body, errors, loaded, format) => {
    const { url, id, code, log } = await load(body, format ? { format } : {});
    expect(code, JSON.stringify(log)).toBe(0);
    expect((await rowsOf(url)).map(([key]) => key)).toEqual(loaded);
    const result = await withClient(url, (client) =>
      client.query({
        text: 'SELECT row_number::int, error_code FROM batch_upload.batch_upload_errors ORDER BY 1',
        rowMode: 'array',
      }),
    );
    expect(result.rows).toEqual(errors);
    expect(await withClient(url, (client) => completeUpload(client, id))).toBe('Complete');
  });

  it('a line that is no JSON says so, with its text', async () => {
    const { url } = await load('{"id":"a","name":"n"}\n{"id":"b",oops "x"\n');
    const { rows } = await withClient(url, (client) =>
      client.query('SELECT error_message, row_data FROM batch_upload.batch_upload_errors'),
    );
    expect(rows).toEqual([
      { error_message: 'The line is not one JSON object', row_data: expect.stringContaining('oops ""x""') },
    ]);
  });
});

describe('what a person must mend', () => {
  it.each(FILE_FAULTS)('%s', async (_name, body, reason, message, format) => {
    const { id, code, progress } = await load(body, format ? { format } : {});
    expect({ code, reason: progress.failureReason }).toEqual({ code: EXIT_CODES.permanent, reason });
    expect(progress.failureMessage).toMatch(message);
    expect(await objectsUnder(`work/${id}/`)).toEqual([]);
  });

  it.each(['CSV', 'gzip', 'XLSX', 'NDJSON'])('an empty %s is complete with 0 records', async (kind) => {
    const bodies: Record<string, Buffer | string> = {
      CSV: '',
      gzip: gzipSync(''),
      XLSX: workbook({ rows: {} }),
      NDJSON: '\n\n',
    };
    const format = kind === 'NDJSON' ? { format: { type: 'ndjson' } as const } : {};
    const { url, id, code } = await load(bodies[kind]!, format);
    expect(code).toBe(0);
    expect(await withClient(url, (client) => completeUpload(client, id))).toBe('Complete');
  });
});

describe('big ones', () => {
  it('a field of 5 MB, in a direct file and in a copy', async () => {
    const big = 'x'.repeat(5_000_000);
    const body = `id,name,zip,note\na,n,z,"${big}"\nb,n,z,t\n`;
    for (const file of [body, gzipSync(body)]) {
      const { url } = await load(file);
      expect((await rowsOf(url)).map(([id, , , note]) => [id, note.length])).toEqual([
        ['a', big.length],
        ['b', 1],
      ]);
    }
  });

  it('single quotes: a field of 5 MB, and a stray quote with 16 MB behind it, within the memory of a pod', async () => {
    const format = { dialect: { quoteChar: "'" } };
    const big = 'x'.repeat(5_000_000);
    const loaded = await load(`id,name,zip,note\na,n,z,'${big}'\nb,n,z,t\n`, { format });
    expect((await rowsOf(loaded.url)).map(([id, , , note]) => [id, note.length])).toEqual([
      ['a', big.length],
      ['b', 1],
    ]);
    const stray = await load(`id,name,zip,note\na,n,z,'t Hof\n${'b,n,z,t\n'.repeat(2_200_000)}`, { format });
    expect([stray.code, stray.progress.failureReason]).toEqual([EXIT_CODES.permanent, 'RecordTooLong']);
    const peaks = loaded.log.map((line) => (line as { peakRssBytes?: number }).peakRssBytes ?? 0);
    expect(Math.max(...peaks)).toBeGreaterThan(0);
    expect(Math.max(...peaks) / 2 ** 20).toBeLessThan(200);
  });

  it('a copy of several parts, planned by one pod and processed by another, then removed', async () => {
    const url = await newTarget();
    const count = 60_000;
    const records = Array.from({ length: count }, (_, i) => formatRecord([`k${i}`, 'n', 'é', `${i}`.repeat(60)]));
    await bench.put('parts.gz', gzipSync(`id,name,zip,note\n${records.join('')}`, { level: 1 }));
    const id = await bench.open(url, 'parts.gz', { schema: SCHEMA, chunkRecords: 20_000 });
    expect((await bench.run('plan', url, id, { BATCH_UPLOAD_INLINE_LIMIT_BYTES: '1' })).code).toBe(0);
    expect(await progressOf(url, id)).toMatchObject({ totalRecords: count, execution: 'Job', workBucket: BUCKET });
    await withClient(url, (client) => client.query('UPDATE batch_upload.batch_uploads SET total_indexes = 1'));
    expect((await bench.run('process', url, id)).code).toBe(0);
    expect((await progressOf(url, id)).counts).toMatchObject({ processed: count, succeeded: count });
    expect(await objectsUnder(`work/${id}/`)).toHaveLength(1);
    const { Uploads = [] } = await bench.client.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }));
    expect(Uploads).toEqual([]);
    // The copy stays while the upload may still read it.
    expect((await bench.run('cleanup', url, id)).code).toBe(EXIT_CODES.retryable);
    expect(await objectsUnder(`work/${id}/`)).toHaveLength(1);
    expect(await withClient(url, (client) => completeUpload(client, id))).toBe('Complete');
    expect((await bench.run('cleanup', url, id)).code).toBe(0);
    expect(await objectsUnder(`work/${id}/`)).toEqual([]);
  });

  it('a copy goes into the bucket that spec.work names, and is removed there', async () => {
    const bucket = 'work-bucket';
    await bench.client.send(new CreateBucketCommand({ Bucket: bucket }));
    const { url, id, code, progress } = await load(gzipSync(csv()), { work: { s3: { bucket } } });
    expect([code, progress.workBucket]).toEqual([0, bucket]);
    expect(await rowsOf(url)).toEqual(EXPECTED);
    const copies = () => objectsUnder(`work/${id}/`, bucket);
    expect([(await copies()).length, (await objectsUnder(`work/${id}/`)).length]).toEqual([1, 0]);
    expect(await withClient(url, (client) => completeUpload(client, id))).toBe('Complete');
    expect((await bench.run('cleanup', url, id)).code).toBe(0);
    expect(await copies()).toEqual([]);
  });

  it('a planner that is killed while it copies: the next one copies anew, and all is removed', async () => {
    const url = await newTarget();
    const count = 400_000;
    const records = Array.from({ length: count }, (_, i) => formatRecord([`k${i}`, 'n', 'é', `${i}`.repeat(20)]));
    await bench.put('killed.gz', gzipSync(`id,name,zip,note\n${records.join('')}`, { level: 1 }));
    const id = await bench.open(url, 'killed.gz', { schema: SCHEMA, chunkRecords: 100_000 });
    // The copy is written so slowly that the planner is killed before its end.
    await using toxiproxy = await startToxiproxy();
    const proxy = await toxiproxy.createProxy(bench.s3.port);
    await proxy.add('upstream', { type: 'bandwidth', attributes: { rate: 500 } });
    const slow = { AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${proxy.port}` };
    const pod = bench.start('plan', url, id, { BATCH_UPLOAD_INLINE_LIMIT_BYTES: '1', ...slow });
    const started = async () => {
      const { Uploads = [] } = await bench.client.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }));
      return Uploads.filter(({ Key }) => Key!.startsWith(`work/${id}/`)).length;
    };
    await eventually('the copy is begun', async () => (await started()) > 0);
    pod.process.kill('SIGKILL');
    await pod.done;
    // The ledger knows of the copy that the dead pod began.
    expect(await progressOf(url, id)).toMatchObject({ status: 'Planning', workBucket: BUCKET });
    expect((await bench.run('plan', url, id, { BATCH_UPLOAD_INLINE_LIMIT_BYTES: '1' })).code).toBe(0);
    expect((await progressOf(url, id)).totalRecords).toBe(count);
    expect([await started(), (await objectsUnder(`work/${id}/`)).length]).toEqual([1, 1]);
    await withClient(url, (client) => closeDeletedUpload(client, id));
    expect((await bench.run('cleanup', url, id)).code).toBe(0);
    expect([await started(), (await objectsUnder(`work/${id}/`)).length]).toEqual([0, 0]);
  });
});
