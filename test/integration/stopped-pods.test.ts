/**
 * Pods that get SIGTERM, as Kueue's eviction, a suspended Job or a drained node sends it. In no phase does a pod end with 0 while
 * work is open, since its index would then count as done, and fewer pods afterwards finish everything.
 */
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT_CODES } from '#common/job-contract.ts';
import { completeUpload } from '#ledger/uploads/finish-upload.ts';
import { eventuallyTrue } from '#support/cluster/e2e.ts';
import { withClient } from '#support/database/database.ts';
import { ITEMS_SCHEMA } from '#support/database/ledger.ts';
import { progressOf } from '#support/runner/expect-exact.ts';
import { type RunnerBench, type RunningRunner, startRunnerBench } from '#support/runner/runner.ts';

let bench: RunnerBench;
beforeAll(async () => {
  bench = await startRunnerBench();
});
afterAll(() => bench[Symbol.asyncDispose]());

const pod = (index: number) => ({ JOB_COMPLETION_INDEX: String(index) });
const AS_JOB = { BATCH_UPLOAD_INLINE_LIMIT_BYTES: '1' };

/** Waits until a session of the pods waits for what the holder has locked. */
const anySessionWaits = (holder: pg.Client) =>
  eventuallyTrue(async () => {
    // Within a transaction the statistics would stay those of its first look.
    await holder.query('SELECT pg_stat_clear_snapshot()');
    const { rows } = await holder.query(
      `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`,
    );
    return rows.length > 0;
  }, 'no pod waits');

/** Stops a pod that `start` has started, when it stands at what `lock` holds. @returns its exit code. */
async function stopAt(
  url: string,
  lock: string,
  { start, stands = (_pod, holder) => anySessionWaits(holder) }: StopOptions,
): Promise<number | null> {
  return withClient(url, async (holder) => {
    await holder.query(lock);
    const running = start();
    await stands(running, holder);
    running.process.kill('SIGTERM');
    return (await running.done).code;
  });
}

interface StopOptions {
  start: () => RunningRunner;
  /** Waits until the pod stands where it is to be stopped; when absent, until one of its sessions waits. */
  stands?: (running: RunningRunner, holder: pg.Client) => Promise<unknown>;
}

async function expectComplete(url: string, id: string, records: number): Promise<void> {
  expect(await withClient(url, (client) => completeUpload(client, id))).toBe('Complete');
  const counts = { processed: records, succeeded: records, failed: 0, duplicate: 0, updated: 0 };
  expect(await progressOf(url, id)).toMatchObject({ counts });
}

