/**
 * From a notice to a BatchUpload, exactly once: filter, schema, head, name; then look in the ledger, create the resource,
 * write the arrival. Whatever ends it in between, the next notice of the same version goes on where it stopped.
 */
import type { IgnoredReason } from '#api/upload-source-conditions.ts';
import type { Clock } from '#common/clock.ts';
import { createSemaphore, type Semaphore } from '#common/semaphore.ts';
import type { BatchUpload, UploadSource } from '#kube/custom-resources.ts';
import { BATCH_UPLOADS } from '#kube/custom-resources.ts';
import { isAlreadyExists } from '#kube/errors.ts';
import type { KubeClient, NewObject } from '#kube/types.ts';
import { compareSequencers } from '#operator/bridge/events/sequencer.ts';
import { explainError } from '#operator/bridge/status/explain-error.ts';
import { SETTLING, type StateRecorder } from '#operator/bridge/status/source-state.ts';
import type { AdmitNotices, ObjectNotice, Outcome } from '#operator/bridge/types.ts';
import type { Arrivals } from './arrivals.ts';
import { buildUpload } from './build-upload.ts';
import type { ObjectRules } from './object-rules.ts';
import { noticeId, type RetryQueue } from './retry-queue.ts';
import { type ObjectVersion, uploadName } from './upload-name.ts';

export interface AdmissionDeps {
  source: UploadSource;
  rules: ObjectRules;
  client: Pick<KubeClient, 'create'>;
  arrivals: Arrivals;
  /** Null when it is gone. @throws Fault */
  head(place: { key: string; versionId: string | null }, signal: AbortSignal): Promise<ObjectVersion | null>;
  /** Before the first creation: the count of what was made before. @throws Fault */
  recount(): Promise<void>;
  recorder: StateRecorder;
  retries: RetryQueue;
  clock: Clock;
  /** Told how long it took from the event to the resource. */
  onCreated?: ((seconds: number) => void) | undefined;
}

/** Of one source: heads and creations at a time. */
const CONCURRENCY = 8;
/** So many are named before their arrivals are written. */
const BATCH = 100;
const CREATE_MS = 15_000;
const SFTP_SETTLE_SECONDS = 10;

interface Candidate {
  notice: ObjectNotice;
  name: string;
  schemaName: string;
  version: ObjectVersion;
}

type Step = { outcome: Outcome } | { candidate: Candidate };

export function createAdmission(deps: AdmissionDeps): AdmitNotices {
  const gate = createSemaphore(CONCURRENCY);
  return async (notices, signal) => {
    const outcomes: Outcome[] = [];
    for (let at = 0; at < notices.length; at += BATCH) {
      outcomes.push(...(await admitBatch(deps, notices.slice(at, at + BATCH), { gate, signal })));
    }
    return outcomes;
  };
}

interface Turn {
  gate: Semaphore;
  signal: AbortSignal;
}

async function admitBatch(deps: AdmissionDeps, notices: readonly ObjectNotice[], turn: Turn): Promise<Outcome[]> {
  // What nobody ends any more would be a lag for ever.
  turn.signal.throwIfAborted();
  for (const notice of notices) deps.recorder.begin(noticeId(notice), beganAt(deps, notice));
  const steps = await Promise.all(notices.map((notice) => identify(deps, notice, turn)));
  turn.signal.throwIfAborted();
  const outcomes = await create(deps, steps, turn);
  for (const [at, outcome] of outcomes.entries()) conclude(deps, notices[at]!, outcome);
  return outcomes.map(({ outcome }) => outcome);
}

type Concluded = { outcome: Outcome; retryInMs?: number };

function conclude({ recorder, retries }: AdmissionDeps, notice: ObjectNotice, { outcome, retryInMs }: Concluded): void {
  if (outcome.kind === 'Later') retries.put(notice, retryInMs ?? null);
  else retries.drop(notice);
  recorder.end(noticeId(notice), notice, outcome);
}

/** From when on the lag of an object counts: not while it is meant to settle. */
function beganAt({ source, clock }: AdmissionDeps, { lastModified, event }: ObjectNotice): number {
  const now = clock.now();
  const time = lastModified ?? Date.parse(event?.time ?? '');
  return Number.isNaN(time) ? now : Math.min(now, time) + settleMs(source);
}

