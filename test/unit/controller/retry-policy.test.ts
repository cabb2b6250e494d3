import { expect, it } from 'vitest';
import type { BatchUpload } from '#kube/custom-resources.ts';
import type { UploadProgress } from '#ledger/types.ts';
import { planFor, refuseRetry } from '#ledger/uploads/refuse-retry.ts';
import { isFinal } from '#operator/controller/retry-policy.ts';
import { ACCEPTED, row } from './observed.ts';

/** An upload whose spec has generation 5 and whose conditions were written for `observedGeneration`. */
function seen(retryGeneration: number | undefined, type: string, observedGeneration: number): BatchUpload {
  const { metadata, spec } = ACCEPTED;
  const time = '2026-01-01T00:00:00Z';
  const common = { reason: 'R', message: '', lastTransitionTime: time, observedGeneration };
  return {
    ...ACCEPTED,
    metadata: { ...metadata, generation: 5 },
    spec: { ...spec, ...(retryGeneration === undefined ? {} : { retryGeneration }) },
    status: {
      // The status itself may be of the new generation: a status without ledger keeps the older conditions.
      observedGeneration: 5,
      conditions: [
        { type: 'Complete', status: type === 'Complete' ? 'True' : 'False', ...common },
        { type: 'Failed', status: type === 'Failed' ? 'True' : 'False', ...common },
      ],
    },
  };
}

it.each([
  ['failed, as its spec is now', seen(1, 'Failed', 5), true],
  ['failed, its spec was changed since', seen(1, 'Failed', 4), false],
  ['failed and changed, but no retry was ever asked for', seen(undefined, 'Failed', 4), true],
  ['the same with what an absent one is', seen(0, 'Failed', 4), true],
  ['complete, its spec was changed since', seen(1, 'Complete', 4), true],
  ['at work', seen(1, 'none', 5), false],
])('%s: final %s', (_what, upload, final) => {
  expect(isFinal(upload)).toBe(final);
});

it.each<[string, Partial<UploadProgress>, ReturnType<typeof planFor>, boolean]>([
  ['no plan', { pointsInto: null, totalChunks: null, chunksDone: 0 }, 'make', true],
  ['the object, no chunk done', { pointsInto: 'Object', chunksDone: 0 }, 'keep', true],
  ['the object, some done', { pointsInto: 'Object', chunksDone: 5 }, 'keep', true],
  ['a copy, none done', { pointsInto: 'KnownCopy', chunksDone: 0 }, 'make', true],
  ['a copy, some done', { pointsInto: 'KnownCopy', chunksDone: 5 }, 'renewCopy', true],
  ['a copy, all done', { pointsInto: 'KnownCopy', chunksDone: 10 }, 'keep', true],
  ['a copy without chunks', { pointsInto: 'KnownCopy', totalChunks: 0, chunksDone: 0 }, 'keep', true],
  ['a copy of an earlier release, none done', { pointsInto: 'UnknownCopy', chunksDone: 0 }, 'make', true],
  ['a copy of an earlier release, some done', { pointsInto: 'UnknownCopy', chunksDone: 5 }, 'renewCopy', false],
  ['a copy of an earlier release, all done', { pointsInto: 'UnknownCopy', chunksDone: 10 }, 'keep', true],
  [
    'a copy, some done, keys in the ledger',
    { pointsInto: 'KnownCopy', chunksDone: 5, keepsKeys: true },
    'renewCopy',
    false,
  ],
  ['a copy, cancelled', { pointsInto: 'KnownCopy', chunksDone: 0, failureReason: 'Cancelled' }, 'make', false],
  [
    'a copy, its object has changed',
    { pointsInto: 'KnownCopy', chunksDone: 5, failureReason: 'SourceChanged' },
    'renewCopy',
    false,
  ],
])('another attempt of an upload with %s: %s, allowed: %s', (_what, change, plan, isAllowed) => {
  const failed = row({ status: 'Failed', ...change });
  expect([planFor(failed), refuseRetry(failed) === null]).toEqual([plan, isAllowed]);
});
