/** One reconcile of one upload: observe, decide, apply, then write the status once and record its events. */
import type { BatchUploadStatus } from '#api/batch-upload.gen.ts';
import { isFinished, isTrue } from '#api/conditions.ts';
import type { UploadExplanation } from '#api/explanation.ts';
import { databaseSecretName } from '#api/names.ts';
import { Fault } from '#common/faults.ts';
import { BATCH_UPLOADS, type BatchUpload, FIELD_MANAGER } from '#kube/custom-resources.ts';
import { isConflict, isNotFound, KubeError } from '#kube/errors.ts';
import type { EventRecorder, KubeClient, ProcessResult } from '#kube/types.ts';
import type { Database } from '#ledger/client/database.ts';
import { mergePodTemplate } from '#operator/jobs/merge-pod-template.ts';
import { explainFault } from './accept-upload.ts';
import { type ApplyDeps, applyActions } from './apply.ts';
import { type CleanupDeps, cleanUpUpload, holdForCleanup } from './cleanup.ts';
import { isHeld, needsHold } from './cleanup-policy.ts';
import { decide, STOPPING_MS } from './decide.ts';
import { expiresInMs, trimStatus, trimsInMs } from './expiry-policy.ts';
import { unexpiredJobs, unfinishedJobs } from './job-policy.ts';
import { viewAllJobs } from './job-view.ts';
import type { LedgerCounters, Metrics } from './metrics.ts';
import { type ObserveDeps, observe } from './observe.ts';
import { makesWait } from './pace-policy.ts';
import { isOpen } from './pool/pool-policy.ts';
import type { WarmPods } from './pool/warm-pods.ts';
import { progressSpacingMs } from './progress-policy.ts';
import { askForTurn } from './queue/ask-for-turn.ts';
import { findPriority } from './queue/priority-policy.ts';
import type { UploadTurns } from './queue/upload-turns.ts';
import { isFinal } from './retry-policy.ts';
import { buildStatus, type StatusInput, sameStatus } from './status.ts';
import { eventsOf } from './status-events.ts';
import { lastingRefusal, nextRefusal, reduceStatus, type StatusRefusal } from './status-fit.ts';
import type { Decision, Observed, Outcome } from './types.ts';
import { isNewer, type UploadMemories, type UploadMemory, watchDatabase } from './upload-memory.ts';

export interface ReconcileDeps extends ObserveDeps, ApplyDeps {
  client: ObserveDeps['client'] & ApplyDeps['client'] & CleanupDeps['client'] & StatusClient;
  events: EventRecorder;
  memories: UploadMemories;
  enqueue: (key: string) => void;
  counters: LedgerCounters;
  metrics: Pick<Metrics, 'duration'>;
  turns: Pick<UploadTurns, 'ask' | 'release' | 'forgetOther' | 'noticeFailure'>;
  warmPods: Pick<
    WarmPods,
    'keep' | 'keptBy' | 'release' | 'succeeded' | 'excuse' | 'start' | 'view' | 'find' | 'lookUp'
  >;
}

type StatusClient = Pick<KubeClient, 'applyStatus'>;

/** Rounds of one reconcile, each of which follows from the one before: accept, then create the plan Job. */
const MAX_ROUNDS = 3;
/** Time in which the Jobs of a complete upload may still end by themselves. */
const LINGER_MS = 30_000;
/** Delay before another try of something, where the upload has changed since it was read. */
const HOLD_MS = 500;

/** The wait grows by this share of the time for which the upload has waited, to so many times the first wait. */
const WAIT_SHARE = 8;
const LONGEST_WAIT = 5;

/** A first failure mostly passes within a second; one that took longer than this is said at once. */
const SLOW_MS = 2_000;
/** A reconcile that waits for longer than this is said while it waits. */
const SAY_MS = 7_000;

const RESTS = new Set<Decision['view']['kind']>(['queued', 'waitingForTurn', 'waitingForAdmission', 'suspended']);

interface ReconcileInput {
  key: string;
  upload: BatchUpload;
  /** Failures of this key in a row before this try. */
  failures: number;
  signal: AbortSignal;
}

