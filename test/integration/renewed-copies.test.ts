/**
 * A failed upload whose file was copied is tried again: its copy is made anew, and the counts are exact whatever is killed,
 * runs twice or removes copies at the same time.
 */
import { gzipSync } from 'node:zlib';
import { DeleteObjectCommand, ListMultipartUploadsCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EXIT_CODES, workPrefix } from '#common/job-contract.ts';
import { grantSql } from '#ledger/ledger-rights.ts';
import { closeDeletedUpload, failUpload } from '#ledger/uploads/finish-upload.ts';
import { retryUpload } from '#ledger/uploads/retry-upload.ts';
import { withClient } from '#support/database/database.ts';
import { withBrakes } from '#support/kills/fault-tests.ts';
import { startFaultyProxy } from '#support/network/faulty-proxy.ts';
import { startToxiproxy } from '#support/network/toxiproxy.ts';
import { eventually } from '#support/process/eventually.ts';
import { type ExpectedCounts, generateCertifications } from '#support/records/certifications.ts';
import { KINDS, SCHEMA } from '#support/records/file-kinds.ts';
import { expectCertifications } from '#support/records/oracle.ts';
import { expectExact, progressOf } from '#support/runner/expect-exact.ts';
import { BUCKET, CERTIFICATIONS_SQL, type RunnerBench, startRunnerBench } from '#support/runner/runner.ts';

let bench: RunnerBench;
beforeAll(async () => {
  bench = await startRunnerBench();
});
afterAll(() => bench[Symbol.asyncDispose]());

interface Data {
  file: Buffer;
  counts: ExpectedCounts;
}

function certifications(seed: number, records = 2000): Data {
  const { pieces, counts } = generateCertifications({ records, seed, lineEnd: '\n', bad: 0.05, duplicates: 0.02 });
  return { file: Buffer.concat([...pieces]), counts };
}
const DATA = certifications(7);
const OTHER = certifications(8);

const CHUNK_RECORDS = 100;
const sql = (url: string, text: string, values?: unknown[]) => withClient(url, (client) => client.query(text, values));
const retry = (url: string, id: string, generation = 1) =>
  withClient(url, (client) => retryUpload(client, { id, generation }));
const attempt = (n: number, index = 0) => ({ BATCH_UPLOAD_ATTEMPT: String(n), JOB_COMPLETION_INDEX: String(index) });
/** The file is too large for the pod that plans. */
const APART = { BATCH_UPLOAD_INLINE_LIMIT_BYTES: '1000' };

async function copiesOf(id: string): Promise<string[]> {
  const { Contents = [] } = await bench.client.send(
    new ListObjectsV2Command({ Bucket: BUCKET, Prefix: workPrefix(id) }),
  );
  return Contents.map(({ Key }) => Key!);
}

const begunOf = async (id: string) => {
  const { Uploads = [] } = await bench.client.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }));
  return Uploads.filter(({ Key }) => Key!.startsWith(workPrefix(id))).length;
};

const eventsOf = async (url: string, id: string) =>
  (
    await sql(
      url,
      `SELECT event_type FROM batch_upload.batch_upload_audit_logs
       WHERE batch_upload_id = $1 AND event_type <> 'chunk_completed' ORDER BY id`,
      [id],
    )
  ).rows.map(({ event_type }) => event_type);

interface Upload {
  url: string;
  id: string;
  key: string;
}

let url: string;
beforeEach(async () => {
  url = await bench.newDatabase();
});

async function openCopied(data: Data): Promise<Upload> {
  await sql(url, CERTIFICATIONS_SQL);
  const key = `copied${new URL(url).pathname}.csv.gz`;
  await bench.put(key, gzipSync(data.file));
  return { url, key, id: await bench.open(url, key, { chunkRecords: CHUNK_RECORDS }) };
}

const fail = (id: string, reason = 'Test') =>
  withClient(url, (client) => failUpload(client, { id }, { reason, message: 'test' }));

/** Loads half of the file from its copy. */
async function loadHalf(data: Data): Promise<Upload & { done: number }> {
  const upload = await openCopied(data);
  const { id } = upload;
  expect((await bench.run('plan', url, id, APART)).code).toBe(0);
  // The chunks of the other half seem to be done meanwhile, so that the pod does not help there.
  await sql(
    url,
    `UPDATE batch_upload.batch_uploads SET total_indexes = 2;
     UPDATE batch_upload.batch_upload_chunks SET completed_at = now() WHERE chunk_number >= 10`,
  );
  expect((await bench.run('process', url, id, attempt(1, 0))).code).toBe(0);
  await sql(url, 'UPDATE batch_upload.batch_upload_chunks SET completed_at = NULL WHERE chunk_number >= 10');
  const { chunksDone, totalChunks } = await progressOf(url, id);
  expect([chunksDone, totalChunks]).toEqual([10, 20]);
  return { ...upload, done: chunksDone };
}

