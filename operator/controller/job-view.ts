/** Turns Jobs and pods of the API into the views that the policies use, and trims them for the caches. Pure. */
import { ANNOTATIONS, KUEUE, LABELS } from '#api/labels.ts';
import { type RunnerCommand, SESSIONS_PER_POD } from '#common/job-contract.ts';
import type { Job, Pod } from '#kube/resource-types.ts';
import { CONTAINER } from '#operator/jobs/pod-template.ts';
import type { JobRef, JobView, PodView } from './types.ts';

/** The label, and in older clusters the annotation, with the index of a Job for which a pod works. */
const INDEX = 'batch.kubernetes.io/job-completion-index';
const KEPT_CONDITIONS = new Set(['PodScheduled', 'DisruptionTarget']);

export function viewJob(job: Job, kind: RunnerCommand, uploadUid: string): JobView {
  const { metadata = {}, spec, status } = job;
  const condition = (type: string) => status?.conditions?.find((each) => each.type === type && each.status === 'True');
  const complete = condition('Complete');
  const failed = condition('Failed');
  const failing = failed ?? condition('FailureTarget');
  return {
    name: metadata.name ?? '',
    uid: metadata.uid ?? '',
    kind,
    owned: (metadata.ownerReferences ?? []).some(({ uid }) => uid === uploadUid),
    deleting: metadata.deletionTimestamp !== undefined,
    verdict: failing ? 'failed' : complete ? 'complete' : 'none',
    finished: Boolean(failed ?? complete),
    reason: failing?.reason ?? '',
    message: failing?.message ?? '',
    suspended: spec?.suspend === true,
    expires: typeof spec?.ttlSecondsAfterFinished === 'number',
    active: status?.active ?? 0,
    succeeded: status?.succeeded ?? 0,
    failed: status?.failed ?? 0,
    completions: spec?.completions ?? 1,
    parallelism: spec?.parallelism ?? 1,
    appliedParallelism: Number(metadata.annotations?.[ANNOTATIONS.parallelism]) || null,
    sessionsPerPod: readSessions(metadata.annotations?.[ANNOTATIONS.sessionsPerPod]),
    settings: metadata.annotations?.[ANNOTATIONS.settings] ?? null,
    protect: metadata.annotations?.[ANNOTATIONS.protect] ?? null,
    queue: metadata.labels?.[KUEUE.queueName] ?? null,
    appliedQueue: metadata.annotations?.[ANNOTATIONS.queueName] ?? null,
    recreated: Number(metadata.annotations?.[ANNOTATIONS.recreated] ?? 0) || 0,
  };
}

/**
 * A note that something has altered must not make a Job of no pods, or of more pods than sessions are asked for, and must not
 * claim more sessions than a pod can have.
 */
function readSessions(note: string | undefined): number {
  const sessions = /^[1-9]$/.test(note ?? '') ? Number(note) : 1;
  return sessions <= SESSIONS_PER_POD ? sessions : 1;
}

/** Every Job that plans or processes, of every attempt. */
export function viewAllJobs(jobs: readonly Job[], uploadUid: string): JobView[] {
  return jobs.flatMap((job) => {
    const kind = job.metadata?.labels?.[LABELS.kind];
    return kind === 'plan' || kind === 'process' ? [viewJob(job, kind, uploadUid)] : [];
  });
}

/** The newest attempt that has Jobs, for an upload whose ledger cannot be read; 1 without Jobs. */
export function newestAttempt(jobs: readonly Job[], uploadUid: string): number {
  const names = new RegExp(`^${uploadUid}-(?:plan|process)-(\\d+)$`);
  return Math.max(1, ...jobs.map(({ metadata }) => Number(names.exec(metadata?.name ?? '')?.[1] ?? 1)));
}

/** The Jobs that remove copies and have not ended. Such a Job has no owner, so that its name says whose it is. */
export function viewCleanupJobs(jobs: readonly Job[], uploadUid: string): JobRef[] {
  const names = new RegExp(`^${uploadUid}-cleanup-\\d+$`);
  return jobs.flatMap(({ metadata = {}, status }) => {
    const { name = '', uid = '', deletionTimestamp } = metadata;
    const hasEnded = status?.conditions?.some(
      ({ type, status: holds }) => (type === 'Complete' || type === 'Failed') && holds === 'True',
    );
    return names.test(name) && deletionTimestamp === undefined && !hasEnded ? [{ name, uid, kind: 'cleanup' }] : [];
  });
}

