/**
 * A failed upload is tried again (spec.retryGeneration): committed chunks stay, the rest is loaded, the counts are
 * exact.
 */
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { WorkObject } from '#ledger/types.ts';
import { dequeueUpload } from '#ledger/uploads/claim-content.ts';
import { commitPlan } from '#ledger/uploads/commit-plan.ts';
import { closeDeletedUpload, completeUpload, failUpload } from '#ledger/uploads/finish-upload.ts';
import { readProgress } from '#ledger/uploads/read-progress.ts';
import { readUpload } from '#ledger/uploads/read-upload.ts';
import { recordFormat } from '#ledger/uploads/record-format.ts';
import { renewCopy } from '#ledger/uploads/renew-copy.ts';
import { retryUpload } from '#ledger/uploads/retry-upload.ts';
import { createLedgerDatabase, withClient } from '#support/database/database.ts';
import { APPEND_SCHEMA, openTestUpload, PLAIN_CSV, type TestUpload, testPlan } from '#support/database/ledger.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import { generateCertifications } from '#support/records/certifications.ts';
import { policySchema } from '#support/records/duplicates.ts';
import { expectExact, progressOf } from '#support/runner/expect-exact.ts';
import { CERTIFICATIONS_SQL, type RunnerBench, startRunnerBench } from '#support/runner/runner.ts';

