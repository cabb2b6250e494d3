/** Jobs that Kueue queues: the operator leaves to Kueue when they have pods, and how many. */
import { describe, expect, it } from 'vitest';
import { decide } from '#operator/controller/decide.ts';
import { viewJob } from '#operator/controller/job-view.ts';
import { buildStatus } from '#operator/controller/status.ts';
import type { JobView, Observed, Seen } from '#operator/controller/types.ts';
import { ACCEPTED, job, observed, pod, row, UID } from './observed.ts';

/** A Job of 2 pods with 4 sessions each, for an upload of 8 sessions. */
const QUEUED = { queue: 'loads', appliedQueue: 'loads', sessionsPerPod: 4 };
const waiting = (change: Partial<Seen<JobView>> = {}) =>
  job({ ...QUEUED, suspended: true, active: 0, stateMs: 600_000, ...change });
const admitted = (change: Partial<Seen<JobView>> = {}) => job({ ...QUEUED, ...change });

const ledger = { state: 'row', row: row({ sizeBytes: 2 ** 30, totalChunks: 1000, chunksDone: 5 }) } as const;
const asking = (spec: object) =>
  ({ ...ACCEPTED, spec: { ...ACCEPTED.spec, parallelism: 8, queueName: 'loads', ...spec } }) as Observed['upload'];

const see = (process: Seen<JobView>, spec: object = {}, change: Partial<Observed> = {}) =>
  observed({
    upload: asking(spec),
    ledger,
    jobs: { plan: null, process },
    pods: process.suspended ? [] : [pod()],
    ...change,
  });

describe('a Job that waits', () => {
  it('is said as what it is, in the phase Queued and not as a fault', () => {
    const seen = see(waiting());
    const decision = decide(seen);
    expect(decision).toMatchObject({ actions: [], view: { kind: 'waitingForAdmission' }, degraded: null });
    const status = buildStatus({ ...seen, ...decision });
    expect(status.phase).toBe('Queued');
    const condition = (type: string) => status.conditions?.find((each) => each.type === type);
    expect(condition('Progressing')).toMatchObject({ status: 'False', reason: 'AdmissionPending' });
    expect(condition('Degraded')).toMatchObject({ status: 'False', reason: 'AsExpected' });
    expect(condition('Suspended')).toBeUndefined();
    expect(condition('Accepted')).toMatchObject({ status: 'True' });
    expect(condition('Progressing')?.message).toBe(status.message);
    expect(status.message).toContain('waits in the queue loads of Kueue');
    expect(status.message).toContain('kubectl describe workloads.kueue.x-k8s.io -l kueue.x-k8s.io/job-uid=job.');
  });

  it('keeps the counts of what was loaded before an eviction, and has no rate', () => {
    const seen = see(waiting(), {}, { recordsPerSecond: 7 });
    const status = buildStatus({ ...seen, ...decide(seen) });
    expect(status).toMatchObject({ records: { processed: 50 }, progress: '50%', parallelism: 0 });
    expect(status.recordsPerSecond).toBeUndefined();
  });

  it.each<[string, Partial<JobView>, string]>([
    ['has been admitted', { suspended: false }, 'processing'],
    ['is being deleted', { deleting: true }, 'processing'],
    ['is not the upload’s', { owned: false }, 'processing'],
    ['has no queue, and somebody has suspended it', { queue: null, appliedQueue: null }, 'processing'],
  ])('not where it %s', (_what, change, kind) => {
    const { view } = decide(see(waiting(change), { queueName: undefined }));
    expect(view.kind).toBe(kind);
  });

  it('a Job that waits to plan is Queued as well', () => {
    const plan = waiting({
      kind: 'plan',
      name: `${UID}-plan-1`,
      parallelism: 1,
      appliedParallelism: 1,
      completions: 1,
    });
    const planning = { state: 'row', row: row({ status: 'Planning', execution: null, plannedAt: null }) } as const;
    const decision = decide(see(plan, {}, { ledger: planning, jobs: { plan, process: null } }));
    expect(decision).toMatchObject({ actions: [], view: { kind: 'waitingForAdmission' }, degraded: null });
  });

  it('a Job that waits to make the copy of a planned upload anew has one pod as well', () => {
    const one = { kind: 'plan', name: `${UID}-plan-1`, parallelism: 1, appliedParallelism: 1, completions: 1 } as const;
    const plan = waiting(one);
    const renewing = { state: 'row', row: row({ status: 'Planning', execution: 'Job', sizeBytes: 1e12 }) } as const;
    expect(decide(see(plan, {}, { ledger: renewing, jobs: { plan, process: null } })).actions).toEqual([]);
  });

  it('pods of an eviction that do not end are said', () => {
    const ending = pod({ deleting: true, stateMs: 600_000 });
    expect(decide(see(waiting(), {}, { pods: [ending] })).degraded).toMatchObject({ reason: 'PodNotTerminating' });
  });

  it('an upload that is suspended by its spec gives the Job up', () => {
    expect(decide(see(waiting(), { suspend: true }))).toMatchObject({
      actions: [{ type: 'deleteJob', because: 'the upload is suspended' }],
      view: { kind: 'suspended' },
    });
  });

  it('an upload whose records are all counted is complete, although its Job waits', () => {
    const counts = { processed: 100, succeeded: 99, failed: 1, duplicate: 0, updated: 0 };
    const done = { state: 'row', row: row({ chunksDone: 10, counts }) } as const;
    expect(decide(see(waiting(), {}, { ledger: done })).actions).toEqual([{ type: 'complete' }]);
  });

  it('is not counted as work', () => {
    const counted = { state: 'row', row: { ...ledger.row, activeForMs: 5, activeMs: 5 } } as const;
    expect(decide(see(waiting(), { activeDeadlineSeconds: 60 }, { ledger: counted })).actions).toEqual([
      { type: 'countTime', isActive: false },
    ]);
  });
});

