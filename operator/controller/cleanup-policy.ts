/**
 * Decides when the finalizer of an upload whose file has a copy is removed. Pure.
 *
 * | cleanup Job | observed besides                              | step                      |
 * |-------------|-----------------------------------------------|---------------------------|
 * |             | the namespace is not enabled (any more)       | release, not removed      |
 * | none        | pods of the upload may still write, not for long | wait                   |
 * | none        |                                               | create it                 |
 * | exists, but cannot be seen | for 20 minutes                 | release, not removed      |
 * | running     | not for long                                  | wait                      |
 * | running     | none of its pods runs, and the chart or spec.podTemplate has other values by now | delete it; it is then made again |
 * | running     | for 10 minutes                                | release, not removed      |
 * | failed      |                                               | release, not removed      |
 * | complete    |                                               | release, removed          |
 */
import { isFinished } from '#api/conditions.ts';
import { FINALIZERS } from '#api/labels.ts';
import { workBucket, workPrefix } from '#common/job-contract.ts';
import type { BatchUpload } from '#kube/custom-resources.ts';
import type { Job } from '#kube/resource-types.ts';
import type { UploadProgress } from '#ledger/types.ts';
import type { StatusEvent } from './status-events.ts';
import type { Action } from './types.ts';

/**
 * Each wait for the sake of a copy ends after this time: that for the pods, and that for the cleanup Job. An operator that has just begun to lead counts anew: the
 * times in the objects are of other clocks, those of the database and of the API server.
 */
export const CLEANUP_MS = 600_000;

export type Release = { type: 'release'; removed: true } | { type: 'release'; removed: false; because: string };
export type CleanupOutcome = { type: 'wait'; ms: number } | Release;
export type CleanupStep = { type: 'createJob' } | { type: 'replaceJob' } | CleanupOutcome;

/** Times are durations by the operator's own monotonic clock, in ms. */
export interface CleanupView {
  /** The operator may make Jobs in the namespace. */
  isEnabled: boolean;
  /** Time since the operator has first seen that the upload had ended or was deleted. */
  endedForMs: number;
  /** True while pods that plan or process the upload have not ended. */
  busy: boolean;
  job: Job | undefined;
  /** None of the Job's pods runs, and the Job was made with other settings than those of now. */
  isOutdated: boolean;
  /** Time since the operator has first seen the cleanup Job; 0 without one. */
  jobForMs: number;
}

export function decideCleanup(view: CleanupView): CleanupStep {
  const { isEnabled, endedForMs, busy, job, isOutdated, jobForMs } = view;
  if (!isEnabled) return left('uploads are not enabled in this namespace any more');
  if (job === undefined) {
    const leftMs = CLEANUP_MS - endedForMs;
    // Even an upload that ended long ago gets one try.
    return busy && leftMs > 0 ? { type: 'wait', ms: leftMs } : { type: 'createJob' };
  }
  const is = (type: string) => job.status?.conditions?.some((each) => each.type === type && each.status === 'True');
  if (is('Complete')) return { type: 'release', removed: true };
  const wait = CLEANUP_MS - jobForMs;
  if (is('Failed') || wait <= 0) return left('the log of the cleanup Job says why');
  return isOutdated ? { type: 'replaceJob' } : { type: 'wait', ms: wait };
}

/** A Job that was refused is tried again for a limited time, and not in a namespace that is being terminated. */
export function decideRefused({ endedForMs }: CleanupView, message: string): CleanupOutcome {
  const leftMs = CLEANUP_MS - endedForMs;
  if (leftMs <= 0 || message.includes('is being terminated')) return left(`the API server refused the Job: ${message}`);
  return { type: 'wait', ms: Math.min(leftMs, 30_000) };
}

/** A Job that exists and cannot be seen is waited for twice as long: it may have been made just now. */
export function decideUnseen({ endedForMs }: CleanupView): CleanupOutcome {
  if (endedForMs >= 2 * CLEANUP_MS) return left('the cleanup Job exists, but something takes its labels away');
  return { type: 'wait', ms: CLEANUP_MS };
}

const left = (because: string): Release => ({ type: 'release', removed: false, because });

export function isHeld({ metadata }: BatchUpload): boolean {
  return metadata.finalizers?.includes(FINALIZERS.workCopy) ?? false;
}

/**
 * Must the upload be held from now on? The copies of an upload whose end the status has said are removed already, or somebody has been
 * told that they are not; such an upload is held again only when another attempt is opened.
 */
export function needsHold({ status }: BatchUpload, row: UploadProgress, actions: readonly Action[]): boolean {
  if (row.workBucket === null) return false;
  const hasEnded = row.status === 'Complete' || row.status === 'Failed' || row.status === 'Deleted';
  return !hasEnded || !isFinished(status) || actions.some(({ type }) => type === 'retry');
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

export function cleanupEvent({ metadata, spec }: BatchUpload, release: Release): StatusEvent {
  const place = `s3://${workBucket(spec.source.s3.bucket, spec.work)}/${workPrefix(metadata.uid)}`;
  return release.removed
    ? { type: 'Normal', reason: 'WorkCopyRemoved', message: `The copy of the file under ${place} is removed.` }
    : {
        type: 'Warning',
        reason: 'WorkCopyNotRemoved',
        message: `The copy of the file could not be removed: ${release.because}. Nothing tries again: remove ${place} yourself, with its unfinished multipart uploads.`,
      };
}

/** In a namespace that is not enabled any more the operator has no right to release what it holds. */
export function stillHeldEvent({ metadata: { namespace, name, finalizers = [] } }: BatchUpload): StatusEvent {
  const others = JSON.stringify({
    metadata: { finalizers: finalizers.filter((each) => each !== FINALIZERS.workCopy) },
  });
  return {
    type: 'Warning',
    reason: 'UploadStillHeld',
    message: `The operator may not remove the finalizer ${FINALIZERS.workCopy} by which it holds this upload, because it has no Role in the namespace ${namespace}. Add the namespace to the chart's value uploads.formerNamespaces, or run: kubectl -n ${namespace} patch batchupload ${name} --type merge -p '${others}'`,
  };
}
