import { describe, expect, it } from 'vitest';
import { decide } from '#operator/controller/decide.ts';
import { makesWait } from '#operator/controller/pace-policy.ts';
import { hasTrouble, isPooled, planInPool, podsWanted } from '#operator/controller/pool/pool-policy.ts';
import { WarmPods, type WarmPodsDeps } from '#operator/controller/pool/warm-pods.ts';
import { findStuck } from '#operator/controller/stuck-pod-policy.ts';
import type { Observed } from '#operator/controller/types.ts';
import type { PoolPlan } from '#operator/jobs/pool-job.ts';
import { FakeClock } from '#support/process/fake-clock.ts';
import { createRecordingLog } from '#support/process/recording-log.ts';
import { job, observed, pod, row, upload } from './observed.ts';

const plan = { id: 'pool-1', namespace: 'n' } as PoolPlan;
const works = { plan, hasTrouble: false, needsPods: false, startingPods: [] };
const lacks = { ...works, needsPods: true };
const trouble = { ...works, hasTrouble: true };
const warmPod = { pod: pod({ name: 'warm' }), job: job({ name: 'warm-job', owned: false }) };
const nobody = { jobs: { plan: null, process: null }, pods: [] };
const assigned = (state: 'Waiting' | 'Claimed' | 'Ended' | 'Returned', pool = 'pool-1') => ({
  pool,
  state,
  pod: state === 'Waiting' ? null : 'warm',
});

describe('an upload in a pool', () => {
  type Case = [string, ReturnType<typeof assigned> | null, Observed['pool'], Observed['warmPod'], string[] | null];
  const cases: Case[] = [
    ['none, and no pool', null, null, null, null],
    ['none, and a pool in trouble', null, trouble, null, null],
    ['none', null, works, null, ['assign']],
    ['Waiting', assigned('Waiting'), works, null, []],
    ['Waiting, too few pods', assigned('Waiting'), lacks, null, ['startPods']],
    ['Waiting in another pool', assigned('Waiting', 'pool-0'), works, null, ['assign']],
    ['Waiting, the pool in trouble', assigned('Waiting'), trouble, null, ['withdraw']],
    ['Waiting, pools switched off', assigned('Waiting'), null, null, ['withdraw']],
    ['Claimed', assigned('Claimed'), works, warmPod, []],
    ['Claimed, the pool in trouble', assigned('Claimed'), trouble, warmPod, []],
    ['Claimed, the pod has ended', assigned('Claimed'), works, null, ['loseClaim']],
    ['Claimed, the pod has ended, pools switched off', assigned('Claimed'), null, null, ['loseClaim']],
    ['Ended while work is left', assigned('Ended'), works, null, null],
    ['Returned', assigned('Returned'), works, null, null],
  ];
  it.each(cases)('%s', (_what, assignment, pool, warm, expected) => {
    const seen = observed({ ...nobody, pool, warmPod: warm });
    const decided = planInPool(seen, row({ status: 'Planning', execution: null, assignment }));
    expect(decided?.actions.map(({ type }) => type) ?? null).toEqual(expected);
    if (decided) expect(decided.requeueAfterMs).toBeGreaterThan(0);
  });

  it.each(cases)('%s: the whole decision makes the same, or a Job', (_what, assignment, pool, warm, expected) => {
    const ledger = { state: 'row' as const, row: row({ status: 'Planning', execution: null, assignment }) };
    const { actions } = decide(observed({ ...nobody, pool, warmPod: warm, ledger }));
    expect(actions.map(({ type }) => type)).toEqual(expected ?? ['createJob']);
  });

  it('that has a Job of its own has no other one', () => {
    const ledger = {
      state: 'row' as const,
      row: row({ status: 'Planning', execution: null, assignment: assigned('Returned') }),
    };
    const own = { plan: job({ kind: 'plan' }), process: null };
    expect(decide(observed({ jobs: own, pool: works, ledger })).actions).toEqual([]);
  });

  it('is completed whatever its assignment says, when every record is counted', () => {
    const counts = { processed: 100, succeeded: 100, failed: 0, duplicate: 0, updated: 0 };
    const done = row({ execution: 'Inline', chunksDone: 10, counts, assignment: assigned('Claimed') });
    expect(decide(observed({ ...nobody, pool: works, ledger: { state: 'row', row: done } })).actions).toEqual([
      { type: 'complete' },
    ]);
  });
});

