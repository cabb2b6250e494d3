/** Warm pods as processes: they claim small uploads of their pool one after the other, and lose none, however they end. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EXIT_CODES } from '#common/faults.ts';
import { MOST_BYTES_OF_A_POOL } from '#common/job-contract.ts';
import { assignUpload, loseClaim, withdrawUpload } from '#ledger/uploads/assignments.ts';
import { completeUpload, failUpload } from '#ledger/uploads/finish-upload.ts';
import { withClient } from '#support/database/database.ts';
import { ITEMS_SCHEMA, ITEMS_TABLE } from '#support/database/ledger.ts';
import { eventually } from '#support/process/eventually.ts';
import { progressOf } from '#support/runner/expect-exact.ts';
import { type RunnerBench, type RunningRunner, startRunnerBench } from '#support/runner/runner.ts';

const POOL = 'pool-0123456789abcdef';
const BRAKE = 4711;

let bench: RunnerBench;
let url: string;
beforeAll(async () => {
  bench = await startRunnerBench();
});
afterAll(() => bench[Symbol.asyncDispose]());
beforeEach(async () => {
  url = await bench.newDatabase();
  await query(ITEMS_TABLE);
});

const query = (sql: string, values: unknown[] = []) =>
  withClient(url, async (client) => (await client.query(sql, values)).rows as Record<string, unknown>[]);

const lines = (name: string, records: number) =>
  Array.from({ length: records }, (_, n) => `${name}-${n},${name}-${n}\n`).join('');

interface UploadFile {
  body?: string | Buffer | null;
  key?: string;
}

/** Opens an upload that no pool has. */
async function open(name: string, { body = `k,v\n${lines(name, 10)}`, key = `${name}.csv` }: UploadFile = {}) {
  if (body !== null) await bench.put(key, body);
  return bench.open(url, key, { schema: ITEMS_SCHEMA });
}

const assignToPool = (id: string) =>
  withClient(url, (client) => assignUpload(client, { id, attempt: 1, pool: POOL, parallelism: 4 }));

/** Opens an upload and assigns it to the pool. */
async function assign(name: string, file: UploadFile = {}) {
  const id = await open(name, file);
  await assignToPool(id);
  return id;
}

const startPod = (name: string, env: Record<string, string> = {}): RunningRunner =>
  bench.start('pool', url, '', {
    BATCH_UPLOAD_POOL: POOL,
    BATCH_UPLOAD_POOL_IDLE_SECONDS: '1',
    BATCH_UPLOAD_RETRY_SECONDS: '3',
    POD_NAME: name,
    ...env,
  });

async function assignmentOf(id: string) {
  const [row] = await query(
    'SELECT state, pod, lost_pods AS lost FROM batch_upload.batch_upload_assignments WHERE batch_upload_id = $1',
    [id],
  );
  return row;
}

async function expectLoaded(...ids: string[]) {
  for (const id of ids) {
    const { totalRecords, counts } = await progressOf(url, id);
    expect({ totalRecords, ...counts }).toMatchObject({ processed: totalRecords, failed: 0, duplicate: 0 });
    expect(await withClient(url, (client) => completeUpload(client, id))).toBe('Complete');
  }
}

const countRows = async () => (await query('SELECT count(*)::int AS n FROM items'))[0]!['n'];

/** Stops every pod in the middle of the row with this key. */
async function installBrake(key: string) {
  await query(`CREATE FUNCTION brake() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF NEW.k = '${key}' THEN PERFORM pg_advisory_xact_lock_shared(${BRAKE}); END IF; RETURN NEW; END $$;
    CREATE TRIGGER brake BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION brake()`);
}

/** Runs work while pods that meet the brake stand there. */
const withBrake = (work: () => Promise<void>) =>
  withClient(url, async (holder) => {
    await holder.query(`SELECT pg_advisory_lock(${BRAKE})`);
    await work();
  });

const standing = () =>
  eventually('a pod at the brake', async () => {
    const rows = await query("SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = $1 AND NOT granted", [
      BRAKE,
    ]);
    return rows.length > 0;
  });

it('one pod loads what waits, in its order, with one connection, and ends when nothing comes', async () => {
  const ids = [await assign('a'), await assign('b'), await assign('c')];
  const late = await open('late');
  // The pod waits long enough for the late upload, also where this process gets little of the processor.
  const pod = startPod('pod-a', { BATCH_UPLOAD_POOL_IDLE_SECONDS: '10' });
  await eventually('the first uploads', async () => (await assignmentOf(ids[2]!))?.['state'] === 'Ended');
  await assignToPool(late);
  const { code, log } = await pod.done;
  expect(code).toBe(0);
  await expectLoaded(...ids, late);
  expect(await countRows()).toBe(40);
  expect(await assignmentOf(late)).toEqual({ state: 'Ended', pod: 'pod-a', lost: 0 });
  const finished = log.filter(({ message }) => message === 'finished').map(({ upload }) => upload);
  expect(finished).toEqual([...ids, late]);
});