/** The settings of pods, as the note of a Job says them. */
const note = (change: object = {}) => JSON.stringify({ image: 'a', resources: { requests: { cpu: '8' } }, ...change });

describe('a change of the spec', () => {
  const limited = (sessions: number) => ({ turn: { type: 'admitted', sessions } as const });
  const noted = { settings: note() };

  it.each<[string, boolean, object, Partial<Seen<JobView>>, Partial<Observed>]>([
    ['nothing', false, {}, {}, {}],
    ['fewer sessions', true, { parallelism: 4 }, {}, {}],
    ['fewer sessions than one pod has', true, { parallelism: 2 }, {}, {}],
    ['more sessions', true, { parallelism: 16 }, {}, {}],
    ['as many sessions, in other pods', true, { parallelism: 6 }, {}, {}],
    ['another queue', true, { queueName: 'other' }, {}, {}],
    ['no queue', true, { queueName: undefined }, {}, {}],
    ['a queue that Kueue had put the Job into by itself', false, { queueName: undefined }, { appliedQueue: null }, {}],
    ['a limit that has less room than the Job has sessions', true, {}, {}, limited(4)],
    ['more sessions, for which a limit has no room', false, { parallelism: 16 }, {}, limited(8)],
    ['more sessions, but the notes of the Job are lost', false, { parallelism: 16 }, { appliedParallelism: null }, {}],
    ['the settings that the Job has', false, {}, noted, { settings: note() }],
    ['other resources', true, {}, noted, { settings: note({ resources: { requests: { cpu: '1' } } }) }],
    ['another priority, or other nodes', true, {}, noted, { settings: note({ podTemplate: 'hash' }) }],
    ['another image alone, as an upgrade brings', false, {}, noted, { settings: note({ image: 'b' }) }],
    ['other resources, but the note of the Job is lost', false, {}, { settings: null }, { settings: note() }],
    ['other resources, but the note of the Job is altered', false, {}, { settings: '{' }, { settings: note() }],
    [
      'other resources, with an account for which no Job could be made',
      false,
      {},
      noted,
      {
        settings: note({ podTemplate: 'hash' }),
        refusedAccount: { reason: 'ServiceAccountNotAllowed', message: '' },
      },
    ],
  ])('%s makes a waiting Job anew: %s', (_what, isMade, spec, change, more) => {
    const { actions } = decide(see(waiting(change), spec, more));
    expect(actions).toHaveLength(isMade ? 1 : 0);
    if (isMade) expect(actions).toMatchObject([{ type: 'deleteJob', recreated: 1 }]);
  });

  it.each<[string, object, Partial<Seen<JobView>>]>([
    ['fewer sessions than one pod has', { parallelism: 2 }, {}],
    ['more sessions', { parallelism: 64 }, {}],
    ['another queue', { queueName: 'other' }, {}],
    ['no queue', { queueName: undefined }, {}],
    ['nothing, and Kueue has admitted fewer pods', {}, { parallelism: 1, active: 1 }],
    ['a queue, and the Job was made without one and then queued by Kueue', {}, { appliedQueue: null }],
    ['other resources', {}, { settings: note() }],
  ])('%s leaves an admitted Job as Kueue made it', (_what, spec, change) => {
    expect(decide(see(admitted(change), spec))).toMatchObject({
      actions: [],
      degraded: null,
      view: { kind: 'processing' },
    });
  });

  it('a waiting Job of the pod that has planned is made anew with more pods', () => {
    const plan = waiting({
      kind: 'plan',
      name: `${UID}-plan-1`,
      parallelism: 1,
      appliedParallelism: 1,
      completions: 1,
    });
    const inline = { state: 'row', row: row({ ...ledger.row, execution: 'Inline', totalIndexes: 1 }) } as const;
    const more = { ledger: inline, jobs: { plan, process: null } };
    expect(decide(see(plan, { parallelism: 4 }, more)).actions).toEqual([]);
    expect(decide(see(plan, { parallelism: 8 }, more)).actions).toMatchObject([{ type: 'deleteJob' }]);
  });

  it('a Job without a queue that runs goes on, and a queue counts for the next one', () => {
    const { actions } = decide(see(job({ sessionsPerPod: 4 })));
    expect(actions).toEqual([]);
  });
});

