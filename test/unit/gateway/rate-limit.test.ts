import { describe, expect, it } from 'vitest';
import { addressKey, createRateLimiter } from '#operator/gateway/http/rate-limit.ts';
import { FakeClock } from '#support/process/fake-clock.ts';

describe('a limit of 2 requests in a second and 3 at once', () => {
  const start = () => {
    const clock = new FakeClock();
    return { clock, limiter: createRateLimiter({ perSecond: 2, burst: 3, clock, maxBuckets: 2 }) };
  };

  it('lets a burst pass, and then says when to come again', async () => {
    const { limiter, clock } = start();
    expect([1, 2, 3, 4].map(() => limiter.take('a'))).toEqual([0, 0, 0, 0.5]);
    await clock.advance(250);
    expect(limiter.take('a')).toBe(0.25);
    await clock.advance(250);
    expect([1, 2].map(() => limiter.take('a'))).toEqual([0, 0.5]);
  });

  it('never gathers more than the burst', async () => {
    const { limiter, clock } = start();
    limiter.take('a');
    await clock.advance(60_000);
    expect([1, 2, 3, 4].map(() => limiter.take('a'))).toEqual([0, 0, 0, 0.5]);
  });

  it('counts each key by itself, and looks without taking', () => {
    const { limiter } = start();
    for (let i = 0; i < 4; i++) limiter.take('a');
    expect([limiter.wait('a'), limiter.wait('b'), limiter.take('b')]).toEqual([0.5, 0, 0]);
  });

  it('forgets the key that was used least recently when there are too many', () => {
    const { limiter } = start();
    for (const key of ['a', 'a', 'a', 'b', 'a', 'c']) limiter.take(key);
    expect(limiter.size).toBe(2);
    // The bucket of `a` was used again before the third key came.
    expect([limiter.wait('a'), limiter.take('b')]).toEqual([0.5, 0]);
  });
});

it.each([
  ['10.1.2.3', '10.1.2.3'],
  ['::ffff:10.1.2.3', '10.1.2.3'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:db8::7', '2001:db8:0:0'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
  ['::1', '0:0:0:0'],
  [undefined, ''],
])('failures of %s count for %s', (address, key) => {
  expect(addressKey(address)).toBe(key);
});
