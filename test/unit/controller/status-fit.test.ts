import { expect, it } from 'vitest';
import type { BatchUploadStatus } from '#api/batch-upload.gen.ts';
import { KubeError } from '#kube/errors.ts';
import { createStatusFit, reduceStatus } from '#operator/controller/status-fit.ts';
import { FakeClock } from '#support/process/fake-clock.ts';
import { createRecordingLog } from '#support/process/recording-log.ts';

const words = 'status.conditions[6].type: Unsupported value: "Suspended"';
const refusal = new KubeError({ status: 422, reason: 'Invalid', message: words });

it('leaves out more each time that the CRD refuses, and tries a whole status again after a while', async () => {
  const clock = new FakeClock();
  const fit = createStatusFit({ clock, log: createRecordingLog() });
  expect(fit).toMatchObject({ outdated: null, level: 0 });
  expect(fit.note(refusal, 0)).toBe(true);
  expect(fit).toMatchObject({ level: 1, outdated: { reason: 'CrdOutdated', message: expect.stringContaining(words) } });
  // Two reconciles may have sent whole statuses at the same time.
  expect(fit.note(refusal, 0)).toBe(true);
  expect(fit.level).toBe(1);
  expect(fit.note(refusal, 1)).toBe(true);
  expect(fit.note(refusal, 2)).toBe(true);
  expect(fit.level).toBe(3);
  expect(fit.note(refusal, 3)).toBe(false);
  await clock.advance(300_000);
  expect(fit).toMatchObject({ outdated: null, level: 0 });
});

it.each([
  ['another refusal', new KubeError({ status: 403, reason: 'Forbidden', message: 'm' })],
  ['a server that is away', new KubeError({ status: 500, reason: 'InternalError', message: 'etcd is away' })],
  ['a defect', new TypeError('x')],
])('%s is not the fault of the CRD', (_what, error) => {
  const fit = createStatusFit({ clock: new FakeClock(), log: createRecordingLog() });
  expect(fit.note(error, 0)).toBe(false);
  expect(fit.outdated).toBeNull();
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
