/**
 * Turns notices into BatchUploads: one upload for each object version and schema, however often a notice is repeated.
 * The steps for each notice: judge the key, send a HEAD request, judge the size, wait for the quiet period, derive the
 * upload's name; then, for a whole batch, ask the ledger which names are known, and which objects are outdated; then
 * create each new resource and record its arrival in the ledger. Where files have to wait for their turn, the ledger gets
 * the file instead, and the feed (feed/run-feed.ts) creates the resource. An admission that was interrupted is not resumed:
 * the next notice of the same version repeats every step. A repetition makes no second upload, since the ledger or the API
 * server already has the name.
 */
import type { IgnoredReason } from '#api/upload-source-conditions.ts';
import type { Clock } from '#common/clock.ts';
import { createSemaphore, type Semaphore } from '#common/semaphore.ts';
import type { UploadSource } from '#kube/custom-resources.ts';
import type { KubeClient } from '#kube/types.ts';
import { compareSequencers } from '#operator/bridge/events/sequencer.ts';
import type { AdmitNotices, ObjectNotice, Outcome } from '#operator/bridge/model/types.ts';
import { explainError } from '#operator/bridge/status/explain-error.ts';
import { SETTLING, type StateRecorder } from '#operator/bridge/status/source-state.ts';
import type { ObjectVersion } from '#operator/bridge/storage/storage-calls.ts';
import type { Arrivals, NewArrival } from './arrivals.ts';
import { createAndRecord } from './create-upload.ts';
import type { ObjectRules } from './object-rules.ts';
import { quietPeriodLeftMs, quietPeriodMs } from './quiet-period.ts';
import { noticeId, type RetryQueue } from './retry-queue.ts';
import { uploadName } from './upload-name.ts';

export interface AdmissionDeps {
  source: UploadSource;
  rules: ObjectRules;
  client: Pick<KubeClient, 'create'>;
  arrivals: Arrivals;
  /** Notes files that have to wait for their turn; null where each file becomes an upload at once. @throws Fault */
  enqueue: ((files: readonly NewArrival[]) => Promise<void>) | null;
  /** Null when the object does not exist. @throws Fault */
  head(place: { key: string; versionId: string | null }, signal: AbortSignal): Promise<ObjectVersion | null>;
  /** Called before every creation, so that uploads of an earlier process are counted first. @throws Fault */
  recount(): Promise<void>;
  recorder: StateRecorder;
  retries: RetryQueue;
  clock: Clock;
  /** Called with the seconds between the event and the creation of its upload. */
  onCreated?: ((secondsSinceEvent: number) => void) | undefined;
}

/** The HEAD requests and creations that one source makes at the same time. */
const CONCURRENCY = 8;
/** The notices that are looked up in the ledger together. */
const BATCH = 100;

interface Candidate {
  notice: ObjectNotice;
  name: string;
  schemaName: string;
  version: ObjectVersion;
}

/** The final answer for a notice. `retryInMs` replaces the backoff of a `Later`. */
type Conclusion = { outcome: Outcome; retryInMs?: number };

/** The result of inspecting one notice: an answer, or an upload that may have to be created. */
type Step = Conclusion | { candidate: Candidate };

/** What all steps of one call share. */
interface Round {
  gate: Semaphore;
  signal: AbortSignal;
}

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

async function admitBatch(deps: AdmissionDeps, notices: readonly ObjectNotice[], round: Round): Promise<Outcome[]> {
  // An object that begins after the abort would never end, and its lag would grow for ever.
  round.signal.throwIfAborted();
  for (const notice of notices) deps.recorder.begin(noticeId(notice), lagStartsAt(deps, notice));
  const steps = await Promise.all(notices.map((notice) => identify(deps, notice, round)));
  round.signal.throwIfAborted();
  const conclusions = await create(deps, steps, round);
  for (const [at, conclusion] of conclusions.entries()) conclude(deps, notices[at]!, conclusion);
  return conclusions.map(({ outcome }) => outcome);
}

