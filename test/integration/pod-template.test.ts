/** The controller on a real PostgreSQL and an API server in memory: a corrected podTemplate heals an upload that it hindered. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { findCondition } from '#api/conditions.ts';
import type { Job } from '#kube/resource-types.ts';
import { type ControllerBench, startController } from '#support/cluster/controller.ts';
import { createDatabase } from '#support/database/database.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import { eventually } from '#support/process/eventually.ts';

let postgres: Postgres;
beforeAll(async () => {
  postgres = await startPostgres({ settings: { fsync: 'off' } });
});
afterAll(() => postgres[Symbol.asyncDispose]());

const start = async (env: Record<string, string> = {}) =>
  startController({
    databases: { one: await createDatabase(postgres) },
    env: { BATCH_UPLOAD_WAITING_SECONDS: '1', BATCH_UPLOAD_SERVICE_ACCOUNTS: 'loader', ...env },
  });

const jobOf = ({ api }: ControllerBench) => api.all('jobs')[0] as Job | undefined;
const podOf = (bench: ControllerBench) => jobOf(bench)?.spec?.template.spec;
const degraded = (bench: ControllerBench) => findCondition(bench.status('one', 'u'), 'Degraded');
const until = (what: () => unknown) => eventually(String(what), () => Boolean(what()), 60_000);

function change(bench: ControllerBench, podTemplate: object): void {
  const upload = bench.api.get('batchuploads', 'one', 'u')!;
  bench.api.put('batchuploads', { ...upload, spec: { ...(upload['spec'] as object), podTemplate } });
}

const withClass = (priorityClassName: string) => ({ spec: { priorityClassName } });
const withAccount = (serviceAccountName: string) => ({ spec: { serviceAccountName } });

it('a Job that gets no pods is made again with the corrected template', async () => {
  await using bench = await start({ BATCH_UPLOAD_STUCK_POD_GRACE_SECONDS: '0' });
  bench.upload('one', 'u', { podTemplate: withClass('missing') });
  await until(() => degraded(bench)?.reason === 'PodsNotCreated');
  expect(podOf(bench)?.priorityClassName).toBe('missing');
  const before = jobOf(bench)?.metadata?.uid;
  change(bench, withClass('there'));
  await until(() => podOf(bench)?.priorityClassName === 'there');
  expect(jobOf(bench)?.metadata?.uid).not.toBe(before);
});

it('a Job that the API server refuses is made with the corrected template', async () => {
  await using bench = await start();
  bench.api.refuse(
    ({ method, plural }, body) => method === 'POST' && plural === 'jobs' && body.includes('"refused"'),
    422,
    'Invalid',
    'must be less than or equal to memory limit',
  );
  bench.upload('one', 'u', { podTemplate: withClass('refused') });
  await until(() => degraded(bench)?.reason === 'JobRefused');
  expect(degraded(bench)?.message).toContain('must be less than or equal to memory limit');
  change(bench, withClass('taken'));
  await until(() => podOf(bench)?.priorityClassName === 'taken');
  await until(() => degraded(bench)?.status === 'False');
});

it('an account that is not listed: nothing is accepted, a Job works on, and no other one is made', async () => {
  await using bench = await start();
  bench.upload('one', 'u', { podTemplate: withAccount('admin') });
  await until(() => findCondition(bench.status('one', 'u'), 'Accepted')?.reason === 'ServiceAccountNotAllowed');
  expect(jobOf(bench)).toBeUndefined();
  change(bench, withAccount('loader'));
  await until(() => podOf(bench)?.serviceAccountName === 'loader');
  const before = jobOf(bench)!.metadata!;
  await until(() => bench.status('one', 'u')?.phase === 'Planning');

  change(bench, withAccount('admin'));
  const generation = bench.api.get('batchuploads', 'one', 'u')!.metadata?.generation;
  await until(() => bench.status('one', 'u')?.observedGeneration === generation);
  expect(degraded(bench)?.status).toBe('False');
  expect(jobOf(bench)?.metadata?.uid).toBe(before.uid);

  bench.api.remove('jobs', 'one', before.name!);
  await until(() => degraded(bench)?.reason === 'ServiceAccountNotAllowed');
  expect(jobOf(bench)).toBeUndefined();
  change(bench, withAccount('loader'));
  await until(() => podOf(bench)?.serviceAccountName === 'loader');
  // The status speaks for a while of the Job that the test has deleted.
  await until(() => degraded(bench)?.reason === 'JobDeleted');
});
