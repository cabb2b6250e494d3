/**
 * Decides how an upload is planned and loaded by a pool of warm pods. Pure.
 *
 * | assignment                        | the pool                     | what happens                              |
 * |-----------------------------------|------------------------------|-------------------------------------------|
 * | none                              | works                        | the upload is assigned                    |
 * | none                              | has trouble, or there is none | the upload gets a Job of its own         |
 * | Waiting                           | works                        | a pod is started where the pool has too few |
 * | Waiting, in another pool          | works                        | the upload is assigned to the present pool |
 * | Waiting                           | has trouble, or there is none | the upload is withdrawn                  |
 * | Claimed, by a pod that works      |                              |                                           |
 * | Claimed, by a pod with other limits than spec.target.protect says by now | | the upload is withdrawn, and the pod stopped |
 * | Claimed, by a pod that has ended, or that was deleted and does not end | | the claim is lost, and the upload waits again |
 * | Ended while work is left, Returned |                             | the upload gets a Job of its own          |
 *
 * A pool has trouble when it gets no pods, or these fail one after the other, or get on with nothing while uploads wait, unless they
 * wait themselves by spec.target.protect: Jobs beside them would know nothing of what the pods have written. The Job
 * of an upload of its own says what is wrong, and tries again with the patience of a Job. Why a pod does not start, the uploads
 * that wait for it say themselves; see stuck-pod-policy.ts.
 */
import type { BatchUpload } from '#kube/custom-resources.ts';
import type { Assignment, UploadProgress } from '#ledger/types.ts';
import type { JobPlan } from '#operator/controller/job-policy.ts';
import { isNotTerminating } from '#operator/controller/stuck-pod-policy.ts';
import type { Action, JobView, Observed } from '#operator/controller/types.ts';
import { hasOtherLimits } from '#operator/jobs/protect-limits.ts';

/** Uploads that wait behind each other for a pod: a start of one more pod takes as long as several small files. */
const UPLOADS_PER_POD = 4;
/** A Job without a pod for this time, in ms, is forbidden to have one. */
const PODLESS_MS = 10_000;
/** The status says why a pod does not run; after so many times the grace for that a Job may know better. */
const GRACES = 5;
/** So many pods that failed one after the other are no accident. */
const MOST_FAILURES = 2;
/** A pool whose pods get on with nothing for this time, in ms, while uploads wait. Its largest files take some seconds each. */
const STILL_MS = 60_000;
/** A pool that has had trouble is tried again after this time, in ms. */
export const TROUBLE_MS = 60_000;
/** An upload in a pool is looked at this often, in ms, although nothing of it changes. */
const CHECK_MS = 10_000;

export function podsWanted(uploads: number, max: number): number {
  return Math.min(max, Math.ceil(uploads / UPLOADS_PER_POD));
}

export interface PoolState {
  /** Pods that failed since the last one that did not. */
  failures: number;
  /** Time since the last failure of a pod, or since the API server refused one, in ms. */
  troubleAgoMs: number;
  wasRefused: boolean;
  runningPods: number;
  /** Time for which the pool has waited for the oldest of its pods that do not run yet, in ms; null without such a pod. */
  startingMs: number | null;
  /** The same of its Jobs that have no pod at all. */
  podlessMs: number | null;
  /** Time since a pod has begun or ended an upload, or has waited by spec.target.protect, in ms, while others wait; null while none waits. */
  stillMs: number | null;
}

/** @param graceMs time after which the status says why a pod does not run, in ms */
export function hasTrouble(state: PoolState, graceMs: number): boolean {
  const { failures, troubleAgoMs, wasRefused, runningPods, startingMs, podlessMs, stillMs } = state;
  if (troubleAgoMs < TROUBLE_MS && (wasRefused || failures >= MOST_FAILURES)) return true;
  if (runningPods === 0) return (podlessMs ?? 0) > PODLESS_MS || (startingMs ?? 0) > graceMs * GRACES;
  return stillMs !== null && stillMs > Math.max(STILL_MS, graceMs);
}

/** @returns null where the upload needs a Job of its own. */
export function planInPool(
  { pool, warmPod, upload, pods, stuckPodGraceMs }: Observed,
  { attempt, assignment }: UploadProgress,
): JobPlan | null {
  const plan = (actions: Action[]): JobPlan => ({ actions, degraded: null, requeueAfterMs: CHECK_MS });
  const usable = pool?.hasTrouble === false ? pool : null;
  if (assignment === null) return usable && plan([{ type: 'assign', pool: usable.plan }]);
  const { state, pool: id, pod } = assignment;
  switch (state) {
    case 'Waiting':
      if (usable === null) return plan([{ type: 'withdraw', alsoClaimed: false }]);
      if (id !== usable.plan.id) return plan([{ type: 'assign', pool: usable.plan }]);
      return plan(usable.needsPods ? [{ type: 'startPods', pool: usable.plan }] : []);
    case 'Claimed':
      // A pod on a lost node never ends. Should it wake up, two pods that work for one upload change no result.
      if (warmPod === null || pods.some((each) => each.name === pod && isNotTerminating(each, stuckPodGraceMs)))
        return plan([{ type: 'loseClaim', pool: id, attempt, pod: pod ?? '' }]);
      return plan(hasOldLimits(warmPod.job, upload) ? [{ type: 'withdraw', alsoClaimed: true }] : []);
    case 'Ended':
    case 'Returned':
      return null;
    default:
      throw new Error(state satisfies never);
  }
}

/**
 * Pods keep the limits that they were started with. A Job without a note of them is of an earlier release and says nothing: the
 * upload was given to the pod by the id of the pool, which covers the limits.
 */
function hasOldLimits(job: JobView | null, upload: BatchUpload): boolean {
  return job !== null && job.protect !== null && hasOtherLimits(job, upload);
}

/** Does a pool have the upload at present? */
export function isOpen(assignment: Assignment | null | undefined): assignment is Assignment {
  return assignment?.state === 'Waiting' || assignment?.state === 'Claimed';
}

/** Does a pool of warm pods have the upload, or will it? */
export function isPooled({ pool }: Pick<Observed, 'pool'>, { assignment }: UploadProgress): boolean {
  if (assignment !== null) return isOpen(assignment);
  return pool !== null && !pool.hasTrouble;
}
