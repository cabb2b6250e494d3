/** What an upload asks for, from what is observed of it. */
import { describe, expect, it } from 'vitest';
import type { Database } from '#ledger/client/database.ts';
import { askForTurn } from '#operator/controller/queue/ask-for-turn.ts';
import type { TurnRequest } from '#operator/controller/queue/upload-turns.ts';
import type { Observed } from '#operator/controller/types.ts';
import { ACCEPTED, job, observed, pod, row, UID } from './observed.ts';

function ask(change: Partial<Observed>, database: Database | null = { place: 'd' } as Database) {
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
  const turn = askForTurn(turns, { key: 'n/u', seen: observed(change), database, priority: 7 });
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
    wanted: 4,
    holds: 4,
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
])('an upload that is %s gives its turn back', (_what, change) => {
  expect(ask(change)).toMatchObject({ request: null, calls: [UID, 'release'], turn: { type: 'admitted' } });
});

it('an upload whose database is away keeps what it has', () => {
  expect(ask(away, null)).toMatchObject({ request: null, calls: [UID], turn: { type: 'admitted', sessions: 4 } });
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
