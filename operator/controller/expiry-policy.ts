import type { BatchUpload } from '#kube/custom-resources.ts';

/**
 * The time after which an ended upload is to be deleted, in ms; 0 when it has passed, null when the upload stays. Pure.
 *
 * | phase               | the time to live counts from status.completionTime         |
 * |---------------------|------------------------------------------------------------|
 * | Complete, Cancelled | spec.ttlSecondsAfterFinished                               |
 * | Failed              | spec.ttlSecondsAfterFailed, else spec.ttlSecondsAfterFinished |
 */
export function expiresInMs({ spec, status }: Pick<BatchUpload, 'spec' | 'status'>, now: number): number | null {
  const { ttlSecondsAfterFinished, ttlSecondsAfterFailed } = spec;
  const failed = status?.phase === 'Failed' ? ttlSecondsAfterFailed : undefined;
  const seconds = failed ?? ttlSecondsAfterFinished;
  const endedAt = Date.parse(status?.completionTime ?? '');
  if (seconds === undefined || Number.isNaN(endedAt)) return null;
  return Math.max(0, endedAt + seconds * 1000 - now);
}
