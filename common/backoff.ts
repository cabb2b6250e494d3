import { setTimeout as sleep } from 'node:timers/promises';

export interface BackoffOptions {
  baseMs: number;
  maxMs: number;
  random?: () => number;
}

/** How long a lost connection to the database or the storage is left alone. */
const CONNECTION_BACKOFF = { baseMs: 200, maxMs: 15_000 } as const;

/**
 * The delay in ms before attempt `failures` + 1: `baseMs`, doubled with every failure, at most `maxMs`; its upper half is
 * random (full jitter with a floor).
 * Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 */
export function backoffMs(failures: number, { baseMs, maxMs, random = Math.random }: BackoffOptions): number {
  const full = Math.min(maxMs, baseMs * 2 ** Math.min(Math.max(failures - 1, 0), 40));
  return full * (0.5 + random() * 0.5);
}

/** Waits before a connection is tried again. @throws the signal's reason */
export async function waitBackoff(failures: number, signal: AbortSignal): Promise<void> {
  await sleep(backoffMs(failures, CONNECTION_BACKOFF), undefined, { signal });
}
