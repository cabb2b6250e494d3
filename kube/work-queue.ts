/** A queue of keys with the guarantees of client-go's rate limiting queue. */
import { backoffMs } from '#common/backoff.ts';
import { type Clock, MAX_TIMER_MS, systemClock } from '#common/clock.ts';
import type { Logger } from '#common/log.ts';
import { isConflict, retryAfterMs } from './errors.ts';
import type { ProcessResult, WorkQueue } from './types.ts';

export interface WorkQueueDeps {
  log: Logger;
  clock?: Clock;
  random?: (() => number) | undefined;
  /** Delay of a key after its first failure; 250 ms when absent. */
  baseDelayMs?: number;
  /** Longest delay of a key after a failure; 60 s when absent. */
  maxDelayMs?: number;
  /** Called for every key that was processed, for metrics. `waitedSeconds` is the time from ready to started. */
  onProcessed?: (run: { key: string; ok: boolean; seconds: number; waitedSeconds: number }) => void;
}

export function createWorkQueue(deps: WorkQueueDeps): WorkQueue {
  return new KeyedWorkQueue(deps);
}

/**
 * A key that is processed for longer than this waits for something slow, such as the database of one tenant, and leaves
 * its worker to others.
 */
const SLOW_MS = 2_000;
/** Limits the keys that are processed at a time, with the slow ones, to so many for each worker. */
const SLOW_FACTOR = 16;

type Process = (key: string, signal: AbortSignal) => Promise<ProcessResult>;

/**
 * A key has at most one of the first three states; `#delayed` and `#failures` are independent of them.
 *
 * | state | the key ... | next |
 * |---|---|---|
 * | `#ready` | waits for a worker, in order | `#active`, when a worker takes it |
 * | `#active` | is being processed; after 2 s also in `#slow` | no state, when `process` ends |
 * | `#active` and `#again` | is being processed, and was added meanwhile | `#ready`, when `process` ends |
 * | `#delayed` | waits for its time | `#ready`, when its timer adds it |
 */
class KeyedWorkQueue implements WorkQueue {
  readonly #deps: WorkQueueDeps;
  readonly #clock: Clock;
  readonly #ready = new Fifo();
  readonly #active = new Map<string, number>();
  readonly #slow = new Set<string>();
  readonly #again = new Set<string>();
  readonly #delayed = new Map<string, { due: number; cancel: () => void }>();
  readonly #failures = new Map<string, number>();
  #consumer: { workers: number; signal: AbortSignal; process: Process; idle: () => void } | undefined;
  #closed = false;

  constructor(deps: WorkQueueDeps) {
    this.#deps = deps;
    this.#clock = deps.clock ?? systemClock;
  }

  get depth(): number {
    return this.#ready.size;
  }

  get delayed(): number {
    return this.#delayed.size;
  }

  get active(): number {
    return this.#active.size;
  }