it('two pods divide the uploads', async () => {
  const ids: string[] = [];
  for (let n = 0; n < 30; n += 1) ids.push(await assign(`u${n}`));
  // The pod that comes first stands in the middle of the first upload until the other one has an upload, too.
  await installBrake('u0-5');
  const pods: RunningRunner[] = [];
  await withBrake(async () => {
    pods.push(startPod('pod-a'), startPod('pod-b'));
    await standing();
    await eventually('both pods have an upload', async () => {
      const [by] = await query('SELECT count(DISTINCT pod)::int AS pods FROM batch_upload.batch_upload_assignments');
      return by!['pods'] === 2;
    });
  });
  for (const { done } of pods) expect((await done).code).toBe(0);
  await expectLoaded(...ids);
  expect(await countRows()).toBe(300);
});

describe('an upload that is not for a pool is given back', () => {
  const large = `k,v\n${lines('large', 10).padEnd(MOST_BYTES_OF_A_POOL, '\n')}`;
  it.each([
    ['a large file', large, 'Planning'],
    ['a file that has to be copied', Buffer.from(`k,v\n${lines('utf16', 3)}`, 'utf16le'), 'Planning'],
  ])('%s', async (_what, body, status) => {
    const bom = Buffer.isBuffer(body) ? Buffer.concat([Buffer.from([0xff, 0xfe]), body]) : body;
    const given = await assign('given', { body: bom });
    const small = await assign('small');
    expect((await startPod('pod-a').done).code).toBe(0);
    expect(await assignmentOf(given)).toEqual({ state: 'Returned', pod: 'pod-a', lost: 0 });
    expect((await progressOf(url, given)).status).toBe(status);
    await expectLoaded(small);
    // Its own Job then loads it.
    expect((await bench.run('plan', url, given)).code).toBe(0);
    await expectLoaded(given);
  });
});

it('an upload that fails for good stops no other', async () => {
  const missing = await assign('missing', { body: null });
  const small = await assign('small');
  expect((await startPod('pod-a').done).code).toBe(0);
  expect(await progressOf(url, missing)).toMatchObject({ status: 'Failed', failureReason: 'ObjectNotFound' });
  expect(await assignmentOf(missing)).toMatchObject({ state: 'Ended' });
  await expectLoaded(small);
});

describe('a pod that ends in the middle of an upload', () => {
  it('is killed: the next pod goes on, and an upload that costs two pods is given back', async () => {
    await installBrake('poison-5');
    const poison = await assign('poison');
    const small = await assign('small');
    for (const lost of [1, 2]) {
      await withBrake(async () => {
        const name = `pod-${lost}`;
        const pod = startPod(name);
        await standing();
        expect(await assignmentOf(poison)).toEqual({ state: 'Claimed', pod: name, lost: lost - 1 });
        pod.process.kill('SIGKILL');
        expect((await pod.done).code).toBeNull();
        // The operator sees the end of the pod, perhaps twice.
        const claim = { id: poison, attempt: 1, pod: name };
        await withClient(url, (client) => loseClaim(client, claim));
        await withClient(url, (client) => loseClaim(client, claim));
      });
    }
    expect(await assignmentOf(poison)).toMatchObject({ state: 'Returned', lost: 2 });
    expect((await startPod('pod-3').done).code).toBe(0);
    await expectLoaded(small);
    expect((await bench.run('plan', url, poison)).code).toBe(0);
    await expectLoaded(poison);
    expect(await countRows()).toBe(20);
  });

  it('is stopped: it gives the upload back to its pool, and its exit code is no success', async () => {
    await installBrake('u-5');
    const id = await assign('u');
    await withBrake(async () => {
      const pod = startPod('pod-a');
      await standing();
      pod.process.kill('SIGTERM');
      expect((await pod.done).code).toBe(EXIT_CODES.retryable);
    });
    expect(await assignmentOf(id)).toEqual({ state: 'Waiting', pod: 'pod-a', lost: 0 });
    expect((await startPod('pod-b').done).code).toBe(0);
    await expectLoaded(id);
    expect(await countRows()).toBe(10);
  });

  it('a pod that is stopped while it waits has done its work', async () => {
    const id = await assign('u');
    const pod = startPod('pod-a', { BATCH_UPLOAD_POOL_IDLE_SECONDS: '60' });
    await eventually('the upload', async () => (await assignmentOf(id))?.['state'] === 'Ended');
    pod.process.kill('SIGTERM');
    expect((await pod.done).code).toBe(0);
    await expectLoaded(id);
  });
});

