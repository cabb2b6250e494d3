/** One reconcile of one upload: observe, decide, apply, then write the status once and record its events. */
import { isFinished } from '#api/conditions.ts';
import { BATCH_UPLOADS, type BatchUpload, FIELD_MANAGER } from '#kube/custom-resources.ts';
import { isNotFound } from '#kube/errors.ts';
import type { EventRecorder, KubeClient, ProcessResult } from '#kube/types.ts';
import type { Database } from '#ledger/client/database.ts';
import { type ApplyDeps, applyActions } from './apply.ts';
import { type CleanupDeps, cleanUpUpload, holdForCleanup } from './cleanup.ts';
import { isHeld } from './cleanup-policy.ts';
import { decide, STOPPING_MS } from './decide.ts';
import { unfinishedJobs } from './job-policy.ts';
import { viewAllJobs } from './job-view.ts';
import type { LedgerCounters, Metrics } from './metrics.ts';
import { type ObserveDeps, observe } from './observe.ts';
import { isFinal } from './retry-policy.ts';
import { buildStatus, type StatusInput, sameStatus } from './status.ts';
import { eventsOf } from './status-events.ts';
import type { Decision, Observed, Outcome } from './types.ts';
import { isNewer, type UploadMemories, type UploadMemory, watchDatabase } from './upload-memory.ts';

export interface ReconcileDeps extends ObserveDeps, ApplyDeps {
  client: ObserveDeps['client'] & ApplyDeps['client'] & CleanupDeps['client'] & StatusClient;
  events: EventRecorder;
  memories: UploadMemories;
  enqueue: (key: string) => void;
  counters: LedgerCounters;
  metrics: Pick<Metrics, 'duration'>;
}

type StatusClient = Pick<KubeClient, 'applyStatus'>;

/** Rounds of one reconcile, each of which follows from the one before: accept, then create the plan Job. */
const MAX_ROUNDS = 3;
/** Time in which the Jobs of a complete upload may still end by themselves. */
const LINGER_MS = 30_000;
/** Delay before another try to hold an upload that has changed since it was read. */
const HOLD_MS = 500;

export async function reconcileUpload(
  deps: ReconcileDeps,
  { key, upload, signal }: { key: string; upload: BatchUpload; signal: AbortSignal },
): Promise<ProcessResult> {
  const memory = deps.memories.of(key, upload.metadata.uid);
  const current = withNewestStatus(upload, memory);
  if (isFinal(current)) return tidyUp(deps, { key, upload: current, signal });
  const watch = (database: Database) => watchDatabase(memory, database, () => deps.enqueue(key));
  for (let round = 1; ; round += 1) {
    const input = { upload: current, memory, watchDatabase: watch, reread: round > 1, signal };
    const { observed, database, remember } = await observe(deps, input);
    Object.assign(memory, remember);
    deps.counters.onErrors(memory.uid, observed.topErrors, current.status?.topErrors ?? []);
    const decision = decide(observed);
    const row = observed.ledger.state === 'row' ? observed.ledger.row : null;
    if (row?.workBucket && !(await holdForCleanup(deps, current, signal))) return { requeueAfterMs: HOLD_MS };
    const onRecreate = (recreated: number) => {
      memory.recreated = recreated;
    };
    const outcomes = await applyActions(deps, { upload: current, database, row, onRecreate, signal }, decision.actions);
    if (outcomes.some(({ type }) => type === 'again') && round < MAX_ROUNDS) continue;
    return finish(deps, { key, memory, observed, decision: amend(decision, outcomes, observed), signal });
  }
}

/** The decision with those outcomes of its actions that the status has to show. */
function amend(decision: Decision, outcomes: readonly Outcome[], { waitingMs }: Observed): Decision {
  let amended = decision;
  for (const outcome of outcomes) {
    switch (outcome.type) {
      case 'done':
        break;
      case 'again':
        amended = { ...amended, requeueAfterMs: 0 };
        break;
      case 'waiting':
        amended = { ...amended, view: { kind: 'waiting', why: outcome.why }, requeueAfterMs: waitingMs };
        break;
      case 'degraded':
        amended = { ...amended, degraded: outcome.why, requeueAfterMs: waitingMs * 4 };
        break;
      default:
        throw new Error(outcome satisfies never);
    }
  }
  return amended;
}

