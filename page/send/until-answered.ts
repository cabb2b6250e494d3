/** Sends a request again for as long as nobody answers it, or the answer says that it may be sent again. */
import { type BackoffLimits, backoffMs } from '#common/backoff.ts';
import { ProblemError } from '#page/api/problem-error.ts';

/** Resolves after the time, or as soon as another try is worth it. Never rejects. */
export type Wait = (ms: number, signal: AbortSignal) => Promise<void>;

export interface Persistence {
  wait: Wait;
  signal: AbortSignal;
  /** Is called with true when no answer comes, and with false when the answer is there after that. */
  onSilence?: ((isSilent: boolean) => void) | undefined;
}

const RETRY: BackoffLimits = { baseMs: 1_000, maxMs: 30_000 };

/** @returns how long to wait before the next try, in ms. @param failures how many have failed, from 1 on. */
export function retryMs(failures: number, random?: () => number): number {
  return backoffMs(failures, { ...RETRY, random });
}

/** @throws ProblemError that another try would get again, and the signal's reason */
export async function untilAnswered<T>(send: () => Promise<T>, persistence: Persistence): Promise<T> {
  const { wait, signal, onSilence } = persistence;
  for (let failures = 1; ; failures += 1) {
    signal.throwIfAborted();
    try {
      const answer = await send();
      if (failures > 1) onSilence?.(false);
      return answer;
    } catch (error) {
      if (signal.aborted || !isPassing(error)) throw error;
      onSilence?.(true);
      const { retryAfterSeconds } = error as ProblemError;
      await wait(Math.max(retryMs(failures), Math.min(retryAfterSeconds ?? 0, 60) * 1000), signal);
    }
  }
}

/** A conflict with a time is over by then: another replica carries the same request out. */
function isPassing(error: unknown): boolean {
  if (!(error instanceof ProblemError)) return false;
  const { status, type, retryAfterSeconds } = error;
  if (status === 429) return (retryAfterSeconds ?? 0) <= 60;
  return (
    type === 'offline' ||
    status === 502 ||
    status === 503 ||
    status === 504 ||
    (status === 409 && retryAfterSeconds !== null)
  );
}
