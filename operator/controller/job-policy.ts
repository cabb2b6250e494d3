/**
 * Decides which Job an upload needs now and what has to be done for the Job. Job names are deterministic, so that a
 * repeated creation finds the first Job.
 */
import type { UploadExplanation } from '#api/explanation.ts';
import { ANNOTATIONS } from '#api/labels.ts';
import type { RunnerCommand } from '#common/job-contract.ts';
import { count } from '#common/text.ts';
import type { UploadProgress } from '#ledger/types.ts';
import { podsOfLoad, sizeOfLoad } from '#operator/jobs/pods-of-load.ts';
import { hasOtherLimits } from '#operator/jobs/protect-limits.ts';
import { findMisfit, quotaHeldMs, sessionsWanted } from './admission-policy.ts';
import { explainFailure } from './failure-policy.ts';
import { planInPool } from './pool/pool-policy.ts';
import type { Action, JobView, Observed } from './types.ts';

export interface JobPlan {
  actions: Action[];
  degraded: UploadExplanation | null;
  requeueAfterMs: number | null;
}

const NOTHING: JobPlan = { actions: [], degraded: null, requeueAfterMs: null };

/** A Job that ended while the ledger still has work is made again after 1, 2, 4 … 60 s. */
export function recreationDelayMs(recreated: number): number {
  return Math.min(60_000, 1000 * 2 ** Math.min(recreated, 10));
}

export function neededKind(row: UploadProgress): RunnerCommand {
  return row.status === 'Planning' || row.execution !== 'Job' ? 'plan' : 'process';
}

/** The plan for a running upload that has work left. The row was read after the end of the Job was observed. */
export function planJob(observed: Observed, row: UploadProgress): JobPlan {
  const kind = neededKind(row);
  const job = observed.jobs[kind];
  if (job === null) return (kind === 'plan' ? planInPool(observed, row) : null) ?? planMissing(observed, kind);
  if (!job.owned) return { ...NOTHING, degraded: nameTaken(job), requeueAfterMs: observed.waitingMs };
  // The Job's last watch event puts the upload into the queue again.
  if (job.deleting) return NOTHING;
  switch (job.verdict) {
    case 'failed':
      return { ...NOTHING, actions: [{ type: 'fail', attempt: row.attempt, ...explainFailure(job, observed.pods) }] };
    case 'complete': {
      const wait = recreationDelayMs(job.recreated) - job.stateMs;
      if (wait > 0) return { ...NOTHING, requeueAfterMs: wait };
      return { ...NOTHING, actions: [remake(job, 'it ended while work was left')] };
    }
    case 'none': {
      const limits = hasOtherLimits(job, observed.upload) ? followProtect(observed, job) : NOTHING;
      if (limits.actions.length > 0) return limits;
      const plan = job.queue === null ? followParallelism(observed, row, job) : followQueue(observed, row, job);
      const deleted = sayDeleted(observed);
      const degraded = limits.degraded ?? plan.degraded ?? deleted?.degraded ?? null;
      return { ...plan, degraded, requeueAfterMs: deleted ? deleted.forMs : plan.requeueAfterMs };
    }
    default:
      throw new Error(job.verdict satisfies never);
  }
}

/** Where something takes the note of a Job away, the next Job would be made again, too. */
function followProtect({ recreated }: Observed, job: JobView): JobPlan {
  if (job.protect !== null || Math.max(recreated, job.recreated) === 0)
    return { ...NOTHING, actions: [remake(job, 'its pods have other limits than spec.target.protect says by now')] };
  return {
    ...NOTHING,
    degraded: {
      reason: 'LimitsUnknown',
      message: `The Job ${job.name} does not say with which limits of spec.target.protect its pods were started: something takes the annotation ${ANNOTATIONS.protect} of Jobs away, or a release before this one has made the Job. Its pods may load faster than the limits allow. Let the annotation stay, then delete the Job, and the operator makes it again: kubectl delete job ${job.name}.`,
    },
  };
}

/** Time in which the cache may not have a Job yet that the controller has made. */
const CACHE_LAG_MS = 1_000;
/** Time for which the status speaks of deleted Jobs after the last one was made. */
const SAID_MS = 60_000;

/** A Job that something else deletes each time is made again after growing waits. */
function planMissing(observed: Observed, kind: RunnerCommand): JobPlan {
  const { created, recreated, upload, refusedAccount } = observed;
  if (refusedAccount) return { ...NOTHING, degraded: refusedAccount, requeueAfterMs: observed.waitingMs };
  const heldMs = kind === 'process' ? quotaHeldMs(observed) : 0;
  // The end of the Job that has planned puts the upload into the queue again.
  if (heldMs > 0) return { ...NOTHING, requeueAfterMs: Number.isFinite(heldMs) ? heldMs : null };
  const actions: Action[] = [{ type: 'createJob', kind, recreated }];
  if (created === null) return { ...NOTHING, actions };
  const { times, agoMs } = created;
  if (agoMs < CACHE_LAG_MS) return { ...NOTHING, requeueAfterMs: CACHE_LAG_MS - agoMs };
  const degraded = jobDeleted(upload.metadata.namespace, times);
  const wait = recreationDelayMs(times) - agoMs;
  return wait > 0 ? { ...NOTHING, degraded, requeueAfterMs: wait } : { ...NOTHING, degraded, actions };
}