async function finish(
  deps: ReconcileDeps,
  {
    key,
    memory,
    observed,
    decision,
    signal,
  }: {
    key: string;
    memory: UploadMemory;
    observed: Observed;
    decision: Decision;
    signal: AbortSignal;
  },
): Promise<ProcessResult> {
  const { upload } = observed;
  await writeStatus(deps, { ...observed, ...decision }, { memory, signal });
  const { kind } = decision.view;
  if (kind === 'complete' || kind === 'failed') {
    memory.database?.unwatch(memory.uid);
    deps.counters.forget(memory.uid);
    const { row } = decision.view;
    const ms = (row.completedAt?.getTime() ?? 0) - Date.parse(upload.status?.startTime ?? '');
    // An upload whose retry is refused had ended before and is not counted twice.
    if (ms >= 0 && !isFinished(upload.status)) deps.metrics.duration.observe({ phase: kind }, ms / 1000);
    deps.log.info({ key, uid: memory.uid, phase: kind, ...row.counts }, 'upload finished');
    return { requeueAfterMs: LINGER_MS };
  }
  return decision.requeueAfterMs === null ? undefined : { requeueAfterMs: decision.requeueAfterMs };
}

async function writeStatus(
  { client, events }: ReconcileDeps,
  input: StatusInput,
  { memory, signal }: { memory: UploadMemory; signal: AbortSignal },
): Promise<void> {
  const { upload } = input;
  const status = buildStatus(input);
  if (sameStatus(upload.status, status)) return;
  const { name, namespace, uid } = upload.metadata;
  // The uid makes the API server refuse the status for a newer object of the same name.
  const object = { metadata: { name, namespace, uid }, status } as BatchUpload;
  try {
    const written = await client.applyStatus(BATCH_UPLOADS, object, {
      fieldManager: FIELD_MANAGER,
      force: true,
      signal,
    });
    memory.written = { status, resourceVersion: written.metadata.resourceVersion ?? '' };
  } catch (error) {
    // The upload has been deleted; the watch event of the deletion follows.
    if (isNotFound(error)) return;
    throw error;
  }
  const target = {
    apiVersion: 'batchupload.dev/v1alpha1',
    kind: 'BatchUpload',
    metadata: { name, namespace, uid },
  };
  for (const event of eventsOf(upload.status, status)) events.record(target, event);
}

/** The cache lags behind the controller's writes; a status built on an older one would set transition times anew. */
function withNewestStatus(upload: BatchUpload, { written }: UploadMemory): BatchUpload {
  if (!written || !isNewer(written.resourceVersion, upload.metadata.resourceVersion ?? '')) return upload;
  return { ...upload, status: written.status };
}

/** Removes the Jobs of an ended upload that do not end by themselves, then the copy of its file; writes no status. */
export async function tidyUp(
  deps: ReconcileDeps,
  { key, upload, signal }: { key: string; upload: BatchUpload; signal: AbortSignal },
): Promise<ProcessResult> {
  const { uid } = upload.metadata;
  const unfinished = unfinishedJobs(viewAllJobs(deps.caches.jobsOf(uid), uid));
  if (unfinished.length === 0) {
    if (isHeld(upload)) return cleanUpUpload(deps, { upload, signal });
    deps.memories.forget(key);
    return undefined;
  }
  const ended = Date.parse(upload.status?.completionTime ?? '') || 0;
  const patience = upload.status?.phase === 'Complete' ? LINGER_MS : STOPPING_MS;
  const left = ended + patience - deps.clock.now();
  if (left > 0) return { requeueAfterMs: left };
  const actions = unfinished.map((job) => ({ type: 'deleteJob', job, because: 'the upload has ended' }) as const);
  await applyActions(deps, { upload, database: null, row: null, onRecreate: () => undefined, signal }, actions);
  return undefined;
}
