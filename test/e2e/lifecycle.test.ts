/** The verbs of an upload in the middle of its file: whatever stops it, the counts say what is in the table. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { type BatchUpload, hasCondition } from '#support/cluster/cluster.ts';
import { createE2e, type E2e, NAMESPACE } from '#support/cluster/e2e.ts';

const RECORDS = 400;

let e2e: E2e;
let name: string;
let table: string;
beforeAll(async () => {
  e2e = await createE2e();
});
afterAll(() => e2e.close());
beforeEach(() => {
  name = e2e.unique('steer');
  table = name.replaceAll('-', '_');
  return async () => {
    await e2e.cluster.kubectl('-n', NAMESPACE, 'delete', 'batchupload', name, '--ignore-not-found');
    await e2e.cluster.kubectl('-n', NAMESPACE, 'delete', 'recordschema', name, '--ignore-not-found');
  };
});

const waitFor = (until: (upload: BatchUpload) => boolean) => e2e.cluster.waitForUpload(NAMESPACE, name, until, 90_000);
const patch = (spec: object) =>
  e2e.cluster.kubectl('-n', NAMESPACE, 'patch', 'batchupload', name, '--type=merge', '-p', JSON.stringify({ spec }));
const processed = ({ status }: BatchUpload) => status?.records?.processed ?? 0;
const rowsOf = async () => (await e2e.db.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${table}`)).rows[0]!.n;

/** An upload that takes some 20 s with two sessions: each row waits for `rowSeconds`, and some tens of rows share a commit. */
async function startSlowly(spec: object = {}, rowSeconds = 0.1): Promise<void> {
  await e2e.db.query(`CREATE TABLE ${table} (k text PRIMARY KEY, v text, batch_upload_id uuid, row_number bigint);
    CREATE FUNCTION ${table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(${rowSeconds}); RETURN NEW; END $$;
    CREATE TRIGGER slow BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION ${table}()`);
  const body = `k,v\n${Array.from({ length: RECORDS }, (_, i) => `k${i},v`).join('\n')}\n`;
  await e2e.createItemsUpload(name, body, { spec: { chunkRecords: 10, parallelism: 2, ...spec } });
  await waitFor((upload) => processed(upload) > 0);
}

const quicken = () => e2e.db.query(`DROP TRIGGER slow ON ${table}`);

it('suspended: its pods end, nothing is loaded, and it goes on where it was', async () => {
  await startSlowly();
  await patch({ suspend: true });
  const { status } = await waitFor(
    (upload) => upload.status?.phase === 'Suspended' && !upload.status.message?.includes('ending'),
  );
  const rows = await rowsOf();
  expect(rows).toBeGreaterThan(0);
  expect(rows).toBeLessThan(RECORDS);
  expect(status!.records!.succeeded).toBe(rows);
  expect(status!.parallelism).toBe(0);
  await sleep(3000);
  expect(await rowsOf()).toBe(rows);
  await quicken();
  await patch({ suspend: false });
  const ended = await waitFor((upload) => hasCondition(upload, 'Complete'));
  expect(ended.status!.records).toMatchObject({ total: RECORDS, succeeded: RECORDS, failed: 0, duplicate: 0 });
  expect(ended.status!.conditions).toContainEqual(expect.objectContaining({ type: 'Suspended', status: 'False' }));
  expect(await rowsOf()).toBe(RECORDS);
});

it('cancelled: the counts say what is in the table, and nothing takes it back', async () => {
  await startSlowly();
  await patch({ cancel: true });
  const { status } = await waitFor((upload) => upload.status?.phase === 'Cancelled');
  expect(status!.records!.succeeded).toBe(await rowsOf());
  expect(status!.records!.processed).toBeLessThan(RECORDS);
  await sleep(2000);
  expect(await rowsOf()).toBe(status!.records!.succeeded);
  await expect(patch({ cancel: false })).rejects.toThrow('spec.cancel cannot be taken back');
  await expect(patch({ retryGeneration: 1 })).rejects.toThrow('a cancelled upload cannot be tried again');
});

it('scaled: fewer sessions than its pod has make smaller pods, and no record is lost', async () => {
  await startSlowly({ parallelism: 4 });
  await e2e.cluster.kubectl('-n', NAMESPACE, 'scale', 'batchupload', name, '--replicas=1');
  await waitFor((upload) => upload.status?.parallelism === 1);
  await quicken();
  const { status } = await waitFor((upload) => hasCondition(upload, 'Complete'));
  expect(status!.records).toMatchObject({ total: RECORDS, succeeded: RECORDS });
  expect(await rowsOf()).toBe(RECORDS);
});

it('over its deadline: fails, and goes on with a greater one', async () => {
  await startSlowly({ activeDeadlineSeconds: 20 }, 0.2);
  const failed = await waitFor((upload) => hasCondition(upload, 'Failed', 'DeadlineExceeded'));
  expect(failed.status!.records!.succeeded).toBe(await rowsOf());
  await quicken();
  await patch({ activeDeadlineSeconds: 600, retryGeneration: 1, ttlSecondsAfterFinished: 2 });
  await waitFor((upload) => hasCondition(upload, 'Complete'));
  expect(await rowsOf()).toBe(RECORDS);
  for (let i = 0; i < 30; i += 1) {
    const left = await e2e.cluster.kubectl(
      '-n',
      NAMESPACE,
      'get',
      'batchupload',
      name,
      '--ignore-not-found',
      '-o',
      'name',
    );
    if (left === '') return;
    await sleep(500);
  }
  expect.unreachable('the upload was not deleted after its time to live');
});