it('a cancelled upload ends, and its pod goes on with others', async () => {
  await installBrake('cancelled-5');
  const cancelled = await assign('cancelled');
  const small = await assign('small');
  const pod = startPod('pod-a');
  let ending: Promise<unknown> = Promise.resolve();
  await withBrake(async () => {
    await standing();
    // The pod's transaction is waited for, and is the last one.
    ending = withClient(url, (client) =>
      failUpload(client, { id: cancelled, attempt: 1 }, { reason: 'Cancelled', message: 'cancelled' }),
    );
  });
  await ending;
  expect((await pod.done).code).toBe(0);
  expect(await progressOf(url, cancelled)).toMatchObject({ status: 'Failed', failureReason: 'Cancelled' });
  await expectLoaded(small);
});

describe('with a limit of the WAL', () => {
  const limit = (bytesPerSecond: number) => ({ BATCH_UPLOAD_MAX_WAL_BYTES_PER_SECOND: String(bytesPerSecond) });
  const written = async () => Number((await query("SELECT pg_current_wal_lsn() - '0/0' AS at"))[0]!['at']);
  const paceOf = async (id: string) => (await progressOf(url, id)).pace?.reason;

  it('many small uploads in a row keep to it together', { timeout: 120_000 }, async () => {
    const bytesPerSecond = 100_000;
    const ids = [];
    for (let n = 0; n < 20; n += 1) ids.push(await assign(`u${n}`, { body: `k,v\n${lines(`u${n}`, 300)}` }));
    const before = await written();
    const since = performance.now();
    const pod = startPod('pod-a', limit(bytesPerSecond));
    await eventually(
      'the last upload',
      async () => {
        const rows = await query("SELECT FROM batch_upload.batch_upload_assignments WHERE state <> 'Ended'");
        return rows.length === 0;
      },
      100_000,
    );
    const seconds = (performance.now() - since) / 1000;
    const bytes = (await written()) - before;
    expect((await pod.done).code).toBe(0);
    await expectLoaded(...ids);
    expect(await countRows()).toBe(6000);
    expect(bytes).toBeGreaterThan(12 * bytesPerSecond);
    expect(bytes / seconds).toBeLessThan(bytesPerSecond * 1.3);
  });

  it('a pod that waits for the sake of an upload goes on with others when that one is cancelled', async () => {
    const first = await assign('first', { body: `k,v\n${lines('first', 1000)}` });
    const [held, next] = [await assign('held'), await assign('next')];
    const pod = startPod('pod-a', limit(100));
    await eventually('the wait', async () => (await paceOf(held)) === 'WalRate', 30_000);
    await withClient(url, (client) => failUpload(client, { id: held }, { reason: 'Cancelled', message: 'cancelled' }));
    await eventually('the next upload', async () => (await paceOf(next)) === 'WalRate', 30_000);
    expect(await assignmentOf(held)).toMatchObject({ state: 'Ended' });
    pod.process.kill('SIGTERM');
    expect((await pod.done).code).toBe(EXIT_CODES.retryable);
    expect(await assignmentOf(next)).toMatchObject({ state: 'Waiting' });
    await expectLoaded(first);
    expect(await countRows()).toBe(1000);
  });
});

it('an upload that is withdrawn while a pod has it stays exact beside a Job of its own', async () => {
  await installBrake('u-5');
  const id = await assign('u');
  const pod = startPod('pod-a');
  let own: Promise<{ code: number | null }>;
  await withBrake(async () => {
    await standing();
    await withClient(url, (client) => withdrawUpload(client, { id, attempt: 1, alsoClaimed: true }));
    own = bench.run('plan', url, id);
    await new Promise((resolve) => setTimeout(resolve, 1500));
  });
  expect((await own!).code).toBe(0);
  expect((await pod.done).code).toBe(0);
  expect(await assignmentOf(id)).toMatchObject({ state: 'Returned' });
  await expectLoaded(id);
  expect(await countRows()).toBe(10);
});

it('a pod whose answer to a claim was lost gets the same upload again', async () => {
  const id = await assign('u');
  const other = await assign('other');
  await query(
    `UPDATE batch_upload.batch_upload_assignments SET state = 'Claimed', pod = 'pod-a' WHERE batch_upload_id = $1`,
    [id],
  );
  expect((await startPod('pod-a').done).code).toBe(0);
  await expectLoaded(id, other);
});

it('a fault that passes ends the pod, and the upload goes to another one', async () => {
  const id = await assign('u');
  const pod = startPod('pod-a', { AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:1' });
  expect((await pod.done).code).toBe(EXIT_CODES.retryable);
  expect(await assignmentOf(id)).toEqual({ state: 'Waiting', pod: 'pod-a', lost: 1 });
  expect((await startPod('pod-b').done).code).toBe(0);
  await expectLoaded(id);
});

it('an upload of an unknown id is no reason to stop', async () => {
  const gone = randomUUID();
  await withClient(url, (client) => assignUpload(client, { id: gone, attempt: 1, pool: POOL, parallelism: 4 }));
  const small = await assign('small');
  expect((await startPod('pod-a').done).code).toBe(0);
  expect(await assignmentOf(gone)).toMatchObject({ state: 'Ended' });
  await expectLoaded(small);
});
