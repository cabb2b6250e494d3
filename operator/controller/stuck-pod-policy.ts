/** Finds pods that cannot start: they stay Pending for ever and their Job never fails, so the status has to say why. */
import type { UploadExplanation } from '#api/explanation.ts';
import type { JobView, Observed, PodView } from './types.ts';

export interface StuckResult {
  stuck: UploadExplanation | null;
  /** Time until the next pod may count as stuck; null when no pod can. */
  checkAfterMs: number | null;
}

/** A container's waiting reasons that pass by themselves. */
const PASSING = new Set(['ContainerCreating', 'PodInitializing']);
/** A container's waiting reasons that mean that its image cannot be pulled. */
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
  let checkAfterMs: number | null = null;
  let stuck: UploadExplanation | null = null;
  const after = (ms: number) => {
    checkAfterMs = Math.min(checkAfterMs ?? ms, ms);
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
  return { stuck, checkAfterMs };
}

/** Should the Job have pods, and has none? */
export function hasNoPods(job: JobView, pods: readonly PodView[]): boolean {
  return !job.finished && !job.deleting && job.active === 0 && !pods.some((pod) => pod.job === job.name);
}

/** When a pod counts as stuck (wall clock, ms); null for a pod that runs or has run. */
function dueTime(pod: PodView, graceMs: number): number | null {
  if (pod.deletionDue !== null) return pod.deletionDue + graceMs;
  return pod.phase === 'Pending' ? pod.createdAt + graceMs : null;
}

function explainPod(pod: PodView): UploadExplanation | null {
  if (pod.deletionDue !== null) {
    return {
      reason: 'PodNotTerminating',
      message: `The pod ${pod.name} was deleted and does not end; its node is probably lost. Kubernetes replaces the pod when the node is back or deleted, or after kubectl delete pod ${pod.name} --force.`,
    };
  }
  if (pod.unschedulable !== null) {
    return {
      reason: 'Unschedulable',
      message: `No node can run the pod ${pod.name}: ${sentence(pod.unschedulable)} Add room in the cluster, or lower the requests of the runners (the chart's runner.resources).`,
    };
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
        message: `The image of the pod ${pod.name} cannot be pulled (${reason}): ${sentence(message)} Correct the chart's image or imagePullSecrets.`,
      }
    : {
        reason: 'PodCannotStart',
        message: `The pod ${pod.name} cannot start (${reason}): ${sentence(message)} See kubectl describe pod ${pod.name}.`,
      };
}

function explainNoPods(job: JobView, refused: string | null): UploadExplanation {
  const why = refused === null ? '.' : `: ${sentence(refused)}`;
  return {
    reason: 'PodsNotCreated',
    message: `The Job ${job.name} gets no pods${why} See kubectl describe job ${job.name}.`,
  };
}

/** Kubernetes ends some of its messages with a period and others without. */
function sentence(message: string): string {
  return message.replace(/[.\s]*$/, '.');
}
