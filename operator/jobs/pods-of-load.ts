import { BYTES_PER_SESSION, MAX_INDEXES, podsAtOnce } from '#common/job-contract.ts';
import type { UploadProgress } from '#ledger/types.ts';

/** What a plan says about the size of a load. */
export interface LoadSize {
  totalIndexes: number;
  totalChunks: number;
  sizeBytes: number;
}

export function sizeOfLoad({ totalIndexes, totalChunks, sizeBytes }: UploadProgress): LoadSize {
  return { totalIndexes: totalIndexes ?? 1, totalChunks: totalChunks ?? 1, sizeBytes: sizeBytes ?? 0 };
}

/** @returns null while one pod reads the whole file, to plan the upload or to make its copy anew */
export function sizeOfPlanned(row: UploadProgress): LoadSize | null {
  return row.status === 'Planning' ? null : sizeOfLoad(row);
}

/**
 * The number of pods that load an upload at the same time. A pod beyond the indexes of the plan has no chunks of its own and
 * helps the others, so that their number is limited only by what the file is worth. The sessions of a pod are those with which
 * its Job was made, because pods keep their environment when spec.parallelism changes. Pure.
 * @param wanted spec.parallelism: sessions of the database
 */
export function podsOfLoad(
  wanted: number,
  { size, sessionsPerPod }: { size: LoadSize; sessionsPerPod: number },
): number {
  const { totalIndexes, totalChunks, sizeBytes } = size;
  const sessions = Math.min(totalChunks, Math.ceil(sizeBytes / BYTES_PER_SESSION));
  const most = Math.min(MAX_INDEXES, Math.max(totalIndexes, Math.ceil(sessions / sessionsPerPod)));
  return Math.min(podsAtOnce(wanted, sessionsPerPod), most);
}