it.each<[string, string | null, object, string[]]>([
  ['are those of the upload', '{"BATCH_UPLOAD_MAX_REPLICA_LAG_SECONDS":"5"}', { maxReplicaLagSeconds: 5 }, []],
  ['are others', '{"BATCH_UPLOAD_MAX_REPLICA_LAG_SECONDS":"9"}', { maxReplicaLagSeconds: 5 }, ['withdraw']],
  ['are gone from the upload', '{"BATCH_UPLOAD_MAX_REPLICA_LAG_SECONDS":"9"}', {}, ['withdraw']],
  ['are not said by a Job of an earlier release, whose pool has the limits', null, { maxReplicaLagSeconds: 5 }, []],
  ['are not said, and the upload has none', null, {}, []],
])('the limits of the pod that has an upload %s', (_what, protect, limits, expected) => {
  const limited = upload([{ type: 'Accepted', status: 'True' }]);
  limited.spec.target = { protect: limits };
  const held = { ...warmPod, job: job({ name: 'warm-job', owned: false, protect }) };
  const seen = observed({ ...nobody, upload: limited, pool: works, warmPod: held });
  const { actions } = planInPool(seen, row({ status: 'Processing', assignment: assigned('Claimed') }))!;
  expect(actions.map(({ type }) => type)).toEqual(expected);
  for (const action of actions) expect(action).toMatchObject({ alsoClaimed: true });
});

it.each([
  ['for longer than its grace and the grace of a stuck pod', { deleting: true, stateMs: 600_000 }, ['loseClaim']],
  ['for a moment', { deleting: true, stateMs: 20_000 }, []],
  ['not at all', { deleting: false, stateMs: 600_000 }, []],
])('a pod that has an upload is being deleted %s', (_what, state, expected) => {
  const held = pod({ name: 'warm', job: 'batch-upload-pool-1-abc', ...state });
  const seen = observed({ ...nobody, pods: [held], pool: works, warmPod: { ...warmPod, pod: held } });
  const claimed = row({ status: 'Processing', assignment: assigned('Claimed') });
  expect(planInPool(seen, claimed)!.actions.map(({ type }) => type)).toEqual(expected);
});

it('a pod of a pool that does not end is not said to be replaced by Kubernetes', () => {
  const message = (name: string) => {
    const pods = [pod({ job: name, deleting: true, stateMs: 600_000 })];
    return findStuck({ pods, creationRefused: null, stuckPodGraceMs: 60_000 }, null).stuck?.message;
  };
  expect(message('batch-upload-pool-1-abc')).toMatch(/Another pod of its pool goes on with the upload/);
  expect(message('batch-upload-pool-1-abc')).not.toMatch(/Kubernetes replaces/);
  expect(message(job().name)).toMatch(/Kubernetes replaces/);
});

it('suspend takes an upload out of its pool and deletes the Job of the pod that has it', () => {
  const suspended = upload([{ type: 'Accepted', status: 'True' }]);
  suspended.spec.suspend = true;
  const ledger = {
    state: 'row' as const,
    row: row({ status: 'Planning', execution: null, assignment: assigned('Claimed') }),
  };
  const { actions } = decide(observed({ ...nobody, upload: suspended, pool: works, warmPod, ledger }));
  expect(actions).toMatchObject([
    { type: 'deleteJob', job: { name: 'warm-job' } },
    { type: 'withdraw', alsoClaimed: true },
  ]);
});

it.each([
  [0, 4, 0],
  [1, 4, 1],
  [4, 4, 1],
  [5, 4, 2],
  [100, 4, 4],
  [100, 1, 1],
])('%i uploads are worth a few pods (at most %i)', (uploads, max, expected) => {
  expect(podsWanted(uploads, max)).toBe(expected);
});

