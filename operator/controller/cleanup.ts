/** Holds an upload whose file has a copy until a Job has removed the copy, as cleanup-policy.ts decides. */
import { ANNOTATIONS, LABELS } from '#api/labels.ts';
import { jobName } from '#api/names.ts';
import type { Clock } from '#common/clock.ts';
import type { Logger } from '#common/log.ts';
import { BATCH_UPLOADS, type BatchUpload } from '#kube/custom-resources.ts';
import { isAlreadyExists, isConflict, isForbidden, isNotFound, KubeError } from '#kube/errors.ts';
import { JOBS, type Job, type Pod } from '#kube/resource-types.ts';
import type { EventRecorder, KubeClient, ProcessResult } from '#kube/types.ts';
import type { RunnerSettings } from '#operator/config/runner-settings.ts';
import { buildCleanupJob } from '#operator/jobs/cleanup-job.ts';
import { noteSettings } from '#operator/jobs/pod-template.ts';
import type { Caches } from './caches.ts';
import {
  CLEANUP_MS,
  type CleanupOutcome,
  type CleanupStep,
  type CleanupView,
  cleanupEvent,
  decideCleanup,
  decideRefused,
  decideUnseen,
  finalizerPatch,
  isHeld,
  isSuspended,
  QUEUE_SAID_MS,
  queuedEvent,
  stillHeldEvent,
} from './cleanup-policy.ts';
import type { UploadMemory } from './upload-memory.ts';

export interface CleanupDeps {
  client: Pick<KubeClient, 'create' | 'delete' | 'patchMerge'>;
  caches: Pick<Caches, 'namespaces' | 'podsOf' | 'isTerminating'>;
  clock: Clock;
  log: Logger;
  events: EventRecorder;
  settings: RunnerSettings;
  findServiceAccount: (namespace: string) => Promise<string | null>;
}

/** Time in which the cache receives the newer object after a conflict. */
const STALE_MS = 500;
/** Time after which an upload that the operator may not release is tried again: somebody may have mended the Role. */
const FORBIDDEN_MS = 60_000;
/**
 * The number in the name of the cleanup Job. The Job removes the copies of all attempts that have ended, and an upload that was tried
 * again needs another one: an earlier Job may be there still. The number of the attempt is in the ledger alone, which an ended
 * upload does not need, and spec.retryGeneration grows with each attempt.
 */
const cleanupNumber = ({ spec }: BatchUpload) => 1 + (spec.retryGeneration ?? 0);

/** @returns false when the upload has changed since it was read; nothing may be done for an upload that is not held. */
export async function holdForCleanup(
  { client }: Pick<CleanupDeps, 'client'>,
  upload: BatchUpload,
  signal: AbortSignal,
): Promise<boolean> {
  return isHeld(upload) || patchFinalizer(client, upload, { held: true, signal });
}

export async function cleanUpUpload(
  deps: CleanupDeps,
  { upload, memory, signal }: { upload: BatchUpload; memory: Pick<UploadMemory, 'cleanup'>; signal: AbortSignal },
): Promise<ProcessResult> {
  const view = viewCleanup(deps, upload, memory);
  // No Job can be made in such a namespace. Kubernetes begins with its objects five seconds after it was deleted, and the Role by which
  // the operator may release the upload is one of them.
  const decided: CleanupStep = deps.caches.isTerminating(upload.metadata.namespace)
    ? { type: 'release', removed: false, because: 'its namespace is being deleted' }
    : decideCleanup(view);
  const step = await takeStep(deps, { upload, view, decided, signal });
  const { name, namespace, uid, deletionTimestamp } = upload.metadata;
  const target = {
    apiVersion: 'batchupload.dev/v1alpha1',
    kind: 'BatchUpload',
    metadata: { name, namespace, uid },
  };
  if (step.type === 'wait') {
    if (!isSuspended(view.job) || memory.cleanup!.said) return { requeueAfterMs: step.ms };
    const quietMs = QUEUE_SAID_MS - view.queuedForMs;
    if (quietMs > 0) return { requeueAfterMs: Math.min(step.ms, quietMs) };
    memory.cleanup!.said = true;
    deps.events.record(target, queuedEvent(view.job));
    return { requeueAfterMs: step.ms };
  }
  try {
    if (!(await patchFinalizer(deps.client, upload, { held: false, signal }))) return { requeueAfterMs: STALE_MS };
  } catch (error) {
    if (!isForbidden(error)) throw error;
    deps.events.record(target, stillHeldEvent(upload));
    return { requeueAfterMs: FORBIDDEN_MS };
  }
  deps.log.info({ namespace, upload: name, removed: step.removed }, 'the upload is no longer held for its copy');
  deps.events.record(target, cleanupEvent(upload, step));
  // A failed Job stays for its log, until its TTL. The finalizer is removed first: a held upload would get a new Job.
  if (step.removed && deletionTimestamp !== undefined) await deleteJob(deps, view.job, signal);
  return undefined;
}

