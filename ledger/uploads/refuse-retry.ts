import type { UploadProgress } from '#ledger/types.ts';

/** @returns the reason, for people, why a failed upload cannot be tried again; null when it can. Pure. */
export function refuseRetry({
  failureReason,
  workBucket,
  keepsKeys,
  chunksDone,
}: Pick<UploadProgress, 'failureReason' | 'workBucket' | 'keepsKeys' | 'chunksDone'>): string | null {
  if (failureReason === 'Cancelled') return 'it was cancelled';
  if (failureReason === 'SourceChanged') return 'the object is no longer the one that was to be loaded';
  // The cleanup may be removing the copy at this moment.
  if (workBucket !== null) return 'its file was copied to be read, and the copy is removed when an upload ends';
  // The sweep of keys (remove-keys.ts) may already have removed some.
  if (keepsKeys && chunksDone > 0)
    return 'the keys of the chunks that are done were kept in the ledger, and are removed when an upload ends';
  return null;
}