describe('a pool has trouble', () => {
  const well = {
    failures: 0,
    troubleAgoMs: Infinity,
    wasRefused: false,
    runningPods: 1,
    startingMs: 60_000,
    podlessMs: null,
    stillMs: 1000,
  };
  it.each([
    ['never, while its pods run', well, false],
    ['when two pods have failed one after the other', { ...well, failures: 2, troubleAgoMs: 1000 }, true],
    ['not for one failed pod', { ...well, failures: 1, troubleAgoMs: 1000 }, false],
    ['no longer than a minute', { ...well, failures: 2, troubleAgoMs: 61_000 }, false],
    ['when the API server refuses its pods', { ...well, wasRefused: true, troubleAgoMs: 1000, startingMs: null }, true],
    ['when none of its pods runs after a while', { ...well, runningPods: 0, startingMs: 301_000 }, true],
    ['not while the status says why its pods do not run', { ...well, runningPods: 0, startingMs: 299_000 }, false],
    ['when its Jobs get no pods', { ...well, runningPods: 0, startingMs: 11_000, podlessMs: 11_000 }, true],
    ['not while its first pod starts', { ...well, runningPods: 0, startingMs: 3000, stillMs: null }, false],
    ['not without a pod', { ...well, runningPods: 0, startingMs: null }, false],
    ['when its pods get on with nothing while others wait', { ...well, stillMs: 61_000 }, true],
    ['not while nothing waits', { ...well, stillMs: null }, false],
  ])('%s', (_what, state, expected) => {
    expect(hasTrouble(state, 60_000)).toBe(expected);
  });
});

/** A pool with one Job, whose pod runs. */
function startPool(podName: string) {
  const id = 'pool-0123456789abcdef';
  const name = `batch-upload-${id}-abc`;
  const clock = new FakeClock();
  const made = { metadata: { name, namespace: 'n', uid: 'j' } };
  const running = {
    metadata: { name: podName, namespace: 'n', labels: { 'job-name': name } },
    status: { phase: 'Running' },
  };
  const warmPods = new WarmPods({
    caches: { jobsOf: () => [made], podsOf: () => [running], namespaces: new Map() },
    ...{ clock, log: createRecordingLog(), max: 4, graceMs: 60_000 },
  } as unknown as WarmPodsDeps);
  const hasTroubleNow = () => warmPods.view({ ...plan, id }).hasTrouble;
  const keep = (key: string, more: { pod: string | null; isSlowed?: boolean }) =>
    warmPods.keep(key, { pool: id, namespace: 'n', place: null, ...more });
  return { clock, hasTroubleNow, keep };
}

it('a pool whose pod waits by spec.target.protect is in order, however long that takes', async () => {
  const { clock, hasTroubleNow, keep } = startPool('warm');
  keep('n/claimed', { pod: 'warm' });
  keep('n/waits', { pod: null });
  for (let s = 0; s < 300; s += 30) {
    await clock.advance(30_000);
    keep('n/claimed', { pod: 'warm', isSlowed: true });
    keep('n/waits', { pod: null });
    expect(hasTroubleNow()).toBe(false);
  }
  await clock.advance(61_000);
  keep('n/claimed', { pod: 'warm' });
  expect(hasTroubleNow()).toBe(true);
});

it('a pool whose pod has lost its upload is in order while another pod takes it', async () => {
  const { clock, hasTroubleNow, keep } = startPool('new');
  keep('n/u', { pod: 'lost' });
  await clock.advance(200_000);
  keep('n/u', { pod: null });
  expect(hasTroubleNow()).toBe(false);
  await clock.advance(61_000);
  keep('n/u', { pod: null });
  expect(hasTroubleNow()).toBe(true);
});

