import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Less than the time after which a session that nobody hears of counts as broken. An earlier transaction that takes longer
 * waits for a lock itself, and PostgreSQL then lets the next one wait for it.
 */
const MOST_MS = 20_000;

/** Waits until the transactions with earlier rows have ended, so that equal keys meet in the order of the file. */
export async function waitEarlier(earlier: Promise<unknown> | undefined, mostMs = MOST_MS): Promise<void> {
  if (!earlier) return;
  const timer = new AbortController();
  await Promise.race([earlier, sleep(mostMs, undefined, { signal: timer.signal }).catch(() => undefined)]);
  timer.abort();
}
