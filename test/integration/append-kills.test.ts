/**
 * A schema without a key has no key that would hide a chunk that was loaded twice. Pods are killed at ten points and the
 * database is lost; the table then has every record once.
 */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { withClient } from '#support/database/database.ts';
import {
  CHUNK_RECORDS,
  DATABASE_FAULT,
  type FaultyUpload,
  linesOf,
  loseCommitAnswer,
  openFaultyUpload,
  withBrakes,
} from '#support/kills/fault-tests.ts';
import { startToxiproxy, type ToxicProxy, type Toxiproxy } from '#support/network/toxiproxy.ts';
import { type RunnerBench, startRunnerBench } from '#support/runner/runner.ts';

let bench: RunnerBench;
let toxiproxy: Toxiproxy;
let proxy: ToxicProxy;
let upload: FaultyUpload;
beforeAll(async () => {
  bench = await startRunnerBench();
  toxiproxy = await startToxiproxy();
});
afterAll(async () => {
  await toxiproxy[Symbol.asyncDispose]();
  await bench[Symbol.asyncDispose]();
});
beforeEach(async () => {
  proxy = await toxiproxy.createProxy(bench.postgres.port);
  upload = await openFaultyUpload(bench, { duplicates: 0, append: true });
  expect(upload.counts).toMatchObject({ duplicate: 0 });
});

/** The counts, every row and one audit row for each chunk; and no row that belongs to nobody. */
async function expectEachOnce(): Promise<void> {
  await upload.expectExact();
  const { rows } = await withClient(upload.url, (client) =>
    client.query('SELECT count(*)::int AS rows, count(DISTINCT row_number)::int AS records FROM certifications'),
  );
  expect(rows).toEqual([{ rows: upload.counts.succeeded, records: upload.counts.succeeded }]);
}

it('pods are killed at ten points', async () => {
  await upload.plan();
  await withBrakes(upload.url, async (brakes) => {
    for (let kill = 0; kill < 10; kill += 1) {
      // Every chunk before this one is done, or is rolled back with the group that it shares.
      const chunk = 1 + kill * 2;
      const brake =
        kill % 2 === 0
          ? await brakes.inCopy(upload.id, upload.goodRow(chunk))
          : await brakes.beforeCommit(upload.id, chunk);
      const pod = upload.start('process', {});
      await brake.reached();
      pod.process.kill('SIGKILL');
      expect((await pod.done).code).toBeNull();
      await brake.release();
    }
  });
  expect((await upload.start('process', {}).done).code).toBe(0);
  await expectEachOnce();
});

it('three pods at once are killed in the middle of COPY, and again with PostgreSQL refusing records', async () => {
  await withClient(upload.url, (client) =>
    client.query(`CREATE TABLE taken (row_number bigint PRIMARY KEY);
      CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.row_number % 500 = 7 THEN RAISE SQLSTATE '22001'; END IF; RETURN NEW; END $$;
      CREATE TRIGGER refuse BEFORE INSERT ON certifications FOR EACH ROW EXECUTE FUNCTION refuse()`),
  );
  await upload.plan(3);
  const start = (index: number) => upload.start('process', {}, { JOB_COMPLETION_INDEX: String(index) });
  await withBrakes(upload.url, async (brakes) => {
    const brake = await brakes.inCopy(upload.id, upload.goodRow(15));
    const pods = [0, 1, 1, 2].map(start);
    await brake.reached();
    for (const { process } of pods) process.kill('SIGKILL');
    await Promise.all(pods.map(({ done }) => done));
    await brake.release();
  });
  await Promise.all([0, 1, 2].map(async (index) => expect((await start(index).done).code).toBe(0)));
  const { rows } = await withClient(upload.url, (client) =>
    client.query(
      `SELECT (SELECT count(*)::int FROM certifications) AS rows,
              (SELECT count(DISTINCT row_number)::int FROM certifications) AS records,
              (SELECT count(*)::int FROM batch_upload.batch_upload_errors WHERE error_code = 'DB_001') AS refused,
              (SELECT sum(succeeded_count)::int FROM batch_upload.batch_upload_audit_logs) AS succeeded,
              (SELECT sum(duplicate_count)::int FROM batch_upload.batch_upload_audit_logs) AS duplicate`,
    ),
  );
  const { refused } = rows[0];
  expect(refused).toBeGreaterThan(5);
  const stored = upload.counts.succeeded - refused;
  expect(rows).toEqual([{ rows: stored, records: stored, refused, succeeded: stored, duplicate: 0 }]);
});

it('the connection is cut in the middle of COPY', async () => {
  await upload.plan();
  await withBrakes(upload.url, async (brakes) => {
    const brake = await brakes.inCopy(upload.id, upload.goodRow(7));
    const pod = upload.start('process', { postgres: proxy.port });
    await brake.reached();
    await proxy.cut();
    await pod.logged(DATABASE_FAULT);
    await brake.release();
    expect((await pod.done).code).toBe(0);
  });
  await expectEachOnce();
});

it('the answer to COMMIT is lost', async () => {
  await upload.plan();
  const result = await loseCommitAnswer(upload, proxy, { chunk: 7 });
  expect(result.code).toBe(0);
  expect(linesOf(result, 'chunk was already done').length).toBeGreaterThanOrEqual(1);
  await expectEachOnce();
  expect(upload.counts.records).toBeGreaterThan(20 * CHUNK_RECORDS);
});