function conclude(
  { recorder, retries }: AdmissionDeps,
  notice: ObjectNotice,
  { outcome, retryInMs }: Conclusion,
): void {
  if (outcome.kind === 'Later') retries.put(notice, retryInMs ?? null);
  else retries.drop(notice);
  recorder.end(noticeId(notice), notice, outcome);
}

/** The lag of an object counts from the end of its quiet period. Wall clock, ms. */
function lagStartsAt({ source, clock }: AdmissionDeps, { lastModified, event }: ObjectNotice): number {
  const now = clock.now();
  const time = lastModified ?? Date.parse(event?.time ?? '');
  return Number.isNaN(time) ? now : Math.min(now, time) + quietPeriodMs(source);
}

async function identify(deps: AdmissionDeps, notice: ObjectNotice, round: Round): Promise<Step> {
  const { bucket, key, alternativeKey } = notice;
  let last: Conclusion | null = null;
  for (const reading of alternativeKey === undefined ? [key] : [key, alternativeKey]) {
    const judgement = deps.rules.judge({ bucket, key: reading });
    if (!judgement.accepted) {
      // The refusal of the first reading is reported, unless the rules accept the other reading.
      last ??= ignored(judgement);
      continue;
    }
    try {
      const step = await inspectObject(
        deps,
        { ...notice, key: reading },
        { ...round, schemaName: judgement.schemaName },
      );
      if (step !== null) return step;
      last = ignored({
        reason: 'ObjectNotFound',
        message: 'The object does not exist any more. Put it into the bucket again to load it.',
      });
    } catch (error) {
      round.signal.throwIfAborted();
      return { outcome: { kind: 'Later', ...explainError(error) } };
    }
  }
  return last!;
}

/** Null when there is no such object. @throws Fault, KubeError */
async function inspectObject(
  deps: AdmissionDeps,
  notice: ObjectNotice,
  { gate, signal, schemaName }: Round & { schemaName: string },
): Promise<Step | null> {
  const { rules, source, clock } = deps;
  const version = await gate.run(() => {
    signal.throwIfAborted();
    return deps.head(notice, signal);
  });
  if (version === null) return null;
  const refusal = rules.judgeSize(version.size);
  if (refusal) return ignored(refusal);
  const waitMs = quietPeriodLeftMs(source, version.lastModified, clock.now());
  if (waitMs > 0) return inQuietPeriod(waitMs);
  if (quietPeriodMs(source) > 0 && notice.versionId && (await isReplaced(deps, notice, version, signal))) {
    return ignored({
      reason: 'Replaced',
      message: 'A newer version replaced this one within spec.settleSeconds. Only the newer version is considered.',
    });
  }
  const { bucket, key } = notice;
  const name = uploadName(source.metadata.name, { schemaName, bucket, key, version });
  return { candidate: { notice, name, schemaName, version } };
}

/** Did the latest version follow this version within the quiet period? */
async function isReplaced(
  { head, source }: AdmissionDeps,
  { key }: ObjectNotice,
  version: ObjectVersion,
  signal: AbortSignal,
): Promise<boolean> {
  const latest = await head({ key, versionId: null }, signal);
  if (latest === null || latest.versionId === version.versionId) return false;
  return latest.lastModified - version.lastModified < quietPeriodMs(source);
}

async function create(deps: AdmissionDeps, steps: readonly Step[], round: Round): Promise<Conclusion[]> {
  const candidates = uniqueCandidates(steps);
  const byName = candidates.size === 0 ? new Map<string, Outcome>() : await createNew(deps, candidates, round);
  const reported = new Set<string>();
  return steps.map((step) => {
    if ('outcome' in step) return step;
    const { name } = step.candidate;
    const outcome = byName.get(name)!;
    // When two notices of a batch name one version, only the first notice reports the upload as created.
    const repeated = outcome.kind === 'Created' && reported.has(name);
    reported.add(name);
    return { outcome: repeated ? { kind: 'Known', name } : outcome };
  });
}

