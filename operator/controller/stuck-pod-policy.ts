/** Finds pods that cannot start or do not end: their Job never fails, so the status has to say why. */
import type { UploadExplanation } from '#api/explanation.ts';
import { isPoolJob } from '#operator/jobs/pool-job.ts';
import type { JobView, Observed, PodView, Seen } from './types.ts';

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

/** Time that a deleted pod has to end by itself; pod-template.ts sets it. */
const TERMINATION_MS = 30_000;

/** A Job without pods is looked at again after this time, because Kubernetes may have said why. */
const CHECK_EVENTS_MS = 5_000;

type StuckInput = Pick<Observed, 'pods' | 'creationRefused' | 'stuckPodGraceMs'>;

export function findStuck(input: StuckInput, job: Seen<JobView> | null): StuckResult {
  const { stuckPodGraceMs } = input;
  let checkAfterMs: number | null = null;
  let stuck: UploadExplanation | null = null;
  const after = (ms: number) => {
    checkAfterMs = Math.min(checkAfterMs ?? ms, ms);
  };
  for (const pod of input.pods) {
    const patience = patienceMs(pod, stuckPodGraceMs);
    if (patience === null) continue;
    if (pod.stateMs < patience) after(patience - pod.stateMs + 100);
    else stuck ??= explainPod(pod);
  }
  if (stuck === null && job !== null && hasNoPods(job, input.pods)) {
    // What Kubernetes says itself needs no grace.
    if (input.creationRefused !== null || job.stateMs >= stuckPodGraceMs) {
      stuck = explainNoPods(job, input.creationRefused);
    } else after(Math.min(stuckPodGraceMs - job.stateMs, CHECK_EVENTS_MS) + 100);
  }
  return { stuck, checkAfterMs };
}

/** Should the Job have pods, and has none? */
export function hasNoPods(job: JobView, pods: readonly PodView[]): boolean {
  return (
    !job.finished && !job.deleting && !job.suspended && job.active === 0 && !pods.some((pod) => pod.job === job.name)
  );
}

/**
 * Time in its present state after which a pod counts as stuck; null for a pod that runs or has run. A fault that the kubelet names, and a
 * container that outlives the work, seldom pass by themselves, so that half of the grace is enough.
 */
function patienceMs({ deleting, phase, outliving, waiting }: PodView, graceMs: number): number | null {
  if (deleting) return TERMINATION_MS + graceMs;
  if (phase === 'Running') return outliving.length > 0 ? graceMs / 2 : null;
  if (phase !== 'Pending') return null;
  return waiting === null || PASSING.has(waiting.reason) ? graceMs : graceMs / 2;
}

/** Was the pod deleted for so long that its node is probably lost? */
export function isNotTerminating(pod: Seen<PodView>, graceMs: number): boolean {
  return pod.deleting && pod.stateMs >= TERMINATION_MS + graceMs;
}

function explainPod(pod: PodView): UploadExplanation | null {
  if (pod.deleting) {
    const next = isPoolJob(pod.job)
      ? 'Another pod of its pool goes on with the upload. Kubernetes removes this pod when the node is back or deleted,'
      : 'Kubernetes replaces the pod when the node is back or deleted,';
    return {
      reason: 'PodNotTerminating',
      message: `The pod ${pod.name} was deleted and does not end; its node is probably lost. ${next} or after kubectl delete pod ${pod.name} --force.`,
    };
  }
  if (pod.phase === 'Running') {
    return {
      reason: 'PodNotEnding',
      message: `The work of the pod ${pod.name} has ended, and its container ${pod.outliving.join(', ')} goes on, so that Kubernetes does not count the pod as ended. Something adds this container to pods: exclude the pods with the label app.kubernetes.io/managed-by=batch-upload from it, or let it add a native sidecar (an init container with restartPolicy: Always). Then let the Job replace this pod: kubectl delete pod ${pod.name}.`,
    };
  }
  if (pod.unschedulable !== null) {
    return {
      reason: 'Unschedulable',
      message: `No node can run the pod ${pod.name}: ${sentence(pod.unschedulable)} Add room in the cluster, or change what the pods ask for (spec.podTemplate, or the chart's runner.resources and runner.podTemplate), and the operator makes the Job again.`,
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
        message: `The image of the pod ${pod.name} cannot be pulled (${reason}): ${sentence(message)} Correct the chart's image or imagePullSecrets, and the operator makes the Job again. If something else has put this image into the pod, mend that and run: kubectl delete pod ${pod.name}.`,
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
    message: `The Job ${job.name} gets no pods${why} Where a value of spec.podTemplate or of the chart is wrong, correct it, and the operator makes the Job again. See kubectl describe job ${job.name}.`,
  };
}

/** Kubernetes ends some of its messages with a period and others without. */
function sentence(message: string): string {
  return message.replace(/[.\s]*$/, '.');
}