describe.each([14, 18] as const)('PostgreSQL %i', (version) => {
  let server: Postgres;
  let db: pg.Client;

  beforeAll(async () => {
    server = await startPostgres({ version, settings: { fsync: 'off' } });
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    db = new pg.Client({ connectionString: await createLedgerDatabase(server) });
    await db.connect();
    return () => db.end();
  });

  const read = async (id: string) => (await readProgress(db, [id])).get(id)!;
  const fail = (id: string, reason = 'Test') => failUpload(db, { id }, { reason, message: 'test' });
  const retry = (id: string, generation = 1) => retryUpload(db, { id, generation });
  const events = async (id: string) =>
    (
      await db.query(
        `SELECT event_type FROM batch_upload.batch_upload_audit_logs
         WHERE batch_upload_id = $1 AND event_type <> 'chunk_completed' ORDER BY id`,
        [id],
      )
    ).rows.map(({ event_type }) => event_type);

  /** Plans two chunks of one record each. */
  async function plan(digest: string, options: TestUpload = {}, work: WorkObject | null = null): Promise<string> {
    const id = await openTestUpload(db, options);
    const chunk = (row: number) => ({ startByte: row, endByte: row + 1, firstRowNumber: row, recordCount: 1 });
    await commitPlan(
      db,
      { id, attempt: 1 },
      { ...testPlan(digest), work, totalRecords: 2, chunks: [chunk(2), chunk(3)] },
    );
    return id;
  }

  /** Completes a chunk as a pod would. */
  async function doChunk(id: string, number: number): Promise<void> {
    await db.query(
      `UPDATE batch_upload.batch_upload_chunks SET completed_at = now() WHERE batch_upload_id = '${id}' AND chunk_number = ${number};
       INSERT INTO batch_upload.batch_upload_audit_logs (batch_upload_id, event_type, chunk_number, records_in_chunk,
         succeeded_count, failed_count, duplicate_count, updated_count) VALUES ('${id}', 'chunk_completed', ${number}, 1, 1, 0, 0, 0)`,
    );
  }

  async function finish(id: string): Promise<void> {
    for (const number of [0, 1]) await doChunk(id, number);
    expect(await completeUpload(db, id)).toBe('Complete');
  }

  it('with a plan: goes on with what is not done, as another attempt', async () => {
    const id = await plan('a');
    await doChunk(id, 0);
    const { startedAt } = await read(id);
    await fail(id);
    expect(await retry(id)).toBe('Processing');
    const row = await read(id);
    expect(row).toMatchObject({
      attempt: 2,
      retryGeneration: 1,
      failureReason: null,
      failureMessage: null,
      completedAt: null,
      totalChunks: 2,
      chunksDone: 1,
      counts: { processed: 1, succeeded: 1 },
      startedAt,
    });
    expect(await completeUpload(db, id)).toBe('Processing');
    await doChunk(id, 1);
    expect(await completeUpload(db, id)).toBe('Complete');
    expect(await events(id)).toEqual([
      'upload_accepted',
      'plan_committed',
      'upload_failed',
      'upload_retried',
      'upload_complete',
    ]);
    // The upload has its claim again.
    expect((await read(await plan('a'))).sameAs).toMatchObject({ status: 'Complete' });
  });

  it('without a plan: is planned again, and only by the new attempt', async () => {
    const id = await openTestUpload(db);
    await fail(id);
    expect(await retry(id)).toBe('Planning');
    const fenced = commitPlan(db, { id, attempt: 1 }, testPlan('a'));
    await expect(fenced).rejects.toMatchObject({ category: 'fenced' });
    expect(await commitPlan(db, { id, attempt: 2 }, testPlan('a'))).toBe(true);
    expect(await read(id)).toMatchObject({ status: 'Processing', totalRecords: 1 });
  });

  it('asked for twice is done once; a failure of an older attempt says nothing', async () => {
    const id = await plan('a');
    await fail(id);
    expect(await retry(id)).toBe('Processing');
    expect(await retry(id)).toBe('Processing');
    expect(await failUpload(db, { id, attempt: 1 }, { reason: 'Old', message: 'old' })).toBe('Processing');
    await fail(id, 'Again');
    for (const generation of [0, 1]) expect(await retry(id, generation)).toBe('Failed');
    expect(await read(id)).toMatchObject({ attempt: 2, failureReason: 'Again' });
    expect(await retry(id, 5)).toBe('Processing');
    expect(await read(id)).toMatchObject({ attempt: 3, retryGeneration: 5 });
  });

  it.each([
    ['runs', async () => undefined, 'Processing'],
    ['is complete', (id: string) => finish(id), 'Complete'],
    ['was closed as deleted', (id: string) => closeDeletedUpload(db, id), 'Deleted'],
    ['failed since its source changed', (id: string) => fail(id, 'SourceChanged'), 'Failed'],
  ])('one that %s stays as it is', async (_what, end, status) => {
    const id = await plan('a');
    await end(id);
    expect(await retry(id)).toBe(status);
    expect(await read(id)).toMatchObject({ attempt: 1, retryGeneration: 0 });
    expect(await events(id)).not.toContain('upload_retried');
  });

  describe('one whose file was copied', () => {
    const work = { bucket: 'b', key: 'old', eTag: 'e', versionId: null, sizeBytes: 20, digest: 'copy' };
    const renewed = { ...work, key: 'new', eTag: 'f' };

    it('before the plan: is planned', async () => {
      const id = await openTestUpload(db);
      await recordFormat(db, { id, attempt: 1 }, { format: PLAIN_CSV, workBucket: 'b' });
      await fail(id);
      expect(await retry(id)).toBe('Planning');
    });

    it('nothing done: has no plan any more, and can be planned with other chunks', async () => {
      const id = await plan('a', {}, work);
      await fail(id);
      expect(await retry(id)).toBe('Planning');
      expect(await read(id)).toMatchObject({ plannedAt: null, totalChunks: null, digest: null, workBucket: 'b' });
      await expect(renewCopy(db, { id, attempt: 1 }, renewed)).rejects.toMatchObject({ category: 'fenced' });
      expect(await commitPlan(db, { id, attempt: 2 }, testPlan('b'))).toBe(true);
      expect(await read(id)).toMatchObject({ status: 'Processing', digest: 'b', totalChunks: 1, pointsInto: 'Object' });
    });

    it('a part is done: is Planning until it has a copy, and takes the first one', async () => {
      const id = await plan('a', {}, work);
      await doChunk(id, 0);
      await fail(id);
      expect(await retry(id)).toBe('Planning');
      expect(await read(id)).toMatchObject({ totalChunks: 2, chunksDone: 1, digest: 'a', counts: { processed: 1 } });
      await expect(renewCopy(db, { id, attempt: 1 }, renewed)).rejects.toMatchObject({ category: 'fenced' });
      expect(await renewCopy(db, { id, attempt: 2 }, renewed)).toBe(true);
      expect(await renewCopy(db, { id, attempt: 2 }, { ...renewed, key: 'third' })).toBe(false);
      expect((await readUpload(db, id))!.plan!.work).toEqual(renewed);
      await doChunk(id, 1);
      expect(await completeUpload(db, id)).toBe('Complete');
      expect(await events(id)).toEqual([
        ...['upload_accepted', 'plan_committed', 'upload_failed', 'upload_retried', 'copy_renewed', 'upload_complete'],
      ]);
    });

    it('a part is done, and another upload runs with the same content: it goes on', async () => {
      const id = await plan('a', {}, work);
      await doChunk(id, 0);
      await fail(id);
      await plan('a', { name: 'other' });
      expect(await retry(id)).toBe('Planning');
      await renewCopy(db, { id, attempt: 2 }, renewed);
      expect(await read(id)).toMatchObject({ status: 'Processing', sameAs: null });
    });

    it.each([
      ['with a key', {}],
      ['without a key', { schema: APPEND_SCHEMA }],
    ])('%s, a part is done: another upload of the content waits while the copy is made', async (_what, options) => {
      const id = await plan('a', options, work);
      await doChunk(id, 0);
      await fail(id);
      expect(await retry(id)).toBe('Planning');
      const other = await plan('a', { ...options, name: 'other' });
      expect(await read(other)).toMatchObject({ status: 'Queued', sameAs: { status: 'Planning' } });
      await renewCopy(db, { id, attempt: 2 }, renewed);
      await doChunk(id, 1);
      expect(await completeUpload(db, id)).toBe('Complete');
      expect(await dequeueUpload(db, other)).toBe('Complete');
      expect(await read(other)).toMatchObject({ totalRecords: 0, counts: { processed: 0 } });
    });

    it('without a key, and fails again before it has a copy: the upload that has waited loads nothing', async () => {
      const id = await plan('a', { schema: APPEND_SCHEMA }, work);
      await doChunk(id, 0);
      await fail(id);
      await retry(id);
      const other = await plan('a', { schema: APPEND_SCHEMA, name: 'other' });
      await fail(id);
      expect(await dequeueUpload(db, other)).toBe('Failed');
      expect(await read(other)).toMatchObject({ failureReason: 'PartlyLoaded', counts: { processed: 0 } });
      expect(await retry(id, 2)).toBe('Planning');
      expect(await read(await plan('a', { schema: APPEND_SCHEMA, name: 'third' }))).toMatchObject({ status: 'Queued' });
    });

    it('all is done: goes on at once', async () => {
      const id = await plan('a', {}, work);
      for (const number of [0, 1]) await doChunk(id, number);
      await fail(id);
      expect(await retry(id)).toBe('Processing');
    });

    it('by the release before, which keeps no digest of the copy: only where nothing is done', async () => {
      const [none, some] = [await plan('a', {}, work), await plan('b', {}, work)];
      await db.query('UPDATE batch_upload.batch_uploads SET work_digest = NULL');
      await doChunk(some, 0);
      for (const id of [none, some]) await fail(id);
      expect([await retry(none), await retry(some)]).toEqual(['Planning', 'Failed']);
    });
  });

  describe('one whose keys are kept in the ledger', () => {
    const update = (owner: boolean): TestUpload => ({ schema: policySchema({ policy: 'Update', owner }) });
    it.each<[string, TestUpload, number, string]>([
      ['a validation, one chunk done', { request: { mode: 'Validate' } }, 1, 'Failed'],
      ['a validation, none done', { request: { mode: 'Validate' } }, 0, 'Processing'],
      ['Update into a table that cannot tell, one chunk done', update(false), 1, 'Failed'],
      ['Update into a table that cannot tell, none done', update(false), 0, 'Processing'],
      ['Update into a table that can tell, one chunk done', update(true), 1, 'Processing'],
      ['Skip, one chunk done', {}, 1, 'Processing'],
    ])('%s', async (_what, options, done, status) => {
      const id = await plan('a', options);
      if (done > 0) await doChunk(id, 0);
      await fail(id);
      expect(await retry(id)).toBe(status);
    });
  });

  describe('while it was failed another upload has taken the same content', () => {
    /** Makes a failed upload with `done` committed chunks, and another upload of the same content that is running. */
    async function both(done: number, options: TestUpload = {}): Promise<{ id: string; other: string }> {
      const id = await plan('a', options);
      if (done > 0) await doChunk(id, 0);
      await fail(id);
      return { id, other: await plan('a', { ...options, name: 'other' }) };
    }

    it('nothing done: it waits for that one, and has nothing to do when that one is complete', async () => {
      const { id, other } = await both(0);
      expect(await retry(id)).toBe('Queued');
      expect(await read(id)).toMatchObject({ attempt: 2, sameAs: { name: 'other', status: 'Processing' } });
      await finish(other);
      expect(await dequeueUpload(db, id)).toBe('Complete');
      expect(await read(id)).toMatchObject({ totalRecords: 0, counts: { processed: 0 } });
    });

    it('nothing done and that one is complete: so is this one', async () => {
      const { id, other } = await both(0);
      await finish(other);
      expect(await retry(id)).toBe('Complete');
      expect(await read(id)).toMatchObject({ totalRecords: 0, sameAs: { name: 'other' } });
    });

    it.each(['runs', 'is complete'])('a part is done and that one %s: it goes on, with its own counts', async (how) => {
      const { id, other } = await both(1);
      if (how === 'is complete') await finish(other);
      expect(await retry(id)).toBe('Processing');
      await doChunk(id, 1);
      expect(await completeUpload(db, id)).toBe('Complete');
      expect(await read(id)).toMatchObject({ totalRecords: 2, sameAs: null, counts: { processed: 2 } });
      if (how === 'runs') await finish(other);
      expect((await read(await plan('a'))).sameAs).toMatchObject({ name: 'other' });
    });

    it('with Update: what another upload wrote between two attempts makes it no latest load', async () => {
      const options = { schema: policySchema({ policy: 'Update', owner: true }) };
      const id = await plan('a', options);
      await doChunk(id, 0);
      await fail(id);
      await finish(await plan('b', options));
      expect(await retry(id)).toBe('Processing');
      await doChunk(id, 1);
      expect(await completeUpload(db, id)).toBe('Complete');
      expect(await read(await plan('a', options))).toMatchObject({ status: 'Processing' });
    });
  });
});