/** The Job exists again, and may be deleted at any moment as the ones before. */
function sayDeleted({ created, upload }: Observed): { degraded: UploadExplanation; forMs: number } | null {
  if (created === null || created.times < 2 || created.agoMs >= SAID_MS) return null;
  return { degraded: jobDeleted(upload.metadata.namespace, created.times - 1), forMs: SAID_MS - created.agoMs };
}

function jobDeleted(namespace: string, times: number): UploadExplanation {
  return {
    reason: 'JobDeleted',
    message: `Something other than the operator has deleted the Job of this upload or taken its labels away, ${count(times, 'time')} so far; the operator makes the Job or its labels again after growing waits, and loaded records are not loaded twice. Find what changes Jobs in the namespace ${namespace} (the audit log of the API server names the user), or delete this BatchUpload.`,
  };
}

/** What Kueue has set on a Job is left as it is; a Job that waits for admission is made again where it no longer fits. */
function followQueue(observed: Observed, row: UploadProgress, job: JobView): JobPlan {
  const because = findMisfit(observed, row, job);
  return because === null ? NOTHING : { ...NOTHING, actions: [remake(job, because)] };
}

/**
 * The Job's parallelism is set when the operator's own wish has changed. Where something else has changed the Job, a program that
 * restores each change would fight with another one for ever. A Job whose pods have more sessions than the upload may have is made
 * again with other pods. While the file is planned, one pod is enough.
 */
function followParallelism(observed: Observed, row: UploadProgress, job: JobView): JobPlan {
  // The plan Job of an earlier release has no such note, and its pods do not help each other.
  if (row.status === 'Planning' || (job.kind === 'plan' && job.appliedParallelism === null)) return NOTHING;
  const { sessionsPerPod } = job;
  const wanted = sessionsWanted(observed);
  if (wanted < sessionsPerPod) {
    return { ...NOTHING, actions: [remake(job, 'its pods have more sessions than spec.parallelism says by now')] };
  }
  const parallelism = podsOfLoad(wanted, { size: sizeOfLoad(row), sessionsPerPod });
  if ((job.appliedParallelism ?? job.parallelism) !== parallelism) {
    // Kubernetes takes other completions only where they are equal to the parallelism.
    const completions = parallelism > job.completions ? parallelism : null;
    return { ...NOTHING, actions: [{ type: 'setParallelism', job, parallelism, completions }] };
  }
  if (job.parallelism === parallelism) return NOTHING;
  return {
    ...NOTHING,
    degraded: {
      reason: 'ParallelismChanged',
      message: `Something other than the operator has set the parallelism of the Job ${job.name} to ${count(job.parallelism, 'pod')}; this upload asks for ${count(parallelism, 'pod')} at a time, with ${count(sessionsPerPod, 'session')} of the database in each (spec.parallelism: ${observed.upload.spec.parallelism}). The operator leaves it so. To set it again, run: kubectl patch job ${job.name} --type merge -p '{"spec":{"parallelism":${parallelism}}}'.`,
    },
  };
}

/** What other values of the chart or of spec.podTemplate may mend: an image, the resources of the pods, where they run. */
const MENDED_BY_SETTINGS = new Set<string>([
  'ImagePullFailed',
  'Unschedulable',
  'PodCannotStart',
  'PodsNotCreated',
  'PodsFailing',
]);

/**
 * A Job keeps the pod template that it was made with. Where its pods are hindered, and the chart or spec.podTemplate has other values
 * by now, the Job is made again with these; otherwise somebody who corrects them would wait for ever.
 */
export function replaceHindered(
  { settings, pods, refusedAccount }: Pick<Observed, 'settings' | 'pods' | 'refusedAccount'>,
  job: JobView | null,
  degraded: UploadExplanation | null,
): Action[] {
  if (job === null || !job.owned || job.deleting || job.verdict !== 'none') return [];
  // A Job without this note is of an earlier release, or something takes the note away and would take it from the next Job, too.
  if (job.settings === null || job.settings === settings) return [];
  // No other Job could be made.
  if (refusedAccount) return [];
  if (degraded === null || !MENDED_BY_SETTINGS.has(degraded.reason)) return [];
  // Where the cluster has no room for all pods, those that work go on.
  const isWorking = pods.some(
    ({ job: name, phase, deleting }) => name === job.name && phase === 'Running' && !deleting,
  );
  if (isWorking && degraded.reason !== 'PodsFailing') return [];
  return [remake(job, 'its pods are hindered, and the chart or spec.podTemplate has other values now')];
}

/** Deletes a Job that is then missing, and so is made again. */
function remake(job: JobView, because: string): Action {
  return { type: 'deleteJob', job, because, recreated: job.recreated + 1 };
}

export function nameTaken({ name }: { name: string }): UploadExplanation {
  return {
    reason: 'JobNameTaken',
    message: `A Job named ${name} exists and does not belong to this upload. Delete that Job: kubectl delete job ${name}.`,
  };
}

/** The Jobs of an ended upload that still have pods or would make some. */
export function unfinishedJobs<T extends JobView>(jobs: readonly (T | null)[]): T[] {
  return jobs.filter((job): job is T => job?.owned === true && !job.finished && !job.deleting);
}

/** The Jobs that have ended and would stay for ever. */
export function unexpiredJobs(jobs: readonly JobView[]): JobView[] {
  return jobs.filter((job) => job.owned && job.finished && !job.deleting && !job.expires);
}
