/** What becomes of the resource of an upload that has ended. */
import { describe, expect, it } from 'vitest';
import type { BatchUpload } from '#kube/custom-resources.ts';
import { expiresInMs, trimStatus, trimsInMs } from '#operator/controller/expiry-policy.ts';
import { ACCEPTED, NOW } from './observed.ts';

const ended = (phase: string, spec: Partial<BatchUpload['spec']>, agoMs = 10_000) => ({
  spec: { ...ACCEPTED.spec, ...spec },
  status: { phase, completionTime: new Date(NOW - agoMs).toISOString() } as NonNullable<BatchUpload['status']>,
});

describe('the time to live', () => {
  it.each([
    ['Complete', {}, null],
    ['Complete', { ttlSecondsAfterFinished: 60 }, 50_000],
    ['Complete', { ttlSecondsAfterFinished: 10 }, 0],
    ['Complete', { ttlSecondsAfterFinished: 0 }, 0],
    ['Complete', { ttlSecondsAfterFailed: 1 }, null],
    ['Failed', { ttlSecondsAfterFinished: 60 }, 50_000],
    ['Failed', { ttlSecondsAfterFinished: 1, ttlSecondsAfterFailed: 60 }, 50_000],
    ['Cancelled', { ttlSecondsAfterFinished: 60, ttlSecondsAfterFailed: 1 }, 50_000],
  ])('%s with %j: %s ms', (phase, spec, expected) => {
    expect(expiresInMs(ended(phase, spec), NOW)).toBe(expected);
  });

  it('an upload without a time of its end stays', () => {
    const { spec } = ended('Complete', { ttlSecondsAfterFinished: 0 });
    expect(expiresInMs({ spec, status: { phase: 'Complete' } }, NOW)).toBeNull();
  });
});

describe('a status', () => {
  const condition = (type: string) => ({ type, status: 'True', reason: 'R', message: 'M', lastTransitionTime: 'T' });
  const whole = {
    ...ended('Failed', {}).status,
    conditions: ['Accepted', 'Planned', 'Progressing', 'Degraded', 'Complete', 'Failed'].map(condition),
    topErrors: [{ code: 'VAL_001', count: 2, message: 'An example.' }],
    columns: [{ name: 'a', field: 'a' }],
    columnsOmitted: 3,
    jobs: [{ name: 'j', kind: 'plan', failed: 0 }],
    records: { total: 2, processed: 2, succeeded: 0, failed: 2, duplicate: 0 },
    message: 'It failed.',
  } as NonNullable<BatchUpload['status']>;

  it('keeps what a list of uploads shows, and what decides about a retry', () => {
    const small = trimStatus(whole);
    expect(small).toEqual({
      phase: 'Failed',
      completionTime: whole.completionTime,
      conditions: ['Accepted', 'Complete', 'Failed'].map(condition),
      topErrors: [{ code: 'VAL_001', count: 2 }],
      records: whole.records,
      message: 'It failed.',
    });
    expect(trimStatus(small)).toEqual(small);
  });

  it('is trimmed a day after the end, once', () => {
    const { spec } = ACCEPTED;
    expect(trimsInMs({ spec, status: whole }, NOW)).toBe(86_390_000);
    expect(trimsInMs({ spec, status: whole }, NOW + 86_400_000)).toBe(0);
    expect(trimsInMs({ spec, status: trimStatus(whole) }, NOW + 86_400_000)).toBeNull();
  });
});
