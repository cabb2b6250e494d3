import { setTimeout as sleep } from 'node:timers/promises';

/**
 * An earlier transaction that takes longer may wait for a row of the later one, which PostgreSQL cannot see while the later
 * one waits here. The time is less than that after which a transaction that does nothing counts as frozen.
 */
const MOST_MS = 3_000;

/** Waits until the transactions with earlier rows have ended, so that equal keys meet in the order of the file. */
export async function waitEarlier(earlier: Promise<unknown> | undefined, mostMs = MOST_MS): Promise<void> {
  if (!earlier) return;
  const timer = new AbortController();
  await Promise.race([earlier, sleep(mostMs, undefined, { signal: timer.signal }).catch(() => undefined)]);
  timer.abort();
}
