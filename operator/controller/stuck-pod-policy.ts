/** Pods that cannot start stay Pending for ever and their Job never fails: somebody has to say so. */
import type { UploadExplanation } from '#api/explanation.ts';
import type { JobView, Observed, PodView } from './types.ts';

export interface StuckResult {
  stuck: UploadExplanation | null;
  /** When the next pod may become stuck. */
  lookAfterMs: number | null;
}

/** Waiting reasons of a container that pass by themselves. */
const PASSING = new Set(['ContainerCreating', 'PodInitializing']);
const IMAGE = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
  'ImageInspectError',
  'RegistryUnavailable',
]);

type StuckInput = Pick<Observed, 'now' | 'pods' | 'creationRefused' | 'stuckPodGraceMs'>;

export function findStuck(input: StuckInput, job: JobView | null): StuckResult {
  const { now, stuckPodGraceMs } = input;
  let lookAfterMs: number | null = null;
  let stuck: UploadExplanation | null = null;
  const after = (ms: number) => {
    lookAfterMs = Math.min(lookAfterMs ?? ms, ms);
  };
  for (const pod of input.pods) {
    const due = dueTime(pod, stuckPodGraceMs);
    if (due === null) continue;
    if (now < due) after(due - now + 100);
    else stuck ??= explainPod(pod);
  }
  if (stuck === null && job !== null && hasNoPods(job, input.pods)) {
    const due = job.createdAt + stuckPodGraceMs;
    if (now < due) after(due - now + 100);
    else stuck = explainNoPods(job, input.creationRefused);
  }
  return { stuck, lookAfterMs };
}

/** A Job that should have pods and has none. */
export function hasNoPods(job: JobView, pods: readonly PodView[]): boolean {
  return !job.finished && !job.deleting && job.active === 0 && !pods.some((pod) => pod.job === job.name);
}

/** When a pod's patience is over; null for a pod that runs or has run. */
function dueTime(pod: PodView, graceMs: number): number | null {
  if (pod.deletionDue !== null) return pod.deletionDue + graceMs;
  return pod.phase === 'Pending' ? pod.createdAt + graceMs : null;
}

function explainPod(pod: PodView): UploadExplanation | null {
  if (pod.deletionDue !== null) {
    return {
      reason: 'PodNotTerminating',
      message: `The pod ${pod.name} was deleted and does not end; its node is probably lost. It is replaced when the node is back or deleted, or after kubectl delete pod ${pod.name} --force.`,
    };
  }
  if (pod.unschedulable !== null) {
    return { reason: 'Unschedulable', message: `No node takes the pod ${pod.name}: ${pod.unschedulable}` };
  }
  if (pod.waiting === null || PASSING.has(pod.waiting.reason)) {
    return {
      reason: 'PodCannotStart',
      message: `The pod ${pod.name} has not started yet. See kubectl describe pod ${pod.name}.`,
    };
  }
  const { reason, message } = pod.waiting;
  return IMAGE.has(reason)
    ? {
        reason: 'ImagePullFailed',
        message: `The image of the pod ${pod.name} cannot be pulled (${reason}): ${message}`,
      }
    : { reason: 'PodCannotStart', message: `The pod ${pod.name} cannot start (${reason}): ${message}` };
}

function explainNoPods(job: JobView, refused: string | null): UploadExplanation {
  const why = refused ?? `see kubectl describe job ${job.name}`;
  return { reason: 'PodsNotCreated', message: `The Job ${job.name} gets no pods: ${why}` };
}
