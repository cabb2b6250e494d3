import { describe, expect, it } from 'vitest';
import type { BatchUpload } from '#kube/custom-resources.ts';
import type { LedgerStatus } from '#ledger/types.ts';
import { decide, STOPPING_MS } from '#operator/controller/decide.ts';
import type { JobView, Observed } from '#operator/controller/types.ts';
import { ACCEPTED, job, NOW, observed, pod, row, UID, upload } from './observed.ts';

const why = { reason: 'DatabaseUnavailable', message: 'The database cannot be reached.' } as const;
const refusedAccount = { reason: 'ServiceAccountNotAllowed', message: 'The account is not listed.' } as const;
const plan = (change: Partial<ReturnType<typeof job>> = {}) => job({ name: 'plan', kind: 'plan', ...change });
const planning: Observed['ledger'] = { state: 'row', row: row({ status: 'Planning', execution: null }) };
const inline: Observed['ledger'] = { state: 'row', row: row({ execution: 'Inline', totalIndexes: 1 }) };

/** An upload that says which field a column is. */
function naming(field: string) {
  const { spec, ...rest } = upload();
  return { ...rest, spec: { ...spec, format: { columns: [{ name: 'x', field }] } } };
}

describe('before the ledger has a row', () => {
  it.each([
    ['out of reach', { ledger: { state: 'unreachable', why } }, why.reason],
    ['no schema', { ledger: { state: 'absent' }, schema: null }, 'SchemaNotFound'],
    ['columns of no field', { ledger: { state: 'absent' }, upload: naming('colour') }, 'ColumnsInvalid'],
  ] as [string, Partial<Observed>, string][])('%s: waits, says why, looks again', (_what, change, reason) => {
    expect(decide(observed({ upload: upload(), ...change }))).toMatchObject({
      actions: [],
      view: { kind: 'waiting', why: { reason } },
      requeueAfterMs: 30_000,
    });
  });

  it('with a schema: accepts', () => {
    const { actions } = decide(observed({ upload: upload(), ledger: { state: 'absent' } }));
    expect(actions).toMatchObject([{ type: 'accept', schema: { target: { table: 'items' } } }]);
  });

  it('accepted before and lost with what was committed last: accepts again', () => {
    const { actions } = decide(observed({ upload: ACCEPTED, ledger: { state: 'absent', wasLost: true } }));
    expect(actions).toMatchObject([{ type: 'accept' }]);
  });

  it.each([
    ['out of reach', { state: 'unreachable', why }, why.reason],
    ['lost', { state: 'absent' }, 'LedgerRowMissing'],
  ] as [string, Observed['ledger'], string][])(
    'accepted before and now %s: degraded, nothing is made',
    (_what, ledger, reason) => {
      const seen = observed({ upload: ACCEPTED, ledger });
      expect(decide(seen)).toMatchObject({ actions: [], view: { kind: 'unobserved' }, degraded: { reason } });
    },
  );
});

it.each([
  ['before it is accepted', upload(), 'waiting'],
  ['accepted', ACCEPTED, 'unobserved'],
])('a ledger of an earlier version, %s: is brought up to date', (_what, seen, kind) => {
  const outdated = { reason: 'MigrationRequired', message: 'Old.' } as const;
  const decision = decide(observed({ upload: seen, ledger: { state: 'outdated', why: outdated } }));
  expect(decision).toMatchObject({ actions: [{ type: 'migrate' }], view: { kind } });
});

