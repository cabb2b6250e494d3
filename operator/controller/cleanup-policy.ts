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
 * | suspended   | not for long                                  | wait                      |
 * | suspended   | first seen so an hour ago                     | release, not removed      |
 * | failed      |                                               | release, not removed      |
 * | complete    |                                               | release, removed          |
 */
import { isFinished } from '#api/conditions.ts';
import { FINALIZERS, KUEUE } from '#api/labels.ts';
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

/**
 * A suspended cleanup Job is waited for until this time has passed since it was first seen suspended. Kueue suspends it where the
 * namespace has a LocalQueue named `default`, and a queue may have no room for longer than a cleanup takes.
 */
export const QUEUE_MS = 3_600_000;
/** A queue that has room resumes a Job within moments, of which nothing is said. */
export const QUEUE_SAID_MS = 60_000;

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
  /** Time since the operator has seen the cleanup Job, or has seen it resumed; 0 without one, and while it is suspended. */
  jobForMs: number;
  /** Time since the operator has first seen the cleanup Job suspended; 0 where it has not. */
  queuedForMs: number;
}

export function decideCleanup(view: CleanupView): CleanupStep {
  const { isEnabled, endedForMs, busy, job, isOutdated, jobForMs, queuedForMs } = view;
  if (!isEnabled) return left('uploads are not enabled in this namespace any more');
  if (job === undefined) {
    const leftMs = CLEANUP_MS - endedForMs;
    // Even an upload that ended long ago gets one try.
    return busy && leftMs > 0 ? { type: 'wait', ms: leftMs } : { type: 'createJob' };
  }
  const is = (type: string) => job.status?.conditions?.some((each) => each.type === type && each.status === 'True');
  if (is('Complete')) return { type: 'release', removed: true };
  if (is('Failed')) return left('the log of the cleanup Job says why');
  const wait = isSuspended(job) ? QUEUE_MS - queuedForMs : CLEANUP_MS - jobForMs;
  if (wait <= 0) {
    return left(
      isSuspended(job)
        ? `the cleanup Job ${job.metadata?.name} was suspended for an hour, as by Kueue while a queue has no room, and removes the copy only if it is resumed`
        : 'the log of the cleanup Job says why',
    );
  }
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

/** Has something, such as Kueue, suspended the Job, so that it has no pods? */
export function isSuspended(job: Job | undefined): job is Job {
  return job?.spec?.suspend === true;
}

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

export function queuedEvent({ metadata }: Job): StatusEvent {
  return {
    type: 'Normal',
    reason: 'WorkCopyWaits',
    message: `The Job ${metadata?.name}, which removes the copy of the file, is suspended, as by Kueue, which queues every Job of a namespace with a LocalQueue named default. The upload is held until the Job has ended, for an hour at most while it is suspended. What Kueue waits for is said by: kubectl describe workloads.kueue.x-k8s.io -l ${KUEUE.jobUid}=${metadata?.uid}.`,
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