export function settleMs({ spec }: UploadSource): number {
  return (spec.settleSeconds ?? (spec.sftp ? SFTP_SETTLE_SECONDS : 0)) * 1000;
}

/** How long an object has still to be left alone, in ms; a storage whose clock is ahead does not make it longer. */
export function settlesIn(source: UploadSource, lastModified: number, now: number): number {
  // A fetched file has settled on its server.
  if (source.spec.sftp) return 0;
  const ms = settleMs(source);
  return Math.max(0, Math.min(ms, lastModified + ms - now));
}

async function identify(deps: AdmissionDeps, notice: ObjectNotice, turn: Turn): Promise<Step | Concluded> {
  const { bucket, key, alternativeKey } = notice;
  let last: Concluded | null = null;
  for (const reading of alternativeKey === undefined ? [key] : [key, alternativeKey]) {
    const judgement = deps.rules.judge({ bucket, key: reading });
    // Of two readings the first one that is meant says what is wrong.
    if (!judgement.meant) {
      last ??= ignored(judgement);
      continue;
    }
    try {
      const step = await lookAt(deps, { ...notice, key: reading }, { ...turn, schemaName: judgement.schemaName });
      if (step !== null) return step;
      last = ignored({ reason: 'ObjectNotFound', message: 'It is not there any more.' });
    } catch (error) {
      turn.signal.throwIfAborted();
      return { outcome: { kind: 'Later', ...explainError(error) } };
    }
  }
  return last!;
}

/** Null when there is no such object. @throws Fault, KubeError */
async function lookAt(
  deps: AdmissionDeps,
  notice: ObjectNotice,
  { gate, signal, schemaName }: Turn & { schemaName: string },
): Promise<Step | Concluded | null> {
  const { rules, source, clock } = deps;
  const version = await gate.run(() => {
    signal.throwIfAborted();
    return deps.head(notice, signal);
  });
  if (version === null) return null;
  const refusal = rules.judgeSize(version.size);
  if (refusal) return ignored(refusal);
  const waitMs = settlesIn(source, version.lastModified, clock.now());
  if (waitMs > 0) return settling(waitMs);
  if (settleMs(source) > 0 && notice.versionId && (await isReplaced(deps, notice, version, signal))) {
    return ignored({ reason: 'Replaced', message: 'Another version took its place before it had settled.' });
  }
  const { bucket, key } = notice;
  const name = uploadName(source.metadata.name, { schemaName, bucket, key, version });
  return { candidate: { notice, name, schemaName, version } };
}

/** A version that a newer one followed sooner than it takes to settle. */
async function isReplaced(
  { head, source }: AdmissionDeps,
  { key }: ObjectNotice,
  version: ObjectVersion,
  signal: AbortSignal,
): Promise<boolean> {
  const latest = await head({ key, versionId: null }, signal);
  if (latest === null || latest.versionId === version.versionId) return false;
  return latest.lastModified - version.lastModified < settleMs(source);
}

async function create(deps: AdmissionDeps, steps: readonly (Step | Concluded)[], turn: Turn): Promise<Concluded[]> {
  const candidates = uniqueCandidates(steps);
  const byName = candidates.size === 0 ? new Map<string, Outcome>() : await createNew(deps, candidates, turn);
  const told = new Set<string>();
  return steps.map((step) => {
    if ('outcome' in step) return step;
    const { name } = step.candidate;
    const outcome = byName.get(name)!;
    // Two notices of one version made one upload.
    const repeated = outcome.kind === 'Created' && told.has(name);
    told.add(name);
    return { outcome: repeated ? { kind: 'Known', name } : outcome };
  });
}

function uniqueCandidates(steps: readonly (Step | Concluded)[]): Map<string, Candidate> {
  const unique = new Map<string, Candidate>();
  for (const step of steps) {
    if ('candidate' in step && !unique.has(step.candidate.name)) unique.set(step.candidate.name, step.candidate);
  }
  return unique;
}

