/** Explains why a Job failed when its pods could not write the cause into the ledger. */
import { parseTermination } from '#common/job-contract.ts';
import { RETRIES_PER_INDEX } from '#operator/jobs/pod-template.ts';
import type { JobView, PodView } from './types.ts';

export interface Failure {
  /** The reason of the Failed condition. */
  reason: string;
  message: string;
}

/** Kubernetes gives these reasons to a Job whose indexes were retried as often as allowed. */
const EXHAUSTED = new Set(['BackoffLimitExceeded', 'FailedIndexes', 'MaxFailedIndexesExceeded']);

/** The explanation comes from the pod that ended last: earlier pods may have failed of a cause that has passed. */
export function explainFailure(job: JobView, pods: readonly PodView[]): Failure {
  const exhausted = EXHAUSTED.has(job.reason);
  const last = lastFailed(job, pods);
  const often = exhausted ? ` This part of the upload was tried ${RETRIES_PER_INDEX + 1} times.` : '';
  if (last === null) {
    return exhausted
      ? {
          reason: 'BackoffLimitExceeded',
          message: `A part of the upload failed.${often} The pods are deleted already. ${lookUp(job)}`,
        }
      : { reason: 'PodFailed', message: `The Job ${job.name} failed (${job.reason}: ${job.message}). ${lookUp(job)}` };
  }
  const { terminated } = last;
  if (terminated.reason === 'OOMKilled') {
    return { reason: 'OutOfMemory', message: `${outOfMemory(last)}${often} ${MORE_MEMORY}` };
  }
  const said = parseTermination(terminated.message);
  if (said) return { reason: conditionReason(said.reason), message: said.message + often };
  const ended = leftNoMessage(last, terminated);
  return { reason: exhausted ? 'BackoffLimitExceeded' : 'PodFailed', message: `${ended}${often} ${lookUp(job)}` };
}

const MORE_MEMORY =
  "Raise the memory limit of the pods (spec.podTemplate.spec.resources.limits.memory, or for all uploads the chart's runner.resources.limits.memory), or lower spec.parallelism (a pod with fewer sessions has less in memory), or spec.chunkRecords of a new BatchUpload.";

const outOfMemory = ({ name }: PodView) => `The pod ${name} used more memory than its limit and was killed.`;

/** Linux sends SIGKILL to a process that uses up the memory of its pod or of its node, and Kubernetes then names no reason. */
const SIGKILLED = 137;

function leftNoMessage({ name }: PodView, { exitCode, reason }: NonNullable<PodView['terminated']>): string {
  if (exitCode === SIGKILLED) {
    return `The pod ${name} was killed from outside (exit code ${exitCode}), mostly because the memory of the pod or of its node was used up. ${MORE_MEMORY}`;
  }
  const why = reason && reason !== 'Error' ? ` (${reason})` : '';
  return `The pod ${name} ended with exit code ${exitCode}${why} and left no message.`;
}

/** Says how a failed pod ended, and what to do. */
export function describeEnd(pod: PodView): string {
  const { name, terminated } = pod;
  if (terminated?.reason === 'OOMKilled') return `${outOfMemory(pod)} ${MORE_MEMORY}`;
  const said = parseTermination(terminated?.message ?? '');
  if (said) return `The pod ${name} ended: ${said.message}`;
  const ended = terminated ? leftNoMessage(pod, terminated) : `The pod ${name} failed.`;
  return `${ended} See the log: kubectl logs ${name}.`;
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

const lookUp = ({ name }: JobView) => `See the log: kubectl logs --prefix -l job-name=${name} --tail=50.`;

/** The reason, if the API server accepts it as a condition's reason; else PodFailed. */
export function conditionReason(reason: string | null): string {
  return reason && reason.length <= 128 && /^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/.test(reason)
    ? reason
    : 'PodFailed';
}
