import { setTimeout as sleep } from 'node:timers/promises';

export interface BackoffLimits {
  /** The whole delay after the first failure. */
  baseMs: number;
  maxMs: number;
}

export interface BackoffOptions extends BackoffLimits {
  /** Math.random when absent. */
  random?: (() => number) | undefined;
}

/** The backoff after a lost connection to the database or to the storage. */
const CONNECTION_BACKOFF: BackoffLimits = { baseMs: 200, maxMs: 15_000 };

/**
 * The delay in ms after so many failures in a row: `baseMs`, doubled with every failure after the first, at most
 * `maxMs`. Half of the delay is fixed, and the other half is multiplied by a random number from 0 to 1 ("equal
 * jitter"). Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 */
export function backoffMs(failures: number, { baseMs, maxMs, random = Math.random }: BackoffOptions): number {
  const full = Math.min(maxMs, baseMs * 2 ** Math.min(Math.max(failures - 1, 0), 40));
  return full * (0.5 + random() * 0.5);
}

/** Waits before the next attempt at a connection. @throws the signal's reason when aborted */
export async function waitBackoff(failures: number, signal: AbortSignal): Promise<void> {
  // The timer rejects with an error of its own, which would hide why the work was stopped.
  await sleep(backoffMs(failures, CONNECTION_BACKOFF), undefined, { signal }).catch(() => signal.throwIfAborted());
}
