import { describe, expect, it } from 'vitest';
import type { Job } from '#kube/resource-types.ts';
import {
  CLEANUP_MS,
  cleanupEvent,
  decideCleanup,
  decideRefused,
  endedAt,
  finalizerPatch,
  isHeld,
} from '#operator/controller/cleanup-policy.ts';
import { NOW, UID, upload } from './observed.ts';

const time = (ms: number) => new Date(ms).toISOString();
const job = (condition?: string, createdAt = NOW - 1000): Job => ({
  metadata: { creationTimestamp: time(createdAt) },
  status: condition ? { conditions: [{ type: condition, status: 'True' }] } : {},
});
const view = { now: NOW, endedAt: NOW - 60_000, busy: false, job: undefined };
const LATE = NOW - CLEANUP_MS;

describe('decideCleanup', () => {
  it.each([
    ['no Job', {}, { type: 'createJob' }],
    ['no Job, pods may still write', { busy: true }, { type: 'wait', ms: CLEANUP_MS - 60_000 }],
    ['no Job, pods that do not end', { busy: true, endedAt: LATE }, { type: 'createJob' }],
    ['no Job, ended long ago', { endedAt: LATE - 1e9 }, { type: 'createJob' }],
    ['a Job at work', { job: job() }, { type: 'wait', ms: CLEANUP_MS - 1000 }],
    [
      'a Job at work, of an upload that ended long ago',
      { job: job(), endedAt: 0 },
      { type: 'wait', ms: CLEANUP_MS - 1000 },
    ],
    ['a Job at work for too long', { job: job(undefined, LATE) }, { type: 'release', removed: false }],
    ['a Job that failed', { job: job('Failed') }, { type: 'release', removed: false }],
    ['a Job that is complete', { job: job('Complete') }, { type: 'release', removed: true }],
    ['a Job that is complete, late', { job: job('Complete', LATE) }, { type: 'release', removed: true }],
  ] as const)('%s', (_name, change, step) => {
    expect(decideCleanup({ ...view, ...change })).toEqual(step);
  });
});

it.each([
  ['exceeded quota', NOW - 1000, { type: 'wait', ms: 30_000 }],
  ['exceeded quota', LATE + 1000, { type: 'wait', ms: 1000 }],
  ['exceeded quota', LATE, { type: 'release', removed: false }],
  ['namespace n because it is being terminated', NOW, { type: 'release', removed: false }],
] as const)('a Job that cannot be made: %s', (message, ended, step) => {
  expect(decideRefused({ ...view, endedAt: ended }, message)).toEqual(step);
});

it('an upload ends by its completion or its deletion, whichever is later', () => {
  const { metadata, ...rest } = upload();
  const at = (completionTime: number | null, deletionTimestamp: number | null) =>
    endedAt({
      ...rest,
      metadata: { ...metadata, ...(deletionTimestamp === null ? {} : { deletionTimestamp: time(deletionTimestamp) }) },
      status: completionTime === null ? {} : { completionTime: time(completionTime) },
    });
  expect([at(1000, null), at(null, 2000), at(1000, 2000), at(3000, 2000)]).toEqual([1000, 2000, 2000, 3000]);
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

it('the event says where something is left', () => {
  const { spec, ...rest } = upload();
  const elsewhere = { ...rest, spec: { ...spec, work: { s3: { bucket: 'w' } } } };
  expect(cleanupEvent(upload(), true)).toMatchObject({ type: 'Normal', reason: 'WorkCopyRemoved' });
  expect(cleanupEvent(upload(), false)).toMatchObject({
    type: 'Warning',
    reason: 'WorkCopyNotRemoved',
    message: expect.stringContaining(`s3://b/work/${UID}/`),
  });
  expect(cleanupEvent(elsewhere, false).message).toContain(`s3://w/work/${UID}/`);
});
