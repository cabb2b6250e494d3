/** What cancel, suspend, the deadline and parallelism do at each phase, and each pair of verbs. */
import { describe, expect, it } from 'vitest';
import type { BatchUpload } from '#kube/custom-resources.ts';
import type { UploadProgress } from '#ledger/types.ts';
import { decide } from '#operator/controller/decide.ts';
import { buildStatus } from '#operator/controller/status.ts';
import { eventsOf } from '#operator/controller/status-events.ts';
import type { Decision, Observed } from '#operator/controller/types.ts';
import { ACCEPTED, job, observed, pod, row, UID, upload } from './observed.ts';

type Verbs = Partial<BatchUpload['spec']>;

const asks = (verbs: Verbs, seen = ACCEPTED): BatchUpload => ({ ...seen, spec: { ...seen.spec, ...verbs } });
const ledger = (change: Partial<UploadProgress>): Observed['ledger'] => ({ state: 'row', row: row(change) });
const why = { reason: 'DatabaseUnavailable', message: 'The database cannot be reached.' } as const;
const plan = job({ name: 'plan', kind: 'plan', parallelism: 1, completions: 1, appliedParallelism: 1 });
const noJobs: Observed['jobs'] = { plan: null, process: null };
const counts = { processed: 0, succeeded: 0, failed: 0, duplicate: 0, updated: 0 };
const all = { chunksDone: 10, counts: { ...counts, processed: 100, succeeded: 100 } };

/** Each phase, as it is observed. */
const PHASES = {
  Pending: { upload: upload(), ledger: { state: 'absent' }, jobs: noJobs, pods: [] },
  'Pending without a database': { upload: upload(), ledger: { state: 'unreachable', why }, jobs: noJobs, pods: [] },
  Planning: { ledger: ledger({ status: 'Planning', execution: null, plannedAt: null }), jobs: { plan, process: null } },
  Queued: {
    ledger: ledger({ status: 'Queued', sameAs: { name: 'first', status: 'Processing', totalRecords: 1, counts } }),
    jobs: noJobs,
    pods: [],
  },
  Processing: {},
  'Processing without a database': {
    ledger: { state: 'unreachable', why },
    upload: { ...ACCEPTED, status: { ...ACCEPTED.status, phase: 'Processing' } },
  },
  'all records counted': { ledger: ledger(all) },
  Complete: { ledger: ledger({ status: 'Complete', ...all }), jobs: noJobs, pods: [] },
  Failed: { ledger: ledger({ status: 'Failed', failureReason: 'PodFailed' }), jobs: noJobs, pods: [] },
  Cancelled: {
    ledger: ledger({ status: 'Failed', failureReason: 'Cancelled', failureMessage: 'The upload was cancelled.' }),
    jobs: noJobs,
    pods: [],
  },
} as const satisfies Record<string, Partial<Observed>>;
type Phase = keyof typeof PHASES;

function see(phase: Phase, verbs: Verbs, change: Partial<Observed> = {}): Observed {
  const seen: Partial<Observed> = { ...PHASES[phase], ...change };
  return observed({ ...seen, upload: asks(verbs, seen.upload) });
}

/** What happens, in words: the actions, and the phase that the status has. */
function tell(seen: Observed): [string, string] {
  const decision = decide(seen);
  const did = decision.actions.map((action) => {
    if (action.type === 'fail') return `fail ${action.reason}`;
    if (action.type === 'deleteJob') return `delete ${action.job.kind}`;
    return action.type;
  });
  return [did.join(', '), statusOf(seen, decision).phase!];
}

const statusOf = (seen: Observed, decision: Decision = decide(seen)) => buildStatus({ ...seen, ...decision });