describe('the pool that keeps an upload', () => {
  const id = 'pool-0123456789abcdef';
  const name = `batch-upload-${id}-abc`;
  const labels = { 'batchupload.dev/uid': id, 'job-name': name };
  const made = { metadata: { name, namespace: 'n', uid: 'j', labels } };
  const running = { metadata: { name: 'warm', namespace: 'n', labels }, status: { phase: 'Running' } };

  function start(present?: object) {
    const pods = [running];
    const jobs = [made];
    const asked: string[] = [];
    const find = async (_type: unknown, { name: pod }: { name: string }) => {
      asked.push(pod);
      return present;
    };
    const reflector = (all: { metadata: { name: string } }[]) => ({
      get: (key: string) => all.find((each) => `n/${each.metadata.name}` === key),
    });
    const warmPods = new WarmPods({
      client: { find },
      caches: {
        jobsOf: () => jobs,
        podsOf: () => pods,
        namespaces: new Map([['n', { jobs: reflector(jobs), pods: reflector(pods) }]]),
      },
      ...{ clock: new FakeClock(), log: createRecordingLog(), max: 4, graceMs: 60_000, onEnd: () => undefined },
    } as unknown as WarmPodsDeps);
    const end = () => {
      pods.length = 0;
      jobs.length = 0;
    };
    return { warmPods, end, asked };
  }

  it.each([['warm'], [null]])('is known while the pod lives that has the upload (%s), or could get it', (pod) => {
    const { warmPods, end } = start();
    expect(warmPods.keptBy('n/u')).toBeNull();
    warmPods.keep('n/u', { pool: id, namespace: 'n', pod, place: null });
    expect(warmPods.keptBy('n/u')).toBe(id);
    end();
    expect(warmPods.keptBy('n/u')).toBeNull();
  });

  it('is at the database that its uploads had last', () => {
    const { warmPods } = start();
    for (const place of ['a', 'b', null]) warmPods.keep('n/u', { pool: id, namespace: 'n', pod: null, place });
    expect([...warmPods.count()]).toEqual([{ pool: id, database: 'b', idle: 1, claimed: 0 }]);
  });

  it('is none where another pod lives than the one that has the upload', () => {
    const { warmPods } = start();
    warmPods.keep('n/u', { pool: id, namespace: 'n', pod: 'other', place: null });
    expect(warmPods.keptBy('n/u')).toBeNull();
  });

  it.each([
    ['lives, as the API server says', running, 'warm'],
    ['has ended, as the API server says', { ...running, status: { phase: 'Failed' } }, null],
    ['is gone, as the API server says', undefined, null],
    ['is not of a pool', { ...running, metadata: { ...running.metadata, labels: {} } }, null],
  ])('has a pod that the cache does not have, which %s', async (_what, present, expected) => {
    const { warmPods, end, asked } = start(present);
    const lookUp = () => warmPods.lookUp('n', 'warm', new AbortController().signal);
    expect((await lookUp())?.pod.name).toBe('warm');
    expect(asked).toEqual([]);
    end();
    expect((await lookUp())?.pod.name ?? null).toBe(expected);
    expect(asked).toEqual(['warm']);
  });

  it('is forgotten when it has nothing any more', async () => {
    const { warmPods, end } = start();
    const { signal } = new AbortController();
    for (let n = 0; n < 3_000; n += 1) warmPods.view({ ...plan, id: `pool-${n}` });
    expect(warmPods.size).toBe(0);
    warmPods.keep('n/u', { pool: id, namespace: 'n', pod: null, place: null });
    await warmPods.tidy(signal);
    expect(warmPods.size).toBe(1);
    warmPods.release('n/u');
    await warmPods.tidy(signal);
    expect(warmPods.size).toBe(1);
    end();
    await warmPods.tidy(signal);
    expect(warmPods.size).toBe(0);
  });

  it('is found by a new leader from the pod in the status, which then does not count as idle', () => {
    const { warmPods } = start();
    warmPods.recountUpload('n/v', 'n', 'gone');
    expect(warmPods.keptBy('n/v')).toBeNull();
    warmPods.recountUpload('n/u', 'n', 'warm');
    expect(warmPods.keptBy('n/u')).toBe(id);
    expect([...warmPods.count()]).toEqual([{ pool: id, database: null, idle: 0, claimed: 1 }]);
  });
});

