/**
 * Pools of warm pods by a controller on a real PostgreSQL and an API server in memory. The test takes the place of the Job
 * controller: every Job of a pool gets a pod, which is a process of the job runner.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findCondition } from '#api/conditions.ts';
import type { BatchUpload } from '#kube/custom-resources.ts';
import { type ControllerBench, startController } from '#support/cluster/controller.ts';
import type { StoredObject } from '#support/cluster/kube-api-server.ts';
import { createDatabase, withClient } from '#support/database/database.ts';
import { eventually } from '#support/process/eventually.ts';
import { BUCKET, type RunnerBench, type RunningRunner, startRunnerBench } from '#support/runner/runner.ts';

let runner: RunnerBench;
beforeAll(async () => {
  runner = await startRunnerBench({ settings: { fsync: 'off' } });
});
afterAll(() => runner[Symbol.asyncDispose]());

interface JobObject extends StoredObject {
  metadata: { name: string; namespace: string; labels?: Record<string, string> };
  spec: { template: { spec: { containers: { command: string[]; env: { name: string; value?: string }[] }[] } } };
}

const until = (what: () => unknown, timeout = 30_000) => eventually(String(what), () => Boolean(what()), timeout);
const jobsOf = ({ api }: ControllerBench, kind: string) =>
  (api.all('jobs') as JobObject[]).filter((job) => job.metadata.labels?.['batchupload.dev/kind'] === kind);
const phase = (bench: ControllerBench, name: string) => bench.status('one', name)?.phase;

async function start(env: Record<string, string> = {}) {
  const url = await createDatabase(runner.postgres);
  const bench = await startController({ databases: { one: url }, env: { BATCH_UPLOAD_WARM_PODS: '3', ...env } });
  return Object.assign(bench, { url });
}

type Bench = Awaited<ReturnType<typeof start>>;

/** Makes a file and its upload. */
async function put(
  bench: Bench,
  name: string,
  { records = 10, ...spec }: { records?: number; podTemplate?: object; target?: object } = {},
) {
  const lines = Array.from({ length: records }, (_, n) => `${name}-${n},v\n`);
  await runner.put(`${bench.url.slice(-8)}/${name}.csv`, `k,v\n${lines.join('')}`);
  const s3 = { bucket: BUCKET, key: `${bench.url.slice(-8)}/${name}.csv` };
  bench.upload('one', name, { source: { type: 'Manual', s3 }, ...spec });
}

interface Pods extends AsyncDisposable {
  readonly running: Map<string, RunningRunner>;
  readonly started: number;
}

/** Gives every Job of a pool a pod, until it is disposed of. A killed pod fails its Job. */
function startJobController(bench: Bench, { env = {} }: { env?: Record<string, string> } = {}): Pods {
  const running = new Map<string, RunningRunner>();
  const seen = new Set<string>();
  const ends: Promise<void>[] = [];
  const look = setInterval(() => {
    for (const job of jobsOf(bench, 'pool')) {
      const { name } = job.metadata;
      if (seen.has(name)) continue;
      seen.add(name);
      ends.push(runPod(job));
    }
  }, 20);

  async function runPod(job: JobObject): Promise<void> {
    const { name, labels } = job.metadata;
    const podName = `${name}-pod`;
    const metadata = { name: podName, namespace: 'one', labels: { ...labels, 'job-name': name } };
    const put = (podPhase: string) => {
      const known = bench.api.get('pods', 'one', podName);
      bench.api.put('pods', { ...known, metadata: { ...known?.metadata, ...metadata }, status: { phase: podPhase } });
    };
    put('Running');
    const own = job.spec.template.spec.containers[0]!.env.flatMap(({ name: key, value }) =>
      value === undefined ? [] : [[key, value]],
    );
    const pod = runner.start('pool', bench.url, '', { ...Object.fromEntries(own), POD_NAME: podName, ...env });
    running.set(podName, pod);
    const { code } = await pod.done;
    running.delete(podName);
    put(code === 0 ? 'Succeeded' : 'Failed');
    const present = bench.api.get('jobs', 'one', name);
    const type = code === 0 ? 'Complete' : 'Failed';
    if (present) bench.api.put('jobs', { ...present, status: { conditions: [{ type, status: 'True' }] } } as never);
  }

  return {
    running,
    get started() {
      return seen.size;
    },
    async [Symbol.asyncDispose]() {
      clearInterval(look);
      for (const pod of running.values()) pod.process.kill('SIGKILL');
      await Promise.all(ends);
    },
  };
}

const query = (bench: Bench, sql: string) =>
  withClient(bench.url, async (client) => (await client.query(sql)).rows as Record<string, unknown>[]);

