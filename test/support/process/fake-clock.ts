/** A clock that stands still until a test moves it. */
import type { Clock } from '#common/clock.ts';

export class FakeClock implements Clock {
  /** Difference of the wall clock to the monotonic one; set it to make the wall clock jump. */
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

  /** Timers that wait, for asserting that none is left behind. */
  get waiting(): number {
    return this.#timers.size;
  }

  /** Timers ever set: tells that code which waits for I/O has gone on. */
  get scheduled(): number {
    return this.#sequence;
  }

  schedule(ms: number, callback: () => void): () => void {
    const id = this.#sequence++;
    this.#timers.set(id, { due: this.#now + Math.max(ms, 0), callback });
    return () => this.#timers.delete(id);
  }

  /** Moves time by `ms`: timers fire in the order of their time, and what waits for them goes on in between. */
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

  /** Time passes for the whole process at once, as when it was frozen: no timer fires in between. */
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

/** Lets everything go on that waits for no timer and no I/O. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}