describe('the Job that loads is made', () => {
  const planned = (change: Partial<Seen<JobView>> = {}) =>
    job({ ...QUEUED, kind: 'plan', name: `${UID}-plan-1`, uid: 'plan', ...change });
  const running = pod({ job: planned().name });
  const ended = { verdict: 'complete', finished: true, active: 0 } as const;
  it.each<[string, boolean, Seen<JobView>, Observed['pods'], object]>([
    ['not while the Job that has planned has a pod', false, planned(), [running], {}],
    [
      'not while that Job has not noticed the end of its pod',
      false,
      planned(),
      [pod({ ...running, phase: 'Succeeded' })],
      {},
    ],
    ['not at once when that Job has ended', false, planned({ ...ended, stateMs: 1999 }), [], {}],
    ['when Kueue has had the time to see its end', true, planned({ ...ended, stateMs: 2000 }), [], {}],
    ['when Kueue has suspended that Job', true, planned({ suspended: true }), [], {}],
    [
      'when the pod of that Job is deleted and does not end',
      true,
      planned(),
      [pod({ ...running, deleting: true })],
      {},
    ],
    ['when something else keeps that pod running', true, planned(), [pod({ ...running, outliving: ['proxy'] })], {}],
    ['at once where there is no queue', true, planned({ queue: null }), [running], { queueName: undefined }],
  ])('%s', (_what, isMade, plan, pods, spec) => {
    const { actions } = decide(see(plan, spec, { jobs: { plan, process: null }, pods }));
    expect(actions).toMatchObject(isMade ? [{ type: 'createJob', kind: 'process' }] : []);
    expect(actions).toHaveLength(isMade ? 1 : 0);
  });
});

it('the queue of a Job is that of its label, whoever has set it', () => {
  const view = (labels: object, annotations: object) =>
    viewJob({ metadata: { name: 'j', labels, annotations } } as Parameters<typeof viewJob>[0], 'process', UID);
  expect(view({}, {})).toMatchObject({ queue: null, appliedQueue: null });
  expect(view({ 'kueue.x-k8s.io/queue-name': 'default' }, { 'batchupload.dev/queue-name': 'loads' })).toMatchObject({
    queue: 'default',
    appliedQueue: 'loads',
  });
});