/** @throws what hindered the reconcile, after the status has said so */
export async function reconcileUpload(deps: ReconcileDeps, input: ReconcileInput): Promise<ProcessResult> {
  const { key, failures, signal } = input;
  const memory = deps.memories.of(key, input.upload.metadata.uid);
  const upload = withNewestStatus(input.upload, memory);
  if (isFinal(upload) && !memory.wentBack) return tidyUp(deps, { key, upload, signal });
  memory.tidyingSince = null;
  memory.cleanup = null;
  const since = deps.clock.monotonic();
  const { created } = memory;
  let known: StatusInput | null = null;
  const onDecision = (decided: StatusInput) => {
    known = decided;
  };
  const say = (why: UploadExplanation) =>
    sayHindered(deps, { memory, upload, known, why, signal }).catch((err) =>
      deps.log.debug({ err, key }, 'the status could not say what hinders the upload'),
    );
  let saying: Promise<void> | null = null;
  const cancel = deps.clock.schedule(SAY_MS, () => {
    saying = say(SLOW_ANSWER);
  });
  // A status that says that the reconcile waits must not come after the status with the result.
  const stopSaying = async () => {
    cancel();
    await saying;
  };
  try {
    return await work(deps, { key, upload, memory, onDecision, stopSaying, signal });
  } catch (error) {
    await stopSaying();
    const isJobless = memory.created === created && deps.turns.noticeFailure(key);
    if (isJobless && !signal.aborted && !isConflict(error)) memory.jobRefused = explainError(error);
    const isNew = failures === 0 && deps.clock.monotonic() - since < SLOW_MS;
    if (!signal.aborted && !isConflict(error) && !isNew) await say(explainError(error));
    throw error;
  } finally {
    cancel();
  }
}

const SLOW_ANSWER: UploadExplanation = {
  reason: 'SlowAnswer',
  message: `The operator has waited for more than ${SAY_MS / 1000} s for an answer of the database or of the API server, and goes on when it comes. If this stays, look for locks on the tables of the schema batch_upload (pg_stat_activity), for a synchronous standby that is away, or for an admission webhook that does not answer.`,
};

/** Whatever goes wrong, the status says it: whoever looks for the cause begins there. */
async function sayHindered(
  deps: ReconcileDeps,
  {
    memory,
    upload,
    known,
    why,
    signal,
  }: {
    memory: UploadMemory;
    upload: BatchUpload;
    /** What was decided before the error; null when the error came before the decision. */
    known: StatusInput | null;
    why: UploadExplanation;
    signal: AbortSignal;
  },
): Promise<void> {
  const nothing = { jobs: { plan: null, process: null }, recordsPerSecond: null, topErrors: [], columns: null };
  const unobserved = { ...nothing, now: deps.clock.now(), view: { kind: 'unobserved' } as const };
  const isAccepted = isTrue(upload.status, 'Accepted');
  const seen = known && known.view.kind !== 'waiting' ? known : unobserved;
  const status =
    isAccepted || seen !== unobserved
      ? { ...seen, degraded: why }
      : { ...unobserved, view: { kind: 'waiting', why } as const, degraded: null };
  await writeStatus(deps, { ...status, upload: withNewestStatus(upload, memory) }, { memory, signal });
}

function explainError(error: unknown): UploadExplanation {
  if (error instanceof KubeError) {
    const answer =
      error.status > 0
        ? `answered a request of the operator with HTTP ${error.status}`
        : 'did not answer a request of the operator';
    return {
      reason: 'ApiServerError',
      message: `The API server ${answer}, and the operator tries again after growing waits: ${error.message}`,
    };
  }
  const known = explainFault(error);
  if (known) return known;
  const what = error instanceof Fault ? error.message : error instanceof Error ? error.name : 'an unknown error';
  return {
    reason: 'OperatorError',
    message: `The operator could not work on this upload and tries again after growing waits: ${what}. The log of the operator has the details.`,
  };
}

