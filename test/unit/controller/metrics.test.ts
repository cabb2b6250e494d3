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
