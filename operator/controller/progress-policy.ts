/** The progress that a status shows: percent, rate, time of the end. */

/** The weight of a sample falls to 1/e over this time: the rate follows within half a minute and does not jump. */
const SMOOTHING_MS = 10_000;

/** Between two statuses of an upload that differ only in progress lies at least this time. */
const SPACING_MS = 2_000;
/** All statuses that differ only in progress are together at most so many a second. */
const PROGRESS_PER_SECOND = 20;

/** The more uploads move, the rarer each of them shows its progress. A change of its state is always shown at once. */
export function progressSpacingMs(moving: number): number {
  return Math.max(SPACING_MS, (moving * 1000) / PROGRESS_PER_SECOND);
}

export interface RateState {
  /** Monotonic, ms. */
  at: number;
  processed: number;
  /** Null until there are two samples that differ in time. */
  perSecond: number | null;
}

export function nextRate(previous: RateState | null, { at, processed }: { at: number; processed: number }): RateState {
  if (previous === null || processed < previous.processed) return { at, processed, perSecond: null };
  const ms = at - previous.at;
  if (ms <= 0) return previous;
  const sample = ((processed - previous.processed) * 1000) / ms;
  const { perSecond } = previous;
  if (perSecond === null) return { at, processed, perSecond: sample > 0 ? sample : null };
  const weight = 1 - Math.exp(-ms / SMOOTHING_MS);
  return { at, processed, perSecond: perSecond + (sample - perSecond) * weight };
}

/** The percentage is rounded down, at least 0 and at most 99: only a complete upload shows 100 %. */
export function percent(processed: number, total: number): string {
  if (total <= 0) return '0%';
  return `${Math.max(0, Math.min(99, Math.floor((processed / total) * 100)))}%`;
}

/** The wall-clock time of the end in ms, rounded up to 5 s so that it does not flicker; null without progress. */
export function estimateCompletion(now: number, remaining: number, perSecond: number | null): number | null {
  if (perSecond === null || perSecond < 0.01) return null;
  const at = now + (remaining / perSecond) * 1000;
  // A time more than a year away is no estimate.
  return at - now > 365 * 86_400_000 ? null : Math.ceil(at / 5000) * 5000;
}

/** Records per second over the whole run of a finished upload; null when the run took no measurable time. */
export function averageRate(records: number, startedAt: Date | null, completedAt: Date | null): number | null {
  if (startedAt === null || completedAt === null) return null;
  const ms = completedAt.getTime() - startedAt.getTime();
  return ms > 0 ? Math.round((records * 1000) / ms) : null;
}