async function expectRows(bench: Bench, rows: number): Promise<void> {
  expect(await query(bench, 'SELECT count(*)::int AS n FROM items')).toEqual([{ n: rows }]);
}

it('many small uploads share a few pods, and each says which pod had it', async () => {
  await using bench = await start();
  await using pods = startJobController(bench);
  const names = Array.from({ length: 24 }, (_, n) => `u${n}`);
  for (const name of names) await put(bench, name);
  await until(() => names.every((name) => phase(bench, name) === 'Complete'), 60_000);
  expect(pods.started).toBeLessThanOrEqual(3);
  expect(jobsOf(bench, 'plan')).toEqual([]);
  for (const name of names) {
    expect(bench.status('one', name)).toMatchObject({
      pod: expect.stringMatching(/^batch-upload-pool-[0-9a-f]{20}-[0-9a-f]{6}-pod$/),
      records: { total: 10, succeeded: 10 },
    });
  }
  await expectRows(bench, 240);
});

it('pods that are killed cost no record, and an upload that kills its pods gets a Job of its own', async () => {
  await using bench = await start({ BATCH_UPLOAD_WARM_POD_IDLE_SECONDS: '2' });
  await using pods = startJobController(bench);
  await put(bench, 'first');
  await until(() => phase(bench, 'first') === 'Complete');
  await query(
    bench,
    `CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       IF NEW.k = 'poison-5' THEN PERFORM pg_sleep(3600); END IF; RETURN NEW; END $$;
     CREATE TRIGGER stop BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION stop()`,
  );
  const names = Array.from({ length: 12 }, (_, n) => `u${n}`);
  await put(bench, 'poison');
  for (const name of names) await put(bench, name);
  for (let kill = 0; kill < 2; kill += 1) {
    let name = '';
    await until(() => {
      name = bench.status('one', 'poison')?.pod ?? '';
      return pods.running.has(name);
    });
    pods.running.get(name)!.process.kill('SIGKILL');
    await until(() => !pods.running.has(name));
  }
  await until(() => jobsOf(bench, 'plan').length === 1);
  expect(jobsOf(bench, 'plan')[0]!.metadata.name).toContain(
    (bench.api.get('batchuploads', 'one', 'poison') as unknown as BatchUpload).metadata.uid,
  );
  await until(() => names.every((name) => phase(bench, name) === 'Complete'), 60_000);
  await expectRows(bench, 130);
});

describe('a verb', () => {
  it('suspend deletes the Job of the pod that has the upload, and others go on; resumed it has a Job of its own', async () => {
    await using bench = await start();
    await using pods = startJobController(bench);
    await put(bench, 'first');
    await until(() => phase(bench, 'first') === 'Complete');
    await query(
      bench,
      `CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         IF NEW.k = 'u-5' THEN PERFORM pg_sleep(3600); END IF; RETURN NEW; END $$;
       CREATE TRIGGER stop BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION stop()`,
    );
    await put(bench, 'u');
    await until(() => pods.running.has(bench.status('one', 'u')?.pod ?? ''));
    const job = bench.status('one', 'u')!.pod!.replace(/-pod$/, '');
    change(bench, 'u', { suspend: true });
    await until(() => phase(bench, 'u') === 'Suspended');
    expect(bench.api.get('jobs', 'one', job)).toBeUndefined();
    pods.running.get(`${job}-pod`)?.process.kill('SIGTERM');
    await put(bench, 'other');
    await until(() => phase(bench, 'other') === 'Complete');
    change(bench, 'u', { suspend: false });
    await until(() => jobsOf(bench, 'plan').length === 1);
  });

  it('cancel ends an upload that waits in its pool', async () => {
    await using bench = await start();
    await put(bench, 'u');
    await until(() => jobsOf(bench, 'pool').length === 1);
    change(bench, 'u', { cancel: true });
    await until(() => phase(bench, 'u') === 'Cancelled');
    await using pods = startJobController(bench, { env: { BATCH_UPLOAD_POOL_IDLE_SECONDS: '1' } });
    await until(() => pods.started === 1 && pods.running.size === 0);
    expect(await query(bench, 'SELECT status FROM batch_upload.batch_uploads')).toEqual([{ status: 'Failed' }]);
    expect(jobsOf(bench, 'plan')).toEqual([]);
  });
});

it('pods that fail at once hold nothing up: the upload gets a Job of its own', async () => {
  await using bench = await start({ BATCH_UPLOAD_RETRY_SECONDS: '1' });
  await using pods = startJobController(bench, { env: { DATABASE_URL: 'postgres://nobody:x@127.0.0.1:1/none' } });
  await put(bench, 'u', { records: 1 });
  await until(() => jobsOf(bench, 'plan').length === 1, 90_000);
  expect(pods.started).toBe(2);
  expect(await query(bench, 'SELECT state FROM batch_upload.batch_upload_assignments')).toEqual([
    { state: 'Returned' },
  ]);
});