async function work(
  deps: ReconcileDeps,
  {
    key,
    upload: current,
    memory,
    onDecision,
    stopSaying,
    signal,
  }: {
    key: string;
    upload: BatchUpload;
    memory: UploadMemory;
    onDecision: (decided: StatusInput) => void;
    stopSaying: () => Promise<void>;
    signal: AbortSignal;
  },
): Promise<ProcessResult> {
  const watch = (database: Database) => watchDatabase(memory, database, () => deps.enqueue(key));
  for (let round = 1; ; round += 1) {
    const input = { upload: current, memory, watchDatabase: watch, reread: round > 1, signal };
    const { observed: seen, database, remember } = await observe(deps, input);
    Object.assign(memory, remember);
    noteAssignment(deps, { key, seen, database });
    const { namespace } = current.metadata;
    const likely = deps.databases.peek({ namespace, name: databaseSecretName(current.spec) });
    const turn = askForTurn(deps.turns, {
      key,
      seen,
      database: database?.place ?? null,
      likelyDatabase: likely?.place ?? null,
      keptBy: deps.warmPods.keptBy(key),
      priority: priorityOf(deps, current),
    });
    if (turn.type === 'unknown') return undefined;
    const observed: Observed = { ...seen, turn };
    deps.counters.onErrors(memory.uid, observed.topErrors, current.status?.topErrors ?? []);
    const decision = decide(observed);
    onDecision({ ...observed, ...decision });
    // An upload that waits has no rate, and does not count among those whose progress is written.
    if (RESTS.has(decision.view.kind)) memory.rate = null;
    const row = observed.ledger.state === 'row' ? observed.ledger.row : null;
    const mustHold = row !== null && !observed.isTerminating && needsHold(current, row, decision.actions);
    if (mustHold && !(await holdForCleanup(deps, current, signal))) return { requeueAfterMs: HOLD_MS };
    const onRecreate = (recreated: number) => {
      memory.recreated = recreated;
      memory.created = null;
    };
    const onCreate = (name: string) => {
      const times = memory.created?.name === name ? memory.created.times : 0;
      memory.created = { name, times: times + 1, at: deps.clock.monotonic() };
    };
    const parallelism = turn.type === 'admitted' ? turn.sessions : current.spec.parallelism;
    const applied = { upload: current, database, row, parallelism, onCreate, onRecreate, signal };
    const outcomes = await applyActions(deps, applied, decision.actions);
    const refused = outcomes.find((outcome) => outcome.type === 'degraded')?.why ?? null;
    if (refused) deps.turns.noticeFailure(key);
    if (turn.type === 'admitted') memory.jobRefused = refused;
    if (outcomes.some(({ type }) => type === 'again') && round < MAX_ROUNDS) continue;
    await stopSaying();
    return finish(deps, { key, memory, observed, decision: amend(decision, outcomes, observed), signal });
  }
}

function noteAssignment(
  { warmPods }: Pick<ReconcileDeps, 'warmPods'>,
  { key, seen, database }: { key: string; seen: Omit<Observed, 'turn'>; database: Database | null },
): void {
  const { ledger, upload } = seen;
  // An upload whose ledger cannot be read stays where it is.
  if (ledger.state !== 'row') return;
  const { assignment, status } = ledger.row;
  if (status === 'Complete' && assignment?.state === 'Ended') warmPods.succeeded(assignment.pool);
  if (!isOpen(assignment) || (status !== 'Planning' && status !== 'Processing')) {
    warmPods.release(key);
    return;
  }
  const pod = assignment.state === 'Claimed' ? assignment.pod : null;
  const { namespace } = upload.metadata;
  const isSlowed = pod !== null && makesWait(ledger.row);
  warmPods.keep(key, { pool: assignment.pool, namespace, pod, place: database?.place ?? null, isSlowed });
}

function priorityOf({ caches, settings }: ReconcileDeps, upload: BatchUpload): number {
  const { priorityClassName } = mergePodTemplate({ upload, settings }).spec;
  return findPriority(priorityClassName, caches.priorityClasses.values());
}