describe('the Job that is needed', () => {
  it.each([
    ['Planning, none', planning, { plan: null, process: null }, [{ type: 'createJob', kind: 'plan' }]],
    ['Planning, one at work', planning, { plan: plan(), process: null }, []],
    ['planned, none to process', undefined, { plan: plan(), process: null }, [{ type: 'createJob', kind: 'process' }]],
    ['inline, deleted by hand', inline, { plan: null, process: null }, [{ type: 'createJob', kind: 'plan' }]],
    [
      'inline, at work',
      inline,
      { plan: plan({ completions: 1, parallelism: 1, appliedParallelism: 1 }), process: null },
      [],
    ],
    ['being deleted', undefined, { plan: null, process: job({ deleting: true }) }, []],
    [
      'parallelism changed',
      undefined,
      { plan: null, process: job({ parallelism: 1, appliedParallelism: 1 }) },
      [{ type: 'setParallelism', parallelism: 2 }],
    ],
  ] as [string, Observed['ledger'] | undefined, Observed['jobs'], object[]][])('%s', (_what, ledger, jobs, actions) => {
    const decision = decide(observed({ ...(ledger ? { ledger } : {}), jobs }));
    expect(decision.actions).toHaveLength(actions.length);
    expect(decision.actions).toMatchObject(actions);
    expect(decision.degraded).toBeNull();
  });

  it('of the same name and not ours is left alone and said', () => {
    const decision = decide(observed({ jobs: { plan: null, process: job({ owned: false }) } }));
    expect(decision).toMatchObject({ actions: [], degraded: { reason: 'JobNameTaken' } });
  });

  it.each([
    [0, 999, []],
    [0, 1000, [{ type: 'deleteJob' }]],
    [3, 7999, []],
    [3, 8000, [{ type: 'deleteJob' }]],
    [50, 59_999, []],
    [50, 60_000, [{ type: 'deleteJob' }]],
  ])('complete with chunks left, made again %d times, %d ms ago', (recreated, ago, actions) => {
    const ended = job({ verdict: 'complete', finished: true, stateMs: ago, recreated });
    const decision = decide(observed({ jobs: { plan: null, process: ended } }));
    expect(decision.actions).toHaveLength(actions.length);
    expect(decision.actions).toMatchObject(actions);
    if (actions.length === 0) expect(decision.requeueAfterMs).toBe(1);
  });
});

describe('another upload with the same content', () => {
  const counts = { processed: 0, succeeded: 0, failed: 0, duplicate: 0, updated: 0 };
  const queued = (status: LedgerStatus | null): Observed['ledger'] => ({
    state: 'row',
    row: row({ status: 'Queued', sameAs: status && { name: 'first', status, totalRecords: 10, counts } }),
  });

  it.each(['Planning', 'Queued', 'Processing'] as const)('is %s: waits, without a Job', (status) => {
    const decision = decide(observed({ ledger: queued(status), jobs: { plan: null, process: null } }));
    expect(decision).toMatchObject({ actions: [], view: { kind: 'queued' }, degraded: null, requeueAfterMs: null });
  });

  it.each(['Complete', 'Failed', 'Deleted', null] as const)('is %s: goes on', (status) => {
    const decision = decide(observed({ ledger: queued(status), jobs: { plan: null, process: null } }));
    expect(decision).toMatchObject({ actions: [{ type: 'dequeue' }], view: { kind: 'queued' } });
  });
});