describe.each<[string, Verbs, Record<Phase, [actions: string, phase: string]>]>([
  [
    'suspend',
    { suspend: true },
    {
      Pending: ['', 'Suspended'],
      'Pending without a database': ['', 'Suspended'],
      Planning: ['delete plan', 'Suspended'],
      Queued: ['', 'Suspended'],
      Processing: ['delete process', 'Suspended'],
      'Processing without a database': ['delete process', 'Suspended'],
      'all records counted': ['complete', 'Processing'],
      Complete: ['', 'Complete'],
      Failed: ['', 'Failed'],
      Cancelled: ['', 'Cancelled'],
    },
  ],
  [
    'cancel',
    { cancel: true },
    {
      Pending: ['', 'Cancelled'],
      'Pending without a database': ['', 'Cancelled'],
      Planning: ['fail Cancelled', 'Planning'],
      Queued: ['fail Cancelled', 'Queued'],
      Processing: ['fail Cancelled', 'Processing'],
      'Processing without a database': ['', 'Processing'],
      'all records counted': ['complete', 'Processing'],
      Complete: ['', 'Complete'],
      Failed: ['', 'Failed'],
      Cancelled: ['', 'Cancelled'],
    },
  ],
  [
    'suspend and cancel: cancel wins',
    { suspend: true, cancel: true },
    {
      Pending: ['', 'Cancelled'],
      'Pending without a database': ['', 'Cancelled'],
      Planning: ['fail Cancelled', 'Planning'],
      Queued: ['fail Cancelled', 'Queued'],
      Processing: ['fail Cancelled', 'Processing'],
      'Processing without a database': ['delete process', 'Suspended'],
      'all records counted': ['complete', 'Processing'],
      Complete: ['', 'Complete'],
      Failed: ['', 'Failed'],
      Cancelled: ['', 'Cancelled'],
    },
  ],
  [
    'cancel and retry: the retry is refused',
    { cancel: true, retryGeneration: 1 },
    {
      Pending: ['', 'Cancelled'],
      'Pending without a database': ['', 'Cancelled'],
      Planning: ['fail Cancelled', 'Planning'],
      Queued: ['fail Cancelled', 'Queued'],
      Processing: ['fail Cancelled', 'Processing'],
      'Processing without a database': ['', 'Processing'],
      'all records counted': ['complete', 'Processing'],
      Complete: ['', 'Complete'],
      Failed: ['', 'Failed'],
      Cancelled: ['', 'Cancelled'],
    },
  ],
  [
    'suspend and retry: another attempt is opened, and then waits',
    { suspend: true, retryGeneration: 1 },
    {
      Pending: ['', 'Suspended'],
      'Pending without a database': ['', 'Suspended'],
      Planning: ['delete plan', 'Suspended'],
      Queued: ['', 'Suspended'],
      Processing: ['delete process', 'Suspended'],
      'Processing without a database': ['delete process', 'Suspended'],
      'all records counted': ['complete', 'Processing'],
      Complete: ['', 'Complete'],
      Failed: ['retry', 'Processing'],
      Cancelled: ['', 'Cancelled'],
    },
  ],
])('%s', (_what, verbs, expected) => {
  it.each(Object.entries(expected) as [Phase, [string, string]][])('%s', (phase, outcome) => {
    expect(tell(see(phase, verbs))).toEqual(outcome);
  });
});

describe('suspend', () => {
  it('says so until it is taken back', () => {
    const suspended = statusOf(see('Processing', { suspend: true }));
    expect(suspended.message).toBe(
      'The upload is suspended (spec.suspend: true). 1 pod of it is still ending. It goes on where it was when spec.suspend is false again.',
    );
    expect(suspended.conditions).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ type: 'Suspended', status: 'True', reason: 'Suspended' }),
        expect.objectContaining({ type: 'Progressing', status: 'False', reason: 'Suspended' }),
        expect.objectContaining({ type: 'Complete', status: 'False' }),
        expect.objectContaining({ type: 'Failed', status: 'False' }),
      ]),
    );
    expect(eventsOf(ACCEPTED.status, suspended).map(({ reason }) => reason)).toContain('Suspended');
    const on = see('Processing', {}, { jobs: noJobs, pods: [], upload: { ...ACCEPTED, status: suspended } });
    expect(decide(on).actions).toMatchObject([{ type: 'createJob', recreated: 0 }]);
    const resumed = statusOf(on);
    expect(resumed.phase).toBe('Processing');
    expect(resumed.conditions).toContainEqual(
      expect.objectContaining({ type: 'Suspended', status: 'False', reason: 'Resumed' }),
    );
    expect(eventsOf(suspended, resumed)).toEqual([
      { type: 'Normal', reason: 'Resumed', message: 'The upload goes on.' },
    ]);
  });

  it('no pod is left: nothing is still ending', () => {
    const { message } = statusOf(see('Processing', { suspend: true }, { jobs: noJobs, pods: [], endingPods: 0 }));
    expect(message).not.toContain('ending');
  });

  it('keeps what is known while the database is away, and says that it is', () => {
    const known = statusOf(see('Processing', {}));
    const seen = see('Processing without a database', { suspend: true }, { upload: { ...ACCEPTED, status: known } });
    const status = statusOf(seen);
    expect(status).toMatchObject({ phase: 'Suspended', records: known.records, plan: known.plan });
    expect(status.conditions).toContainEqual(expect.objectContaining({ type: 'Degraded', status: 'True', ...why }));
  });

  it('deletes the Job of a later attempt, too, while the database is away', () => {
    const later = job({ name: `${UID}-process-2` });
    const seen = see('Processing without a database', { suspend: true }, { jobs: noJobs, allJobs: [later] });
    expect(decide(seen).actions).toMatchObject([{ type: 'deleteJob', job: { name: later.name } }]);
  });

  it('asks nobody to mend an upload that is created suspended', () => {
    const status = statusOf(see('Pending', { suspend: true }));
    expect(status.conditions).toContainEqual(
      expect.objectContaining({ type: 'Accepted', status: 'False', reason: 'Suspended' }),
    );
    expect(eventsOf(undefined, status).filter(({ type }) => type === 'Warning')).toEqual([]);
    expect(status.startTime).toBeUndefined();
  });

  it('leaves a Job that has failed, which says why when the upload goes on', () => {
    const failed = job({ verdict: 'failed', finished: true });
    const jobs = { plan: null, process: failed };
    expect(decide(see('Processing', { suspend: true }, { jobs })).actions).toEqual([]);
    expect(decide(see('Processing', {}, { jobs })).actions).toMatchObject([{ type: 'fail' }]);
  });
});

