/** Token buckets by key, for example by identity or by address. The memory is bounded: buckets out of use are dropped. */
import type { Clock } from '#common/clock.ts';

export interface RateLimiter {
  /** Takes one token. @returns 0, or the seconds after which a token is there again. */
  take(key: string): number;
  /** Takes nothing. @returns what {@link take} would return. */
  wait(key: string): number;
  readonly size: number;
}

export interface RateLimit {
  perSecond: number;
  burst: number;
}

/** A bucket takes about 200 bytes. */
const MAX_BUCKETS = 10_000;

export function createRateLimiter({
  perSecond,
  burst,
  clock,
  maxBuckets = MAX_BUCKETS,
}: RateLimit & { clock: Clock; maxBuckets?: number }): RateLimiter {
  // A key without a bucket has all its tokens. The bucket that was used last stands last in the Map.
  const buckets = new Map<string, { tokens: number; at: number }>();
  const fill = (key: string) => {
    const at = clock.monotonic();
    const bucket = buckets.get(key);
    if (bucket === undefined) return { tokens: burst, at };
    return { tokens: Math.min(burst, bucket.tokens + ((at - bucket.at) / 1000) * perSecond), at };
  };
  const secondsUntilOne = (tokens: number) => (tokens >= 1 ? 0 : (1 - tokens) / perSecond);

  return {
    take(key) {
      const { tokens, at } = fill(key);
      const seconds = secondsUntilOne(tokens);
      buckets.delete(key);
      buckets.set(key, { tokens: seconds === 0 ? tokens - 1 : tokens, at });
      if (buckets.size > maxBuckets) buckets.delete(buckets.keys().next().value!);
      return seconds;
    },
    wait: (key) => secondsUntilOne(fill(key).tokens),
    get size() {
      return buckets.size;
    },
  };
}

/**
 * The part of an address for which failed requests are counted together: an address of IPv4, or the first 64 bits of an
 * address of IPv6, since one sender has all addresses behind them.
 */
export function addressKey(address = ''): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.replace(/%.*$/, '').split('::');
  const first = head === '' ? [] : head.split(':');
  const last = tail ? tail.split(':') : [];
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - first.length - last.length);
  return [...first, ...Array<string>(zeros).fill('0'), ...last].slice(0, 4).join(':');
}