describe('the end', () => {
  const all = { processed: 100, succeeded: 98, failed: 1, duplicate: 1, updated: 0 };

  it('every chunk done: complete, whatever the Job says', () => {
    const ledger: Observed['ledger'] = { state: 'row', row: row({ chunksDone: 10, counts: all }) };
    for (const verdict of ['none', 'failed', 'complete'] as const) {
      const decision = decide(observed({ ledger, jobs: { plan: null, process: job({ verdict }) } }));
      expect(decision.actions).toEqual([{ type: 'complete' }]);
    }
  });

  it('every chunk done and records that wait for others: the Job goes on, or is made again', () => {
    const ledger: Observed['ledger'] = { state: 'row', row: row({ chunksDone: 10 }) };
    const actionsOf = (process: Observed['jobs']['process']) =>
      decide(observed({ ledger, jobs: { plan: null, process } })).actions;
    expect(actionsOf(job())).toEqual([]);
    expect(actionsOf(null)).toMatchObject([{ type: 'createJob', kind: 'process' }]);
    const ended = job({ verdict: 'complete', finished: true, stateMs: 60_000 });
    expect(actionsOf(ended)).toMatchObject([{ type: 'deleteJob', because: 'it ended while work was left' }]);
    expect(actionsOf(job({ verdict: 'failed', finished: true }))).toMatchObject([{ type: 'fail' }]);
  });

  describe('more records failed than allowed', () => {
    const limited = (maxFailedRecords: number): Partial<Observed> => ({
      upload: { ...ACCEPTED, spec: { ...ACCEPTED.spec, errorPolicy: { maxFailedRecords, storeRowData: true } } },
    });

    it.each([
      ['with chunks left', row({ chunksDone: 5 })],
      ['with every chunk done', row({ chunksDone: 10 })],
    ])('%s: failed, and nothing else is done', (_what, seen) => {
      const decision = decide(observed({ ...limited(0), ledger: { state: 'row', row: seen } }));
      expect(decision.actions).toMatchObject([{ type: 'fail', attempt: 1, reason: 'TooManyFailedRecords' }]);
    });

    it('the limit raised meanwhile: goes on', () => {
      expect(decide(observed(limited(1))).actions).toEqual([]);
    });

    it('is not looked at again in a complete upload', () => {
      const ledger: Observed['ledger'] = { state: 'row', row: row({ status: 'Complete', chunksDone: 10 }) };
      expect(decide(observed({ ...limited(0), ledger })).view).toMatchObject({ kind: 'complete' });
    });
  });

  it('Complete in the ledger: nothing more', () => {
    const ledger: Observed['ledger'] = { state: 'row', row: row({ status: 'Complete', chunksDone: 10 }) };
    expect(decide(observed({ ledger }))).toMatchObject({
      actions: [],
      view: { kind: 'complete' },
      requeueAfterMs: null,
    });
  });

  const failedJob = job({ verdict: 'failed', finished: true, reason: 'FailedIndexes' });
  const terminated = { exitCode: 2, reason: 'Error', message: '', finishedAt: NOW };
  it.each([
    [
      'with what its pod said',
      { message: JSON.stringify({ reason: 'SourceChanged', message: 'It changed.' }) },
      'SourceChanged',
    ],
    ['out of memory', { reason: 'OOMKilled', exitCode: 137 }, 'OutOfMemory'],
    ['without a word', {}, 'BackoffLimitExceeded'],
  ])('its Job failed %s', (_what, change, reason) => {
    const pods = [
      pod({ name: 'earlier', terminated: { ...terminated, finishedAt: NOW - 1 } }),
      pod({ terminated: { ...terminated, ...change } }),
    ];
    const { actions } = decide(observed({ jobs: { plan: null, process: failedJob }, pods }));
    expect(actions).toMatchObject([{ type: 'fail', attempt: 1, reason }]);
  });

  it('failed in the ledger: Jobs get a moment to end, then they are deleted', () => {
    const ledger: Observed['ledger'] = {
      state: 'row',
      row: row({ status: 'Failed', failureReason: 'SourceChanged', failureMessage: 'It changed.' }),
    };
    const failedSince = NOW - STOPPING_MS + 1;
    const early = decide(observed({ ledger, failedSince }));
    expect(early).toMatchObject({ actions: [], view: { kind: 'stopping' }, requeueAfterMs: 1 });
    const late = decide(observed({ ledger, failedSince: failedSince - 1 }));
    expect(late.view).toMatchObject({ kind: 'failed', reason: 'SourceChanged', message: 'It changed.' });
    expect(late.actions).toMatchObject([{ type: 'deleteJob', job: { uid: 'job' } }]);
    const ended = decide(observed({ ledger, jobs: { plan: null, process: failedJob } }));
    expect(ended).toMatchObject({ actions: [], view: { kind: 'failed' } });
  });

  it('closed in the ledger as deleted although it is there: says so, whatever is asked for', () => {
    const ledger: Observed['ledger'] = { state: 'row', row: row({ status: 'Deleted' }) };
    for (const retryGeneration of [0, 1]) {
      const seen = { ...ACCEPTED, spec: { ...ACCEPTED.spec, retryGeneration } };
      const decision = decide(observed({ upload: seen, ledger, jobs: { plan: null, process: null } }));
      expect(decision).toMatchObject({ actions: [], view: { kind: 'failed', reason: 'LedgerClosed' } });
    }
  });
});

