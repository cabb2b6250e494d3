import { expect, it } from 'vitest';
import { progressSpacingMs } from '#operator/controller/progress-policy.ts';

it.each([
  [0, 2_000],
  [1, 2_000],
  [40, 2_000],
  [200, 10_000],
  [1000, 50_000],
])('%d uploads that move: each shows its progress every %d ms', (moving, ms) => {
  expect(progressSpacingMs(moving)).toBe(ms);
});