it('an API server that refuses the pods of a pool is asked for the Job of the upload', async () => {
  await using bench = await start();
  const isPool = ({ method, plural }: { method: string; plural: string }, body: string) =>
    method === 'POST' && plural === 'jobs' && body.includes('"job-runner","pool"');
  bench.api.refuse(isPool, 403, 'Forbidden', 'exceeded quota');
  await put(bench, 'u');
  await until(() => jobsOf(bench, 'plan').length === 1);
});

it('another image, another podTemplate and another content of a Secret are other pools', async () => {
  await using bench = await start();
  await put(bench, 'a');
  await until(() => jobsOf(bench, 'pool').length === 1);
  await put(bench, 'b', { podTemplate: { metadata: { labels: { team: 'x' } } } });
  await until(() => jobsOf(bench, 'pool').length === 2);
  const ids = () => new Set(jobsOf(bench, 'pool').map(({ metadata }) => metadata.labels?.['batchupload.dev/uid']));
  expect(ids().size).toBe(2);
  const secret = bench.api.get('secrets', 'one', 'batch-upload-database')!;
  bench.api.put('secrets', secret);
  await new Promise((resolve) => setTimeout(resolve, 5500));
  await put(bench, 'c');
  await until(() => ids().size === 3, 15_000);
});

it('uploads whose pool gets no pods get Jobs of their own', async () => {
  await using bench = await start();
  await put(bench, 'u');
  await until(() => jobsOf(bench, 'pool').length === 1);
  await until(() => phase(bench, 'u') === 'Planning');
  await until(() => jobsOf(bench, 'plan').length === 1, 45_000);
  expect(findCondition(bench.status('one', 'u'), 'Failed')).toMatchObject({ status: 'False' });
});

it('an upload that waits for a pod says what hinders the pod, and goes on when that is mended', async () => {
  await using bench = await start({ BATCH_UPLOAD_STUCK_POD_GRACE_SECONDS: '2' });
  await put(bench, 'u');
  await until(() => jobsOf(bench, 'pool').length === 1);
  const [job] = jobsOf(bench, 'pool');
  const metadata = {
    name: 'pod',
    namespace: 'one',
    labels: { ...job!.metadata.labels, 'job-name': job!.metadata.name },
  };
  const scheduled = {
    type: 'PodScheduled',
    status: 'False',
    reason: 'Unschedulable',
    message: '0/1 nodes are available',
  };
  bench.api.put('pods', { metadata, status: { phase: 'Pending', conditions: [scheduled] } } as never);
  await until(() => findCondition(bench.status('one', 'u'), 'Degraded')?.reason === 'Unschedulable');
  expect(jobsOf(bench, 'plan')).toEqual([]);
  // Another podTemplate is another pool, whose pods may start.
  change(bench, 'u', { podTemplate: { spec: { nodeSelector: { pool: 'batch' } } } });
  await until(() => jobsOf(bench, 'pool').length === 2);
  await until(() => findCondition(bench.status('one', 'u'), 'Degraded')?.status === 'False');
});

/** Changes the spec, as a person does with kubectl. */
function change(bench: ControllerBench, name: string, spec: object): void {
  const upload = bench.api.get('batchuploads', 'one', name) as unknown as BatchUpload;
  bench.api.put('batchuploads', { ...upload, spec: { ...upload.spec, ...spec } } as never);
}

it('an upload that a pod has gets other limits by a Job of its own', { timeout: 120_000 }, async () => {
  await using bench = await start();
  await using _pods = startJobController(bench);
  const target = { protect: { maxWalBytesPerSecond: 100 } };
  await put(bench, 'first', { records: 1000, target });
  await until(() => phase(bench, 'first') === 'Complete');
  // The pod knows what the upload before has written, and waits.
  await put(bench, 'second', { target });
  await until(() => bench.status('one', 'second')?.pace?.reason === 'WalRate');
  const [pooled] = jobsOf(bench, 'pool');
  expect(jobsOf(bench, 'plan')).toEqual([]);
  const upload = bench.api.get('batchuploads', 'one', 'second') as unknown as BatchUpload;
  bench.api.put('batchuploads', { ...upload, spec: { ...upload.spec, target: { protect: {} } } });
  await until(() => jobsOf(bench, 'plan').length === 1);
  expect(jobsOf(bench, 'pool').map(({ metadata }) => metadata.name)).not.toContain(pooled!.metadata.name);
  const { code } = await runner.run('plan', bench.url, upload.metadata.uid);
  expect(code).toBe(0);
  await until(() => phase(bench, 'second') === 'Complete');
  await expectRows(bench, 1010);
});
