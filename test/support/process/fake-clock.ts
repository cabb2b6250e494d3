/** A clock that stands still until a test advances it. */
import type { Clock } from '#common/clock.ts';

export class FakeClock implements Clock {
  /** Difference of the wall clock to the monotonic clock. A test sets this value to make the wall clock jump. */
  wallOffsetMs: number;
  #now = 1_000;
  #sequence = 0;
  readonly #timers = new Map<number, { due: number; callback: () => void }>();

  constructor(wall = Date.UTC(2026, 0, 1)) {
    this.wallOffsetMs = wall;
  }

  now(): number {
    return this.#now + this.wallOffsetMs;
  }

  monotonic(): number {
    return this.#now;
  }

  /** Number of timers that wait. A test can assert that none is left. */
  get waiting(): number {
    return this.#timers.size;
  }

  /** Number of timers that were ever set. It grows when code that waited for I/O has gone on. */
  get scheduled(): number {
    return this.#sequence;
  }

  schedule(ms: number, callback: () => void): () => void {
    const id = this.#sequence++;
    this.#timers.set(id, { due: this.#now + Math.max(ms, 0), callback });
    return () => this.#timers.delete(id);
  }

  /** Advances time by `ms`. Timers fire in the order of their time, and code that waits for them runs in between. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      const [id, timer] = next;
      this.#timers.delete(id);
      this.#now = Math.max(this.#now, timer.due);
      timer.callback();
      await settle();
    }
    this.#now = end;
  }

  /** Advances time at once, as for a process that was frozen: no timer fires in between. */
  freeze(ms: number): void {
    this.#now += ms;
  }

  #next(end: number): [number, { due: number; callback: () => void }] | undefined {
    let first: [number, { due: number; callback: () => void }] | undefined;
    for (const entry of this.#timers) {
      if (entry[1].due <= end && (first === undefined || entry[1].due < first[1].due)) first = entry;
    }
    return first;
  }
}

/** Lets all code run that waits for no timer and no I/O. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}
