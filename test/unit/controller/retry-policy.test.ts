import { expect, it } from 'vitest';
import type { BatchUpload } from '#kube/custom-resources.ts';
import { isFinal } from '#operator/controller/retry-policy.ts';
import { ACCEPTED } from './observed.ts';

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
