/** Decides how often a call to the storage is tried, and when a call without an answer is given up. */

import type { Fault } from '#common/faults.ts';
import { waitBackoff } from '#common/wait-backoff.ts';

/** A call is tried at least this often before it fails, however long the tries take. */
export const MIN_TRIES = 5;

export interface RetryOptions {
  signal: AbortSignal;
  /** The last fault is thrown after this long without progress, but not before {@link MIN_TRIES} tries. */
  retrySeconds: number;
  /** An answer or a body counts as broken when no byte of it arrives for this long. */
  stallSeconds: number;
  /** Called before each retry. */
  onRetry?: (fault: Fault, attempt: number) => void;
}

/** Tries `work` again after retryable faults, with backoff. `work` throws only {@link Fault}s. */
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
 * Ends a request when no byte has arrived for `stallSeconds`. A connection that was lost on the way, or that a proxy
 * keeps open, never reports its own end.
 */
export function createStallLimit({ signal, stallSeconds }: Pick<RetryOptions, 'signal' | 'stallSeconds'>) {
  const stalled = new AbortController();
  const limitMs = stallSeconds * 1000;
  let timer: NodeJS.Timeout | undefined;
  let waitingSince = 0;
  // One timer looks at the time now and then: setting and clearing a timer for every piece costs a tenth of reading a
  // file.
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
    /** Starts the limit again; called whenever bytes have arrived. */
    start() {
      waitingSince = performance.now();
      if (!timer) watch(limitMs);
    },
    stop() {
      clearTimeout(timer);
      timer = undefined;
    },
    /** Replaces the SDK's error about an abort by a timeout, when the limit was what ended the request. */
    explain: (error: unknown) => (stalled.signal.aborted ? new Error('timeout', { cause: error }) : error),
  };
}
