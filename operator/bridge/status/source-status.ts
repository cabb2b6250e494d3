/**
 * Builds the whole status of a source from its state. Pure. A status stays below 32 KiB, since every text has a limit.
 */
import { type ConditionUpdate, setCondition } from '#api/conditions.ts';
import type { Explanation } from '#api/explanation.ts';
import type { UploadSourceStatus } from '#api/upload-source.gen.ts';
import type { SourceConditionType } from '#api/upload-source-conditions.ts';
import { canonicalJson } from '#common/canonical-json.ts';
import { isoSeconds } from '#common/iso-seconds.ts';
import { cutText } from '#common/text.ts';
import type { UploadSource } from '#kube/custom-resources.ts';
import { feedRules, hasWaitingLine } from '#operator/bridge/model/feed-rules.ts';
import { KEY_BYTES, type RecentEntry, type SourceState } from './source-state.ts';

const CONDITION_BYTES = 2048;
const MESSAGE_BYTES = 256;
/** The least time between two writes for the sake of `lastListTime` alone, so that an idle source costs little. */
const LIST_STEP_MS = 300_000;

export interface StatusInput {
  source: UploadSource;
  state: SourceState;
  /** Wall clock, ms. */
  now: number;
}

export function buildSourceStatus({ source, state, now }: StatusInput): UploadSourceStatus {
  const previous = source.status ?? {};
  const generation = source.metadata.generation ?? 0;
  const at = { now: isoSeconds(now), generation };
  const waits = hasWaitingLine(feedRules(source));
  let conditions = (previous.conditions ?? []).filter(({ type }) => waits || type !== 'Waiting');
  const wasUnknown = conditions.some(({ type, status }) => type === 'Waiting' && status === 'Unknown');
  const waiting = waits ? describeWaiting(state, wasUnknown) : [];
  for (const update of [...describe(state), ...waiting]) {
    conditions = setCondition(conditions, { ...update, message: cutText(update.message, CONDITION_BYTES) }, at);
  }
  const { lastCreated } = state;
  return {
    observedGeneration: generation,
    conditions,
    ...(state.queue === null ? {} : { queue: cutText(state.queue, 1024) }),
    ...(state.lastEventTime === null ? {} : { lastEventTime: isoSeconds(state.lastEventTime) }),
    ...(state.lastListTime === null ? {} : { lastListTime: isoSeconds(state.lastListTime) }),
    ...(waits ? describeFeedCounts(state, previous) : {}),
    created: state.created,
    known: state.known,
    ignored: state.ignored,
    failing: state.failing,
    ...(lastCreated
      ? { lastCreated: { ...lastCreated, key: cutText(lastCreated.key, 1024), time: isoSeconds(lastCreated.time) } }
      : {}),
    ...(state.recentIgnored.length > 0 ? { recentIgnored: state.recentIgnored.map(toEntry) } : {}),
    ...(state.recentFailing.length > 0 ? { recentFailing: state.recentFailing.map(toEntry) } : {}),
    lagSeconds: lagSeconds(state, now),
  };
}

/**
 * Before the first look at the feed the counts of the earlier run stay. Nobody looks while the source does nothing: its
 * files wait on, but its uploads end, fail or are deleted meanwhile.
 */
function describeFeedCounts(
  { feed, refused, stopped }: SourceState,
  previous: UploadSourceStatus,
): Pick<UploadSourceStatus, 'active' | 'waiting' | 'heldBy'> {
  const { active, waiting, heldBy } = feed ? { ...feed, heldBy: feed.held?.by } : previous;
  if (refused || stopped) return waiting === undefined ? {} : { waiting };
  return {
    ...(active === undefined ? {} : { active }),
    ...(waiting === undefined ? {} : { waiting }),
    ...(heldBy === undefined ? {} : { heldBy }),
  };
}

/** The age of the oldest object or message that is not handled yet, in whole seconds. */
export function lagSeconds({ pending, waitingSince }: SourceState, now: number): number {
  let oldest = now;
  for (const { since } of pending.values()) oldest = Math.min(oldest, since);
  for (const since of waitingSince.values()) oldest = Math.min(oldest, since);
  return Math.max(0, Math.floor((now - oldest) / 1000));
}

