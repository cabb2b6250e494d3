import { expect, it } from 'vitest';
import type { BatchUploadStatus } from '#api/batch-upload.gen.ts';
import { KubeError } from '#kube/errors.ts';
import { lastingRefusal, nextRefusal, reduceStatus } from '#operator/controller/status-fit.ts';

const words = 'status.conditions[6].type: Unsupported value: "Suspended"';
const refused = new KubeError({ status: 422, reason: 'Invalid', message: words });

it('leaves out more each time that the CRD refuses, and tries a whole status again after a while', () => {
  const first = nextRefusal(refused, 0, 1_000)!;
  expect(first).toMatchObject({ level: 1, why: { reason: 'CrdOutdated', message: expect.stringContaining(words) } });
  expect(nextRefusal(refused, 1, 1_000)).toMatchObject({ level: 2 });
  expect(nextRefusal(refused, 2, 1_000)).toMatchObject({ level: 3 });
  expect(nextRefusal(refused, 3, 1_000)).toBeNull();
  expect(lastingRefusal(null, 1_000)).toBeNull();
  expect(lastingRefusal(first, 300_999)).toBe(first);
  expect(lastingRefusal(first, 301_000)).toBeNull();
});

it.each([
  ['another refusal', new KubeError({ status: 403, reason: 'Forbidden', message: 'm' })],
  ['a server that is away', new KubeError({ status: 500, reason: 'InternalError', message: 'etcd is away' })],
  ['a defect', new TypeError('x')],
])('%s is not the fault of the CRD', (_what, error) => {
  expect(nextRefusal(error, 0, 0)).toBeNull();
});

it('what is left says at least what happens and why', () => {
  const condition = (type: string) => ({ type, status: 'True', reason: 'R', message: 'm', lastTransitionTime: 't' });
  const status = {
    observedGeneration: 1,
    phase: 'Processing',
    message: 'm',
    records: { total: 1 },
    jobs: [],
    conditions: [condition('Degraded'), condition('Suspended')],
  } as unknown as BatchUploadStatus;
  expect(reduceStatus(status, 0)).toBe(status);
  const conditions = [condition('Degraded')];
  const { observedGeneration, phase, message, records } = status;
  expect(reduceStatus(status, 1)).toEqual({ observedGeneration, phase, message, records, conditions });
  expect(reduceStatus(status, 2)).toEqual({ observedGeneration, phase, message, conditions });
  expect(reduceStatus(status, 3)).toEqual({ observedGeneration, message, conditions });
});