/** The decision with those outcomes of its actions that the status has to show. */
function amend(
  decision: Decision,
  outcomes: readonly Outcome[],
  { waitingMs, stuckPodGraceMs }: Pick<Observed, 'waitingMs' | 'stuckPodGraceMs'>,
): Decision {
  // An upload without a Job gives its turn back when it asks again and the grace is over: it must not ask a moment before that.
  const degradedMs = Math.max(waitingMs, Math.min(waitingMs * 4, stuckPodGraceMs + 100));
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
        amended = { ...amended, degraded: outcome.why, requeueAfterMs: degradedMs };
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
  const unwrittenMs = await writeStatus(deps, { ...observed, ...decision }, { memory, signal });
  if (unwrittenMs === null && observed.ledger.state === 'row') memory.wentBack = false;
  const { kind } = decision.view;
  if (kind === 'cancelled') return { requeueAfterMs: unwrittenMs ?? 0 };
  if (kind === 'complete' || kind === 'failed') {
    memory.database?.unwatch(memory.uid);
    deps.counters.forget(memory.uid);
    const { row } = decision.view;
    const ms = (row.completedAt?.getTime() ?? 0) - Date.parse(upload.status?.startTime ?? '');
    // An upload whose retry is refused had ended before and is not counted twice.
    if (ms >= 0 && !isFinished(upload.status))
      deps.metrics.duration.observe({ phase: outcomeOf(decision.view) }, ms / 1000);
    deps.log.info({ key, uid: memory.uid, phase: kind, ...row.counts }, 'upload finished');
    return { requeueAfterMs: Math.min(LINGER_MS, unwrittenMs ?? LINGER_MS) };
  }
  const more = waitMore(deps, memory, decision);
  const next = decision.requeueAfterMs === null ? null : decision.requeueAfterMs + more;
  const again = [next, unwrittenMs].filter((ms) => ms !== null);
  return again.length === 0 ? undefined : { requeueAfterMs: Math.min(...again) };
}

/** The label of metrics for the end of an upload. */
function outcomeOf(view: Extract<Decision['view'], { kind: 'complete' | 'failed' }>): string {
  return view.kind === 'failed' && view.reason === 'Cancelled' ? 'cancelled' : view.kind;
}

/** An upload that has waited for long is looked at less often. */
function waitMore({ clock, config }: ReconcileDeps, memory: UploadMemory, { view }: Decision): number {
  if (view.kind !== 'waiting') {
    memory.waiting = null;
    return 0;
  }
  const now = clock.monotonic();
  const { reason } = view.why;
  if (memory.waiting?.reason !== reason) memory.waiting = { reason, since: now };
  return Math.min((now - memory.waiting.since) / WAIT_SHARE, config.waitingMs * LONGEST_WAIT);
}

async function writeStatus(
  deps: ReconcileDeps,
  input: StatusInput,
  { memory, signal }: { memory: UploadMemory; signal: AbortSignal },
): Promise<number | null> {
  const { client, events, clock, log, memories } = deps;
  // The status may have been written since this reconcile began: by the reconcile itself, when it waited for long.
  const upload = withNewestStatus(input.upload, memory);
  const refusal = lastingRefusal(memory.refusal, clock.monotonic());
  const status = buildFittingStatus(refusal, { ...input, upload });
  if (sameStatus(upload.status, status)) return null;
  const sinceMs = clock.monotonic() - (memory.written?.at ?? -Infinity);
  const spacingMs = progressSpacingMs(memories.moving);
  if (sinceMs < spacingMs && !hasTurned(upload.status, status)) return spacingMs - sinceMs;
  const { name, namespace, uid } = upload.metadata;
  // The uid makes the API server refuse the status for a newer object of the same name.
  const object = { metadata: { name, namespace, uid }, status } as BatchUpload;
  try {
    const written = await client.applyStatus(BATCH_UPLOADS, object, {
      fieldManager: FIELD_MANAGER,
      force: true,
      signal,
    });
    memory.written = { status, resourceVersion: written.metadata.resourceVersion ?? '', at: clock.monotonic() };
  } catch (error) {
    // The upload has been deleted; the watch event of the deletion follows.
    if (isNotFound(error)) return null;
    const refused = nextRefusal(error, refusal?.level ?? 0, clock.monotonic());
    if (refused === null) throw error;
    memory.refusal = refused;
    log.error(
      { err: error, namespace, upload: name },
      'the CRD of BatchUpload is older than this operator and refuses statuses: upgrade it',
    );
    return writeStatus(deps, input, { memory, signal });
  }
  const target = {
    apiVersion: 'batchupload.dev/v1alpha1',
    kind: 'BatchUpload',
    metadata: { name, namespace, uid },
  };
  for (const event of eventsOf(upload.status, status)) events.record(target, event);
  return null;
}

function buildFittingStatus(refusal: StatusRefusal | null, input: StatusInput): BatchUploadStatus {
  const status = buildStatus(input);
  if (refusal === null) return status;
  const { why, level } = refusal;
  if (input.degraded !== null) return reduceStatus(status, level);
  // The message stays what it is without the CRD: what the upload does or waits for matters more.
  return reduceStatus({ ...buildStatus({ ...input, degraded: why }), message: status.message ?? '' }, level);
}

