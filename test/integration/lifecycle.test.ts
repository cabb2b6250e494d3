/**
 * The verbs of an upload and the limits of the chart, by a controller on a real PostgreSQL and an API server in memory. The
 * test takes the place of the Job controller and of the pods.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findCondition } from '#api/conditions.ts';
import type { BatchUpload } from '#kube/custom-resources.ts';
import { commitPlan } from '#ledger/uploads/commit-plan.ts';
import { type ControllerBench, type Refusal, startController } from '#support/cluster/controller.ts';
import type { StoredObject } from '#support/cluster/kube-api-server.ts';
import { createDatabase, withClient } from '#support/database/database.ts';
import { testPlan } from '#support/database/ledger.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import { eventually } from '#support/process/eventually.ts';

let postgres: Postgres;
beforeAll(async () => {
  postgres = await startPostgres({ settings: { fsync: 'off' } });
});
afterAll(() => postgres[Symbol.asyncDispose]());

async function start({
  namespaces = ['one'],
  limits,
  refuseFirst,
  secrets,
  env = {},
  own = {},
}: {
  namespaces?: string[];
  limits?: object;
  refuseFirst?: Refusal;
  /** Further Secrets of each namespace with a uri, by name, made from the uri of the database. */
  secrets?: (url: string) => Record<string, string>;
  env?: Record<string, string>;
  /** The uri of each namespace that does not share the database of the others. */
  own?: Record<string, string>;
} = {}) {
  const url = await createDatabase(postgres);
  const databases = { ...Object.fromEntries(namespaces.map((namespace) => [namespace, url])), ...own };
  const bench = await startController({
    databases,
    refuseFirst,
    secrets: secrets?.(url),
    env: { ...(limits ? { BATCH_UPLOAD_LIMITS: JSON.stringify(limits) } : {}), ...env },
  });
  return Object.assign(bench, { url });
}

type Bench = Awaited<ReturnType<typeof start>>;

// A database that has counted as held up once counts so for 30 s more.
const until = (what: () => unknown, timeout = 60_000) => eventually(String(what), () => Boolean(what()), timeout);
const jobsOf = ({ api }: ControllerBench) => api.all('jobs') as (StoredObject & { spec: Record<string, unknown> })[];
const uploadOf = ({ api }: ControllerBench, name: string, namespace = 'one') =>
  api.get('batchuploads', namespace, name) as unknown as BatchUpload;
const phase = (bench: ControllerBench, name: string, namespace = 'one') => bench.status(namespace, name)?.phase;

/** Changes the spec, as a person does with kubectl. */
function change(bench: ControllerBench, name: string, spec: object, namespace = 'one'): void {
  const upload = uploadOf(bench, name, namespace);
  bench.api.put('batchuploads', { ...upload, spec: { ...upload.spec, ...spec } });
}

/** Makes a pod of the newest Job, in this phase. */
function putPod(bench: ControllerBench, podPhase: string): void {
  const job = jobsOf(bench).at(-1);
  const { namespace, name, uid, labels } = job!.metadata!;
  const ownerReferences = [{ apiVersion: 'batch/v1', kind: 'Job', name, uid, controller: true }];
  const metadata = { name: 'pod', namespace, labels: { ...labels, 'job-name': name }, ownerReferences };
  const known = bench.api.get('pods', namespace!, 'pod');
  bench.api.put('pods', { ...known, metadata: { ...known?.metadata, ...metadata }, status: { phase: podPhase } });
}

const query = async (bench: Bench, sql: string) =>
  withClient(bench.url, async (client) => (await client.query(sql)).rows as Record<string, unknown>[]);