describe('a failed upload that is to be tried again', () => {
  const failed = (change: Parameters<typeof row>[0] = {}): Observed['ledger'] => ({
    state: 'row',
    row: row({ status: 'Failed', failureReason: 'TableMissing', failureMessage: 'It is gone.', ...change }),
  });
  const asked = (retryGeneration?: number): Partial<Observed> => ({
    upload: { ...ACCEPTED, spec: { ...ACCEPTED.spec, ...(retryGeneration === undefined ? {} : { retryGeneration }) } },
    jobs: { plan: plan({ finished: true, verdict: 'complete' }), process: job({ finished: true, verdict: 'failed' }) },
  });

  it.each([
    ['not asked for', undefined, {}, null],
    ['asked for', 1, {}, 1],
    ['asked for some time ago', 1, { retryGeneration: 1, attempt: 2 }, null],
    ['asked for once more', 2, { retryGeneration: 1, attempt: 2 }, 2],
    ['several steps at once', 7, { retryGeneration: 1, attempt: 2 }, 7],
    ['before there was a plan', 1, { plannedAt: null, totalChunks: null, chunksDone: 0 }, 1],
    ['keys in the ledger, but no chunk done', 1, { keepsKeys: true, chunksDone: 0 }, 1],
    ['its file was copied', 1, { workBucket: 'b', pointsInto: 'KnownCopy' }, 1],
  ] as [string, number | undefined, Parameters<typeof row>[0], number | null][])(
    '%s',
    (_what, retryGeneration, change, generation) => {
      const decision = decide(observed({ ...asked(retryGeneration), ledger: failed(change) }));
      if (generation === null)
        expect(decision).toMatchObject({ actions: [], view: { kind: 'failed', message: 'It is gone.' } });
      else expect(decision).toMatchObject({ actions: [{ type: 'retry', generation }], view: { kind: 'stopping' } });
    },
  );

  it.each([
    ['the source changed', { failureReason: 'SourceChanged' }, /the object is no longer the one/],
    [
      'its file was copied by an earlier release',
      { pointsInto: 'UnknownCopy' },
      /a copy that an earlier release has made/,
    ],
    ['its keys were in the ledger', { keepsKeys: true, chunksDone: 1 }, /the keys of the chunks/],
  ] as [string, Partial<ReturnType<typeof row>>, RegExp][])('%s: stays failed, and says why', (_what, change, why) => {
    const { actions, view } = decide(observed({ ...asked(1), ledger: failed(change) }));
    expect(actions).toEqual([]);
    expect(view).toMatchObject({
      kind: 'failed',
      reason: change.failureReason ?? 'TableMissing',
      message: expect.stringMatching(
        /^It is gone\. The upload cannot be tried again: .*\. Create another BatchUpload\.$/,
      ),
    });
    expect(view).toMatchObject({ message: expect.stringMatching(why) });
  });

  it('its Jobs have ended or are deleted first, and it does not become Failed in between', () => {
    const jobs = { plan: null, process: job() };
    const early = decide(observed({ ...asked(1), ledger: failed(), jobs, failedSince: NOW }));
    expect(early).toMatchObject({ actions: [], view: { kind: 'stopping' }, requeueAfterMs: STOPPING_MS });
    const late = decide(observed({ ...asked(1), ledger: failed(), jobs, failedSince: NOW - STOPPING_MS }));
    expect(late).toMatchObject({ actions: [{ type: 'deleteJob' }], view: { kind: 'stopping' } });
    const deleting = { plan: null, process: job({ deleting: true }) };
    const then = decide(observed({ ...asked(1), ledger: failed(), jobs: deleting, failedSince: NOW - STOPPING_MS }));
    expect(then.actions).toEqual([{ type: 'retry', generation: 1 }]);
  });

  it('what still removes the copies of the earlier attempt is stopped first', () => {
    const cleanup = { name: `${UID}-cleanup-1`, uid: 'c', kind: 'cleanup' } as const;
    const { actions } = decide(observed({ ...asked(1), ledger: failed(), cleanupJobs: [cleanup] }));
    expect(actions).toEqual([
      { type: 'deleteJob', job: cleanup, because: 'the upload is tried again', recreated: 0 },
      { type: 'retry', generation: 1 },
    ]);
    expect(decide(observed({ ...asked(0), ledger: failed(), cleanupJobs: [cleanup] })).actions).toEqual([]);
  });

  it('while its copy is made again it is Planning, by one pod, with the counts so far', () => {
    const again = { status: 'Planning', attempt: 2, retryGeneration: 1, pointsInto: 'KnownCopy' } as const;
    const wide = { ...ACCEPTED, spec: { ...ACCEPTED.spec, parallelism: 32 } };
    const jobs = { plan: plan({ appliedParallelism: 1 }), process: null };
    const seen = observed({ upload: wide, jobs, ledger: { state: 'row', row: row({ ...again, sizeBytes: 2 ** 33 }) } });
    expect(decide(seen)).toMatchObject({ actions: [], view: { kind: 'planning' } });
    const none = decide({ ...seen, jobs: { plan: null, process: null } });
    expect(none.actions).toEqual([{ type: 'createJob', kind: 'plan', recreated: 0 }]);
  });
});

