/** Calls to the storage: how often they are tried, and when one that says nothing is given up. */
import { waitBackoff } from '#common/backoff.ts';
import type { Fault } from '#common/faults.ts';

/** Tries of a read before the pod gives up, however long they took. */
export const MIN_TRIES = 5;

export interface RetryOptions {
  signal: AbortSignal;
  /** Give up with the last fault after this long without progress, but not before {@link MIN_TRIES}. */
  retrySeconds: number;
  /** An answer or a body of which no byte comes for so long is broken. */
  stallSeconds: number;
  onRetry?: (fault: Fault, attempt: number) => void;
}

export async function withRetries<T>(retry: RetryOptions, work: () => Promise<T>): Promise<T> {
  const since = Date.now();
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      const fault = error as Fault;
      retry.signal.throwIfAborted();
      const spent = Date.now() - since;
      if (!fault.retryable || (attempt >= MIN_TRIES && spent > retry.retrySeconds * 1000)) throw fault;
      retry.onRetry?.(fault, attempt);
      await waitBackoff(attempt, retry.signal);
    }
  }
}

/**
 * Ends a request when nothing has come for `stallSeconds`: a connection that was lost on the way, or that a proxy keeps
 * open, never says so.
 */
export function createStallLimit({ signal, stallSeconds }: Pick<RetryOptions, 'signal' | 'stallSeconds'>) {
  const stalled = new AbortController();
  const limitMs = stallSeconds * 1000;
  let timer: NodeJS.Timeout | undefined;
  let waitingSince = 0;
  // One timer that looks: to set one and to clear it again for every piece of a file is a tenth of what reading it costs.
  const watch = (ms: number) => {
    timer = setTimeout(() => {
      timer = undefined;
      const left = waitingSince + limitMs - performance.now();
      if (left <= 0) stalled.abort();
      else watch(left);
    }, ms).unref();
  };
  return {
    signal: AbortSignal.any([signal, stalled.signal]),
    /** Waits for the next bytes from now on. */
    start() {
      waitingSince = performance.now();
      if (!timer) watch(limitMs);
    },
    stop() {
      clearTimeout(timer);
      timer = undefined;
    },
    /** The SDK only says that it was told to stop. */
    explain: (error: unknown) => (stalled.signal.aborted ? new Error('timeout', { cause: error }) : error),
  };
}