describe.concurrent('an upload', () => {
  it('is suspended, goes on, and is suspended while its database is away', async () => {
    await using bench = await start();
    bench.upload('one', 'u');
    await until(() => jobsOf(bench).length === 1);
    putPod(bench, 'Running');
    change(bench, 'u', { suspend: true });
    await until(() => phase(bench, 'u') === 'Suspended');
    expect(jobsOf(bench)).toEqual([]);
    await until(() => bench.status('one', 'u')?.message?.includes('1 pod of it is still ending'));
    bench.api.remove('pods', 'one', 'pod');
    await until(() => !bench.status('one', 'u')?.message?.includes('ending'));
    change(bench, 'u', { suspend: false });
    await until(() => phase(bench, 'u') === 'Planning' && jobsOf(bench).length === 1);
    expect(findCondition(bench.status('one', 'u'), 'Suspended')).toMatchObject({ status: 'False', reason: 'Resumed' });
    expect(jobsOf(bench)[0]!.metadata!.annotations).not.toHaveProperty('batchupload.dev/recreated');
  });

  it('is cancelled: the ledger has its end, its Job is deleted, and it is never tried again', async () => {
    await using bench = await start();
    bench.upload('one', 'u');
    await until(() => jobsOf(bench).length === 1);
    change(bench, 'u', { cancel: true, suspend: true });
    await until(() => phase(bench, 'u') === 'Cancelled');
    expect(findCondition(bench.status('one', 'u'), 'Failed')).toMatchObject({ status: 'True', reason: 'Cancelled' });
    await until(() => jobsOf(bench).length === 0);
    change(bench, 'u', { retryGeneration: 1 });
    await until(() => findCondition(bench.status('one', 'u'), 'Failed')?.message.includes('cannot be tried again'));
    expect(phase(bench, 'u')).toBe('Cancelled');
    const rows = await query(bench, 'SELECT status, failure_reason, attempt FROM batch_upload.batch_uploads');
    expect(rows).toEqual([{ status: 'Failed', failure_reason: 'Cancelled', attempt: 1 }]);
  });

  it.each([
    ['suspended', { suspend: true }, 'Suspended'],
    ['cancelled', { cancel: true }, 'Cancelled'],
  ])('that is created %s never reaches its database', async (_what, spec, expected) => {
    await using bench = await start();
    bench.upload('one', 'u', spec);
    await until(() => phase(bench, 'u') === expected);
    expect(jobsOf(bench)).toEqual([]);
    const tables = await query(bench, "SELECT FROM pg_namespace WHERE nspname = 'batch_upload'");
    expect(tables).toEqual([]);
  });

  it('that was created suspended is accepted when it goes on', async () => {
    await using bench = await start();
    bench.upload('one', 'u', { suspend: true });
    await until(() => phase(bench, 'u') === 'Suspended');
    change(bench, 'u', { suspend: false });
    await until(() => jobsOf(bench).length === 1);
    await until(() => phase(bench, 'u') === 'Planning');
  });

  it('has its deadline when a pod has run for that long, and not before', async () => {
    await using bench = await start();
    bench.upload('one', 'u', { activeDeadlineSeconds: 2 });
    await until(() => jobsOf(bench).length === 1);
    putPod(bench, 'Pending');
    await new Promise((resolve) => setTimeout(resolve, 3000));
    expect(phase(bench, 'u')).toBe('Planning');
    putPod(bench, 'Running');
    const since = performance.now();
    await until(() => phase(bench, 'u') === 'Failed');
    expect(performance.now() - since).toBeGreaterThan(1900);
    expect(findCondition(bench.status('one', 'u'), 'Failed')).toMatchObject({ reason: 'DeadlineExceeded' });
    change(bench, 'u', { retryGeneration: 1, activeDeadlineSeconds: 60 });
    await until(() => phase(bench, 'u') === 'Planning');
    const times = await query(
      bench,
      'SELECT attempt, active_ms > 0 AS counted FROM batch_upload.batch_upload_active_times',
    );
    expect(times).toContainEqual({ attempt: 1, counted: false });
  });

  it('has its deadline not while it waits for another one of the same content', async () => {
    await using bench = await start();
    const plan = (name: string) =>
      withClient(bench.url, (client) =>
        commitPlan(client, { id: uploadOf(bench, name).metadata.uid, attempt: 1 }, testPlan('same')),
      );
    bench.upload('one', 'first');
    await until(() => jobsOf(bench).length === 1);
    await plan('first');
    bench.upload('one', 'second', { activeDeadlineSeconds: 600 });
    await until(() => jobsOf(bench).length === 2);
    putPod(bench, 'Running');
    const { uid } = uploadOf(bench, 'second').metadata;
    const times = () =>
      query(
        bench,
        `SELECT active_ms::int AS ms, active_since IS NULL AS stopped
         FROM batch_upload.batch_upload_active_times WHERE batch_upload_id = '${uid}'`,
      ) as Promise<{ ms: number; stopped: boolean }[]>;
    await eventually('the time is counted', async () => (await times()).length === 1);
    await plan('second');
    await until(() => phase(bench, 'second') === 'Queued');
    putPod(bench, 'Succeeded');
    await eventually('the time is not counted any more', async () => (await times())[0]!.stopped);
    // The upload now has two more seconds of work at most, and waits for longer than that.
    const [counted] = await times();
    change(bench, 'second', { activeDeadlineSeconds: Math.ceil(counted!.ms / 1000) + 2 });
    await new Promise((resolve) => setTimeout(resolve, 4000));
    expect(phase(bench, 'second')).toBe('Queued');
    expect(await times()).toEqual([counted]);
    const first = uploadOf(bench, 'first').metadata.uid;
    await query(
      bench,
      `UPDATE batch_upload.batch_upload_chunks SET completed_at = now() WHERE batch_upload_id = '${first}'`,
    );
    await query(
      bench,
      `INSERT INTO batch_upload.batch_upload_audit_logs (batch_upload_id, event_type, chunk_number, records_in_chunk,
         succeeded_count, failed_count, duplicate_count, updated_count) VALUES ('${first}', 'chunk_completed', 0, 1, 1, 0, 0, 0)`,
    );
    await until(() => phase(bench, 'first') === 'Complete');
    await until(() => phase(bench, 'second') === 'Complete');
    expect(findCondition(bench.status('one', 'second'), 'Complete')).toMatchObject({ reason: 'AlreadyLoaded' });
  });

  it('is deleted when its time to live is over, and its row stays', async () => {
    await using bench = await start();
    bench.upload('one', 'kept', { cancel: true, ttlSecondsAfterFailed: 0 });
    bench.upload('one', 'u', { ttlSecondsAfterFinished: 1 });
    await until(() => jobsOf(bench).length === 1);
    change(bench, 'u', { cancel: true });
    await until(() => phase(bench, 'u') === 'Cancelled');
    await until(() => uploadOf(bench, 'u') === undefined);
    expect(await query(bench, 'SELECT name FROM batch_upload.batch_uploads')).toEqual([{ name: 'u' }]);
    // A cancelled upload has not failed.
    expect(phase(bench, 'kept')).toBe('Cancelled');
  });
});