describe('pods that do not start', () => {
  const pending = (change: object, ageMs: number) => [pod({ phase: 'Pending', stateMs: ageMs, ...change })];
  it.each([
    ['no node', 60_000, { unschedulable: '0/3 nodes are available' }, 'Unschedulable', /0\/3 nodes/],
    ['no image', 30_000, { waiting: { reason: 'ErrImagePull', message: 'denied' } }, 'ImagePullFailed', /denied/],
    [
      'no Secret',
      30_000,
      { waiting: { reason: 'CreateContainerConfigError', message: 'secret' } },
      'PodCannotStart',
      /secret/,
    ],
    [
      'slow',
      60_000,
      { waiting: { reason: 'ContainerCreating', message: '' } },
      'PodCannotStart',
      /kubectl describe pod pod/,
    ],
  ])('%s: said after %d ms, not before', (_what, grace, change, reason, message) => {
    const decision = decide(observed({ pods: pending(change, grace) }));
    expect(decision.degraded).toMatchObject({ reason, message: expect.stringMatching(message) });
    const before = decide(observed({ pods: pending(change, grace - 1) }));
    expect(before.degraded).toBeNull();
    expect(before.requeueAfterMs).toBe(101);
  });

  it('a lost node', () => {
    const pods = [pod({ deleting: true, stateMs: 90_000 })];
    expect(decide(observed({ pods })).degraded).toMatchObject({ reason: 'PodNotTerminating' });
  });

  it('a Job that gets no pods, in the words of Kubernetes', () => {
    const process = job({ active: 0, stateMs: 5000 });
    const seen = observed({ jobs: { plan: null, process }, pods: [], creationRefused: 'exceeded quota' });
    expect(decide(seen).degraded).toMatchObject({
      reason: 'PodsNotCreated',
      message: expect.stringContaining('exceeded quota'),
    });
  });

  it.each([
    ['hindered, and the chart has other values now', 30_000, 'before', ['deleteJob']],
    ['hindered, without a note of its values', 30_000, null, []],
    ['hindered, and the chart has the same values', 30_000, 'now', []],
    ['not hindered', 29_000, 'before', []],
  ])('a Job whose pods are %s', (_what, stateMs, settings, actions) => {
    const pods = pending({ waiting: { reason: 'ErrImagePull', message: 'denied' } }, stateMs);
    const decision = decide(observed({ pods, jobs: { plan: null, process: job({ settings }) } }));
    expect(decision.actions.map(({ type }) => type)).toEqual(actions);
  });

  it('a Job whose pod was killed for its memory is made again once the limit is another one', () => {
    const terminated = { exitCode: 137, reason: 'OOMKilled', message: '', finishedAt: NOW };
    const pods = [pod({ phase: 'Failed', terminated })];
    const decision = decide(observed({ pods, jobs: { plan: null, process: job({ settings: 'before' }) } }));
    expect(decision.actions).toMatchObject([{ type: 'deleteJob', job: { uid: 'job' } }]);
  });

  it('a Job is left alone while other pods of it work, for which the cluster had room', () => {
    const pods = [
      ...pending({ waiting: { reason: 'ErrImagePull', message: 'denied' } }, 30_000),
      pod({ name: 'works' }),
    ];
    const decision = decide(observed({ pods, jobs: { plan: null, process: job({ settings: 'before' }) } }));
    expect(decision.actions).toEqual([]);
  });

  it('a Job whose pods are not created is made again with the corrected podTemplate of the upload', () => {
    const none = { pods: [], creationRefused: 'no PriorityClass with name fast was found' };
    const decision = decide(
      observed({ ...none, jobs: { plan: null, process: job({ active: 0, settings: 'before' }) } }),
    );
    expect(decision.degraded).toMatchObject({
      reason: 'PodsNotCreated',
      message: expect.stringMatching(/no PriorityClass with name fast was found\. .*spec\.podTemplate/),
    });
    expect(decision.actions).toMatchObject([{ type: 'deleteJob', job: { uid: 'job' }, recreated: 1 }]);
  });

  it('a Job is not given up for one that could not be made', () => {
    const pods = pending({ unschedulable: 'no room' }, 90_000);
    const hindered = { pods, jobs: { plan: null, process: job({ settings: 'before' }) } };
    expect(decide(observed({ ...hindered, refusedAccount })).actions).toEqual([]);
    expect(decide(observed(hindered)).actions).toMatchObject([{ type: 'deleteJob' }]);
  });

  it('a lost node is no reason to make the Job again', () => {
    const pods = [pod({ deleting: true, stateMs: 90_000 })];
    const decision = decide(observed({ pods, jobs: { plan: null, process: job({ settings: 'before' }) } }));
    expect(decision.actions).toEqual([]);
  });
});

