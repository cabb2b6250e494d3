/** The same content is loaded once, whoever asks for it and whenever, on the oldest and the newest PostgreSQL. */
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { removeKeys } from '#ledger/keys/remove-keys.ts';
import { dequeueUpload } from '#ledger/uploads/claim-content.ts';
import { commitPlan } from '#ledger/uploads/commit-plan.ts';
import { closeDeletedUpload, completeUpload, failUpload, listRunningUploads } from '#ledger/uploads/finish-upload.ts';
import { readProgress } from '#ledger/uploads/read-progress.ts';
import { retryUpload } from '#ledger/uploads/retry-upload.ts';
import { createLedgerDatabase, withClient } from '#support/database/database.ts';
import { APPEND_SCHEMA, openTestUpload, type TestUpload, testPlan } from '#support/database/ledger.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import { policySchema } from '#support/records/duplicates.ts';

const UPDATE = { schema: policySchema({ policy: 'Update', owner: true }) };

describe.each([14, 18] as const)('PostgreSQL %i', (version) => {
  let server: Postgres;
  let url: string;
  let db: pg.Client;

  beforeAll(async () => {
    server = await startPostgres({ version, settings: { fsync: 'off' } });
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    url = await createLedgerDatabase(server);
    db = new pg.Client({ connectionString: url });
    await db.connect();
    return () => db.end();
  });

  const status = async (id: string) => (await readProgress(db, [id])).get(id)!.status;

  /** Opens and plans an upload. @returns its status after the commit of the plan. */
  async function plan(digest: string, options: TestUpload = {}): Promise<{ id: string; status: string }> {
    const id = await openTestUpload(db, options);
    await commitPlan(db, { id, attempt: 1 }, testPlan(digest));
    return { id, status: await status(id) };
  }

  async function commitChunk(id: string): Promise<void> {
    await db.query(
      `UPDATE batch_upload.batch_upload_chunks SET completed_at = now() WHERE batch_upload_id = '${id}';
       INSERT INTO batch_upload.batch_upload_audit_logs (batch_upload_id, event_type, chunk_number, records_in_chunk,
         succeeded_count, failed_count, duplicate_count, updated_count) VALUES ('${id}', 'chunk_completed', 0, 1, 1, 0, 0, 0)`,
    );
  }

  /** Completes an upload as if a pod had committed its one chunk. */
  async function complete(id: string): Promise<void> {
    await commitChunk(id);
    expect(await completeUpload(db, id)).toBe('Complete');
  }

  async function load(digest: string, options: TestUpload = {}): Promise<string> {
    const { id, status: planned } = await plan(digest, options);
    expect(planned).toBe('Processing');
    await complete(id);
    return id;
  }

  it('loaded before: complete at once, with nothing to do, and it says by whom', async () => {
    await load('a', { name: 'first' });
    const second = await plan('a', { name: 'second' });
    const progress = (await readProgress(db, [second.id])).get(second.id)!;
    expect(progress).toMatchObject({
      status: 'Complete',
      totalRecords: 0,
      totalChunks: 0,
      chunksDone: 0,
      counts: { processed: 0 },
      sameAs: { name: 'first', status: 'Complete', totalRecords: 1, counts: { processed: 1, succeeded: 1 } },
    });
    const chunks = await db.query('SELECT 1 FROM batch_upload.batch_upload_chunks WHERE batch_upload_id = $1', [
      second.id,
    ]);
    expect(chunks.rowCount).toBe(0);
  });

  it.each<[string, string, TestUpload]>([
    ['another content', 'b', {}],
    ['another namespace', 'a', { namespace: 'other' }],
    ['another schema', 'a', UPDATE],
    ['read in another way', 'a', { request: { format: { encoding: 'iso-8859-1' } } }],
    ['reload', 'a', { request: { reload: true } }],
    ['validation', 'a', { request: { mode: 'Validate' } }],
  ])('%s is loaded all the same, also while the first one runs', async (_what, digest, options) => {
    const running = await plan('a');
    expect((await plan(digest, options)).status).toBe('Processing');
    await complete(running.id);
    const { id, status: planned } = await plan(digest, options);
    expect(planned).toBe(
      options.namespace || options.schema || options.request?.format || digest === 'b' ? 'Queued' : 'Processing',
    );
    await failUpload(db, { id }, { reason: 'Test', message: 'test' });
  });

  it('a validation loads nothing: the content is still to be loaded', async () => {
    await load('a', { request: { mode: 'Validate' } });
    await load('a');
  });

  it('what was loaded with reload counts as loaded', async () => {
    await load('a', { request: { reload: true } });
    expect((await plan('a')).status).toBe('Complete');
  });

  describe('while another one loads the same content', () => {
    it.each([
      ['completes', (id: string) => complete(id), 'Complete'],
      ['fails', (id: string) => failUpload(db, { id }, { reason: 'Test', message: 'test' }), 'Processing'],
      ['is deleted', (id: string) => closeDeletedUpload(db, id), 'Processing'],
    ] as const)('it waits, until that one %s', async (_how, end, then) => {
      const first = await plan('a', { name: 'first' });
      const second = await plan('a');
      expect([first.status, second.status]).toEqual(['Processing', 'Queued']);
      expect((await readProgress(db, [second.id])).get(second.id)).toMatchObject({
        totalRecords: 1,
        sameAs: { name: 'first', status: 'Processing' },
      });
      expect(await dequeueUpload(db, second.id)).toBe('Queued');
      await end(first.id);
      expect(await dequeueUpload(db, second.id)).toBe(then);
      expect(await dequeueUpload(db, second.id)).toBe(then);
      if (then === 'Processing') await complete(second.id);
      expect((await plan('a')).status).toBe('Complete');
    });

    it('of several that wait exactly one goes on when it fails, and the others wait for that one', async () => {
      const first = await plan('a');
      const waiting = await Promise.all([1, 2, 3, 4].map(() => withClient(url, (client) => planOn(client, 'a'))));
      await failUpload(db, { id: first.id }, { reason: 'Test', message: 'test' });
      const after = await Promise.all(waiting.map((id) => withClient(url, (client) => dequeueUpload(client, id))));
      expect(after.toSorted()).toEqual(['Processing', 'Queued', 'Queued', 'Queued']);
      const winner = waiting[after.indexOf('Processing')]!;
      const { rows } = await db.query(
        `SELECT DISTINCT same_as FROM batch_upload.batch_uploads WHERE status = 'Queued'`,
      );
      expect(rows).toEqual([{ same_as: winner }]);
    });

    it('it is closed like a running one when its resource is deleted', async () => {
      await plan('a');
      const second = await plan('a');
      expect((await listRunningUploads(db, 'c')).map(({ id }) => id)).toContain(second.id);
      expect(await closeDeletedUpload(db, second.id)).toBe('Deleted');
      expect(await dequeueUpload(db, second.id)).toBe('Deleted');
    });
  });

  async function planOn(client: pg.Client, digest: string): Promise<string> {
    const id = await openTestUpload(client);
    await commitPlan(client, { id, attempt: 1 }, testPlan(digest));
    return id;
  }

  it('many plans of the same content at once: one loads', async () => {
    const ids = await Promise.all(Array.from({ length: 8 }, () => withClient(url, (client) => planOn(client, 'a'))));
    const states = await readProgress(db, ids);
    expect([...states.values()].map((progress) => progress.status).toSorted()).toEqual([
      'Processing',
      ...Array.from({ length: 7 }, () => 'Queued'),
    ]);
  });

  describe('without a key, after an upload that ended with a part of the content in the table', () => {
    const APPEND = { schema: APPEND_SCHEMA };
    const message = async (id: string) => (await readProgress(db, [id])).get(id)!.failureMessage;
    const fail = (id: string) => failUpload(db, { id }, { reason: 'Test', message: 'test' });

    /** A planned upload of which a pod has committed a chunk that is not the last one. */
    async function begin(digest: string, options: TestUpload = APPEND): Promise<string> {
      const { id, status: planned } = await plan(digest, options);
      expect(planned).toBe('Processing');
      await commitChunk(id);
      return id;
    }

    it.each([
      [
        'failed',
        fail,
        /The upload u of the same content failed after it had appended 1 record to items.*Raise spec\.retryGeneration of that upload.*; or remove/,
      ],
      [
        'was deleted',
        (id: string) => closeDeletedUpload(db, id),
        /was deleted after it had appended 1 record .*\. Remove its/,
      ],
    ])('it %s: the next one does not append the part again, and says what to do', async (_how, end, expected) => {
      const first = await begin('d');
      await end(first);
      const second = await plan('d', APPEND);
      expect(second.status).toBe('Failed');
      expect(await message(second.id)).toMatch(expected);
      expect(await message(second.id)).toContain(
        `(DELETE FROM "items" WHERE "upload" = '${first}';), and load the file`,
      );
      expect((await readProgress(db, [second.id])).get(second.id)!.failureReason).toBe('PartlyLoaded');
      // What was asked for in full knowledge is done, and other content, another schema and a validation are free.
      await load('e', APPEND);
      await load('d', { ...APPEND, namespace: 'another' });
      expect((await plan('d', { ...APPEND, request: { mode: 'Validate' } })).status).toBe('Processing');
      await load('d', { ...APPEND, request: { reload: true } });
      expect((await plan('d', APPEND)).status).toBe('Complete');
    });

    it('the failed one itself goes on', async () => {
      const first = await begin('d');
      await fail(first);
      expect(await retryUpload(db, { id: first, generation: 1 })).toBe('Processing');
      // One that comes meanwhile waits, and has nothing to do after that.
      const second = await plan('d', APPEND);
      expect(second.status).toBe('Queued');
      expect(await completeUpload(db, first)).toBe('Complete');
      expect(await dequeueUpload(db, second.id)).toBe('Complete');
    });

    it('one that waits does not go on when the one that loads fails with a part', async () => {
      const first = await begin('d');
      const second = await plan('d', APPEND);
      expect(second.status).toBe('Queued');
      await fail(first);
      expect(await dequeueUpload(db, second.id)).toBe('Failed');
      expect(await retryUpload(db, { id: second.id, generation: 1 })).toBe('Failed');
      await retryUpload(db, { id: first, generation: 1 });
      expect(await completeUpload(db, first)).toBe('Complete');
      expect(await retryUpload(db, { id: second.id, generation: 2 })).toBe('Complete');
    });

    it('one that waits goes on when the one that loads fails with nothing loaded', async () => {
      const first = await plan('d', APPEND);
      const second = await plan('d', APPEND);
      await fail(first.id);
      expect(await dequeueUpload(db, second.id)).toBe('Processing');
    });

    it('with a key the part is found again', async () => {
      await fail(await begin('d', {}));
      await load('d');
    });
  });

  describe('with Update only the latest load of the table counts', () => {
    it('loaded again after another load, and then it counts again', async () => {
      await load('a', UPDATE);
      expect((await plan('a', UPDATE)).status).toBe('Complete');
      await load('b', UPDATE);
      await load('a', UPDATE);
      expect((await plan('a', UPDATE)).status).toBe('Complete');
      await load('b', UPDATE);
    });

    it.each(['runs still', 'ended first', 'ended later'])(
      'also when another load overlapped it and %s',
      async (how) => {
        const other = await plan('b', UPDATE);
        const { id } = await plan('a', UPDATE);
        if (how === 'ended first') await complete(other.id);
        await complete(id);
        if (how === 'ended later') await complete(other.id);
        expect((await plan('a', UPDATE)).status).toBe('Processing');
      },
    );

    it('a validation in between changes nothing; a load again is the latest', async () => {
      await load('a', UPDATE);
      await load('c', { ...UPDATE, request: { mode: 'Validate' } });
      expect((await plan('a', UPDATE)).status).toBe('Complete');
      await load('b', UPDATE);
      await load('a', { ...UPDATE, request: { reload: true } });
      expect((await plan('a', UPDATE)).status).toBe('Complete');
    });
  });

  it('keys of ended uploads are removed, those of running ones stay', async () => {
    const [running, ended] = [await plan('a'), await plan('b')];
    for (const { id } of [running, ended])
      await db.query(
        'INSERT INTO batch_upload.batch_upload_keys SELECT $1::uuid, i, i, i FROM generate_series(1, 30000) i',
        [id],
      );
    await complete(ended.id);
    expect(await removeKeys(db)).toBe(true);
    expect(await removeKeys(db)).toBe(false);
    const { rows } = await db.query(
      'SELECT batch_upload_id AS id, count(*)::int AS n FROM batch_upload.batch_upload_keys GROUP BY 1',
    );
    expect(rows).toEqual([{ id: running.id, n: 30_000 }]);
  });
});
