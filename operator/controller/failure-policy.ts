/** Why a Job failed, when its pods could not say it in the ledger. */
import { parseTermination } from '#common/job-contract.ts';
import { RETRIES_PER_INDEX } from '#operator/jobs/pod-template.ts';
import type { JobView, PodView } from './types.ts';

export interface Failure {
  /** Of the Failed condition. */
  reason: string;
  message: string;
}

/** Reasons of Kubernetes for a Job whose indexes were retried as often as allowed. */
const EXHAUSTED = new Set(['BackoffLimitExceeded', 'FailedIndexes', 'MaxFailedIndexesExceeded']);

/** From the pod that ended last, since earlier ones may have failed of something that passed. */
export function explainFailure(job: JobView, pods: readonly PodView[]): Failure {
  const exhausted = EXHAUSTED.has(job.reason);
  const last = lastFailed(job, pods);
  const often = exhausted ? ` It was tried ${RETRIES_PER_INDEX + 1} times.` : '';
  if (last === null) {
    return exhausted
      ? {
          reason: 'BackoffLimitExceeded',
          message: `A part of the upload failed.${often} Its pods are gone; ${lookUp(job)}`,
        }
      : { reason: 'PodFailed', message: `The Job ${job.name} failed (${job.reason}: ${job.message}). ${lookUp(job)}` };
  }
  const { terminated } = last;
  if (terminated.reason === 'OOMKilled') {
    return {
      reason: 'OutOfMemory',
      message: `The pod ${last.name} used more memory than its limit and was ended.${often} Raise the memory limit of the runners (the chart's runner.resources.limits.memory) or lower spec.chunkRecords.`,
    };
  }
  const said = parseTermination(terminated.message);
  if (said) return { reason: conditionReason(said.reason), message: said.message + often };
  const ended = `The pod ${last.name} ended with exit code ${terminated.exitCode}${terminated.reason && terminated.reason !== 'Error' ? ` (${terminated.reason})` : ''} and left no message.`;
  return { reason: exhausted ? 'BackoffLimitExceeded' : 'PodFailed', message: `${ended}${often} ${lookUp(job)}` };
}

function lastFailed(job: JobView, pods: readonly PodView[]) {
  let last: (PodView & { terminated: NonNullable<PodView['terminated']> }) | null = null;
  for (const pod of pods) {
    const { terminated } = pod;
    if (pod.job !== job.name || terminated === null || terminated.exitCode === 0) continue;
    if (last === null || terminated.finishedAt >= last.terminated.finishedAt) last = { ...pod, terminated };
  }
  return last;
}

const lookUp = ({ name }: JobView) => `Its log: kubectl logs --prefix -l job-name=${name} --tail=50.`;

/** What the API server takes as a condition's reason. */
export function conditionReason(reason: string | null): string {
  return reason && reason.length <= 128 && /^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/.test(reason)
    ? reason
    : 'PodFailed';
}