it('a namespace that is being deleted: its Jobs go, because Kubernetes keeps their failed pods', () => {
  const pods = [pod({ phase: 'Failed', deleting: true })];
  const decision = decide(observed({ isTerminating: true, pods }));
  expect(decision.actions).toMatchObject([{ type: 'deleteJob', job: { uid: 'job' } }]);
  expect(decision.degraded).toMatchObject({ reason: 'NamespaceTerminating' });
  const left = decide(observed({ isTerminating: true, pods, jobs: { plan: null, process: job({ deleting: true }) } }));
  expect(left.actions).toEqual([]);
});

describe('a service account that uploads may not have', () => {
  it('is waited for before the upload is accepted', () => {
    const decision = decide(observed({ upload: upload(), ledger: { state: 'absent' }, refusedAccount }));
    expect(decision.view).toEqual({ kind: 'waiting', why: refusedAccount });
    expect(decision.actions).toEqual([]);
  });

  it('lets a Job work on that was made before', () => {
    const decision = decide(observed({ refusedAccount }));
    expect(decision).toMatchObject({ actions: [], degraded: null });
  });

  it('is the reason why no other Job is made', () => {
    const decision = decide(observed({ refusedAccount, jobs: { plan: null, process: null }, pods: [] }));
    expect(decision).toMatchObject({ actions: [], degraded: refusedAccount, requeueAfterMs: 30_000 });
  });
});

describe('spec.target.protect', () => {
  const limited = { ...ACCEPTED, spec: { ...ACCEPTED.spec, target: { protect: { maxReplicaLagSeconds: 5 } } } };
  const note = '{"BATCH_UPLOAD_MAX_REPLICA_LAG_SECONDS":"5"}';

  it.each<[string, BatchUpload, string | null, boolean]>([
    ['a limit is new', limited, '{}', true],
    ['a limit is gone', ACCEPTED, note, true],
    ['the limits are those of the Job', limited, note, false],
    ['there is none', ACCEPTED, '{}', false],
    ['the Job is of an earlier release, whose pods have no limit', limited, null, true],
    ['the Job is of an earlier release, and there is none', ACCEPTED, null, false],
  ])('%s', (_what, upload, protect, isMadeAgain) => {
    const { actions } = decide(observed({ upload, jobs: { plan: null, process: job({ protect }) } }));
    expect(actions.map(({ type }) => type)).toEqual(isMadeAgain ? ['deleteJob'] : []);
  });

  it.each<[string, number, number]>([
    ['as its note says', 0, 1],
    ['as this operator knows', 1, 0],
  ])('a Job that was made again, %s, and does not say its limits, is left and said', (_what, recreated, noted) => {
    const known = { plan: null, process: job({ protect: null, recreated: noted, parallelism: 2 }) };
    const { actions, degraded } = decide(observed({ upload: limited, jobs: known, recreated }));
    expect(actions).toEqual([]);
    expect(degraded).toMatchObject({ reason: 'LimitsUnknown', message: expect.stringContaining(`kubectl delete job`) });
  });

  it.each([
    ['ReplicaLagUnknown', true],
    ['WalRateUnknown', true],
    ['ReplicaLag', false],
    ['NoReplicas', false],
  ])('pods that have noted %s: degraded is %s', (reason, isDegraded) => {
    const pace = { reason, message: 'GRANT it.', since: new Date(NOW) };
    const { degraded } = decide(observed({ ledger: { state: 'row', row: row({ pace }) } }));
    expect(degraded).toEqual(isDegraded ? { reason, message: 'GRANT it.' } : null);
  });
});