export function viewPod(pod: Pod): PodView {
  const { metadata = {}, status } = pod;
  const container = status?.containerStatuses?.find(({ name }) => name === CONTAINER);
  const waiting = container?.state?.waiting;
  const terminated = container?.state?.terminated ?? container?.lastState?.terminated;
  const condition = (type: string) => status?.conditions?.find((each) => each.type === type);
  const scheduled = condition('PodScheduled');
  const disruption = condition('DisruptionTarget');
  const running = status?.containerStatuses?.filter(({ name, state }) => name !== CONTAINER && state?.running) ?? [];
  return {
    name: metadata.name ?? '',
    job: metadata.labels?.['job-name'] ?? metadata.labels?.['batch.kubernetes.io/job-name'] ?? '',
    index: metadata.labels?.[INDEX] ?? metadata.annotations?.[INDEX] ?? '',
    phase: status?.phase ?? 'Pending',
    deleting: metadata.deletionTimestamp !== undefined,
    disrupted:
      disruption?.status === 'True'
        ? { reason: disruption.reason ?? 'Disrupted', message: disruption.message ?? status?.message ?? '' }
        : status?.reason
          ? { reason: status.reason, message: status.message ?? '' }
          : null,
    outliving: container?.state?.terminated ? running.map(({ name }) => name) : [],
    unschedulable:
      scheduled?.status === 'False' && scheduled.reason === 'Unschedulable' ? (scheduled.message ?? '') : null,
    waiting: waiting ? { reason: waiting.reason ?? '', message: waiting.message ?? '' } : null,
    terminated: terminated
      ? {
          exitCode: terminated.exitCode,
          reason: terminated.reason ?? '',
          message: terminated.message ?? '',
          finishedAt: milliseconds(terminated.finishedAt) ?? 0,
        }
      : null,
  };
}

/** A Job without its pod template, which takes most of its memory. */
export function trimJob(job: Job): Job {
  const { apiVersion, kind, metadata = {}, spec, status } = job;
  return {
    ...(apiVersion === undefined ? {} : { apiVersion }),
    ...(kind === undefined ? {} : { kind }),
    metadata: trimMetadata(metadata),
    spec: {
      parallelism: spec?.parallelism,
      completions: spec?.completions,
      ...(spec?.suspend === undefined ? {} : { suspend: spec.suspend }),
      ...(spec?.ttlSecondsAfterFinished === undefined ? {} : { ttlSecondsAfterFinished: spec.ttlSecondsAfterFinished }),
    } as NonNullable<Job['spec']>,
    ...(status === undefined ? {} : { status }),
  };
}

export function trimPod(pod: Pod): Pod {
  const { metadata = {}, status } = pod;
  const { phase, reason, message, conditions, containerStatuses } = status ?? {};
  return {
    metadata: trimMetadata(metadata),
    status: {
      ...(phase === undefined ? {} : { phase }),
      ...(reason === undefined ? {} : { reason }),
      ...(message === undefined ? {} : { message }),
      ...(conditions === undefined ? {} : { conditions: conditions.filter(({ type }) => KEPT_CONDITIONS.has(type)) }),
      ...(containerStatuses === undefined
        ? {}
        : {
            containerStatuses: containerStatuses.map((each) =>
              each.name === CONTAINER
                ? each
                : ({ name: each.name, ...(each.state ? { state: each.state } : {}) } as typeof each),
            ),
          }),
    },
  };
}

function trimMetadata<T extends NonNullable<Job['metadata']>>(metadata: T): T {
  const { managedFields: _managed, ...rest } = metadata as T & { managedFields?: unknown };
  return rest as unknown as T;
}

/** Says whether a pod is one of the upload's Jobs. A label alone does not: anybody may put it on a pod of another namespace. */
export function isPodOf(pod: Pod, namespace: string, jobs: ReadonlySet<string>): boolean {
  const owners = pod.metadata?.ownerReferences ?? [];
  return pod.metadata?.namespace === namespace && owners.some(({ uid }) => jobs.has(uid));
}

/** Says by the label and the namespace alone, also of a pod whose Job is deleted, that a pod may still work. */
export function isUnfinished({ metadata, status }: Pod, namespace: string): boolean {
  return metadata?.namespace === namespace && status?.phase !== 'Succeeded' && status?.phase !== 'Failed';
}

/** Says that a pod of a Job that plans or loads the upload may still have sessions. A label alone may be anybody's. */
export function isLoading(pod: Pod, { namespace, uid }: { namespace: string; uid: string }): boolean {
  const names = new RegExp(`^${uid}-(plan|process)-\\d+$`);
  const owners = pod.metadata?.ownerReferences ?? [];
  return isUnfinished(pod, namespace) && owners.some(({ kind, name }) => kind === 'Job' && names.test(name));
}

/** The uid of the upload that a Job or pod works for; undefined for an object that is not the operator's. */
export function uploadUidOf(object: Job | Pod): string | undefined {
  return object.metadata?.labels?.[LABELS.uid];
}

function milliseconds(text: string | undefined): number | null {
  if (text === undefined) return null;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? null : ms;
}
