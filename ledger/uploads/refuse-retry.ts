import type { UploadProgress } from '#ledger/types.ts';

type RetriedRow = Pick<UploadProgress, 'failureReason' | 'pointsInto' | 'keepsKeys' | 'chunksDone' | 'totalChunks'>;

/** @returns the reason, for people, why a failed upload cannot be tried again; null when it can. Pure. */
export function refuseRetry(row: RetriedRow): string | null {
  const { failureReason, pointsInto, keepsKeys, chunksDone } = row;
  if (failureReason === 'Cancelled') return 'it was cancelled';
  if (failureReason === 'SourceChanged') return 'the object is no longer the one that was to be loaded';
  // Nothing could tell whether the chunks that are left point to the same records in another copy.
  if (pointsInto === 'UnknownCopy' && planFor(row) === 'renewCopy')
    return 'a part of its file is loaded from a copy that an earlier release has made, and nothing is kept by which a new copy could be compared with it';
  // The sweep of keys (remove-keys.ts) may already have removed some.
  if (keepsKeys && chunksDone > 0)
    return 'the keys of the chunks that are done were kept in the ledger, and are removed when an upload ends';
  return null;
}

/**
 * Decides what becomes of a failed upload's plan in another attempt. Pure. The copy of a file is removed when an upload ends.
 *
 * | plan: its chunks point into | chunks done | another attempt                                           |
 * |-----------------------------|-------------|-----------------------------------------------------------|
 * | none                        |             | `make`: plans the file                                    |
 * | the object, or a copy       | all         | `keep`: has nothing to read                               |
 * | the object                  |             | `keep`: loads the chunks that are left                    |
 * | a copy                      | none        | `make`: drops the plan, of which nothing is loaded        |
 * | a copy                      | some        | `renewCopy`: makes the copy again, and loads the others from it |
 */
export function planFor({
  pointsInto,
  chunksDone,
  totalChunks,
}: Pick<UploadProgress, 'pointsInto' | 'chunksDone' | 'totalChunks'>): 'make' | 'keep' | 'renewCopy' {
  if (pointsInto === null) return 'make';
  if (pointsInto === 'Object' || chunksDone === totalChunks) return 'keep';
  return chunksDone === 0 ? 'make' : 'renewCopy';
}

/** Makes an SQL expression for {@link UploadProgress.pointsInto} of the relation `row`, which is one of uploads. */
export function pointsIntoSql(row: string): string {
  return `CASE WHEN ${row}.planned_at IS NULL THEN NULL WHEN ${row}.work_key IS NULL THEN 'Object'
    WHEN ${row}.work_digest IS NULL THEN 'UnknownCopy' ELSE 'KnownCopy' END`;
}