describe('a Job that something else changes', () => {
  const missing = (times: number, agoMs: number) =>
    decide(observed({ jobs: { plan: null, process: null }, pods: [], created: { times, agoMs } }));

  it('vanished: made again after growing waits, and said', () => {
    expect(missing(1, 500)).toMatchObject({ actions: [], degraded: null, requeueAfterMs: 500 });
    expect(missing(1, 1999)).toMatchObject({ actions: [], degraded: { reason: 'JobDeleted' }, requeueAfterMs: 1 });
    expect(missing(1, 2000)).toMatchObject({ actions: [{ type: 'createJob' }] });
    expect(missing(4, 15_999)).toMatchObject({ actions: [], requeueAfterMs: 1 });
    expect(missing(4, 16_000)).toMatchObject({ actions: [{ type: 'createJob' }] });
    expect(missing(50, 60_000)).toMatchObject({ actions: [{ type: 'createJob' }] });
  });

  it('exists again after it was deleted twice: said for a minute', () => {
    const again = (agoMs: number) => decide(observed({ created: { times: 3, agoMs } }));
    expect(again(59_000)).toMatchObject({
      degraded: { reason: 'JobDeleted', message: expect.stringContaining('2 times') },
      requeueAfterMs: 1000,
    });
    expect(again(61_000).degraded).toBeNull();
  });

  it('has another parallelism than the operator gave to it: left alone, and said', () => {
    const jobs = { plan: null, process: job({ parallelism: 0, appliedParallelism: 2 }) };
    const decision = decide(observed({ jobs }));
    expect(decision).toMatchObject({ actions: [], degraded: { reason: 'ParallelismChanged' } });
    expect(decision.degraded?.message).toContain(`'{"spec":{"parallelism":2}}'`);
  });

  it('of an earlier release, without the note of the parallelism: set once', () => {
    const jobs = { plan: null, process: job({ parallelism: 1, appliedParallelism: null, sessionsPerPod: 1 }) };
    expect(decide(observed({ jobs })).actions).toMatchObject([{ type: 'setParallelism', parallelism: 2 }]);
  });

  describe('has as many pods at a time as sessions are asked for', () => {
    const ledger = { state: 'row', row: row({ totalIndexes: 8 }) } as const;
    const wanted = (parallelism: number, change: Partial<JobView>) => {
      const asking = { ...ACCEPTED, spec: { ...ACCEPTED.spec, parallelism } };
      return decide(observed({ upload: asking, ledger, jobs: { plan: null, process: job(change) } }));
    };
    it.each([
      { spec: 'made with 8', parallelism: 8, sessionsPerPod: 4, pods: 2 },
      { spec: 'raised from 8 to 12', parallelism: 12, sessionsPerPod: 4, pods: 3 },
      { spec: 'raised from 8 to 128, beyond the indexes', parallelism: 128, sessionsPerPod: 4, pods: 8 },
      { spec: 'raised from 2 to 4', parallelism: 4, sessionsPerPod: 2, pods: 2 },
      { spec: 'lowered from 8 to 7', parallelism: 7, sessionsPerPod: 4, pods: 1 },
      { spec: '4, made by the release before', parallelism: 4, sessionsPerPod: 1, pods: 4 },
    ])('$spec: $pods pods', ({ parallelism, sessionsPerPod, pods }) => {
      const made = { parallelism: 99, appliedParallelism: 99, sessionsPerPod };
      expect(wanted(parallelism, made).actions).toMatchObject([{ type: 'setParallelism', parallelism: pods }]);
      const set = { parallelism: pods, appliedParallelism: pods, sessionsPerPod };
      expect(wanted(parallelism, set)).toMatchObject({ actions: [], degraded: null });
    });

    it('where something else has set other pods, the message says how many sessions these would have', () => {
      const { degraded } = wanted(8, { parallelism: 1, appliedParallelism: 2, sessionsPerPod: 4 });
      expect(degraded?.message).toContain(
        'to 1 pod; this upload asks for 2 pods at a time, with 4 sessions of the database in each (spec.parallelism: 8)',
      );
    });

    it('not where the pod that planned goes on, however many sessions are asked for', () => {
      const asking = { ...ACCEPTED, spec: { ...ACCEPTED.spec, parallelism: 128 } };
      const jobs = { plan: plan({ parallelism: 1, appliedParallelism: null }), process: null };
      expect(decide(observed({ upload: asking, ledger: inline, jobs })).actions).toEqual([]);
    });
  });

  it('is suspended: no pod is missed', () => {
    const jobs = { plan: null, process: job({ suspended: true, active: 0, stateMs: 600_000 }) };
    expect(decide(observed({ jobs, pods: [] })).degraded).toBeNull();
  });

  it('is suspended: what the sessions of its ending pods wait for no longer matters', () => {
    const waits = [{ on: 'lock', pid: 7, role: 'app', application: null } as const];
    const degradedOf = (suspended: boolean) =>
      decide(observed({ jobs: { plan: null, process: job({ suspended }) }, waits })).degraded?.reason;
    expect(degradedOf(false)).toBe('SessionsWaiting');
    expect(degradedOf(true)).toBeUndefined();
  });
});

