/**
 * May a failed upload be tried again, and is that asked for? Pure.
 *
 * | spec.retryGeneration                      | the ledger                        | what comes of it          |
 * |-------------------------------------------|-----------------------------------|---------------------------|
 * | not greater than when it was last tried   |                                   | stays Failed              |
 * | greater                                   | what it needs to go on is there   | one more attempt          |
 * | greater                                   | it is not, or the source changed  | stays Failed, and says so |
 */
import { findCondition, isFinished } from '#api/conditions.ts';
import type { BatchUpload } from '#kube/custom-resources.ts';
import type { UploadProgress } from '#ledger/types.ts';
import { refuseRetry } from '#ledger/uploads/retry-upload.ts';

export type RetryWish = { type: 'none' } | { type: 'retry'; generation: number } | { type: 'refused'; why: string };

export function judgeRetry({ spec }: BatchUpload, row: UploadProgress): RetryWish {
  const { retryGeneration: generation = 0 } = spec;
  if (generation <= row.retryGeneration) return { type: 'none' };
  const why = refuseRetry(row);
  return why === null ? { type: 'retry', generation } : { type: 'refused', why };
}

/**
 * Nothing is left to be done for the upload, by its status alone: a failed one whose spec was changed since may be asked to be
 * tried again, and only the ledger knows for which generation it was tried last.
 */
export function isSettled({ metadata, spec, status }: BatchUpload): boolean {
  if (!isFinished(status)) return false;
  const failed = findCondition(status, 'Failed');
  if (failed?.status !== 'True' || !spec.retryGeneration) return true;
  return (failed.observedGeneration ?? 0) >= (metadata?.generation ?? 0);
}