describe('the Jobs of a pool, as the API server has them', () => {
  const idOf = (n: number) => `pool-${String(n).padStart(20, '0')}`;
  const id = idOf(0);
  const { signal } = new AbortController();

  function start(jobs: { metadata: { name: string; labels: Record<string, string> } }[] = []) {
    const there = new Set<string>();
    const calls = { created: 0, found: 0, deleted: [] as string[] };
    const clock = new FakeClock();
    const log = createRecordingLog();
    const warmPods = new WarmPods({
      client: {
        async create(_type: unknown, made: PoolJob) {
          calls.created += 1;
          there.add(made.metadata.name);
        },
        async find(_type: unknown, { name }: { name: string }) {
          calls.found += 1;
          return there.has(name) ? { metadata: { name, namespace: 'n', uid: name } } : undefined;
        },
        async delete(_type: unknown, { name }: { name: string }) {
          calls.deleted.push(name);
          if (calls.deleted.length === 1) throw new Error('refused');
        },
      },
      caches: {
        jobsOf: ({ uid }: { uid: string }) =>
          jobs.filter(({ metadata }) => metadata.labels['batchupload.dev/uid'] === uid),
        podsOf: () => [],
        namespaces: new Map(),
      },
      ...{ clock, log, max: 4, graceMs: 60_000, onEnd: () => undefined },
    } as unknown as WarmPodsDeps);
    return { warmPods, clock, log, calls, there };
  }
  type PoolJob = { metadata: { name: string } };
  const pool = {
    ...{ id, namespace: 'n' },
    buildJob: (suffix: string) => ({ metadata: { name: `batch-upload-${id}-${suffix}`, namespace: 'n' } }),
  } as unknown as PoolPlan;

  it('count for as long as they are there, however late a cache learns of them', async () => {
    const { warmPods, clock, calls, there } = start();
    for (let n = 0; n < 40; n += 1) warmPods.keep(`n/u${n}`, { pool: id, namespace: 'n', pod: null, place: null });
    for (let round = 0; round < 15; round += 1) {
      await Promise.all([warmPods.start(pool, signal), warmPods.start(pool, signal)]);
      await clock.advance(10_000);
    }
    expect(calls).toMatchObject({ created: 4, found: 4 * 14 });
    // The uploads of the pool look again, since the Jobs may be gone by now.
    expect(warmPods.view(pool).needsPods).toBe(true);
    there.clear();
    await warmPods.start(pool, signal);
    expect(calls.created).toBe(8);
    expect(warmPods.view(pool).needsPods).toBe(false);
  });

  it('are tidied in every pool, also where one deletion is refused', async () => {
    const jobs = [1, 2].map((n) => ({
      metadata: {
        ...{ name: `batch-upload-${idOf(n)}-abc`, namespace: 'n', uid: `j${n}` },
        labels: { 'batchupload.dev/uid': idOf(n) },
      },
    }));
    const { warmPods, clock, log, calls } = start(jobs);
    for (const each of jobs) warmPods.recount(each);
    await clock.advance(61_000);
    await warmPods.tidy(signal);
    expect(calls.deleted).toEqual(jobs.map(({ metadata }) => metadata.name));
    expect(log.entries.filter(({ level }) => level === 'warn')).toHaveLength(1);
  });
});

it.each([
  ['ReplicaLag', true],
  ['WalRateUnknown', true],
  ['NoReplicas', false],
])('pods that have noted %s wait: %s', (reason, waits) => {
  expect(makesWait(row({ pace: { reason, message: '', since: new Date(0) } }))).toBe(waits);
  expect(makesWait(row())).toBe(false);
});

it('an upload that a pool has or will have needs one session', () => {
  expect(isPooled({ pool: works }, row({ assignment: null }))).toBe(true);
  expect(isPooled({ pool: null }, row({ assignment: assigned('Claimed') }))).toBe(true);
  expect(isPooled({ pool: works }, row({ assignment: assigned('Returned') }))).toBe(false);
  expect(isPooled({ pool: trouble }, row({ assignment: null }))).toBe(false);
});
