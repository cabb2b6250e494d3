/**
 * The state of a source while the process lives. The status is built from this state, and the counts begin with the
 * status that an earlier process wrote.
 */
import type { Explanation } from '#api/explanation.ts';
import type { Clock } from '#common/clock.ts';
import { cutText } from '#common/text.ts';
import type { UploadSource } from '#kube/custom-resources.ts';
import type { Activity, FeedReport, Outcome, SourceRecorder } from '#operator/bridge/model/types.ts';

export interface RecentEntry extends Explanation {
  key: string;
  /** Wall clock, ms. */
  time: number;
}

export interface SourceState {
  created: number;
  known: number;
  ignored: number;
  failing: number;
  /** Wall clock, ms. */
  lastEventTime: number | null;
  /** Wall clock, ms. */
  lastListTime: number | null;
  /** The queue from which the source has received last, see sources/queue-owner.ts; null before. */
  queue: string | null;
  lastCreated: { name: string; key: string; time: number } | null;
  recentIgnored: RecentEntry[];
  recentFailing: RecentEntry[];
  /** Why the spec cannot be used; null when it can. */
  refused: Explanation | null;
  /** Why the source does nothing although its spec can be used; null when it runs. */
  stopped: Explanation | null;
  problems: Map<Activity, Explanation>;
  /** Activities that have worked at least once since the last start. */
  working: Set<Activity>;
  /** The activity without which the source sees no files. */
  main: Activity;
  /** Objects that are being admitted or wait for another try. `since`: wall clock, ms; `why`: the last failure. */
  pending: Map<string, { since: number; why: (Explanation & { key: string }) | null }>;
  waitingSince: Map<Activity, number>;
  /** What waits for its turn; null before the first look, and for a source without an order and a limit. */
  feed: FeedReport | null;
}

export const MAX_RECENT = 10;
/** A key in the status has at most so many bytes. */
export const KEY_BYTES = 512;
/** Objects beyond this number are admitted as well, but do not show in the lag and the conditions. */
const MAX_PENDING = 10_000;

export function createSourceState({ status }: UploadSource): SourceState {
  const ms = (text: string | undefined) => (text === undefined ? null : Date.parse(text));
  const recent = (entries: readonly { key: string; reason: string; message: string; time: string }[] | undefined) =>
    (entries ?? []).map((entry) => ({ ...entry, time: Date.parse(entry.time) }));
  return {
    created: status?.created ?? 0,
    known: status?.known ?? 0,
    ignored: status?.ignored ?? 0,
    failing: status?.failing ?? 0,
    lastEventTime: ms(status?.lastEventTime),
    lastListTime: ms(status?.lastListTime),
    queue: status?.queue ?? null,
    lastCreated: status?.lastCreated ? { ...status.lastCreated, time: Date.parse(status.lastCreated.time) } : null,
    recentIgnored: recent(status?.recentIgnored),
    recentFailing: recent(status?.recentFailing),
    refused: null,
    stopped: null,
    problems: new Map(),
    working: new Set(),
    main: 'list',
    pending: new Map(),
    waitingSince: new Map(),
    feed: null,
  };
}

/** Prepares the state for a new run with another spec: earlier problems may no longer exist. */
export function restartState(state: SourceState, next: Pick<SourceState, 'refused' | 'stopped' | 'main'>): void {
  Object.assign(state, next);
  state.problems.clear();
  state.working.clear();
  state.pending.clear();
  state.waitingSince.clear();
  state.feed = null;
}

export interface StateRecorder extends SourceRecorder {
  /** Reports that an admission begins. `since`: wall clock, ms, from which the object's lag counts. */
  begin(id: string, since: number): void;
  /** Reports the outcome of an admission. A `Later` in the quiet period is no failure. */
  end(id: string, object: { key: string }, outcome: Outcome): void;
  /** Reports what waits for its turn, and why. */
  feed(report: FeedReport): void;
}

export interface RecorderDeps {
  state: SourceState;
  clock: Clock;
  /** Called after each change that the status may have to show. */
  onChange: () => void;
  onWarning: (why: Explanation) => void;
  onOutcome?: ((outcome: Outcome) => void) | undefined;
  onFailure?: ((where: Activity | 'object', reason: string) => void) | undefined;
}

