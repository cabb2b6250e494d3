/** What becomes of the resource of an upload that has ended, as time passes. Pure. */
import type { BatchUploadStatus } from '#api/batch-upload.gen.ts';
import type { BatchUpload } from '#kube/custom-resources.ts';

type Ended = Pick<BatchUpload, 'spec' | 'status'>;

/**
 * The time after which an ended upload is to be deleted, in ms; 0 when it has passed, null when the upload stays.
 *
 * | phase               | the time to live counts from status.completionTime            |
 * |---------------------|---------------------------------------------------------------|
 * | Complete, Cancelled | spec.ttlSecondsAfterFinished                                  |
 * | Failed              | spec.ttlSecondsAfterFailed, else spec.ttlSecondsAfterFinished |
 */
export function expiresInMs({ spec, status }: Ended, now: number): number | null {
  const { ttlSecondsAfterFinished, ttlSecondsAfterFailed } = spec;
  const failed = status?.phase === 'Failed' ? ttlSecondsAfterFailed : undefined;
  const seconds = failed ?? ttlSecondsAfterFinished;
  return seconds === undefined ? null : msUntil(status, seconds * 1000, now);
}

/** A person looks into the details of an upload on the day of its end. */
const DETAILS_MS = 24 * 3_600_000;

/** The time after which the status of an ended upload is to be trimmed, in ms; null when it is trimmed already. */
export function trimsInMs({ status }: Ended, now: number): number | null {
  if (status === undefined || JSON.stringify(trimStatus(status)) === JSON.stringify(status)) return null;
  return msUntil(status, DETAILS_MS, now);
}

/** Conditions that say nothing more of an upload that has ended. */
const PASSED = new Set(['Planned', 'Progressing', 'Degraded', 'Suspended']);

/** What stays of a status: thousands of ended uploads are kept by etcd and listed by people. The ledger has the rest. */
export function trimStatus({ columns, columnsOmitted, jobs, ...status }: BatchUploadStatus): BatchUploadStatus {
  const { conditions, topErrors } = status;
  return {
    ...status,
    ...(conditions ? { conditions: conditions.filter(({ type }) => !PASSED.has(type)) } : {}),
    ...(topErrors ? { topErrors: topErrors.map(({ code, count }) => ({ code, count })) } : {}),
  };
}

function msUntil(status: BatchUploadStatus | undefined, afterMs: number, now: number): number | null {
  const endedAt = Date.parse(status?.completionTime ?? '');
  return Number.isNaN(endedAt) ? null : Math.max(0, endedAt + afterMs - now);
}