  get longestRunningMs(): number {
    // A map keeps the order of insertion, so the first entry started first.
    for (const started of this.#active.values()) return this.#clock.monotonic() - started;
    return 0;
  }

  add(key: string): void {
    if (this.#closed) return;
    if (this.#active.has(key)) this.#again.add(key);
    else this.#ready.push(key, this.#clock.monotonic());
    this.#dispatch();
  }

  addAfter(key: string, ms: number): void {
    if (this.#closed) return;
    if (!(ms > 0)) {
      this.add(key);
      return;
    }
    // A key that comes earlier than asked does no harm; the longest timer takes 24 days.
    const delay = Math.min(ms, MAX_TIMER_MS);
    const due = this.#clock.monotonic() + delay;
    const pending = this.#delayed.get(key);
    if (pending !== undefined) {
      if (pending.due <= due) return;
      pending.cancel();
    }
    const cancel = this.#clock.schedule(delay, () => {
      this.#delayed.delete(key);
      this.add(key);
    });
    this.#delayed.set(key, { due, cancel });
  }

  addRateLimited(key: string): void {
    this.addAfter(key, this.#nextDelay(key));
  }

  forget(key: string): void {
    this.#failures.delete(key);
  }

  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  async run(options: { workers: number; signal: AbortSignal; process: Process }): Promise<void> {
    if (this.#consumer !== undefined) throw new Error('the work queue already runs');
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#consumer = { ...options, idle: resolve };
    const close = () => {
      this.#close();
      if (this.#active.size === 0) resolve();
    };
    options.signal.addEventListener('abort', close, { once: true });
    if (options.signal.aborted) close();
    else this.#dispatch();
    await promise;
  }

  #close(): void {
    this.#closed = true;
    for (const { cancel } of this.#delayed.values()) cancel();
    this.#delayed.clear();
    this.#ready.clear();
    this.#again.clear();
  }

  #dispatch(): void {
    const consumer = this.#consumer;
    if (consumer === undefined) return;
    const { workers } = consumer;
    while (
      !this.#closed &&
      this.#active.size - this.#slow.size < workers &&
      this.#active.size < workers * SLOW_FACTOR
    ) {
      const next = this.#ready.shift();
      if (next === undefined) return;
      const started = this.#clock.monotonic();
      this.#active.set(next.key, started);
      void this.#work(next.key, started, started - next.since, consumer);
    }
  }

  async #work(
    key: string,
    started: number,
    waitedMs: number,
    { process, signal, idle }: { process: Process; signal: AbortSignal; idle: () => void },
  ): Promise<void> {
    let ok = false;
    const cancelSlow = this.#clock.schedule(SLOW_MS, () => {
      this.#slow.add(key);
      this.#dispatch();
    });
    try {
      const result = await process(key, signal);
      ok = true;
      this.forget(key);
      if (result?.requeueAfterMs !== undefined) this.addAfter(key, result.requeueAfterMs);
    } catch (err) {
      this.#failed(key, err, signal);
    }
    cancelSlow();
    this.#slow.delete(key);
    this.#active.delete(key);
    const seconds = (this.#clock.monotonic() - started) / 1000;
    this.#deps.onProcessed?.({ key, ok, seconds, waitedSeconds: waitedMs / 1000 });
    if (this.#again.delete(key)) this.add(key);
    if (!this.#closed) this.#dispatch();
    else if (this.#active.size === 0) idle();
  }

  #failed(key: string, err: unknown, signal: AbortSignal): void {
    const { log } = this.#deps;
    if (signal.aborted) {
      log.debug({ err, key }, 'ended by the shutdown');
      return;
    }
    const retryInMs = Math.max(this.#nextDelay(key), retryAfterMs(err));
    this.addAfter(key, retryInMs);
    const fields = { err, key, failures: this.failures(key), retryInMs };
    // Somebody else changed the object first; the next try uses the newer object.
    if (isConflict(err)) log.debug(fields, 'conflict, the key is processed again');
    else log.warn(fields, 'processing failed, the key is processed again');
  }

  #nextDelay(key: string): number {
    const { random, baseDelayMs = 250, maxDelayMs = 60_000 } = this.#deps;
    const failures = this.failures(key) + 1;
    this.#failures.set(key, failures);
    return backoffMs(failures, { baseMs: baseDelayMs, maxMs: maxDelayMs, random });
  }
}

/** A first-in, first-out queue; a key that is already in the queue keeps its place. */
class Fifo {
  #keys: ({ key: string; since: number } | undefined)[] = [];
  readonly #members = new Set<string>();
  #head = 0;

  get size(): number {
    return this.#members.size;
  }

  push(key: string, since: number): void {
    if (this.#members.has(key)) return;
    this.#members.add(key);
    this.#keys.push({ key, since });
  }

  shift(): { key: string; since: number } | undefined {
    const next = this.#keys[this.#head];
    if (next === undefined) return undefined;
    this.#keys[this.#head++] = undefined;
    this.#members.delete(next.key);
    // Array.shift would move all other keys each time, so the array is only cut from time to time.
    if (this.#head > 1024 && this.#head * 2 > this.#keys.length) {
      this.#keys = this.#keys.slice(this.#head);
      this.#head = 0;
    }
    return next;
  }

  clear(): void {
    this.#keys = [];
    this.#members.clear();
    this.#head = 0;
  }
}
