import { expect, test } from 'vitest';
import { createRateLimit } from '#kube/rate-limit.ts';
import { FakeClock } from '#support/process/fake-clock.ts';

test('a burst goes at once, then a steady number of requests in each second, in their order', async () => {
  const clock = new FakeClock();
  const limit = createRateLimit(clock, { perSecond: 10, burst: 3 });
  const gone: number[] = [];
  const never = new AbortController().signal;
  for (let i = 0; i < 5; i += 1) void limit(never).then(() => gone.push(i));
  await clock.advance(0);
  expect(gone).toEqual([0, 1, 2]);
  await clock.advance(99);
  expect(gone).toEqual([0, 1, 2]);
  await clock.advance(1);
  expect(gone).toEqual([0, 1, 2, 3]);
  await clock.advance(100);
  expect(gone).toEqual([0, 1, 2, 3, 4]);
  // Unused time fills the bucket again, and no more than that.
  await clock.advance(10_000);
  for (let i = 5; i < 9; i += 1) void limit(never).then(() => gone.push(i));
  await clock.advance(0);
  expect(gone).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});