/** Loads half of the file from its copy, and fails. */
async function failed(data: Data): Promise<Upload & { done: number }> {
  const upload = await loadHalf(data);
  await fail(upload.id);
  expect(await progressOf(url, upload.id)).toMatchObject({ status: 'Failed', pointsInto: 'KnownCopy' });
  return upload;
}

/** Loads what is left, as the pod of the second half. */
async function loadRest(id: string, n: number): Promise<void> {
  expect((await bench.run('process', url, id, attempt(n, 1))).code).toBe(0);
}

async function expectCleanedUp(id: string): Promise<void> {
  expect((await bench.run('cleanup', url, id)).code).toBe(0);
  expect([await copiesOf(id), await begunOf(id)]).toEqual([[], 0]);
}

it('the copy is removed: it is made again by one of two pods, the chunks that are done stay, and old pods do nothing', async () => {
  const { id, done } = await failed(DATA);
  await expectCleanedUp(id);
  expect(await retry(url, id)).toBe('Planning');
  const before = await progressOf(url, id);
  expect(before).toMatchObject({ status: 'Planning', attempt: 2, chunksDone: done, totalChunks: 20 });
  for (const command of ['plan', 'process'] as const) {
    const { log } = await bench.run(command, url, id, { ...attempt(1), ...APART });
    expect(log).toContainEqual(expect.objectContaining({ code: 'FENCED' }));
  }
  // A pod that removes copies and comes late leaves a running upload alone.
  expect((await bench.run('cleanup', url, id)).code).toBe(EXIT_CODES.retryable);
  const pods = [1, 2].map(() => bench.run('plan', url, id, { ...attempt(2), ...APART }));
  expect((await Promise.all(pods)).map(({ code }) => code)).toEqual([0, 0]);
  expect(await progressOf(url, id)).toMatchObject({
    ...{ status: 'Processing', chunksDone: done, digest: before.digest, format: before.format },
    counts: before.counts,
  });
  const keys = await copiesOf(id);
  expect(keys.length).toBeGreaterThan(0);
  for (const key of keys) expect(key).toMatch(new RegExp(`^work/${id}/attempt-2/[^/]+/canonical\\.csv$`));
  expect((await eventsOf(url, id)).filter((event) => event === 'copy_renewed')).toHaveLength(1);
  await loadRest(id, 2);
  await expectExact(url, id, DATA);
  await expectCleanedUp(id);
});

it('one pod makes the copy again and loads the rest', async () => {
  const { id } = await failed(DATA);
  await sql(url, `UPDATE batch_upload.batch_uploads SET execution = 'Inline', total_indexes = 1`);
  expect(await retry(url, id)).toBe('Planning');
  expect((await bench.run('plan', url, id, attempt(2))).code).toBe(0);
  await expectExact(url, id, DATA);
});

it('it fails again and again: every attempt has a copy of its own', async () => {
  const { id } = await failed(DATA);
  for (const n of [2, 3]) {
    expect(await retry(url, id, n)).toBe('Planning');
    expect((await bench.run('plan', url, id, { ...attempt(n), ...APART })).code).toBe(0);
    await fail(id);
  }
  expect(await retry(url, id, 4)).toBe('Planning');
  await fail(id);
  expect(await copiesOf(id)).toHaveLength(3);
  await expectCleanedUp(id);
  expect(await retry(url, id, 5)).toBe('Planning');
  expect((await bench.run('plan', url, id, { ...attempt(5), ...APART })).code).toBe(0);
  await loadRest(id, 5);
  await expectExact(url, id, DATA);
});

