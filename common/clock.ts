/** The clock as a dependency, so that tests need no sleeps. */

export interface Clock {
  /** Wall clock, ms since the epoch. Use it for times that are written or shown, never for measuring. */
  now(): number;
  /** Monotonic clock, ms. Use it for deadlines and durations. */
  monotonic(): number;
  /** Calls `callback` once after `ms`. Returns a function that cancels the timer. */
  schedule(ms: number, callback: () => void): () => void;
}

/** Node's longest timer, in ms; a longer timer would fire at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  schedule(ms, callback) {
    const timer = setTimeout(callback, Math.min(Math.max(ms, 0), MAX_TIMER_MS));
    return () => clearTimeout(timer);
  },
};

/** Resolves after `ms`, or at once when aborted; the caller must check the signal. */
export function sleep(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.schedule(ms, done);
    signal.addEventListener('abort', done, { once: true });
  });
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

/** Returns `ms` times a random factor in [1, 1 + spread). */
export function jitter(ms: number, spread: number, random: () => number = Math.random): number {
  return ms * (1 + random() * spread);
}