function uniqueCandidates(steps: readonly Step[]): Map<string, Candidate> {
  const unique = new Map<string, Candidate>();
  for (const step of steps) {
    if ('candidate' in step && !unique.has(step.candidate.name)) unique.set(step.candidate.name, step.candidate);
  }
  return unique;
}

async function createNew(
  deps: AdmissionDeps,
  candidates: ReadonlyMap<string, Candidate>,
  round: Round,
): Promise<Map<string, Outcome>> {
  const outcomes = new Map<string, Outcome>();
  let fresh: Candidate[];
  try {
    await deps.recount();
    fresh = await setKnownAside(deps, candidates, outcomes);
    if (deps.enqueue !== null) {
      await deps.enqueue(fresh.map(toArrival));
      for (const { name } of fresh) outcomes.set(name, { kind: 'Waiting', name });
    }
    deps.recorder.problem('ledger', null);
  } catch (error) {
    const why = explainError(error);
    deps.recorder.problem('ledger', why);
    for (const name of candidates.keys()) outcomes.set(name, { kind: 'Later', ...why });
    return outcomes;
  }
  if (deps.enqueue !== null) return outcomes;
  // The versions of one key are created one after the other, in the order of their sequencers.
  await Promise.all(
    groupByKey(fresh).map(async (group) => {
      for (const candidate of group)
        outcomes.set(candidate.name, await round.gate.run(() => createOne(deps, candidate, round)));
    }),
  );
  return outcomes;
}

/** Puts the outcomes of candidates that the ledger knows, or refuses, into `outcomes`. @returns the others. */
async function setKnownAside(
  deps: AdmissionDeps,
  candidates: ReadonlyMap<string, Candidate>,
  outcomes: Map<string, Outcome>,
): Promise<Candidate[]> {
  const known = await deps.arrivals.known([...candidates.keys()]);
  const unknown = [...candidates.values()].filter(({ name }) => !known.has(name));
  const waiting = await deps.arrivals.waiting(unknown.map(({ name }) => name));
  const others = unknown.filter(({ name }) => !waiting.has(name));
  const uncovered = await findUncovered(deps, others);
  for (const name of known) outcomes.set(name, { kind: 'Known', name });
  for (const [name, state] of waiting) {
    if (state.isRefused) outcomes.set(name, { kind: 'Ignored', reason: state.reason, message: state.message });
    else outcomes.set(name, { kind: 'Waiting', name });
  }
  for (const name of uncovered) outcomes.set(name, ignored(UNCOVERED).outcome);
  return others.filter(({ name }) => !uncovered.has(name));
}

const UNCOVERED = {
  reason: 'Replaced',
  message:
    'A newer version of this object arrived before and was deleted since, so that this older version is the latest again. ' +
    'It is not loaded, since its rows would replace newer ones. To load it all the same, apply a BatchUpload for it.',
} as const;

/**
 * The names of candidates that are the latest version only because a newer version was deleted, as after that version
 * was loaded. Rows of an older file must not replace newer rows. A notice that names its version is exempt.
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

async function createOne(deps: AdmissionDeps, candidate: Candidate, { signal }: Round): Promise<Outcome> {
  const { name } = candidate;
  try {
    return { kind: (await createAndRecord(deps, toArrival(candidate), signal)) ? 'Created' : 'Known', name };
  } catch (error) {
    signal.throwIfAborted();
    return { kind: 'Later', ...explainError(error) };
  }
}

function toArrival({ name, schemaName, version, notice: { bucket, key, event } }: Candidate): NewArrival {
  return { name, schemaName, bucket, key, version, event };
}

function ignored({ reason, message }: { reason: IgnoredReason; message: string }): Conclusion {
  return { outcome: { kind: 'Ignored', reason, message } };
}

function inQuietPeriod(ms: number): Conclusion {
  const message = `The object changed less than spec.settleSeconds ago. The bridge tries again in ${Math.ceil(ms / 1000)} s.`;
  return { outcome: { kind: 'Later', reason: SETTLING, message }, retryInMs: ms };
}
