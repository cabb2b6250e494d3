/** What an upload asks for, from what is observed of it. */
import { describe, expect, it } from 'vitest';
import type { Job } from '#kube/resource-types.ts';
import { viewJob } from '#operator/controller/job-view.ts';
import { askForTurn, endingRequest, recountRequest } from '#operator/controller/queue/ask-for-turn.ts';
import type { TurnRequest } from '#operator/controller/queue/upload-turns.ts';
import type { Observed } from '#operator/controller/types.ts';
import { ACCEPTED, job, observed, pod, row, UID } from './observed.ts';

function ask(change: Partial<Observed>, database: string | null = 'd', keptBy: string | null = null) {
  const calls: string[] = [];
  let request: TurnRequest | null = null;
  const turns = {
    ask(asked: TurnRequest) {
      request = asked;
      return { type: 'admitted', sessions: 4 } as const;
    },
    release: () => void calls.push('release'),
    forgetOther: (_key: string, uid: string) => void calls.push(uid),
  };
  const seen = observed(change);
  const turn = askForTurn(turns, { key: 'n/u', seen, database, likelyDatabase: 'named', keptBy, priority: 7 });
  return { turn, calls, request: request as TurnRequest | null };
}

const spec = (verbs: object) => ({ upload: { ...ACCEPTED, spec: { ...ACCEPTED.spec, ...verbs } } });
const ledger = (status: 'Queued' | 'Complete' | 'Failed') =>
  ({ ledger: { state: 'row', row: row({ status }) } }) as const;
const away = { ledger: { state: 'unreachable', why: { reason: 'DatabaseUnavailable', message: '' } } } as const;

it('an upload that needs pods asks for its sessions, and says what its Job has', () => {
  const { request, calls } = ask({});
  expect(request).toMatchObject({
    key: 'n/u',
    uid: UID,
    database: 'd',
    likelyDatabase: null,
    wanted: 4,
    holds: 4,
    sessionsPerPod: 2,
    lends: false,
    priority: 7,
  });
  expect(calls).toEqual([UID]);
  expect(ask({ jobs: { plan: null, process: null } }).request).toMatchObject({ holds: 0 });
  // A retry that was asked for while pods were ending waits like any other upload.
  expect(ask({ jobs: { plan: null, process: job({ deleting: true }) } }).request).toMatchObject({ holds: 0 });
});

it.each<[string, Partial<Observed>]>([
  ['suspended', spec({ suspend: true })],
  ['suspended while its database is away', { ...spec({ suspend: true }), ...away }],
  ['cancelled', spec({ cancel: true })],
  ['in a namespace that is being deleted', { isTerminating: true }],
  ['without a row', { ledger: { state: 'absent' } }],
  ['waiting for another of the same content', ledger('Queued')],
  ['complete', ledger('Complete')],
  ['failed', ledger('Failed')],
  [
    'about to fail, since its Job has failed',
    { jobs: { plan: null, process: job({ verdict: 'failed', finished: true }) }, pods: [] },
  ],
  [
    'not allowed to have its service account, and without a Job',
    {
      refusedAccount: { reason: 'ServiceAccountNotAllowed', message: '' },
      jobs: { plan: null, process: null },
      pods: [],
    },
  ],
  ['hindered by a Job of its name', { jobs: { plan: null, process: job({ owned: false }) }, pods: [] }],
])('an upload that is %s gives its turn back', (_what, change) => {
  expect(ask(change)).toMatchObject({ request: null, calls: [UID, 'release'], turn: { type: 'admitted' } });
});

