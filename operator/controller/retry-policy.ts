/**
 * Decides whether a failed upload is tried again. Pure.
 *
 * | spec.retryGeneration                      | the ledger                        | the upload                |
 * |-------------------------------------------|-----------------------------------|---------------------------|
 * | not greater than that of the last attempt |                                   | stays Failed              |
 * | greater                                   | has what another attempt needs    | gets one more attempt     |
 * | greater                                   | has not, or the file has changed  | stays Failed and says why |
 * | greater, and spec.cancel is true          |                                   | stays Failed and says why |
 */
import { findCondition, isFinished } from '#api/conditions.ts';
import type { BatchUpload } from '#kube/custom-resources.ts';
import type { UploadProgress } from '#ledger/types.ts';
import { refuseRetry } from '#ledger/uploads/refuse-retry.ts';

export type RetryDecision = { type: 'none' } | { type: 'retry'; generation: number } | { type: 'refused'; why: string };

export function decideRetry({ spec }: BatchUpload, row: UploadProgress): RetryDecision {
  const { retryGeneration: generation = 0 } = spec;
  if (generation <= row.retryGeneration) return { type: 'none' };
  const why = spec.cancel ? 'spec.cancel is true' : refuseRetry(row);
  return why === null ? { type: 'retry', generation } : { type: 'refused', why };
}

/**
 * Says by the status alone whether nothing is left to be done for the upload. A failed upload whose spec has changed
 * since is not final: the change may ask for a retry, and only the ledger knows the generation of the last attempt.
 */
export function isFinal({ metadata, spec, status }: BatchUpload): boolean {
  if (!isFinished(status)) return false;
  const failed = findCondition(status, 'Failed');
  if (failed?.status !== 'True' || !spec.retryGeneration) return true;
  return (failed.observedGeneration ?? 0) >= (metadata.generation ?? 0);
}