/** Is the upload in another state, and not only further on? */
function hasTurned(before: BatchUploadStatus | undefined, after: BatchUploadStatus): boolean {
  const state = ({ phase, pace, conditions = [] }: BatchUploadStatus) =>
    [phase, pace?.reason, ...conditions.map(({ type, status, reason }) => `${type}=${status}/${reason}`)].join();
  return before === undefined || state(before) !== state(after);
}

/** The cache lags behind the controller's writes; a status built on an older one would set transition times anew. */
function withNewestStatus(upload: BatchUpload, { written }: UploadMemory): BatchUpload {
  if (!written || !isNewer(written.resourceVersion, upload.metadata.resourceVersion ?? '')) return upload;
  return { ...upload, status: written.status };
}

/**
 * Deletes an ended upload when its time to live is over, and makes its status small after a day. Its row, its audit and its
 * failed records stay in the ledger.
 */
async function ageUpload(
  deps: ReconcileDeps,
  { key, upload, signal }: { key: string; upload: BatchUpload; signal: AbortSignal },
): Promise<ProcessResult> {
  const now = deps.clock.now();
  const expiry = expiresInMs(upload, now);
  const trim = trimsInMs(upload, now);
  const { client, log } = deps;
  const { namespace, name, uid, resourceVersion } = upload.metadata;
  try {
    if (expiry === 0) {
      // Somebody may have changed the time to live, or asked for a retry, since the upload was read.
      const preconditions = { uid, ...(resourceVersion === undefined ? {} : { resourceVersion }) };
      await client.delete(BATCH_UPLOADS, { namespace, name }, { preconditions, signal });
      log.info({ key, uid }, 'deleted an upload whose time to live is over');
      return undefined;
    }
    if (trim === 0 && upload.status) {
      const metadata = { name, namespace, uid, resourceVersion };
      const object = { metadata, status: trimStatus(upload.status) } as BatchUpload;
      await client.applyStatus(BATCH_UPLOADS, object, { fieldManager: FIELD_MANAGER, force: true, signal });
    }
  } catch (error) {
    if (isNotFound(error)) return undefined;
    if (!isConflict(error)) throw error;
    return { requeueAfterMs: HOLD_MS };
  }
  const waits = [expiry, trim === 0 ? null : trim].filter((ms) => ms !== null);
  return waits.length === 0 ? undefined : { requeueAfterMs: Math.min(...waits) };
}

/** Removes the Jobs of an ended upload that do not end by themselves, then the copy of its file; writes no status. */
export async function tidyUp(
  deps: ReconcileDeps,
  { key, upload, signal }: { key: string; upload: BatchUpload; signal: AbortSignal },
): Promise<ProcessResult> {
  const { uid } = upload.metadata;
  deps.turns.release(key);
  deps.warmPods.release(key);
  const jobs = viewAllJobs(deps.caches.jobsOf(upload.metadata), uid);
  const ignore = () => undefined;
  const { parallelism } = upload.spec;
  const applied = { upload, database: null, row: null, parallelism, onCreate: ignore, onRecreate: ignore, signal };
  const memory = deps.memories.of(key, uid);
  if (!memory.expiryRefused) {
    const expiring = unexpiredJobs(jobs).map((job) => ({ type: 'expireJob', job }) as const);
    for (const outcome of await applyActions(deps, applied, expiring)) {
      if (outcome.type !== 'degraded') continue;
      // A Job that stays must not hold the upload.
      memory.expiryRefused = true;
      deps.log.warn({ key, uid, why: outcome.why.message }, 'a finished Job gets no time to live');
    }
  }
  const unfinished = unfinishedJobs(jobs);
  if (unfinished.length === 0) {
    if (isHeld(upload)) return cleanUpUpload(deps, { upload, memory, signal });
    deps.memories.forget(key);
    return ageUpload(deps, { key, upload, signal });
  }
  // The time of the end is that of the database, whose clock may differ.
  memory.tidyingSince ??= deps.clock.monotonic();
  const patience = upload.status?.phase === 'Complete' ? LINGER_MS : STOPPING_MS;
  const left = memory.tidyingSince + patience - deps.clock.monotonic();
  if (left > 0) return { requeueAfterMs: left };
  const actions = unfinished.map(
    (job) => ({ type: 'deleteJob', job, because: 'the upload has ended', recreated: 0 }) as const,
  );
  await applyActions(deps, applied, actions);
  return undefined;
}