function describe(state: SourceState): ConditionUpdate<SourceConditionType>[] {
  const { refused } = state;
  return [
    refused
      ? { type: 'Accepted', status: 'False', ...refused }
      : {
          type: 'Accepted',
          status: 'True',
          reason: 'Accepted',
          message: 'The namespace, the Secrets and the patterns of the spec can be used.',
        },
    describeReady(state),
    describeDegraded(state),
  ];
}

/** @param wasUnknown whether the condition is still the one that was written while the source did nothing. */
function describeWaiting(state: SourceState, wasUnknown: boolean): ConditionUpdate<SourceConditionType>[] {
  const { feed, problems } = state;
  const unknown = (why: Explanation) => [{ type: 'Waiting', status: 'Unknown', ...why } as const];
  const idle = whyIdle(state);
  if (idle !== null)
    return unknown({
      ...idle,
      message: `The bridge does not look at the waiting files and their BatchUploads. ${idle.message}`,
    });
  if (feed !== null) return [{ type: 'Waiting', status: feed.waiting > 0 ? 'True' : 'False', ...feed.why }];
  if (!wasUnknown) return [];
  const problem = problems.get('feed');
  if (problem) {
    return unknown({ ...problem, message: `The source has not looked at its waiting files yet. ${problem.message}` });
  }
  const message = 'The source has just been started and has not looked at its waiting files yet.';
  return unknown({ reason: 'Starting', message });
}

/** Why the source does nothing; null when it runs. */
function whyIdle({ refused, stopped }: SourceState): Explanation | null {
  return refused ? { reason: 'NotAccepted', message: refused.message } : stopped;
}

function describeReady(state: SourceState): ConditionUpdate<SourceConditionType> {
  const { main } = state;
  const not = (why: Explanation) => ({ type: 'Ready', status: 'False', ...why }) as const;
  const idle = whyIdle(state);
  if (idle) return not(idle);
  const problem = state.problems.get(main);
  if (problem) return not(problem);
  if (!state.working.has(main)) {
    const message = 'The source has just been started and has not reached its storage, queue or server yet.';
    return { type: 'Ready', status: 'Unknown', reason: 'Starting', message };
  }
  return { type: 'Ready', status: 'True', reason: 'Watching', message: 'New files become BatchUploads.' };
}

function describeDegraded(state: SourceState): ConditionUpdate<SourceConditionType> {
  const why = state.refused || state.stopped ? null : degradedBy(state);
  return why
    ? { type: 'Degraded', status: 'True', ...why }
    : { type: 'Degraded', status: 'False', reason: 'AsExpected', message: 'No problem is known.' };
}

function degradedBy({ problems, main, pending, feed }: SourceState): Explanation | null {
  for (const [activity, why] of problems) if (activity !== main) return why;
  if (feed?.held) return { reason: feed.held.reason, message: feed.held.message };
  let failing = 0;
  let example: (Explanation & { key: string }) | null = null;
  for (const { why } of pending.values()) {
    if (why === null) continue;
    failing += 1;
    example = why;
  }
  if (example === null) return null;
  const files = failing === 1 ? '1 file' : `${failing} files`;
  return {
    reason: 'FilesFailing',
    message: `${files} could not become BatchUploads yet; the bridge tries again. For example ${cutText(example.key, 200)}: ${example.reason}: ${example.message}`,
  };
}

function toEntry({ key, reason, message, time: at }: RecentEntry) {
  return {
    key: cutText(key, KEY_BYTES),
    reason: cutText(reason, 64),
    message: cutText(message, MESSAGE_BYTES),
    time: isoSeconds(at),
  };
}

/** Does the new status differ enough for a write? `lastListTime` and `lagSeconds` change all the time. */
export function isWorthWriting(before: UploadSourceStatus | undefined, after: UploadSourceStatus): boolean {
  if (before === undefined) return true;
  const { lastListTime: listedBefore, lagSeconds: lagBefore = 0, ...othersBefore } = before;
  const { lastListTime: listed, lagSeconds: lag = 0, ...others } = after;
  if (canonicalJson(othersBefore) !== canonicalJson(others)) return true;
  if (listed !== listedBefore && !(Date.parse(listed!) - Date.parse(listedBefore!) < LIST_STEP_MS)) return true;
  if (lag === 0 || lagBefore === 0 || lag < lagBefore) return lag !== lagBefore;
  return lag - lagBefore >= Math.max(5, Math.min(60, lagBefore / 10));
}
