import { setTimeout as sleep } from 'node:timers/promises';
import { type BackoffLimits, backoffMs } from './backoff.ts';

/** The backoff after a lost connection to the database or to the storage. */
const CONNECTION_BACKOFF: BackoffLimits = { baseMs: 200, maxMs: 15_000 };

/** Waits before the next attempt at a connection. @throws the signal's reason when aborted */
export async function waitBackoff(failures: number, signal: AbortSignal): Promise<void> {
  // The timer rejects with an error of its own, which would hide why the work was stopped.
  await sleep(backoffMs(failures, CONNECTION_BACKOFF), undefined, { signal }).catch(() => signal.throwIfAborted());
}
