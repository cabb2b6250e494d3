/**
 * Keeps the WAL that a server writes to so many bytes a second on average. Pure.
 *
 * The budget is a leaky bucket: what the server has written fills it, and the limit drains it. Groups of chunks are loaded while
 * it holds no more than what the limit allows in {@link ALLOWANCE_S}. What a large group has written beyond that is paid by a
 * wait, so that the average comes out at the limit. Unused time earns nothing, since a burst later would hurt as much: the time
 * in which a pod loads, or a warm pod has no upload, is no wait.
 *
 * Every pod keeps a budget of its own for the same server. With nothing else, the pod that loads at the moment would go on for
 * ever, and the others would find the bucket full whenever they look. The level at which a pod may go on therefore grows while
 * the pod waits, so that the pod that has waited longest is the next one. A pod that began later has not seen what was written
 * before, so that the budgets differ at first. A part of each bucket is forgotten, which makes the budgets equal within some
 * minutes; in exchange the bucket drains a little more slowly than the limit.
 */

/** So many seconds of the limit may be written at once. */
export const ALLOWANCE_S = 0.25;
/** A pod that waits for a second may exceed the allowance by so many seconds of the limit, and by no more than the second number. */
const PATIENCE_S = 0.1;
const MOST_PATIENCE_S = 5;
/** A pod that waits looks at the server again within this time. One that looks later has had something else to do, or nothing. */
const MOST_LOOK_MS = 10_000;
/** This share of the bucket is forgotten in a second. */
const FORGOTTEN_PER_S = 1 / 120;
/** The part of the limit that drains the bucket. */
const DRAINED = 0.95;
/** What other sessions write beyond the limit is remembered for at most so many seconds. */
const MOST_DEBT_S = 60;

export class WalBudget {
  readonly #bytesPerSecond: number;
  #level = 0;
  #last: { atMs: number; writtenBytes: number } | null = null;
  /** The time for which the pod has waited since it was last allowed to load; null: it was allowed to at its last look. */
  #waitedMs: number | null = null;

  constructor(bytesPerSecond: number) {
    this.#bytesPerSecond = bytesPerSecond;
  }

  /**
   * Takes a measurement: the position in the WAL at a time of the monotonic clock. A position that went back, as after a
   * switchover, counts as no growth.
   * @returns the time to wait before the next group, in ms; 0: none
   */
  measured({ atMs, writtenBytes }: { atMs: number; writtenBytes: number }): number {
    const limit = this.#bytesPerSecond;
    const last = this.#last ?? { atMs, writtenBytes };
    this.#last = { atMs, writtenBytes };
    const growth = Math.max(0, writtenBytes - last.writtenBytes);
    const elapsedMs = atMs - last.atMs;
    const seconds = elapsedMs / 1000;
    const kept = this.#level * Math.exp(-seconds * FORGOTTEN_PER_S);
    this.#level = Math.min(Math.max(0, kept + growth - limit * DRAINED * seconds), limit * MOST_DEBT_S);
    if (this.#waitedMs !== null) this.#waitedMs += Math.min(elapsedMs, MOST_LOOK_MS);
    return this.#waitMs();
  }

  #waitMs(): number {
    const waitedMs = this.#waitedMs ?? 0;
    const patienceS = Math.min((waitedMs / 1000) * PATIENCE_S, MOST_PATIENCE_S);
    const excessS = this.#level / this.#bytesPerSecond - ALLOWANCE_S - patienceS;
    this.#waitedMs = excessS <= 0 ? null : waitedMs;
    if (excessS <= 0) return 0;
    return (excessS / (1 + (patienceS < MOST_PATIENCE_S ? PATIENCE_S : 0))) * 1000;
  }
}
