/** Pods that are killed, or several at once, while records wait for others: nothing is lost, and nothing counts twice. */
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { removePending } from '#ledger/pending/pending-records.ts';
import { closeDeletedUpload, completeUpload, failUpload } from '#ledger/uploads/finish-upload.ts';
import { retryUpload } from '#ledger/uploads/retry-upload.ts';
import { eventuallyTrue } from '#support/cluster/e2e.ts';
import { withClient } from '#support/database/database.ts';
import { ITEMS_SCHEMA } from '#support/database/ledger.ts';
import { progressOf } from '#support/runner/expect-exact.ts';
import { type RunnerBench, startRunnerBench } from '#support/runner/runner.ts';

let bench: RunnerBench;
let url: string;
let id: string;
beforeAll(async () => {
  bench = await startRunnerBench();
});
afterAll(() => bench[Symbol.asyncDispose]());

/** The log of a pod that finds another one at work. */
const WAITS = 'another pod completes the pending records';
const RECORDS = 60;
/** Every record refers to the next one, and the record before the last to nothing, so the last one alone is loaded. */
const BROKEN = `k,v\n${Array.from({ length: RECORDS }, (_, i) => `k${i},${i < RECORDS - 2 ? `k${i + 1}` : i === RECORDS - 1 ? '' : 'none'}`).join('\n')}\n`;
const CHAIN = BROKEN.replace('none', `k${RECORDS - 1}`);

async function open(file: string): Promise<void> {
  url = await bench.newDatabase();
  await sql('CREATE TABLE items (k text PRIMARY KEY, v text REFERENCES items, upload uuid, row bigint)');
  await bench.put('chain.csv', file);
  id = await bench.open(url, 'chain.csv', { schema: ITEMS_SCHEMA, chunkRecords: 7 });
  expect((await bench.run('plan', url, id, { BATCH_UPLOAD_INLINE_LIMIT_BYTES: '0' })).code).toBe(0);
  await sql('UPDATE batch_upload.batch_uploads SET total_indexes = 2');
}

const sql = <T extends object>(text: string): Promise<T[]> =>
  withClient(url, async (client) => (await client.query(text)).rows as T[]);
const pod = (index: number, attempt = 1) => ({
  JOB_COMPLETION_INDEX: String(index),
  BATCH_UPLOAD_ATTEMPT: String(attempt),
});

async function expectExact({ succeeded, failed }: { succeeded: number; failed: number }): Promise<void> {
  expect(await withClient(url, (client) => completeUpload(client, id))).toBe('Complete');
  const counts = { processed: RECORDS, succeeded, failed, duplicate: 0, updated: 0 };
  expect(await progressOf(url, id)).toMatchObject({ chunksDone: 9, totalChunks: 9, counts });
  const [row] = await sql(`SELECT (SELECT count(*)::int FROM items) AS items,
    (SELECT count(*)::int FROM batch_upload.batch_upload_errors) AS errors,
    (SELECT count(*)::int FROM batch_upload.batch_upload_pending_records) AS pending`);
  expect(row).toEqual({ items: succeeded, errors: failed, pending: 0 });
}

/** Runs `work` while the lock that pods take before they complete pending records is held. */
async function whileHeld<T>(work: () => Promise<T>): Promise<T> {
  return withClient(url, async (holder) => {
    await holder.query('SELECT pg_advisory_lock(hashtextextended($1, 3))', [id]);
    return work();
  });
}

async function waitsFor(holder: pg.Client, query: string): Promise<void> {
  await eventuallyTrue(
    async () =>
      (
        await holder.query(
          `SELECT FROM pg_stat_activity WHERE wait_event = 'advisory' AND query LIKE $1 AND datname = current_database()`,
          [query],
        )
      ).rowCount === 1,
    'no pod waits',
  );
}

describe('a pod that is killed', { timeout: 120_000 }, () => {
  it.each([
    [CHAIN, { succeeded: RECORDS, failed: 0 }],
    [BROKEN, { succeeded: 1, failed: RECORDS - 1 }],
  ])('when all chunks are done, and its successor before and after a commit', async (file, counts) => {
    await open(file);
    expect((await bench.run('process', url, id, pod(0))).code).toBe(0);
    await whileHeld(async () => {
      const first = bench.start('process', url, id, pod(1));
      await first.logged(WAITS);
      first.process.kill('SIGKILL');
      await first.done;
    });
    expect(await withClient(url, (client) => completeUpload(client, id))).toBe('Processing');
    await sql(`CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.event_type = 'pending_completed' THEN PERFORM pg_advisory_xact_lock_shared(7); END IF; RETURN NEW; END $$;
      CREATE TRIGGER hold BEFORE INSERT ON batch_upload.batch_upload_audit_logs FOR EACH ROW EXECUTE FUNCTION hold()`);
    await withClient(url, async (holder) => {
      await holder.query('SELECT pg_advisory_lock(7)');
      const second = bench.start('process', url, id, pod(1));
      await waitsFor(holder, '%pending_completed%');
      second.process.kill('SIGKILL');
      await second.done;
      // The server may commit what it was asked for, or not.
      await holder.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE $1 AND pid <> $2', [
        file === CHAIN ? '%pending_completed%' : 'none',
        (holder as unknown as { processID: number }).processID,
      ]);
    });
    expect((await bench.run('process', url, id, pod(1))).code).toBe(0);
    await expectExact(counts);
  });
});

it('pods at once', async () => {
  await open(CHAIN);
  const pods = await whileHeld(async () => {
    const started = [0, 1, 1].map((index) => bench.start('process', url, id, pod(index)));
    await Promise.any(started.map(({ logged }) => logged(WAITS)));
    return started;
  });
  for (const { done } of pods) expect((await done).code).toBe(0);
  await expectExact({ succeeded: RECORDS, failed: 0 });
});

describe('while records wait', () => {
  beforeEach(async () => {
    await open(CHAIN);
    expect((await bench.run('process', url, id, pod(0))).code).toBe(0);
    await whileHeld(async () => {
      const running = bench.start('process', url, id, pod(1));
      await running.logged(WAITS);
      running.process.kill('SIGKILL');
      await running.done;
    });
  });

  it('the release before cannot complete the upload', async () => {
    await expect(
      sql(`UPDATE batch_upload.batch_uploads SET status = 'Complete', processed_records =
        (SELECT sum(records_in_chunk) FROM batch_upload.batch_upload_audit_logs WHERE event_type = 'chunk_completed')`),
    ).rejects.toMatchObject({ code: '23514' });
  });

  it('a failed upload goes on in another attempt', async () => {
    await withClient(url, (client) => failUpload(client, { id }, { reason: 'Test', message: 'm' }));
    await withClient(url, removePending);
    expect(await withClient(url, (client) => retryUpload(client, { id, generation: 1 }))).toBe('Processing');
    expect((await bench.run('process', url, id, pod(1, 2))).code).toBe(0);
    await expectExact({ succeeded: RECORDS, failed: 0 });
  });

  it('the records of a deleted upload are removed', async () => {
    await withClient(url, (client) => closeDeletedUpload(client, id));
    expect(await withClient(url, removePending)).toBe(false);
    expect(await sql('SELECT FROM batch_upload.batch_upload_pending_records')).toEqual([]);
  });
});