describe('an upload whose database is away', () => {
  const late = { stateMs: 60_001 };

  it.each<[string, Partial<Observed>]>([
    ['waits for its turn, or has had no Job yet', { jobs: { plan: null, process: null }, pods: [] }],
    [
      'has a Job that has failed',
      { jobs: { plan: null, process: job({ verdict: 'failed', finished: true }) }, pods: [pod({ phase: 'Failed' })] },
    ],
    ['has a Job that is being deleted', { jobs: { plan: null, process: job({ deleting: true }) } }],
  ])('gives its turn back where it %s', (_what, change) => {
    expect(ask({ ...away, ...change }, null)).toMatchObject({ request: null, calls: [UID, 'release'] });
  });

  it.each<[string, Partial<Observed>, Partial<TurnRequest>, string?]>([
    ['keeps what its Job has', {}, { holds: 4, wanted: 4, lends: false, sessionsPerPod: 2 }],
    [
      'lends it while its pods have given up, and the Job makes the next ones after a wait',
      { jobs: { plan: null, process: job({ active: 0, ...late }) }, pods: [pod({ phase: 'Failed', ...late })] },
      { holds: 4, lends: true },
    ],
    [
      'keeps the one session that a pool has for it, where nobody knows yet which pod has it',
      { jobs: { plan: null, process: null }, pods: [] },
      { holds: 1, wanted: 1, lends: false, pool: 'pool-1' },
      'pool-1',
    ],
    [
      'keeps the one session of its warm pod',
      { jobs: { plan: null, process: null }, warmPod: { pod: pod(), job: null } },
      { holds: 1, wanted: 1, lends: false, sessionsPerPod: null },
    ],
  ])('%s', (_what, change, expected, keptBy = undefined) => {
    const { request, calls } = ask({ ...away, ...change }, null, keptBy);
    expect(request).toMatchObject({ database: null, likelyDatabase: 'named', ...expected });
    expect(calls).toEqual([UID]);
  });
});

describe('an upload in a pool', () => {
  const assigned = (state: 'Waiting' | 'Claimed') => {
    const assignment = { pool: 'pool-1', state, pod: state === 'Claimed' ? 'warm' : null };
    const planning = row({ status: 'Planning', execution: null, assignment });
    return {
      ledger: { state: 'row' as const, row: planning },
      jobs: { plan: null, process: null },
      pods: [],
    } satisfies Partial<Observed>;
  };
  const warmPod = { pod: pod({ name: 'warm' }), job: null };

  it('is unclaimed until a pod has it', () => {
    expect(ask({ ...assigned('Claimed'), warmPod }, 'd', 'pool-1').request).toMatchObject({ isUnclaimed: false });
    expect(ask(assigned('Waiting'), 'd', 'pool-1').request).toMatchObject({ isUnclaimed: true });
    expect(ask({}).request).toMatchObject({ isUnclaimed: false });
  });

  it.each<[string, Partial<Observed>, string | null, number]>([
    ['that a pod has, is at work', { ...assigned('Claimed'), warmPod }, 'pool-1', 1],
    ['that a pod may claim at any moment, is at work', assigned('Waiting'), 'pool-1', 1],
    ['that has no pods any more, has to ask before some are started', assigned('Waiting'), null, 0],
    ['whose pod has ended, has to ask', assigned('Claimed'), null, 0],
  ])('%s', (_what, change, keptBy, holds) => {
    expect(ask(change, 'd', keptBy).request).toMatchObject({ holds, wanted: 1, pool: 'pool-1' });
  });
});

it('an upload whose service account is not allowed any more keeps what its Job has', () => {
  const refusedAccount = { reason: 'ServiceAccountNotAllowed', message: '' } as const;
  expect(ask({ refusedAccount }).request).toMatchObject({ holds: 4 });
});

it('an upload whose Jobs and pods are not known yet keeps what it has', () => {
  const why = { reason: 'NamespaceNotReady', message: '' } as const;
  const unknown = { ledger: { state: 'unreachable', why }, jobs: { plan: null, process: null } } as const;
  expect(ask({ ...unknown, pods: [] }, null)).toMatchObject({ request: null, calls: [UID] });
});

