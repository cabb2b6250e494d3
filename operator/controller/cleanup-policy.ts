/**
 * Decides when the finalizer of an upload whose file has a copy is removed. Pure.
 *
 * | cleanup Job | observed besides                              | step                      |
 * |-------------|-----------------------------------------------|---------------------------|
 * | none        | pods of the upload may still write, not for long | wait                   |
 * | none        |                                               | create it                 |
 * | running     | not for long                                  | wait                      |
 * | running     | for 10 minutes                                | release, not removed      |
 * | failed      |                                               | release, not removed      |
 * | complete    |                                               | release, removed          |
 */
import { FINALIZERS } from '#api/labels.ts';
import { workBucket, workPrefix } from '#common/job-contract.ts';
import type { BatchUpload } from '#kube/custom-resources.ts';
import type { Job } from '#kube/resource-types.ts';
import type { StatusEvent } from './status-events.ts';

/** An upload is never held longer than this because of its copy. */
export const CLEANUP_MS = 600_000;

export type CleanupOutcome = { type: 'wait'; ms: number } | { type: 'release'; removed: boolean };
export type CleanupStep = { type: 'createJob' } | CleanupOutcome;

export interface CleanupView {
  /** Wall clock, ms, like every time in this file. */
  now: number;
  /** When the upload ended or was deleted. */
  endedAt: number;
  /** True while pods that plan or process the upload have not ended. */
  busy: boolean;
  job: Job | undefined;
}

export function decideCleanup({ now, endedAt, busy, job }: CleanupView): CleanupStep {
  const left = (since: number) => since + CLEANUP_MS - now;
  if (job === undefined) {
    // Even an operator that did not run for longer than CLEANUP_MS tries once.
    return busy && left(endedAt) > 0 ? { type: 'wait', ms: left(endedAt) } : { type: 'createJob' };
  }
  const is = (type: string) => job.status?.conditions?.some((each) => each.type === type && each.status === 'True');
  if (is('Complete')) return { type: 'release', removed: true };
  const wait = left(Date.parse(job.metadata?.creationTimestamp ?? '') || endedAt);
  return is('Failed') || wait <= 0 ? { type: 'release', removed: false } : { type: 'wait', ms: wait };
}

/** A Job that was refused is tried again for a limited time, and not in a namespace that is being terminated. */
export function decideRefused({ now, endedAt }: CleanupView, message: string): CleanupOutcome {
  const left = endedAt + CLEANUP_MS - now;
  if (left <= 0 || message.includes('is being terminated')) return { type: 'release', removed: false };
  return { type: 'wait', ms: Math.min(left, 30_000) };
}

export function isHeld({ metadata }: BatchUpload): boolean {
  return metadata.finalizers?.includes(FINALIZERS.workCopy) ?? false;
}

export function endedAt({ metadata, status }: BatchUpload): number {
  const times = [status?.completionTime, metadata.deletionTimestamp].map((text) => Date.parse(text ?? '') || 0);
  return Math.max(...times);
}

/** A merge patch of the finalizers. The API server refuses the patch when the upload has changed since it was read. */
export function finalizerPatch({ metadata }: BatchUpload, held: boolean): object {
  const others = (metadata.finalizers ?? []).filter((name) => name !== FINALIZERS.workCopy);
  return {
    metadata: {
      resourceVersion: metadata.resourceVersion,
      finalizers: held ? [...others, FINALIZERS.workCopy] : others,
    },
  };
}

export function cleanupEvent({ metadata, spec }: BatchUpload, removed: boolean): StatusEvent {
  const place = `s3://${workBucket(spec.source.s3.bucket, spec.work)}/${workPrefix(metadata.uid)}`;
  return removed
    ? { type: 'Normal', reason: 'WorkCopyRemoved', message: `The copy of the file under ${place} is removed.` }
    : {
        type: 'Warning',
        reason: 'WorkCopyNotRemoved',
        message: `The copy of the file could not be removed; the log of the cleanup Job says why. Nothing tries again: remove ${place} yourself, with its unfinished multipart uploads.`,
      };
}