describe('cancel', () => {
  it('an upload with a Job and no status was accepted: only the ledger can end it', () => {
    const seen = see('Pending without a database', { cancel: true }, { jobs: { plan, process: null } });
    expect(decide(seen)).toMatchObject({ view: { kind: 'waiting' } });
  });

  it.each(['Pending', 'Cancelled'] as const)('ends as Failed with reason Cancelled (%s)', (phase) => {
    const status = statusOf(see(phase, { cancel: true }));
    expect(status.conditions).toContainEqual(
      expect.objectContaining({ type: 'Failed', status: 'True', reason: 'Cancelled' }),
    );
    expect(status.completionTime).toBeDefined();
    const events = eventsOf(upload().status, status);
    expect(events).toContainEqual({
      type: 'Normal',
      reason: 'Cancelled',
      message: expect.stringContaining('was cancelled'),
    });
    expect(events.filter(({ type }) => type === 'Warning')).toEqual([]);
  });

  it('says why a retry is refused', () => {
    const { message } = statusOf(see('Failed', { cancel: true, retryGeneration: 1 }));
    expect(message).toContain('The upload cannot be tried again: spec.cancel is true.');
  });
});

describe('activeDeadlineSeconds', () => {
  const deadline = { activeDeadlineSeconds: 60 };
  const counting = (isCounted: boolean, activeMs: number, activeForMs = 0) => ({
    ledger: ledger({ activeForMs: isCounted ? activeForMs : null, activeMs }),
  });

  it.each<[string, Partial<Observed>, string]>([
    ['a pod runs: begins to count', counting(false, 0), 'countTime true'],
    ['a pod runs and is counted', counting(true, 1000), ''],
    ['a pod runs and was counted a minute ago', counting(true, 1000, 60_000), 'countTime true'],
    ['no pod runs: stops', { ...counting(true, 1000), pods: [] }, 'countTime false'],
    [
      'a pod waits for a node: stops',
      { ...counting(true, 1000), pods: [pod({ phase: 'Pending' })] },
      'countTime false',
    ],
    ['no pod runs and none is counted', { ...counting(false, 1000), pods: [] }, ''],
    ['the time is over', counting(true, 60_000), 'fail DeadlineExceeded'],
    ['the time is over and every record counted', { ledger: ledger({ ...all, activeMs: 90_000 }) }, 'complete '],
  ])('%s', (_what, change, expected) => {
    const { actions } = decide(see('Processing', deadline, change));
    const told = actions.map((action) => {
      const { type, isActive, reason } = action as { type: string; isActive?: boolean; reason?: string };
      return `${type} ${isActive ?? reason ?? ''}`;
    });
    // A deadline that has passed while nothing is left to do fails no upload; the count then stays as it is.
    expect(told.filter((each) => !each.startsWith('countTime') || expected !== 'complete ').join()).toBe(expected);
  });

  it('looks again when the time is over', () => {
    expect(decide(see('Processing', deadline, counting(true, 57_000))).requeueAfterMs).toBe(3000);
  });

  it.each<[string, 'Processing' | 'Failed', object[]]>([
    ['waits', 'Processing', [{ type: 'countTime', isActive: false }]],
    ['has waited', 'Failed', [{ type: 'countTime', isActive: false }, { type: 'dequeue' }]],
  ])('an upload that %s for another one of the same content is not counted', (_what, status, expected) => {
    const sameAs = { name: 'first', status, totalRecords: 1, counts };
    const change = { ledger: ledger({ status: 'Queued', sameAs, activeForMs: 5, activeMs: 5 }) };
    expect(decide(see('Queued', deadline, change)).actions).toEqual(expected);
    const stopped = { ledger: ledger({ status: 'Queued', sameAs, activeForMs: null, activeMs: 5 }) };
    expect(decide(see('Queued', deadline, stopped)).actions).toEqual(expected.slice(1));
  });

  it('a suspended upload is not counted', () => {
    const { actions } = decide(see('Processing', { ...deadline, suspend: true }, { ...counting(true, 5), pods: [] }));
    expect(actions).toContainEqual({ type: 'countTime', isActive: false });
  });

  it('a suspended upload does not fail for the time of a database that was away', () => {
    const seen = see('Processing', { ...deadline, suspend: true }, counting(true, 90_000));
    expect(decide(seen)).toMatchObject({ view: { kind: 'suspended' } });
    expect(decide(seen).actions).not.toContainEqual(expect.objectContaining({ type: 'fail' }));
  });

  it('an upload that waits for its turn is not counted', () => {
    const wait = { scope: 'cluster', limit: 'maxActiveUploads', max: 1, used: 1, ahead: 0 } as const;
    const seen = see('Processing', deadline, { ...counting(true, 5), pods: [], turn: { type: 'waiting', wait } });
    expect(decide(seen)).toMatchObject({
      view: { kind: 'waitingForTurn' },
      actions: [{ type: 'countTime', isActive: false }],
    });
  });

  it.each([
    [0, 60_000],
    [600, 60_000],
    [10_000, 1_000_000],
  ])('an upload that waits for its turn behind %i others says so every %i ms', (ahead, requeueAfterMs) => {
    const wait = { scope: 'cluster', limit: 'maxActiveUploads', max: 1, used: 1, ahead } as const;
    const seen = see('Processing', {}, { pods: [], turn: { type: 'waiting', wait } });
    expect(decide(seen)).toMatchObject({ requeueAfterMs });
  });

  it('an upload that waits for its turn again because its Job was refused goes on saying why', () => {
    const wait = { scope: 'cluster', limit: 'maxActiveUploads', max: 1, used: 1, ahead: 0 } as const;
    const jobRefused = { reason: 'JobRefused', message: 'exceeded quota' } as const;
    const seen = see('Processing', {}, { pods: [], jobRefused, turn: { type: 'waiting', wait } });
    const decision = decide(seen);
    expect(decision.view.kind).toBe('waitingForTurn');
    const { message, conditions } = statusOf(seen, decision);
    expect(message).toBe('exceeded quota');
    expect(conditions).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ type: 'Degraded', status: 'True', reason: 'JobRefused' }),
        expect.objectContaining({ type: 'Progressing', status: 'False', reason: 'LimitReached' }),
      ]),
    );
    // A moment after it was refused again it does not even ask for a turn.
    const rests = see('Processing', {}, { pods: [], jobRefused, turn: { type: 'resting', ms: 5_000 } });
    expect(decide(rests)).toMatchObject({
      actions: [],
      view: { kind: 'processing' },
      degraded: jobRefused,
      requeueAfterMs: 5_000,
    });
  });

  it('without a deadline nothing is counted', () => {
    expect(decide(see('Processing', {}, counting(false, 0))).actions).toEqual([]);
  });
});