it('a Job that somebody has altered holds no more than an upload may have', () => {
  const altered = { plan: null, process: job({ parallelism: 1_000_000, sessionsPerPod: 4 }) };
  expect(ask({ jobs: altered }).request).toMatchObject({ holds: 128 });
  const annotations = (note: string) => ({ metadata: { annotations: { 'batchupload.dev/sessions-per-pod': note } } });
  for (const note of ['0', '5', '1000000', '1e9', 'x']) {
    expect(viewJob(annotations(note) as Job, 'plan', UID).sessionsPerPod).toBe(1);
  }
  expect(viewJob(annotations('4') as Job, 'plan', UID).sessionsPerPod).toBe(4);
});

describe('what a new leader counts', () => {
  const jobs = [job({ sessionsPerPod: 1, parallelism: 16 })];
  const at = (phase: string) => ({ ...ACCEPTED, status: { phase } }) as Observed['upload'];

  it('is what the Job of an upload has', () => {
    const expected = { holds: 16, sessionsPerPod: 1, database: null, lends: false };
    expect(recountRequest(at('Processing'), jobs)).toMatchObject(expected);
    expect(endingRequest(at('Processing'), jobs)).toMatchObject(expected);
  });

  it('is what the upload may get, where it is at work and has no Job at the moment', () => {
    expect(recountRequest(at('Planning'), [])).toMatchObject({ holds: 4, sessionsPerPod: null });
    expect(recountRequest(at('Queued'), [])).toBeNull();
  });
});

describe('an upload lends its turn', () => {
  const late = { stateMs: 60_001 };
  it.each<[string, boolean, Partial<Observed>]>([
    [
      'its pods wait for a node for a minute',
      true,
      { pods: [pod({ phase: 'Pending', ...late })], jobs: { plan: null, process: job(late) } },
    ],
    [
      'its Job gets no pods for a minute',
      true,
      { pods: [], jobs: { plan: null, process: job({ active: 0, ...late }) } },
    ],
    [
      'a pod runs',
      false,
      { pods: [pod(late), pod({ phase: 'Pending', ...late })], jobs: { plan: null, process: job(late) } },
    ],
    [
      'an evicted pod has just been replaced',
      false,
      {
        pods: [pod({ phase: 'Failed', ...late }), pod({ phase: 'Pending', stateMs: 5 })],
        jobs: { plan: null, process: job(late) },
      },
    ],
    [
      'its Job waits in a queue of Kueue for a minute',
      true,
      { pods: [], jobs: { plan: null, process: job({ queue: 'q', suspended: true, active: 0, ...late }) } },
    ],
    ['its Job has only just been made', false, { pods: [] }],
    ['its Job is missing', false, { pods: [], jobs: { plan: null, process: null } }],
    [
      'the Job that has planned has ended long ago, and the other one is missing for a moment',
      false,
      { pods: [], jobs: { plan: job({ kind: 'plan', verdict: 'complete', finished: true, ...late }), process: null } },
    ],
  ])('%s: %s', (_what, lends, change) => {
    expect(ask(change).request).toMatchObject({ lends });
  });
});

describe('an upload whose Job Kueue queues', () => {
  const queued = { queue: 'q', appliedParallelism: 2, sessionsPerPod: 4 };
  it.each<[string, Partial<Observed>['jobs'], number, { holds: number; wanted: number }]>([
    ['all pods', { plan: null, process: job({ ...queued, parallelism: 2 }) }, 8, { holds: 8, wanted: 8 }],
    [
      'fewer pods than it may get the next time',
      { plan: null, process: job({ ...queued, parallelism: 1 }) },
      8,
      { holds: 8, wanted: 8 },
    ],
    ['pods that it keeps although it asks for fewer', { plan: null, process: job(queued) }, 2, { holds: 8, wanted: 8 }],
    ['pods, and asks for more', { plan: null, process: job(queued) }, 16, { holds: 8, wanted: 16 }],
    [
      'no pods, and asks for fewer',
      { plan: null, process: job({ ...queued, suspended: true }) },
      2,
      { holds: 8, wanted: 2 },
    ],
  ])('has %s', (_what, jobs, parallelism, expected) => {
    expect(ask({ ...spec({ parallelism }), ...(jobs ? { jobs } : {}) }).request).toMatchObject(expected);
  });
});
