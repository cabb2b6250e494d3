/**
 * Decides which Job an upload needs now and what has to be done for the Job. Job names are deterministic, so that a
 * repeated creation finds the first Job.
 */
import type { UploadExplanation } from '#api/explanation.ts';
import type { RunnerCommand } from '#common/job-contract.ts';
import type { UploadProgress } from '#ledger/types.ts';
import { processParallelism } from '#operator/jobs/process-job.ts';
import { explainFailure } from './failure-policy.ts';
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
  if (job === null) return { ...NOTHING, actions: [{ type: 'createJob', kind, recreated: observed.recreated }] };
  if (!job.owned) return { ...NOTHING, degraded: nameTaken(job), requeueAfterMs: observed.waitingMs };
  // The Job's last watch event puts the upload into the queue again.
  if (job.deleting) return NOTHING;
  switch (job.verdict) {
    case 'failed':
      return { ...NOTHING, actions: [{ type: 'fail', attempt: row.attempt, ...explainFailure(job, observed.pods) }] };
    case 'complete': {
      const wait = (job.finishedAt ?? observed.now) + recreationDelayMs(job.recreated) - observed.now;
      if (wait > 0) return { ...NOTHING, requeueAfterMs: wait };
      return { ...NOTHING, actions: [{ type: 'deleteJob', job, because: 'it ended while work was left' }] };
    }
    case 'none':
      return kind === 'process' ? followParallelism(observed, row, job) : NOTHING;
    default:
      throw new Error(job.verdict satisfies never);
  }
}

function followParallelism({ upload }: Observed, row: UploadProgress, job: JobView): JobPlan {
  const parallelism = processParallelism(upload.spec.parallelism, row.totalIndexes ?? 1);
  return job.parallelism === parallelism
    ? NOTHING
    : { ...NOTHING, actions: [{ type: 'setParallelism', job, parallelism }] };
}

export function nameTaken({ name }: { name: string }): UploadExplanation {
  return {
    reason: 'JobNameTaken',
    message: `A Job named ${name} exists and does not belong to this upload. Delete that Job: kubectl delete job ${name}.`,
  };
}

/** The Jobs of an ended upload that still have pods or would make some. */
export function unfinishedJobs(jobs: readonly (JobView | null)[]): JobView[] {
  return jobs.filter((job): job is JobView => job?.owned === true && !job.finished && !job.deleting);
}