describe.concurrent('a limit', () => {
  const workers = (bench: ControllerBench) =>
    jobsOf(bench).map(({ metadata }) => metadata!.labels!['batchupload.dev/upload'] ?? metadata!.name!);

  it('lets so many uploads work, says what the others wait for, and gives the turn on', async () => {
    await using bench = await start({ limits: { cluster: { maxActiveUploads: 1 } } });
    bench.upload('one', 'u1');
    await until(() => jobsOf(bench).length === 1);
    bench.upload('one', 'u2');
    await until(() => phase(bench, 'u2') === 'Queued');
    bench.upload('one', 'u3');
    await until(() => phase(bench, 'u3') === 'Queued');
    expect(findCondition(bench.status('one', 'u2'), 'Progressing')).toMatchObject({
      status: 'False',
      reason: 'LimitReached',
    });
    const messages = ['u2', 'u3'].map((name) => bench.status('one', name)!.message);
    expect(messages.join('\n')).toMatch(
      /1 of at most 1 upload of this cluster are in use .*No upload is before this one/,
    );
    expect(messages.join('\n')).toMatch(/1 upload is before this one/);
    change(bench, 'u1', { cancel: true });
    await until(() => phase(bench, 'u2') === 'Planning');
    expect(phase(bench, 'u3')).toBe('Queued');
    change(bench, 'u2', { suspend: true });
    await until(() => phase(bench, 'u3') === 'Planning');
    change(bench, 'u2', { suspend: false });
    await until(() => phase(bench, 'u2') === 'Queued');
    bench.api.remove('batchuploads', 'one', 'u3');
    bench.api.remove('jobs', 'one', workers(bench).length === 1 ? jobsOf(bench)[0]!.metadata!.name! : '');
    await until(() => phase(bench, 'u2') === 'Planning');
  });

  it('of connections counts all namespaces that use the database, and an upload that asks for more gets what there is', async () => {
    await using bench = await start({ namespaces: ['one', 'two'], limits: { database: { maxConnections: 10 } } });
    bench.upload('one', 'u', { parallelism: 16 });
    await until(() => jobsOf(bench).length === 1);
    const [job] = jobsOf(bench);
    const template = job!.spec['template'] as { spec: { containers: { env: { name: string; value?: string }[] }[] } };
    const env = template.spec.containers[0]!.env.find(({ name }) => name === 'BATCH_UPLOAD_PARALLELISM');
    expect(env?.value).toBe('5');
    bench.upload('two', 'v', { parallelism: 1 });
    await until(() => phase(bench, 'v', 'two') === 'Queued');
    expect(bench.status('two', 'v')!.message).toContain('9 of at most 10 connections of this database');
  });

  it('gives the turn to the upload whose pods have the highest priority, and heeds a class that is made later', async () => {
    await using bench = await start({ limits: { cluster: { maxActiveUploads: 1 } } });
    const own = (priorityClassName: string) => ({ podTemplate: { spec: { priorityClassName } } });
    bench.api.put('priorityclasses', { metadata: { name: 'high' }, value: 100 });
    bench.upload('one', 'u1');
    await until(() => jobsOf(bench).length === 1);
    bench.upload('one', 'oldest');
    bench.upload('one', 'high', own('high'));
    bench.upload('one', 'unknown', own('no-such-class'));
    bench.upload('one', 'late', own('later'));
    const waiting = ['oldest', 'high', 'unknown', 'late'];
    await until(() => waiting.every((name) => phase(bench, name) === 'Queued'));
    bench.api.put('priorityclasses', { metadata: { name: 'later' }, value: 200 });
    bench.api.put('priorityclasses', { metadata: { name: 'everyday' }, value: 10, globalDefault: true });
    const order: string[] = [];
    for (const before of ['u1', 'late', 'high', 'oldest']) {
      // The operator hears of a class by a watch.
      await new Promise((resolve) => setTimeout(resolve, 500));
      change(bench, before, { cancel: true });
      const next = () => waiting.find((name) => !order.includes(name) && phase(bench, name) === 'Planning');
      await until(next);
      order.push(next()!);
    }
    expect(order).toEqual(['late', 'high', 'oldest', 'unknown']);
  });

  it('gives turns by age where the operator may not read priority classes', async () => {
    const refuseFirst: Refusal = [({ plural }) => plural === 'priorityclasses', 403, 'Forbidden'];
    await using bench = await start({ limits: { cluster: { maxActiveUploads: 1 } }, refuseFirst });
    bench.upload('one', 'u1', { podTemplate: { spec: { priorityClassName: 'high' } } });
    await until(() => jobsOf(bench).length === 1);
    bench.upload('one', 'u2', { podTemplate: { spec: { priorityClassName: 'high' } } });
    await until(() => phase(bench, 'u2') === 'Queued');
    change(bench, 'u1', { cancel: true });
    await until(() => phase(bench, 'u2') === 'Planning');
  });

  it('is not used up by uploads whose database is away', async () => {
    const two = await createDatabase(postgres);
    const limits = { cluster: { maxActiveUploads: 2 } };
    await using bench = await start({ namespaces: ['one'], own: { two }, limits });
    for (const name of ['v1', 'v2', 'v3']) bench.upload('two', name);
    await until(() => ['v1', 'v2', 'v3'].filter((name) => phase(bench, name, 'two') === 'Planning').length === 2);
    await until(() => ['v1', 'v2', 'v3'].some((name) => phase(bench, name, 'two') === 'Queued'));
    for (const name of ['u1', 'u2']) bench.upload('one', name);
    await until(() => phase(bench, 'u1') === 'Queued' && phase(bench, 'u2') === 'Queued');
    await withClient(bench.url, (client) => client.query(`DROP DATABASE ${new URL(two).pathname.slice(1)} (FORCE)`));
    const away = (name: string) => findCondition(bench.status('two', name), 'Degraded')?.status === 'True';
    await until(() => ['v1', 'v2', 'v3'].every(away));
    // The Jobs of those that were at work fail without their database.
    for (const job of jobsOf(bench)) {
      const conditions = [{ type: 'Failed', status: 'True', reason: 'PodFailurePolicy', message: 'exit code 2' }];
      bench.api.put('jobs', { ...job, status: { conditions } });
    }
    await until(() => phase(bench, 'u1') === 'Planning' && phase(bench, 'u2') === 'Planning');
  });

  it.each(['JobRefused', 'ApiServerError', 'ServiceAccountNotAllowed'])(
    'is not used up by an upload without a Job, which gets one when the cause is mended and there is room: %s',
    async (reason) => {
      let isMended = false;
      await using bench = await start({
        namespaces: ['one', 'two'],
        limits: { cluster: { maxActiveUploads: 1 } },
        env: { BATCH_UPLOAD_STUCK_POD_GRACE_SECONDS: '2', BATCH_UPLOAD_WAITING_SECONDS: '1' },
      });
      if (reason !== 'ServiceAccountNotAllowed') {
        const isRefused: Refusal[0] = ({ method, plural, namespace }) =>
          !isMended && method === 'POST' && plural === 'jobs' && namespace === 'two';
        const [code, answer] =
          reason === 'JobRefused' ? ([422, 'Invalid'] as const) : ([500, 'InternalError'] as const);
        bench.api.refuse(isRefused, code, answer, 'must be less than or equal to memory limit');
      }
      bench.upload('two', 'v');
      await until(() => phase(bench, 'v', 'two') === 'Planning');
      if (reason === 'ServiceAccountNotAllowed') {
        await until(() => jobsOf(bench).length === 1);
        change(bench, 'v', { podTemplate: { spec: { serviceAccountName: 'admin' } } }, 'two');
        bench.api.remove('jobs', 'two', jobsOf(bench)[0]!.metadata!.name!);
      }
      await until(() => findCondition(bench.status('two', 'v'), 'Degraded')?.reason === reason);
      bench.upload('one', 'u');
      await until(() => phase(bench, 'u') === 'Planning');
      const waits = reason === 'ServiceAccountNotAllowed' ? 'Planning' : 'Queued';
      await until(() => phase(bench, 'v', 'two') === waits);
      expect(findCondition(bench.status('two', 'v'), 'Degraded')).toMatchObject({ status: 'True', reason });
      isMended = true;
      if (reason === 'ServiceAccountNotAllowed') change(bench, 'v', { podTemplate: undefined }, 'two');
      await until(() => phase(bench, 'v', 'two') === 'Queued');
      expect(jobsOf(bench)).toHaveLength(1);
      change(bench, 'u', { cancel: true });
      await until(() => jobsOf(bench).some(({ metadata }) => metadata!.namespace === 'two'));
      await until(() => findCondition(bench.status('two', 'v'), 'Degraded')?.reason !== reason);
    },
  );

  it('is not used up by a deleted upload that a finalizer of something else holds', async () => {
    await using bench = await start({ limits: { cluster: { maxActiveUploads: 1 } } });
    bench.upload('one', 'u1');
    await until(() => jobsOf(bench).length === 1);
    putPod(bench, 'Running');
    bench.upload('one', 'u2');
    await until(() => phase(bench, 'u2') === 'Queued');
    const { metadata, ...rest } = uploadOf(bench, 'u1');
    const held = { ...metadata, finalizers: ['example.com/x'], deletionTimestamp: new Date().toISOString() };
    bench.api.put('batchuploads', { ...rest, metadata: held });
    await new Promise((resolve) => setTimeout(resolve, 2000));
    expect(phase(bench, 'u2')).toBe('Queued');
    bench.api.remove('pods', 'one', 'pod');
    await until(() => phase(bench, 'u2') === 'Planning');
    expect(uploadOf(bench, 'u1')).toBeDefined();
  });

  it('of connections counts no user whom the database has never let in', async () => {
    const names = ['s1', 's2', 's3', 's4', 's5'];
    const wrong = (url: string) =>
      Object.fromEntries(names.map((name) => [name, url.replace(/\/\/[^@]*@/, `//${name}:wrong@`)]));
    await using bench = await start({
      namespaces: ['one', 'two'],
      secrets: wrong,
      env: { BATCH_UPLOAD_EXTRA_DATABASE_SECRETS: names.join() },
      limits: { database: { maxConnections: 10 } },
    });
    for (const name of names) bench.upload('two', name, { target: { databaseSecretRef: { name } } });
    const isDenied = (name: string) =>
      findCondition(bench.status('two', name), 'Accepted')?.reason === 'DatabaseAccessDenied';
    await until(() => names.every(isDenied));
    bench.upload('one', 'u', { parallelism: 4 });
    await until(() => phase(bench, 'u') === 'Planning');
  });

  it('does not hold up a namespace with few uploads behind one with many', async () => {
    await using bench = await start({ namespaces: ['one', 'two'], limits: { cluster: { maxActiveUploads: 1 } } });
    for (let i = 0; i < 20; i += 1) bench.upload('one', `u${i}`);
    await until(() => jobsOf(bench).length === 1);
    bench.upload('two', 'v');
    await until(() => phase(bench, 'v', 'two') === 'Queued');
    const [working] = jobsOf(bench);
    const uid = working!.metadata!.labels!['batchupload.dev/uid'];
    const first = (bench.api.all('batchuploads') as unknown as BatchUpload[]).find(
      ({ metadata }) => metadata.uid === uid,
    )!;
    change(bench, first.metadata.name, { cancel: true });
    await until(() => phase(bench, 'v', 'two') === 'Planning');
    // The Job of the cancelled upload may still be ending.
    const others = jobsOf(bench).filter(({ metadata }) => metadata!.labels!['batchupload.dev/uid'] !== uid);
    expect(others.map(({ metadata }) => metadata!.namespace)).toEqual(['two']);
  });
});