describe('the runner', () => {
  let bench: RunnerBench;
  beforeAll(async () => {
    bench = await startRunnerBench();
  });
  afterAll(() => bench[Symbol.asyncDispose]());

  const { pieces, counts } = generateCertifications({
    records: 6000,
    seed: 7,
    lineEnd: '\n',
    bad: 0.05,
    duplicates: 0.02,
  });
  const data = { file: Buffer.concat([...pieces]), counts };
  const attempt = (n: number, index = 0) => ({ BATCH_UPLOAD_ATTEMPT: String(n), JOB_COMPLETION_INDEX: String(index) });
  const sql = (url: string, text: string) => withClient(url, (client) => client.query(text));
  const retry = (url: string, id: string) => withClient(url, (client) => retryUpload(client, { id, generation: 1 }));

  it('the table is taken away after half of the file, and comes back: the rest is loaded, old pods do nothing', async () => {
    const url = await bench.newDatabase();
    await sql(url, CERTIFICATIONS_SQL);
    await bench.put('half.csv', data.file);
    const id = await bench.open(url, 'half.csv', { chunkRecords: 250 });
    expect((await bench.run('plan', url, id, { BATCH_UPLOAD_INLINE_LIMIT_BYTES: '1000' })).code).toBe(0);
    await sql(url, 'UPDATE batch_upload.batch_uploads SET total_indexes = 2');
    expect((await bench.run('process', url, id, attempt(1, 0))).code).toBe(0);
    await sql(url, 'ALTER TABLE certifications RENAME TO away');
    await bench.run('process', url, id, attempt(1, 1));
    expect(await progressOf(url, id)).toMatchObject({ status: 'Failed', chunksDone: 12, totalChunks: 24 });
    await sql(url, 'ALTER TABLE away RENAME TO certifications');
    expect(await retry(url, id)).toBe('Processing');

    const old = await bench.run('process', url, id, attempt(1, 1));
    expect(old.log).toContainEqual(expect.objectContaining({ code: 'FENCED' }));
    expect(await progressOf(url, id)).toMatchObject({ status: 'Processing', chunksDone: 12 });
    const pods = [0, 1, 1].map((index) => bench.run('process', url, id, attempt(2, index)));
    expect((await Promise.all(pods)).map(({ code }) => code)).toEqual([0, 0, 0]);
    await expectExact(url, id, data);
  });

  it('a small file, before and after its plan', async () => {
    const url = await bench.newDatabase();
    const id = await bench.open(url, 'later.csv', { chunkRecords: 250 });
    await bench.run('plan', url, id, attempt(1));
    expect(await progressOf(url, id)).toMatchObject({ status: 'Failed', failureReason: 'ObjectNotFound' });
    await bench.put('later.csv', data.file);
    expect(await retry(url, id)).toBe('Planning');
    // The target table does not exist yet.
    await bench.run('plan', url, id, attempt(2));
    expect(await progressOf(url, id)).toMatchObject({ status: 'Failed', totalChunks: 24, chunksDone: 0 });
    await sql(url, CERTIFICATIONS_SQL);
    expect(await withClient(url, (client) => retryUpload(client, { id, generation: 2 }))).toBe('Processing');
    expect((await bench.run('plan', url, id, attempt(3))).code).toBe(0);
    await expectExact(url, id, data);
  });
});
