import { describe, expect, it } from 'vitest';
import type { Job } from '#kube/resource-types.ts';
import {
  CLEANUP_MS,
  cleanupEvent,
  decideCleanup,
  decideRefused,
  finalizerPatch,
  isHeld,
  needsHold,
  QUEUE_MS,
} from '#operator/controller/cleanup-policy.ts';
import { NOW, row, UID, upload } from './observed.ts';

// The clock of the API server may be an hour ahead or behind: the times in the objects do not count.
const job = (condition?: string, aheadMs = 0): Job => ({
  metadata: { creationTimestamp: new Date(NOW + aheadMs) as never },
  status: condition ? { conditions: [{ type: condition, status: 'True' }] } : {},
});
const HOUR = 3_600_000;
const suspended: Job = { ...job(), spec: { suspend: true } as NonNullable<Job['spec']> };
const view = {
  ...{ isEnabled: true, endedForMs: 60_000, jobForMs: 1000, queuedForMs: 0 },
  ...{ busy: false, isOutdated: false, job: undefined },
};

describe('decideCleanup', () => {
  it.each([
    ['no Job', {}, { type: 'createJob' }],
    ['no Job, pods may still write', { busy: true }, { type: 'wait', ms: CLEANUP_MS - 60_000 }],
    ['no Job, pods that do not end', { busy: true, endedForMs: CLEANUP_MS }, { type: 'createJob' }],
    ['no Job, ended long ago', { endedForMs: 1e9 }, { type: 'createJob' }],
    ['a Job at work', { job: job() }, { type: 'wait', ms: CLEANUP_MS - 1000 }],
    [
      'a Job at work, of an upload that ended long ago',
      { job: job(), endedForMs: 1e9 },
      { type: 'wait', ms: CLEANUP_MS - 1000 },
    ],
    ['a Job of an hour ago by another clock', { job: job('', -HOUR) }, { type: 'wait', ms: CLEANUP_MS - 1000 }],
    ['a Job of the next hour by another clock', { job: job('', HOUR) }, { type: 'wait', ms: CLEANUP_MS - 1000 }],
    [
      'a Job at work for too long',
      { job: job(), jobForMs: CLEANUP_MS },
      { type: 'release', removed: false, because: expect.any(String) },
    ],
    [
      'a namespace that was left',
      { isEnabled: false, busy: true },
      { type: 'release', removed: false, because: expect.stringMatching(/not enabled/) },
    ],
    ['a Job whose pods cannot start, and other settings', { job: job(), isOutdated: true }, { type: 'replaceJob' }],
    [
      'a Job whose pods could not start for too long, and other settings',
      { job: job(), isOutdated: true, jobForMs: CLEANUP_MS },
      { type: 'release', removed: false, because: expect.any(String) },
    ],
    [
      'a Job that is complete, and other settings',
      { job: job('Complete'), isOutdated: true },
      { type: 'release', removed: true },
    ],
    [
      'a Job in a queue of Kueue for 11 minutes',
      { job: suspended, jobForMs: 0, queuedForMs: 660_000 },
      { type: 'wait', ms: QUEUE_MS - 660_000 },
    ],
    [
      'a Job in a queue of Kueue for an hour',
      { job: suspended, jobForMs: 0, queuedForMs: QUEUE_MS },
      { type: 'release', removed: false, because: expect.stringMatching(/suspended for an hour.*Kueue/) },
    ],
    [
      'a Job that Kueue has admitted after an hour',
      { job: job(), queuedForMs: QUEUE_MS },
      { type: 'wait', ms: CLEANUP_MS - 1000 },
    ],
    ['a Job that failed', { job: job('Failed') }, { type: 'release', removed: false, because: expect.any(String) }],
    ['a Job that is complete', { job: job('Complete') }, { type: 'release', removed: true }],
    [
      'a Job that is complete, late',
      { job: job('Complete'), jobForMs: CLEANUP_MS },
      { type: 'release', removed: true },
    ],
  ] as const)('%s', (_name, change, step) => {
    expect(decideCleanup({ ...view, ...change })).toEqual(step);
  });
});

it.each([
  ['exceeded quota', 1000, { type: 'wait', ms: 30_000 }],
  ['exceeded quota', CLEANUP_MS - 1000, { type: 'wait', ms: 1000 }],
  ['exceeded quota', CLEANUP_MS, { type: 'release', removed: false, because: expect.any(String) }],
  ['namespace n because it is being terminated', 0, { type: 'release', removed: false, because: expect.any(String) }],
] as const)('a Job that cannot be made: %s', (message, endedForMs, step) => {
  expect(decideRefused({ ...view, endedForMs }, message)).toEqual(step);
});

describe('an upload is held', () => {
  const failed = upload([{ type: 'Failed', status: 'True' }]);
  const running = upload([{ type: 'Failed', status: 'False' }]);
  const retry = [{ type: 'retry', generation: 2 } as const];
  it.each([
    ['its file has no copy', running, { status: 'Processing', workBucket: null }, [], false],
    ['it runs', running, { status: 'Planning' }, [], true],
    ['it runs again, and its status is of the attempt before', failed, { status: 'Planning' }, [], true],
    ['it has failed, and nobody has seen it run', running, { status: 'Failed' }, [], true],
    ['it has failed, and its spec was changed', failed, { status: 'Failed' }, [], false],
    ['it has failed, and is tried again', failed, { status: 'Failed' }, retry, true],
  ] as const)('%s', (_what, seen, change, actions, expected) => {
    expect(needsHold(seen, row({ workBucket: 'w', ...change }), actions)).toBe(expected);
  });
});

it('the finalizer comes and goes without touching those of others', () => {
  const { metadata, ...rest } = upload();
  const others = { ...rest, metadata: { ...metadata, resourceVersion: '7', finalizers: ['a', 'b'] } };
  const held = { ...others, metadata: { ...others.metadata, finalizers: ['a', 'batchupload.dev/work-copy', 'b'] } };
  expect([isHeld(upload()), isHeld(others), isHeld(held)]).toEqual([false, false, true]);
  expect(finalizerPatch(others, true)).toEqual({
    metadata: { resourceVersion: '7', finalizers: ['a', 'b', 'batchupload.dev/work-copy'] },
  });
  expect(finalizerPatch(held, false)).toEqual({ metadata: { resourceVersion: '7', finalizers: ['a', 'b'] } });
});

const LEFT = { type: 'release', removed: false, because: 'x' } as const;

it('the event says where something is left', () => {
  const { spec, ...rest } = upload();
  const elsewhere = { ...rest, spec: { ...spec, work: { s3: { bucket: 'w' } } } };
  expect(cleanupEvent(upload(), { type: 'release', removed: true })).toMatchObject({
    type: 'Normal',
    reason: 'WorkCopyRemoved',
  });
  expect(cleanupEvent(upload(), LEFT)).toMatchObject({
    type: 'Warning',
    reason: 'WorkCopyNotRemoved',
    message: expect.stringContaining(`s3://b/work/${UID}/`),
  });
  expect(cleanupEvent(elsewhere, LEFT).message).toContain(`s3://w/work/${UID}/`);
});
