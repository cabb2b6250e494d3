import { expect, test } from 'vitest';
import { waitEarlier } from '#runner/load/wait-earlier.ts';

test('waits until earlier transactions have ended, but not for ever', async () => {
  const ended = Promise.withResolvers<void>();
  let isThrough = false;
  const waiting = waitEarlier(ended.promise, 60_000).then(() => {
    isThrough = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(isThrough).toBe(false);
  ended.resolve();
  await waiting;
  await waitEarlier(new Promise(() => undefined), 5);
  await waitEarlier(undefined);
});
