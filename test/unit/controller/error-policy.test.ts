import { describe, expect, it } from 'vitest';
import { findTooManyFailed } from '#ledger/uploads/error-policy.ts';
import { row } from './observed.ts';

type Policy = Parameters<typeof findTooManyFailed>[0];
const counts = (failed: number, duplicate = 0) => ({
  processed: failed + duplicate,
  succeeded: 0,
  failed,
  duplicate,
  updated: 0,
});
const LIMIT = { storeRowData: true };

describe('of 1,000 records', () => {
  it.each<[string, Policy, number, string | null]>([
    ['no policy', undefined, 1000, null],
    ['no limit', LIMIT, 1000, null],
    ['as many as allowed', { ...LIMIT, maxFailedRecords: 10 }, 10, null],
    ['one more', { ...LIMIT, maxFailedRecords: 10 }, 11, 'maxFailedRecords (10)'],
    ['none allowed, none failed', { ...LIMIT, maxFailedRecords: 0 }, 0, null],
    ['none allowed, one failed', { ...LIMIT, maxFailedRecords: 0 }, 1, 'maxFailedRecords (0)'],
    ['the share that is allowed', { ...LIMIT, maxFailedPercent: 5 }, 50, null],
    ['one more than the share', { ...LIMIT, maxFailedPercent: 5 }, 51, 'maxFailedPercent (5)'],
    ['everything allowed', { ...LIMIT, maxFailedPercent: 100 }, 1000, null],
    ['either one', { ...LIMIT, maxFailedRecords: 100, maxFailedPercent: 5 }, 60, 'maxFailedPercent (5)'],
  ])('%s', (_what, policy, failed, limit) => {
    const found = findTooManyFailed(policy, row({ totalRecords: 1000, counts: counts(failed) }), []);
    if (limit === null) expect(found).toBeNull();
    else {
      expect(found?.reason).toBe('TooManyFailedRecords');
      expect(found?.message).toContain(
        `${failed.toLocaleString('en')} of 1,000 records failed, more than spec.errorPolicy.${limit}`,
      );
    }
  });
});

it('the share is of the whole file: bad records at its start do not stop it', () => {
  const policy = { ...LIMIT, maxFailedPercent: 1 };
  expect(findTooManyFailed(policy, row({ totalRecords: 100_000, counts: counts(1000) }), [])).toBeNull();
});

it('an empty file has no share', () => {
  const policy = { ...LIMIT, maxFailedPercent: 0 };
  expect(findTooManyFailed(policy, row({ totalRecords: 0, counts: counts(0) }), [])).toBeNull();
});

it('a validation has written nothing that could stay', () => {
  const policy = { ...LIMIT, maxFailedRecords: 0 };
  const found = (validateOnly: boolean) => findTooManyFailed(policy, row({ counts: counts(1), validateOnly }), []);
  expect(found(true)?.message).toContain('Nothing was written.');
  expect(found(false)?.message).toContain('What was loaded until then stays.');
});

describe('the code that is named', () => {
  const policy = { ...LIMIT, maxFailedRecords: 0 };
  const duplicates = { code: 'DUP_001', count: 9, message: 'twice' };
  const missing = { code: 'VAL_001', count: 4, message: 'k is missing' };

  it('is not that of duplicates, which are no failed records', () => {
    const found = findTooManyFailed(policy, row({ counts: counts(4, 9) }), [duplicates, missing]);
    expect(found?.message).toContain('4 of 100 records');
    expect(found?.message).toContain('VAL_001 (4): k is missing.');
  });

  it('is that of duplicates where the schema fails them', () => {
    expect(findTooManyFailed(policy, row({ counts: counts(13) }), [duplicates, missing])?.message).toContain(
      'DUP_001 (9): twice.',
    );
  });
});