describe('pods that fail', () => {
  const ended = { exitCode: 1, reason: 'Error', message: '', finishedAt: NOW };
  const failed = (change: Partial<ReturnType<typeof pod>> = {}) =>
    pod({ phase: 'Failed', terminated: ended, ...change });
  const degraded = (...pods: ReturnType<typeof pod>[]) => decide(observed({ pods })).degraded;

  it.each([
    ['once, and another pod runs', [failed(), pod()], false],
    ['once, and no other pod yet', [failed()], true],
    ['twice, and another pod runs', [failed(), failed(), pod()], true],
    ['twice, then one succeeds', [failed(), failed(), pod({ phase: 'Succeeded' })], false],
    ['once for each of two indexes that go on', [failed(), pod(), failed({ index: '1' }), pod({ index: '1' })], false],
  ])('%s', (_what, pods, isSaid) => {
    expect(degraded(...pods)?.reason).toBe(isSaid ? 'PodsFailing' : undefined);
  });

  it('the last one is named, with its own message', () => {
    const message = JSON.stringify({
      code: 'S3_X',
      reason: 'Storage',
      message: 'The storage is away.',
      category: 'retryable',
    });
    const last = failed({ name: 'last', terminated: { ...ended, message, finishedAt: NOW + 1 } });
    expect(degraded(failed(), last)?.message).toMatch(/failed 2 times; Kubernetes tries 7 times.*last/);
  });

  it('a database that was held up a moment ago: said until it has been in order for a while', () => {
    const databaseBusy = { why, forMs: 9_000 };
    expect(decide(observed({ databaseBusy }))).toMatchObject({ degraded: why, requeueAfterMs: 9_000 });
    const jobs = { plan: null, process: job({ owned: false }) };
    expect(decide(observed({ databaseBusy, jobs })).degraded?.reason).toBe('JobNameTaken');
  });

  it('killed from outside, and Kubernetes names no reason: memory is the first suspect', () => {
    const killed = failed({ name: 'killed', terminated: { ...ended, exitCode: 137 } });
    expect(degraded(killed)?.message).toMatch(
      /The pod killed was killed from outside \(exit code 137\).*Raise the memory limit.*kubectl logs killed\./,
    );
  });

  it('evicted again and again: said for ten minutes after the last one', () => {
    const disruptions = { count: 3, pod: 'p', reason: 'EvictionByEvictionAPI', message: 'drained', agoMs: 0 };
    expect(decide(observed({ disruptions })).degraded).toMatchObject({
      reason: 'PodsDisrupted',
      message: expect.stringMatching(/^3 pods.*p \(EvictionByEvictionAPI: drained\)/),
    });
    expect(decide(observed({ disruptions: { ...disruptions, count: 1 } })).degraded).toBeNull();
    expect(decide(observed({ disruptions: { ...disruptions, agoMs: 600_000 } })).degraded).toBeNull();
    // Nothing else may change meanwhile, so that the upload is looked at again when the ten minutes are over.
    expect(decide(observed({ disruptions: { ...disruptions, agoMs: 590_000 } })).requeueAfterMs).toBe(10_000);
  });

  it('a container that goes on after the runner: named after the grace', () => {
    const kept = (stateMs: number) => degraded(pod({ outliving: ['istio-proxy'], stateMs }));
    expect(kept(29_999)).toBeNull();
    expect(kept(30_000)).toMatchObject({
      reason: 'PodNotEnding',
      message: expect.stringContaining('its container istio-proxy goes on'),
    });
  });
});