describe('the pod that makes the copy again is killed', () => {
  /** The next pod goes on from whatever was killed. */
  async function expectNextPodExact(id: string): Promise<void> {
    expect((await bench.run('plan', url, id, { ...attempt(2), ...APART })).code).toBe(0);
    await loadRest(id, 2);
    await expectExact(url, id, DATA);
    await expectCleanedUp(id);
  }

  it('while it reads the object and writes the copy', async () => {
    const { id } = await failed(DATA);
    await retry(url, id);
    await using toxiproxy = await startToxiproxy();
    const proxy = await toxiproxy.createProxy(bench.s3.port);
    await proxy.add('upstream', { type: 'bandwidth', attributes: { rate: 20 } });
    const slow = { AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${proxy.port}` };
    const pod = bench.start('plan', url, id, { ...attempt(2), ...APART, ...slow });
    await pod.logged('the kind of file is known');
    pod.process.kill('SIGKILL');
    expect((await pod.done).code).toBeNull();
    expect(await progressOf(url, id)).toMatchObject({ status: 'Planning', attempt: 2 });
    await expectNextPodExact(id);
  });

  it('when the copy is made, and before the ledger knows of it', async () => {
    const { id } = await failed(DATA);
    await expectCleanedUp(id);
    await retry(url, id);
    await withClient(url, async (client) => {
      await client.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [id]);
      const pod = bench.start('plan', url, id, { ...attempt(2), ...APART });
      await eventually('the pod stands at the fence', async () => {
        const waits = await client.query(
          `SELECT FROM pg_locks JOIN pg_stat_activity USING (pid)
           WHERE locktype = 'advisory' AND NOT granted AND application_name LIKE '%/plan'`,
        );
        return waits.rowCount === 1;
      });
      expect(await copiesOf(id)).toHaveLength(1);
      pod.process.kill('SIGKILL');
      expect((await pod.done).code).toBeNull();
    });
    expect(await progressOf(url, id)).toMatchObject({ status: 'Planning', attempt: 2 });
    await expectNextPodExact(id);
  });

  it('when the ledger knows of the copy, in the middle of a chunk that is loaded from it', async () => {
    const { id, done } = await failed(DATA);
    await sql(url, `UPDATE batch_upload.batch_uploads SET execution = 'Inline', total_indexes = 1`);
    await retry(url, id);
    await withBrakes(url, async (brakes) => {
      const own = [...expectCertifications(DATA.file)].slice((done + 1) * CHUNK_RECORDS);
      const brake = await brakes.inCopy(id, own.find(({ outcome }) => outcome === 'succeeded')!.row);
      const pod = bench.start('plan', url, id, { ...attempt(2), BATCH_UPLOAD_PARALLELISM: '1' });
      await brake.reached();
      pod.process.kill('SIGKILL');
      expect((await pod.done).code).toBeNull();
      await brake.release();
      await brakes.remove();
    });
    expect(await progressOf(url, id)).toMatchObject({ status: 'Processing', attempt: 2 });
    expect((await bench.run('plan', url, id, attempt(2))).code).toBe(0);
    await expectExact(url, id, DATA);
  });
});

it('the cleanup of the attempt before goes on while the copy is made again, and leaves it', async () => {
  const { id } = await failed(DATA);
  const [old] = await copiesOf(id);
  let isHeld = true;
  let asked = 0;
  await using proxy = await startFaultyProxy(bench.s3.endpoint, () => {
    asked += 1;
    return isHeld ? { status: 503 } : null;
  });
  const patient = { AWS_ENDPOINT_URL_S3: proxy.endpoint, BATCH_UPLOAD_RETRY_SECONDS: '120' };
  const cleanup = bench.start('cleanup', url, id, patient);
  await eventually('the cleanup is about to remove', () => asked > 0);
  expect(await retry(url, id)).toBe('Planning');
  expect((await bench.run('plan', url, id, { ...attempt(2), ...APART })).code).toBe(0);
  const renewed = (await copiesOf(id)).filter((key) => key !== old);
  expect(renewed).toEqual([expect.stringContaining('/attempt-2/')]);
  isHeld = false;
  expect((await cleanup.done).code).toBe(0);
  expect(await copiesOf(id)).toEqual(renewed);
  await loadRest(id, 2);
  await expectExact(url, id, DATA);
  await expectCleanedUp(id);
});

it('a cleanup that the storage refuses says nothing of an upload that runs again', async () => {
  const { id } = await failed(DATA);
  let status = 503;
  let asked = 0;
  await using proxy = await startFaultyProxy(bench.s3.endpoint, () => {
    asked += 1;
    return { status };
  });
  // The number in the environment of a cleanup pod is not that of an attempt, and may be equal to one.
  const refused = bench.start('cleanup', url, id, { AWS_ENDPOINT_URL_S3: proxy.endpoint, ...attempt(2) });
  await eventually('the cleanup is about to remove', () => asked > 0);
  expect(await retry(url, id)).toBe('Planning');
  status = 403;
  expect((await refused.done).code).toBe(EXIT_CODES.permanent);
  expect(await progressOf(url, id)).toMatchObject({ status: 'Planning', attempt: 2 });
});

describe('no chunk is done', () => {
  async function failBeforeLoad(): Promise<Upload> {
    const upload = await openCopied(DATA);
    expect((await bench.run('plan', url, upload.id, APART)).code).toBe(0);
    await fail(upload.id);
    return upload;
  }

  it.each([
    ['the same file', DATA],
    ['another file under the same name', OTHER],
  ])('%s is planned anew, by a role with its rights alone', async (_what, data) => {
    const { id, key } = await failBeforeLoad();
    await expectCleanedUp(id);
    await bench.put(key, gzipSync(data.file));
    const role = `role_${id.slice(0, 8)}`;
    await sql(url, `CREATE ROLE ${role} LOGIN PASSWORD 'p' NOSUPERUSER; ${grantSql(role)}`);
    const asRole = Object.assign(new URL(url), { username: role, password: 'p' }).href;
    expect(await retry(asRole, id)).toBe('Planning');
    expect(await progressOf(url, id)).toMatchObject({ pointsInto: null, totalRecords: null, digest: null, attempt: 2 });
    expect((await bench.run('plan', url, id, { ...attempt(1), ...APART })).log).toContainEqual(
      expect.objectContaining({ code: 'FENCED' }),
    );
    expect((await bench.run('plan', url, id, attempt(2))).code).toBe(0);
    await expectExact(url, id, data);
  });

  it('nor is there a plan: the file is planned', async () => {
    const { id } = await openCopied(DATA);
    await sql(url, `UPDATE batch_upload.batch_uploads SET work_bucket = '${BUCKET}'`);
    await fail(id);
    expect(await retry(url, id)).toBe('Planning');
    expect((await bench.run('plan', url, id, attempt(2))).code).toBe(0);
    await expectExact(url, id, DATA);
  });

  it('and another upload has loaded the content meanwhile: there is nothing to do', async () => {
    const { id, key } = await failBeforeLoad();
    const other = await bench.open(url, key, { chunkRecords: CHUNK_RECORDS });
    expect((await bench.run('plan', url, other)).code).toBe(0);
    await expectExact(url, other, DATA);
    expect(await retry(url, id)).toBe('Planning');
    expect((await bench.run('plan', url, id, attempt(2))).code).toBe(0);
    expect(await progressOf(url, id)).toMatchObject({ status: 'Complete', totalRecords: 0, sameAs: { name: 'u' } });
  });
});

describe('a part is done, and the copy cannot be made again', () => {
  /** Fails the attempt `n` by the reason, and shows that nothing of the upload has changed. */
  async function expectRefusal({ id, done }: Upload & { done: number }, n: number, reason: string): Promise<void> {
    const before = await progressOf(url, id);
    expect(await retry(url, id, n)).toBe('Planning');
    expect((await bench.run('plan', url, id, { ...attempt(n), ...APART })).code).toBe(EXIT_CODES.permanent);
    expect(await progressOf(url, id)).toMatchObject({
      ...{ status: 'Failed', failureReason: reason, attempt: n, chunksDone: done },
      counts: before.counts,
      digest: before.digest,
    });
  }

  it('since the object has changed: another attempt is refused, as for a file that is not copied', async () => {
    const upload = await failed(DATA);
    await bench.put(upload.key, gzipSync(OTHER.file));
    await expectRefusal(upload, 2, 'SourceChanged');
    expect(await retry(url, upload.id, 3)).toBe('Failed');
  });

  it('since this release makes another copy: another attempt is possible where it makes the same', async () => {
    const upload = await failed(DATA);
    const { id } = upload;
    const { rows } = await sql(url, 'SELECT work_digest FROM batch_upload.batch_uploads');
    await sql(url, `UPDATE batch_upload.batch_uploads SET work_digest = 'gmac-8mib:0'`);
    await expectRefusal(upload, 2, 'CopyDiffers');
    await sql(url, 'UPDATE batch_upload.batch_uploads SET work_digest = $1', [rows[0].work_digest]);
    expect(await retry(url, id, 3)).toBe('Planning');
    expect((await bench.run('plan', url, id, { ...attempt(3), ...APART })).code).toBe(0);
    await loadRest(id, 3);
    await expectExact(url, id, DATA);
  });

  it('since the release before has kept no digest of it: another attempt is refused', async () => {
    const { id } = await failed(DATA);
    await sql(url, 'UPDATE batch_upload.batch_uploads SET work_digest = NULL');
    expect(await retry(url, id)).toBe('Failed');
    expect(await progressOf(url, id)).toMatchObject({ attempt: 1, pointsInto: 'UnknownCopy' });
  });

  it('since the object is gone: when it is there again the upload goes on', async () => {
    const upload = await failed(DATA);
    await bench.client.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: upload.key }));
    await expectRefusal(upload, 2, 'ObjectNotFound');
    await bench.put(upload.key, gzipSync(DATA.file));
    expect(await retry(url, upload.id, 3)).toBe('Planning');
    expect((await bench.run('plan', url, upload.id, { ...attempt(3), ...APART })).code).toBe(0);
    await loadRest(upload.id, 3);
    await expectExact(url, upload.id, DATA);
  });
});

it('every chunk is done: no copy is needed any more', async () => {
  const { id, key } = await failed(DATA);
  await retry(url, id);
  await bench.run('plan', url, id, { ...attempt(2), ...APART });
  await loadRest(id, 2);
  await fail(id, 'TooManyFailedRecords');
  await expectCleanedUp(id);
  await bench.client.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: key }));
  expect(await retry(url, id, 2)).toBe('Processing');
  await loadRest(id, 3);
  await expectExact(url, id, DATA);
});

it('something removes the copy while it is read: the upload says so, and the next attempt makes it again', async () => {
  const { id } = await loadHalf(DATA);
  for (const Key of await copiesOf(id)) await bench.client.send(new DeleteObjectCommand({ Bucket: BUCKET, Key }));
  expect((await bench.run('process', url, id, attempt(1, 1))).code).toBe(EXIT_CODES.permanent);
  expect(await progressOf(url, id)).toMatchObject({ status: 'Failed', failureReason: 'CopyGone' });
  expect(await retry(url, id)).toBe('Planning');
  expect((await bench.run('plan', url, id, { ...attempt(2), ...APART })).code).toBe(0);
  await loadRest(id, 2);
  await expectExact(url, id, DATA);
});

it('the upload is deleted while its copy is made again: the pod does nothing more, and all copies are removed', async () => {
  const { id, done } = await failed(DATA);
  await retry(url, id);
  const pod = await withClient(url, async (client) => {
    await client.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [id]);
    const started = bench.start('plan', url, id, { ...attempt(2), ...APART });
    await eventually('the copy is made', async () => (await copiesOf(id)).length === 2);
    // The session that holds the lock is the one that closes the upload.
    await closeDeletedUpload(client, id);
    return started;
  });
  expect((await pod.done).log).toContainEqual(expect.objectContaining({ code: 'FENCED' }));
  expect(await progressOf(url, id)).toMatchObject({ status: 'Deleted', chunksDone: done });
  await expectCleanedUp(id);
});

it('a queued upload keeps its copy', async () => {
  const { id, key } = await openCopied(DATA);
  const other = await bench.open(url, key, { chunkRecords: CHUNK_RECORDS });
  for (const each of [id, other]) expect((await bench.run('plan', url, each, APART)).code).toBe(0);
  expect(await progressOf(url, other)).toMatchObject({ status: 'Queued' });
  expect((await bench.run('cleanup', url, other)).code).toBe(EXIT_CODES.retryable);
  expect(await copiesOf(other)).toHaveLength(1);
});

describe('the copy of every kind of file is the same each time', () => {
  it.each(KINDS.filter(({ copied }) => copied))('$name', async ({ key = `kind-${Math.random()}`, body, format }) => {
    await sql(url, 'CREATE TABLE people (id text PRIMARY KEY, name text, zip text, note text, row bigint)');
    await bench.put(key, body);
    const id = await bench.open(url, key, { schema: SCHEMA, chunkRecords: 1, ...(format ? { format } : {}) });
    expect((await bench.run('plan', url, id, { BATCH_UPLOAD_INLINE_LIMIT_BYTES: '1' })).code).toBe(0);
    // The first chunk is done as if it had been loaded.
    await sql(
      url,
      `UPDATE batch_upload.batch_upload_chunks SET completed_at = now() WHERE chunk_number = 0;
       INSERT INTO batch_upload.batch_upload_audit_logs (batch_upload_id, event_type, chunk_number, records_in_chunk,
         succeeded_count, failed_count, duplicate_count, updated_count) VALUES ('${id}', 'chunk_completed', 0, 1, 1, 0, 0, 0)`,
    );
    await fail(id);
    expect(await retry(url, id)).toBe('Planning');
    const { code, log } = await bench.run('plan', url, id, { ...attempt(2), BATCH_UPLOAD_INLINE_LIMIT_BYTES: '1' });
    expect(code, JSON.stringify(log)).toBe(0);
    expect(await progressOf(url, id)).toMatchObject({ status: 'Processing', attempt: 2, chunksDone: 1 });
  });
});
