/** Decides which ended uploads of an UploadSource are deleted, as a CronJob decides about its Jobs. Pure. */
import type { HistoryLimits } from '#operator/bridge/model/feed-rules.ts';

export interface EndedUpload {
  name: string;
  /** A cancelled upload counts as failed. */
  isSuccessful: boolean;
  /** Wall clock, ms. */
  endedAt: number;
}

/**
 * @param holding the names of failed uploads that hold the files behind them: deleting one would let the next file go.
 * @returns the uploads beyond the limits, the ones that ended first.
 */
export function chooseExpired<T extends EndedUpload>(
  ended: readonly T[],
  { limits, holding }: { limits: HistoryLimits; holding: ReadonlySet<string> },
): T[] {
  const latestFirst = ended.toSorted((a, b) => b.endedAt - a.endedAt || (a.name < b.name ? 1 : -1));
  const beyond = (isSuccessful: boolean, limit: number | null) =>
    limit === null ? [] : latestFirst.filter((upload) => upload.isSuccessful === isSuccessful).slice(limit);
  return [...beyond(true, limits.successful), ...beyond(false, limits.failed)]
    .filter(({ name }) => !holding.has(name))
    .reverse();
}
