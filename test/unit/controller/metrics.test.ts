import { expect, it } from 'vitest';
import { createLedgerCounters, createMetrics } from '#operator/controller/metrics.ts';

it('failed records of an upload that is tried again are counted once', async () => {
  const metrics = createMetrics();
  const counters = createLedgerCounters(metrics);
  const errors = (count: number) => [{ code: 'VAL_001', count, message: '' }];
  counters.onErrors('a', errors(3), []);
  counters.onErrors('a', errors(5), []);
  counters.forget('a');
  counters.onErrors('a', errors(5), errors(5));
  counters.onErrors('a', errors(6), errors(5));
  expect((await metrics.failed.get()).values).toEqual([{ labels: { error_code: 'VAL_001' }, value: 6 }]);
});

it('codes that schemas have made up count together, however many there are', async () => {
  const metrics = createMetrics();
  const counters = createLedgerCounters(metrics);
  const own = ['VAL_001', 'VAL_013', 'DUP_001', 'DB_001'];
  for (let i = 0; i < 10_000; i += 1) {
    const errors = [...own, `BIZ_${i}`, `a.${i}`].map((code) => ({ code, count: 2, message: '' }));
    counters.onErrors(`upload ${i % 10}`, errors, []);
  }
  const { values } = await metrics.failed.get();
  expect(values.map(({ labels }) => labels.error_code).sort()).toEqual([...own, 'other'].sort());
  expect(values.map(({ value }) => value)).toEqual([20, 20, 20, 20, 40]);
});