export function createRecorder(deps: RecorderDeps): StateRecorder {
  const { state, clock, onChange } = deps;
  const ignored = (key: string, why: Explanation) => {
    state.ignored += 1;
    state.recentIgnored = addRecent(state.recentIgnored, { key, ...pick(why), time: clock.now() });
    onChange();
  };
  const failed = (key: string, why: Explanation) => {
    state.failing += 1;
    state.recentFailing = addRecent(state.recentFailing, { key, ...pick(why), time: clock.now() });
    deps.onFailure?.('object', why.reason);
    onChange();
  };
  return {
    event() {
      state.lastEventTime = clock.now();
      onChange();
    },
    listed() {
      state.lastListTime = clock.now();
      onChange();
    },
    ignored,
    failed,
    problem(activity, why) {
      if (why !== null) deps.onFailure?.(activity, why.reason);
      if (setProblem(state, activity, why)) onChange();
    },
    warn: deps.onWarning,
    waitingSince(activity, since) {
      if (since === null) state.waitingSince.delete(activity);
      else state.waitingSince.set(activity, since);
      onChange();
    },
    feed(report) {
      state.feed = report;
      onChange();
    },
    begin(id, since) {
      if (state.pending.has(id) || state.pending.size >= MAX_PENDING) return;
      state.pending.set(id, { since, why: null });
    },
    end(id, { key }, outcome) {
      deps.onOutcome?.(outcome);
      const pending = state.pending.get(id);
      if (outcome.kind === 'Later') {
        if (outcome.reason === SETTLING) return;
        if (pending) pending.why = { key, ...pick(outcome) };
        failed(key, outcome);
        return;
      }
      state.pending.delete(id);
      if (pending?.why) onChange();
      switch (outcome.kind) {
        case 'Created':
          state.created += 1;
          state.lastCreated = { name: outcome.name, key, time: clock.now() };
          break;
        case 'Known':
          state.known += 1;
          break;
        case 'Waiting':
          break;
        case 'Ignored':
          ignored(key, outcome);
          break;
        default:
          throw new Error(outcome satisfies never);
      }
      onChange();
    },
  };
}

/** Each object has one entry, for its latest report. */
function addRecent(entries: readonly RecentEntry[], entry: RecentEntry): RecentEntry[] {
  const others = entries.filter(({ key }) => key !== entry.key);
  return [entry, ...others].slice(0, MAX_RECENT);
}

/**
 * Counts and names the files that an earlier process refused and did not live to report. A file that is older than every
 * entry of a full list was in the list before. The status has whole seconds: of a file that was refused in the same second
 * as the oldest entry nothing tells whether it was in the list, and no file is counted twice.
 * @returns the files that were added.
 */
export function addUnreported(state: SourceState, refused: readonly RecentEntry[]): RecentEntry[] {
  const { recentIgnored } = state;
  const isOf = (key: string) => (entry: RecentEntry) => cutText(entry.key, KEY_BYTES) === cutText(key, KEY_BYTES);
  const second = ({ time }: RecentEntry) => Math.floor(time / 1000);
  const isReported = (file: RecentEntry) =>
    recentIgnored.filter(isOf(file.key)).some((entry) => entry.reason === file.reason || second(entry) >= second(file));
  const oldest = recentIgnored.length < MAX_RECENT ? Number.NEGATIVE_INFINITY : second(recentIgnored.at(-1)!);
  const unreported = refused.filter((file) => second(file) > oldest && !isReported(file));
  const added = unreported.filter(({ key }, at) => unreported.findIndex(isOf(key)) === at);
  const others = recentIgnored.filter(({ key }) => !added.some(isOf(key)));
  state.recentIgnored = [...others, ...added].toSorted((a, b) => b.time - a.time).slice(0, MAX_RECENT);
  state.ignored += added.length;
  return added;
}

/** @returns whether the state has changed */
function setProblem(state: SourceState, activity: Activity, why: Explanation | null): boolean {
  if (why !== null) {
    state.problems.set(activity, pick(why));
    return true;
  }
  const hadProblem = state.problems.delete(activity);
  if (!hadProblem && state.working.has(activity)) return false;
  state.working.add(activity);
  return true;
}

/** The reason of a `Later` for an object in its quiet period, which is no failure. */
export const SETTLING = 'Settling';

function pick({ reason, message }: Explanation): Explanation {
  return { reason, message };
}
