/**
 * Holds the notices of one source that are to be admitted again: after the quiet period of their object, or after a
 * backoff. All notices share one timer. The queue may be lost or full without harm, since a list, or a message that was
 * not acknowledged, brings the object again.
 */
import { backoffMs } from '#common/backoff.ts';
import { aborted, type Clock, sleep } from '#common/clock.ts';
import type { AdmitNotices, ObjectNotice } from '#operator/bridge/model/types.ts';

export interface RetryQueue {
  /** @param inMs the wait; null for a backoff that doubles with every failure in a row. */
  put(notice: ObjectNotice, inMs: number | null): void;
  /** Removes a notice that was handled. */
  drop(notice: ObjectNotice): void;
  readonly size: number;
  /** Hands due notices to `admit` until the signal aborts. `admit` puts back each notice that has to wait longer. */
  run(admit: AdmitNotices, signal: AbortSignal): Promise<void>;
}

const MAX_WAITING = 10_000;
const BATCH = 50;
const BACKOFF = { baseMs: 5_000, maxMs: 300_000 };

interface Waiting {
  notice: ObjectNotice;
  /** Monotonic, ms; infinite while the notice is being admitted. */
  due: number;
  failures: number;
}

export function createRetryQueue({ clock, random }: { clock: Clock; random?: () => number }): RetryQueue {
  const waiting = new Map<string, Waiting>();
  let wake = () => {};

  const nextDue = () => {
    let next = Number.POSITIVE_INFINITY;
    for (const { due } of waiting.values()) next = Math.min(next, due);
    return next;
  };
  const takeDue = () => {
    const now = clock.monotonic();
    const due: ObjectNotice[] = [];
    for (const entry of waiting.values()) {
      if (entry.due > now) continue;
      entry.due = Number.POSITIVE_INFINITY;
      due.push(entry.notice);
      if (due.length === BATCH) break;
    }
    return due;
  };
  const putBack = (notices: readonly ObjectNotice[]) => {
    for (const notice of notices) {
      const entry = waiting.get(noticeId(notice));
      if (entry?.due === Number.POSITIVE_INFINITY) entry.due = clock.monotonic() + BACKOFF.baseMs;
    }
  };

  return {
    get size() {
      return waiting.size;
    },
    put(notice, inMs) {
      const id = noticeId(notice);
      const known = waiting.get(id);
      if (known === undefined && waiting.size >= MAX_WAITING) return;
      const failures = inMs === null ? (known?.failures ?? 0) + 1 : 0;
      const ms = inMs ?? backoffMs(failures, { ...BACKOFF, ...(random && { random }) });
      waiting.set(id, { notice, failures, due: clock.monotonic() + ms });
      wake();
    },
    drop(notice) {
      waiting.delete(noticeId(notice));
    },
    async run(admit, signal) {
      while (!signal.aborted) {
        const due = takeDue();
        if (due.length > 0) {
          try {
            await admit(due, signal);
          } finally {
            putBack(due);
          }
          continue;
        }
        const awake = new AbortController();
        wake = () => awake.abort();
        const either = AbortSignal.any([signal, awake.signal]);
        const ms = nextDue() - clock.monotonic();
        if (ms === Number.POSITIVE_INFINITY) await aborted(either);
        else await sleep(clock, ms, either);
        wake = () => {};
      }
    },
  };
}

/** All notices of one version have the same id; without versions, all notices of one key. */
export function noticeId({ key, versionId }: Pick<ObjectNotice, 'key' | 'versionId'>): string {
  return `${key}\0${versionId ?? ''}`;
}
