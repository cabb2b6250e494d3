/** The controller runtime against a real API server. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createAccess, loadAccess } from '#kube/access.ts';
import { createKubeClient } from '#kube/client.ts';
import { createEventRecorder } from '#kube/events.ts';
import { createLeaderElector } from '#kube/lease.ts';
import { createReflector } from '#kube/reflector.ts';
import { CONFIG_MAPS, type ConfigMap, JOBS, LEASES, SECRETS } from '#kube/resource-types.ts';
import type { KubeClient } from '#kube/types.ts';
import { type Cluster, createCluster } from '#support/cluster/cluster.ts';
import { eventually } from '#support/process/eventually.ts';
import { createRecordingLog } from '#support/process/recording-log.ts';

const namespace = `kube-runtime-${randomBytes(3).toString('hex')}`;
const WAIT_MS = 60_000;
let cluster: Cluster;
let client: KubeClient;

beforeAll(async () => {
  cluster = createCluster();
  client = createKubeClient({ access: loadAccess({ kubeconfig: cluster.env.KUBECONFIG }) });
  await cluster.kubectl('create', 'namespace', namespace);
});
afterAll(async () => {
  await cluster?.kubectl('delete', 'namespace', namespace, '--wait=false').catch(() => {});
  await client?.close();
});

const configMap = (name: string, data: Record<string, string>): ConfigMap => ({ metadata: { name, namespace }, data });

describe('client', () => {
  test('server-side apply creates, changes, removes, and says who owns a field', async () => {
    const mine = { fieldManager: 'runtime-test' };
    await client.apply(CONFIG_MAPS, configMap('applied', { a: '1', b: '1' }), mine);
    const changed = await client.apply(CONFIG_MAPS, configMap('applied', { a: '2' }), mine);
    expect(changed.data).toEqual({ a: '2' });
    const other = { fieldManager: 'another' };
    await expect(client.apply(CONFIG_MAPS, configMap('applied', { a: '3' }), other)).rejects.toMatchObject({
      status: 409,
      reason: 'Conflict',
      message: expect.stringContaining('runtime-test'),
    });
    const taken = await client.apply(CONFIG_MAPS, configMap('applied', { a: '3' }), { ...other, force: true });
    expect(taken.data).toEqual({ a: '3' });
    const patched = await client.patchMerge(CONFIG_MAPS, { namespace, name: 'applied' }, { data: { a: null, c: '1' } });
    expect(patched.data).toEqual({ c: '1' });
  });

  test('the status is applied as a subresource and touches nothing else', async () => {
    const job = await client.create(JOBS, {
      metadata: { name: 'suspended', namespace },
      spec: {
        suspend: true,
        template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'none' }] } },
      },
    });
    const status = { metadata: { name: 'suspended', namespace }, status: { ready: 0, active: 0 } };
    const applied = await client.applyStatus(JOBS, status, { fieldManager: 'runtime-test', force: true });
    expect(applied.metadata?.uid).toBe(job.metadata?.uid);
    expect(applied.spec?.suspend).toBe(true);
    const managers = (applied.metadata?.managedFields ?? []).filter(({ manager }) => manager === 'runtime-test');
    expect(managers).toMatchObject([{ operation: 'Apply', subresource: 'status' }]);
  });

  test('preconditions, deletes of missing objects, creations of existing ones', async () => {
    const created = await client.create(CONFIG_MAPS, configMap('once', {}));
    await expect(client.create(CONFIG_MAPS, configMap('once', {}))).rejects.toMatchObject({
      status: 409,
      reason: 'AlreadyExists',
    });
    const ref = { namespace, name: 'once' };
    await expect(client.delete(CONFIG_MAPS, ref, { preconditions: { uid: 'another' } })).rejects.toMatchObject({
      status: 409,
    });
    const preconditions = { uid: created.metadata!.uid! };
    expect(await client.delete(CONFIG_MAPS, ref, { preconditions, propagationPolicy: 'Background' })).toBe(true);
    expect(await client.delete(CONFIG_MAPS, ref)).toBe(false);
    expect(await client.find(CONFIG_MAPS, ref)).toBeUndefined();
  });

  test("a service account's token file, and what it may not do", async () => {
    const folder = await mkdtemp(join(tmpdir(), 'kube-token-'));
    const tokenFile = join(folder, 'token');
    await writeFile(tokenFile, await cluster.kubectl('-n', namespace, 'create', 'token', 'default'));
    const config = new KubeConfig();
    config.loadFromFile(cluster.env.KUBECONFIG);
    config.loadFromOptions({
      clusters: [config.getCurrentCluster()],
      users: [{ name: 'pod', authProvider: { name: 'tokenFile', config: { tokenFile } } }],
      contexts: [{ name: 'pod', cluster: config.getCurrentCluster()?.name, user: 'pod', namespace }],
      currentContext: 'pod',
    });
    const pod = createKubeClient({ access: createAccess(config) });
    await expect(pod.list(SECRETS, { namespace })).rejects.toMatchObject({
      status: 403,
      reason: 'Forbidden',
      message: expect.stringContaining(`system:serviceaccount:${namespace}:default`),
    });
    await pod.close();
    await rm(folder, { recursive: true });
  });
});

describe('reflector', () => {
  test('pages, watches, follows its namespace only, and goes on when the server ends a watch', async () => {
    const abort = new AbortController();
    for (const name of ['r1', 'r2', 'r3']) {
      await client.create(CONFIG_MAPS, {
        ...configMap(name, { v: '1' }),
        metadata: { name, namespace, labels: { t: 'r' } },
      });
    }
    const log = createRecordingLog();
    const heard: string[] = [];
    const reflector = createReflector({
      client,
      type: CONFIG_MAPS,
      namespace,
      labelSelector: 't=r',
      log,
      pageSize: 2,
      // The server ends a watch after one or two seconds.
      watchSeconds: 1,
    });
    reflector.subscribe({
      onAdd: ({ metadata }) => heard.push(`+${metadata?.name}`),
      onUpdate: ({ metadata, data }) => heard.push(`~${metadata?.name}=${data?.['v']}`),
      onDelete: ({ metadata }) => heard.push(`-${metadata?.name}`),
    });
    const running = reflector.run(abort.signal);
    await reflector.synced;
    expect(heard.toSorted()).toEqual(['+r1', '+r2', '+r3']);
    const expected = [...heard];
    for (let round = 2; round <= 4; round++) {
      await client.patchMerge(CONFIG_MAPS, { namespace, name: 'r1' }, { data: { v: String(round) } });
      expected.push(`~r1=${round}`);
      const opened = reflector.counters.watches;
      await eventually('the change is heard', () => heard.length === expected.length, WAIT_MS);
      await eventually('the watch was opened again', () => reflector.counters.watches > opened, WAIT_MS);
    }
    await client.delete(CONFIG_MAPS, { namespace, name: 'r2' });
    await eventually('the delete is heard', () => heard.at(-1) === '-r2', WAIT_MS);
    expect(heard).toEqual([...expected, '-r2']);
    expect(reflector.get(`${namespace}/r1`)).toMatchObject({ kind: 'ConfigMap', data: { v: '4' } });
    expect(reflector.get(`${namespace}/r1`)?.metadata).not.toHaveProperty('managedFields');
    expect(reflector.counters).toMatchObject({ lists: 1, failures: 0 });
    abort.abort();
    await running;
  });
});

describe('lease', () => {
  test('the second leads after the first let go, and stops when it finds another in the lease', async () => {
    const start = (identity: string) => {
      const shutdown = new AbortController();
      const own = createKubeClient({ access: loadAccess({ kubeconfig: cluster.env.KUBECONFIG }) });
      const state = { started: false, ended: false, lost: '' };
      const elector = createLeaderElector({
        client: own,
        namespace,
        name: 'leader',
        identity,
        log: createRecordingLog(),
        leaseDurationMs: 6_000,
        renewDeadlineMs: 4_000,
        retryPeriodMs: 500,
        onStartedLeading: async (signal) => {
          state.started = true;
          await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
          state.ended = true;
        },
        onLost: (reason) => {
          state.lost = reason;
        },
      });
      const run = elector.run(shutdown.signal).finally(() => own.close());
      return { elector, state, shutdown, run };
    };
    const one = start('one');
    await eventually('the first leads', () => one.elector.isLeader && one.state.started, WAIT_MS);
    const two = start('two');
    await eventually('the second knows', () => two.elector.leader === 'one', WAIT_MS);
    const before = await client.get(LEASES, { namespace, name: 'leader' });
    expect(before.spec).toMatchObject({ holderIdentity: 'one', leaseDurationSeconds: 6, leaseTransitions: 0 });
    expect(before.spec?.renewTime).toMatch(/\.\d{6}Z$/);
    one.shutdown.abort();
    await one.run;
    expect(one.state).toEqual({ started: true, ended: true, lost: '' });
    expect(one.elector.isLeader).toBe(false);
    await eventually('the second leads', () => two.elector.isLeader, WAIT_MS);
    await client.patchMerge(LEASES, { namespace, name: 'leader' }, { spec: { holderIdentity: 'three' } });
    await eventually('the second has lost', () => two.state.lost !== '', WAIT_MS);
    expect(two.state).toEqual({ started: true, ended: true, lost: 'held by three' });
    await two.run;
  });
});

describe('events', () => {
  test('kubectl describe and kubectl get events show them, repeats counted', async () => {
    const { metadata } = await client.create(CONFIG_MAPS, configMap('observed', {}));
    const recorder = createEventRecorder({
      client,
      log: createRecordingLog(),
      component: 'batch-upload',
      instance: 'test',
      signal: new AbortController().signal,
    });
    const target = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'observed', namespace, uid: metadata!.uid! },
    };
    const event = { type: 'Warning', reason: 'TableMissing', message: 'Create table "claims" first.' } as const;
    recorder.record(target, event);
    await recorder.flush();
    recorder.record(target, event);
    recorder.record(target, { ...event, type: 'Normal', reason: 'Planned', message: 'ü'.repeat(1_000) });
    await recorder.flush();
    expect(recorder.dropped).toBe(0);
    const described = await cluster.kubectl('-n', namespace, 'describe', 'configmap', 'observed');
    expect(described).toMatch(
      /Warning\s+TableMissing\s+\S+ \(x2 over \S+\)\s+batch-upload\s+Create table "claims" first\./,
    );
    expect(described).toMatch(/Normal\s+Planned/);
    const listed = await cluster.kubectl('-n', namespace, 'get', 'events');
    expect(listed).toMatch(/Warning\s+TableMissing\s+configmap\/observed/);
  });
});
