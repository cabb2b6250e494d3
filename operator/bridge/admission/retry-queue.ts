/**
 * Notices of one source that wait for another look: until their object has settled, or after a backoff. One timer for
 * all of them, and none while it is empty. Nothing here is needed for the right result: a list, or a message that was
 * not acknowledged, tells of the object again.
 */
import { backoffMs } from '#common/backoff.ts';
import { aborted, type Clock, sleep } from '#common/clock.ts';
import type { AdmitNotices, ObjectNotice } from '#operator/bridge/types.ts';

export interface RetryQueue {
  /** @param inMs null: after a backoff that doubles with every failure in a row. */
  put(notice: ObjectNotice, inMs: number | null): void;
  /** It was handled. */
  drop(notice: ObjectNotice): void;
  readonly size: number;
  /** Hands what is due to `admit`, which puts back what has to wait on, until aborted. */
  run(admit: AdmitNotices, signal: AbortSignal): Promise<void>;
}

const MAX_WAITING = 10_000;
const BATCH = 50;
const BACKOFF = { baseMs: 5_000, maxMs: 300_000 };

interface Waiting {
  notice: ObjectNotice;
  /** Monotonic, ms; infinite while it is being looked at. */
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

/** The same for everything that tells of the same version; without versions of the same key. */
export function noticeId({ key, versionId }: Pick<ObjectNotice, 'key' | 'versionId'>): string {
  return `${key}\0${versionId ?? ''}`;
}