describe('parallelism', () => {
  const big = { sizeBytes: 2 ** 32, totalChunks: 1000 };
  const inline = { ledger: ledger({ ...big, execution: 'Inline', totalIndexes: 1 }), jobs: { plan, process: null } };
  const two = { ledger: ledger(big) };

  it.each<[string, Partial<Observed>, number, object[]]>([
    ['raised beyond the indexes', two, 16, [{ type: 'setParallelism', parallelism: 8, completions: 8 }]],
    [
      'raised within them',
      { ...two, jobs: { plan: null, process: job({ parallelism: 1, appliedParallelism: 1 }) } },
      4,
      [{ type: 'setParallelism', parallelism: 2, completions: null }],
    ],
    ['lowered', two, 2, [{ type: 'setParallelism', parallelism: 1, completions: null }]],
    ['lowered below the sessions of a pod', two, 1, [{ type: 'deleteJob', recreated: 1 }]],
    ['raised where one pod loads the file', inline, 16, [{ type: 'setParallelism', parallelism: 8, completions: 8 }]],
    ['as it is where one pod loads the file', inline, 2, []],
    ['raised while the file is planned', PHASES.Planning, 16, []],
    [
      'raised for the plan Job of an earlier release',
      { ...inline, jobs: { plan: { ...plan, appliedParallelism: null }, process: null } },
      16,
      [],
    ],
  ])('%s', (_what, change, parallelism, actions) => {
    const decision = decide(see('Processing', { parallelism }, change));
    expect(decision.actions).toHaveLength(actions.length);
    expect(decision.actions).toMatchObject(actions);
  });
});