async function createNew(
  deps: AdmissionDeps,
  candidates: ReadonlyMap<string, Candidate>,
  turn: Turn,
): Promise<Map<string, Outcome>> {
  const outcomes = new Map<string, Outcome>();
  let known: Set<string>;
  let uncovered: Set<string>;
  try {
    await deps.recount();
    known = await deps.arrivals.known([...candidates.keys()]);
    uncovered = await findUncovered(
      deps,
      [...candidates.values()].filter(({ name }) => !known.has(name)),
    );
    deps.recorder.problem('ledger', null);
  } catch (error) {
    const why = explainError(error);
    deps.recorder.problem('ledger', why);
    for (const name of candidates.keys()) outcomes.set(name, { kind: 'Later', ...why });
    return outcomes;
  }
  const fresh: Candidate[] = [];
  for (const candidate of candidates.values()) {
    if (known.has(candidate.name)) outcomes.set(candidate.name, { kind: 'Known', name: candidate.name });
    else if (uncovered.has(candidate.name)) outcomes.set(candidate.name, ignored(UNCOVERED).outcome);
    else fresh.push(candidate);
  }
  // Of one key one after the other, the oldest first.
  await Promise.all(
    groupByKey(fresh).map(async (group) => {
      for (const candidate of group)
        outcomes.set(candidate.name, await turn.gate.run(() => createOne(deps, candidate, turn)));
    }),
  );
  return outcomes;
}

const UNCOVERED = {
  reason: 'Replaced',
  message: 'It is older than a version of it that arrived before and is deleted now. To load it, apply a BatchUpload.',
} as const;

/**
 * Names of those that are only there because a newer version was deleted, as after it was loaded: rows of an older file must
 * not take the place of newer ones. An event that names the version means it.
 */
async function findUncovered({ arrivals }: AdmissionDeps, candidates: readonly Candidate[]): Promise<Set<string>> {
  const latest = candidates.filter(({ notice, version }) => notice.versionId === null && version.versionId !== null);
  if (latest.length === 0) return new Set();
  const outdated = await arrivals.outdated(latest.map(({ notice: { key }, version }) => ({ key, version })));
  return new Set(latest.filter((_, at) => outdated[at]).map(({ name }) => name));
}

function groupByKey(candidates: readonly Candidate[]): Candidate[][] {
  const groups = Map.groupBy(candidates, ({ notice }) => notice.key);
  return [...groups.values()].map((group) =>
    group.sort(({ notice: { sequencer: a } }, { notice: { sequencer: b } }) =>
      a === null || b === null ? 0 : compareSequencers(a, b),
    ),
  );
}

/** Created is what was written into the ledger for the first time: also what a process created that was killed then. */
async function createOne(deps: AdmissionDeps, candidate: Candidate, { signal }: Turn): Promise<Outcome> {
  const { source, client, arrivals, clock } = deps;
  const { notice, name, schemaName, version } = candidate;
  const { bucket, key, event } = notice;
  try {
    signal.throwIfAborted();
    await createUpload(client, buildUpload(source, { name, schemaName, key, version, event }), signal);
    // Not to be given up half-way: the resource is there.
    const isNew = await arrivals.record({ name, schemaName, bucket, key, version, event });
    if (!isNew) return { kind: 'Known', name };
    const since = Date.parse(event?.time ?? '');
    if (!Number.isNaN(since)) deps.onCreated?.(Math.max(0, clock.now() - since) / 1000);
    return { kind: 'Created', name };
  } catch (error) {
    signal.throwIfAborted();
    return { kind: 'Later', ...explainError(error) };
  }
}

async function createUpload(
  client: Pick<KubeClient, 'create'>,
  upload: NewObject<BatchUpload>,
  signal: AbortSignal,
): Promise<void> {
  try {
    await client.create(BATCH_UPLOADS, upload, { signal, timeoutMs: CREATE_MS });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}

function ignored({ reason, message }: { reason: IgnoredReason; message: string }): Concluded {
  return { outcome: { kind: 'Ignored', reason, message } };
}

function settling(ms: number): Concluded {
  const message = `It is looked at again when it has not changed for spec.settleSeconds, in ${Math.ceil(ms / 1000)} s.`;
  return { outcome: { kind: 'Later', reason: SETTLING, message }, retryInMs: ms };
}