describe('a file of two indexes', () => {
  /** A pod helps with chunks that are worth it, so that half of the file has more than 8 MiB. */
  const RECORDS = 1200;
  const FILE = `k,v\n${Array.from({ length: RECORDS }, (_, i) => `k${i},${'x'.repeat(16_000)}`).join('\n')}\n`;
  const CHUNKS = 60;
  let url: string;
  let id: string;

  async function open(): Promise<void> {
    url = await bench.newDatabase();
    await withClient(url, (client) =>
      client.query('CREATE TABLE items (k text PRIMARY KEY, v text, upload uuid, row bigint)'),
    );
    await bench.put('two.csv', FILE);
    id = await bench.open(url, 'two.csv', { schema: ITEMS_SCHEMA, chunkRecords: RECORDS / CHUNKS });
  }

  /** Plans, and lets the second half of the records wait for a lock: index 0 does not own them. */
  async function plan(): Promise<void> {
    expect((await bench.run('plan', url, id, AS_JOB)).code).toBe(0);
    await withClient(url, (client) =>
      client.query(`UPDATE batch_upload.batch_uploads SET total_indexes = 2;
        CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          IF NEW.row > ${RECORDS / 2} + 1 THEN PERFORM pg_advisory_xact_lock_shared(7); END IF; RETURN NEW; END $$;
        CREATE TRIGGER hold BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION hold()`),
    );
  }

  async function expectFinishedByOnePod(): Promise<void> {
    await withClient(url, (client) => client.query('DROP TRIGGER IF EXISTS hold ON items'));
    for (const index of [0, 1]) expect((await bench.run('process', url, id, pod(index))).code).toBe(0);
    await expectComplete(url, id, RECORDS);
    const counted = await withClient(url, (client) =>
      client.query(`SELECT (SELECT count(*)::int FROM items) AS items, count(*)::int AS audited
        FROM batch_upload.batch_upload_audit_logs WHERE event_type = 'chunk_completed'`),
    );
    expect(counted.rows).toEqual([{ items: RECORDS, audited: CHUNKS }]);
  }

  it('stopped while it plans', async () => {
    await open();
    const fence = `SELECT pg_advisory_lock(hashtextextended('${id}', 0))`;
    const code = await stopAt(url, fence, { start: () => bench.start('plan', url, id, AS_JOB) });
    expect(code).toBe(EXIT_CODES.retryable);
    expect(await progressOf(url, id)).toMatchObject({ status: 'Planning', totalChunks: null });
    await plan();
    await expectFinishedByOnePod();
  });

  it.each([
    ['its own index is done, and it helps', 0, CHUNKS / 2],
    ['its index is beyond the plan, so that it only helps', 2, 0],
  ])('stopped while %s', async (_what, index, chunksDone) => {
    await open();
    await plan();
    const code = await stopAt(url, 'SELECT pg_advisory_lock(7)', {
      start: () => bench.start('process', url, id, pod(index)),
    });
    expect(code).toBe(EXIT_CODES.retryable);
    expect((await progressOf(url, id)).chunksDone).toBeGreaterThanOrEqual(chunksDone);
    expect((await progressOf(url, id)).chunksDone).toBeLessThan(CHUNKS);
    await expectFinishedByOnePod();
  });

  it('all of its pods stopped at once, and finished by one after the other', async () => {
    await open();
    await plan();
    await withClient(url, async (holder) => {
      await holder.query('SELECT pg_advisory_lock(7)');
      const pods = [0, 1].map((index) => bench.start('process', url, id, pod(index)));
      await Promise.all(pods.map(({ logged }) => logged('processing')));
      await anySessionWaits(holder);
      for (const { process } of pods) process.kill('SIGTERM');
      for (const { done } of pods) expect((await done).code).toBe(EXIT_CODES.retryable);
    });
    await expectFinishedByOnePod();
  });
});

describe('records that wait for other chunks', () => {
  const RECORDS = 60;
  const CHAIN = `k,v\n${Array.from({ length: RECORDS }, (_, i) => `k${i},${i < RECORDS - 1 ? `k${i + 1}` : ''}`).join('\n')}\n`;

  it.each<[string, (id: string) => string, StopOptions['stands']]>([
    [
      'another pod completes them',
      (id) => `SELECT pg_advisory_lock(hashtextextended('${id}', 3))`,
      (running) => running.logged('another pod completes the pending records'),
    ],
    ['it commits some of them', () => 'SELECT pg_advisory_lock(7)', undefined],
  ])('stopped while %s', async (_what, lock, stands) => {
    const url = await bench.newDatabase();
    await withClient(url, (client) =>
      client.query(`CREATE TABLE items (k text PRIMARY KEY, v text REFERENCES items, upload uuid, row bigint);
        CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          IF NEW.event_type = 'pending_completed' THEN PERFORM pg_advisory_xact_lock_shared(7); END IF; RETURN NEW; END $$;
        CREATE TRIGGER hold BEFORE INSERT ON batch_upload.batch_upload_audit_logs FOR EACH ROW EXECUTE FUNCTION hold()`),
    );
    await bench.put('chain.csv', CHAIN);
    const id = await bench.open(url, 'chain.csv', { schema: ITEMS_SCHEMA, chunkRecords: 7 });
    expect((await bench.run('plan', url, id, AS_JOB)).code).toBe(0);
    const start = () => bench.start('process', url, id, pod(0));
    const code = await stopAt(url, lock(id), { start, ...(stands ? { stands } : {}) });
    expect(code).toBe(EXIT_CODES.retryable);
    expect((await bench.run('process', url, id, pod(0))).code).toBe(0);
    await expectComplete(url, id, RECORDS);
  });
});
