import { type Clock, sleep } from '#common/clock.ts';

/**
 * Limits the rate of requests: `burst` requests may go at once, and `perSecond` more in each second (a token bucket, as
 * client-go has one). Callers go in the order in which they came.
 * @returns a function that resolves when the caller may go, or when its signal aborts
 */
export function createRateLimit(clock: Clock, { perSecond, burst }: { perSecond: number; burst: number }) {
  const msPerRequest = 1000 / perSecond;
  /** When the bucket would be full again (monotonic, ms). */
  let fullAt = clock.monotonic();
  return async (signal: AbortSignal): Promise<void> => {
    const now = clock.monotonic();
    fullAt = Math.max(now, fullAt) + msPerRequest;
    const waitMs = fullAt - now - burst * msPerRequest;
    if (waitMs > 0) await sleep(clock, waitMs, signal);
  };
}