async function takeStep(
  deps: CleanupDeps,
  { decided, ...input }: { upload: BatchUpload; view: CleanupView; decided: CleanupStep; signal: AbortSignal },
): Promise<CleanupOutcome> {
  switch (decided.type) {
    case 'createJob':
      return createJob(deps, input);
    case 'replaceJob':
      deps.log.info(
        { job: input.view.job?.metadata?.name },
        'deleting a Job whose pods cannot start, for other settings',
      );
      await deleteJob(deps, input.view.job, input.signal);
      return { type: 'wait', ms: STALE_MS };
    default:
      return decided;
  }
}

function viewCleanup(
  { caches, clock, settings }: CleanupDeps,
  upload: BatchUpload,
  memory: Pick<UploadMemory, 'cleanup'>,
): CleanupView {
  const { namespace, uid } = upload.metadata;
  const pods = caches.podsOf(upload.metadata);
  const job = caches.namespaces
    .get(namespace)
    ?.jobs.get(`${namespace}/${jobName(uid, 'cleanup', cleanupNumber(upload))}`);
  const now = clock.monotonic();
  const none = { endedAt: now, jobAt: null, queuedAt: null, said: false };
  const { endedAt, jobAt, queuedAt, said } = memory.cleanup ?? none;
  memory.cleanup = {
    endedAt,
    jobAt: job === undefined || isSuspended(job) ? null : (jobAt ?? now),
    queuedAt: isSuspended(job) ? (queuedAt ?? now) : queuedAt,
    said,
  };
  return {
    isEnabled: caches.namespaces.has(namespace),
    endedForMs: now - endedAt,
    jobForMs: now - (memory.cleanup.jobAt ?? now),
    queuedForMs: now - (memory.cleanup.queuedAt ?? now),
    busy: pods.some(
      ({ metadata, status }) =>
        metadata?.labels?.[LABELS.kind] !== 'cleanup' && (status?.phase === 'Pending' || status?.phase === 'Running'),
    ),
    isOutdated: isOutdated(job, pods, noteSettings({ upload, settings })),
    job,
  };
}

/** A Job without its note is of an earlier release, or something takes the note away and would take it from the next Job, too. */
function isOutdated(job: Job | undefined, pods: readonly Pod[], settings: string): boolean {
  const note = job?.metadata?.annotations?.[ANNOTATIONS.settings];
  if (note === undefined || note === settings || job?.metadata?.deletionTimestamp !== undefined) return false;
  return !pods.some(
    ({ metadata, status }) => metadata?.labels?.[LABELS.kind] === 'cleanup' && status?.phase === 'Running',
  );
}

async function createJob(
  { client, log, settings, findServiceAccount }: CleanupDeps,
  { upload, view, signal }: { upload: BatchUpload; view: CleanupView; signal: AbortSignal },
): Promise<CleanupOutcome> {
  const { namespace, name } = upload.metadata;
  const serviceAccount = await findServiceAccount(namespace);
  const input = { upload, attempt: cleanupNumber(upload), parallelism: 1, settings, serviceAccount, recreated: 0 };
  const job = buildCleanupJob(input, CLEANUP_MS / 1000);
  try {
    await client.create(JOBS, job, { signal });
    log.info({ namespace, upload: name, job: job.metadata.name }, 'created a Job');
  } catch (error) {
    if (!(error instanceof KubeError) || !(isAlreadyExists(error) || [400, 403, 404, 422].includes(error.status)))
      throw error;
    if (!isAlreadyExists(error)) return decideRefused(view, error.message);
    // The Job is missing in the cache alone, which is behind, or selects Jobs by labels that something has taken away.
    const { labels } = job.metadata;
    await client.patchMerge(JOBS, { namespace, name: job.metadata.name }, { metadata: { labels } }, { signal });
    return decideUnseen(view);
  }
  return { type: 'wait', ms: CLEANUP_MS };
}

async function deleteJob({ client }: CleanupDeps, job: CleanupView['job'], signal: AbortSignal): Promise<void> {
  const { namespace, name, uid } = job!.metadata!;
  const options = { propagationPolicy: 'Background', preconditions: { uid: uid! }, signal } as const;
  await client.delete(JOBS, { namespace, name: name! }, options);
}

async function patchFinalizer(
  client: CleanupDeps['client'],
  upload: BatchUpload,
  { held, signal }: { held: boolean; signal: AbortSignal },
): Promise<boolean> {
  const { namespace, name } = upload.metadata;
  try {
    await client.patchMerge(BATCH_UPLOADS, { namespace, name }, finalizerPatch(upload, held), { signal });
    return true;
  } catch (error) {
    if (isNotFound(error)) return true;
    if (isConflict(error)) return false;
    throw error;
  }
}
