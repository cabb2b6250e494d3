/**
 * Starts, replaces and ends the runs of UploadSources as the resources change: one run for each source and generation.
 */
import type { Explanation } from '#api/explanation.ts';
import { aborted, jitter, sleep } from '#common/clock.ts';
import type { UploadSource } from '#kube/custom-resources.ts';
import { keyOf } from '#kube/object-cache.ts';
import type { EventRecorder, Reflector } from '#kube/types.ts';
import type { ObjectRules } from '#operator/bridge/admission/object-rules.ts';
import {
  createRecorder,
  createSourceState,
  restartState,
  type SourceState,
  type StateRecorder,
} from '#operator/bridge/status/source-state.ts';
import { type StatusWriter, targetOf } from '#operator/bridge/status/status-writer.ts';
import { acceptSource, type SourceAllowList } from './accept-source.ts';
import { findQueueRivals, type QueueClaim, queueOf } from './queue-owner.ts';
import { mainActivity, type RunSourceDeps, runSource } from './run-source.ts';

export interface SourceManagerDeps extends RunSourceDeps {
  sources: Pick<Reflector<UploadSource>, 'values' | 'subscribe' | 'get'>;
  writer: StatusWriter;
  events: Pick<EventRecorder, 'record'>;
  allow: SourceAllowList;
  /** Time over which a process that has just started spreads the first lists of its sources; 5 s when absent. */
  spreadMs?: number;
}

export interface SourceManager {
  /** Runs until the signal aborts, and returns when all runs have ended. */
  run(signal: AbortSignal): Promise<void>;
  /** The state of each source by `namespace/name`, for metrics. */
  states(): IterableIterator<[string, SourceState]>;
}

/** A run that does not end within this time is abandoned: two runs of one source make no upload twice. */
const END_MS = 10_000;
const SPREAD_MS = 5_000;

interface Entry {
  uid: string;
  /** The generation of the spec and the reason to stop, as JSON: a run is replaced when its signature changes. */
  signature: string;
  /** The queue that the source names; null when it names none. */
  queue: string | null;
  state: SourceState;
  recorder: StateRecorder;
  stop: AbortController;
  done: Promise<void>;
}

export function createSourceManager(deps: SourceManagerDeps): SourceManager {
  const entries = new Map<string, Entry>();
  return {
    states: () => entries.entries().map(([key, { state }]) => [key, state] as [string, SourceState]),
    async run(signal) {
      let scheduled = false;
      let { spreadMs = SPREAD_MS } = deps;
      const reconcile = () => {
        scheduled = false;
        if (!signal.aborted) reconcileRuns(deps, entries, { signal, spreadMs, onQueue: schedule });
        spreadMs = 0;
      };
      // A list delivers all sources at once. They are reconciled together, since the owner of a queue depends on all.
      const schedule = () => {
        if (!scheduled) setImmediate(reconcile);
        scheduled = true;
      };
      const unsubscribe = deps.sources.subscribe({
        onAdd: schedule,
        onUpdate: (source, previous) => {
          // The watch also returns the bridge's own status writes, which change no generation.
          if (source.metadata.generation !== previous.metadata.generation || isEnding(source)) schedule();
        },
        onDelete: schedule,
      });
      await aborted(signal);
      unsubscribe();
      await Promise.all([...entries.values()].map((entry) => end(deps, entry)));
    },
  };
}

function reconcileRuns(deps: SourceManagerDeps, entries: Map<string, Entry>, options: RunOptions): void {
  const desired = new Map<string, UploadSource>();
  for (const source of deps.sources.values()) if (!isEnding(source)) desired.set(keyOf(source), source);
  for (const [key, entry] of entries) {
    if (desired.get(key)?.metadata.uid === entry.uid) continue;
    entry.stop.abort(new Error('the UploadSource was deleted'));
    entries.delete(key);
    deps.writer.forget(key);
    for (const gauge of [deps.metrics.lag, deps.metrics.waiting, deps.metrics.held]) gauge.remove(labelsOf(key));
  }
  const enabled = [...desired.values()].filter(({ metadata }) => deps.allow.namespaces.includes(metadata.namespace));
  const rivals = findQueueRivals(enabled, (key) => claimOf(deps, desired.get(key)!, entries.get(key)));
  for (const [key, source] of desired) {
    const stopped = findStopReason(source, rivals.get(key));
    const signature = JSON.stringify([source.metadata.generation, stopped]);
    const previous = entries.get(key);
    if (previous?.signature !== signature)
      entries.set(key, start(deps, { key, source, signature, stopped, previous, ...options }));
  }
}

/**
 * Whatever the problem is: also a request that the server refuses for a reason that nobody knows must not keep the queue
 * from the next source. While the server is away, all fail.
 */
const isFailing = ({ problems }: SourceState): boolean => problems.has('receive');

/** Null for a source whose spec cannot be used. */
function claimOf({ allow }: SourceManagerDeps, source: UploadSource, entry: Entry | undefined): QueueClaim | null {
  if ('refused' in acceptSource(source, allow)) return null;
  if (entry !== undefined) {
    // A problem of a run for another queue says nothing of this one.
    const isSame = entry.queue === queueOf(source);
    return { received: entry.state.queue, failing: isSame && isFailing(entry.state) };
  }
  // A release before this one noted no queue, but the time of the last event.
  const { queue, lastEventTime } = source.status ?? {};
  return { received: queue ?? (lastEventTime ? queueOf(source) : null), failing: false };
}

function findStopReason({ spec }: UploadSource, queueOwner: string | undefined): Explanation | null {
  if (spec.suspend) {
    return {
      reason: 'Suspended',
      message: 'Nothing is created, since spec.suspend is true. Set it to false to go on.',
    };
  }
  if (queueOwner === undefined) return null;
  return {
    reason: 'QueueTaken',
    message: `Nothing is received, since the UploadSource ${queueOwner} receives from this queue and a queue has one owner. Name another queue in this UploadSource, or delete the other one; this one then goes on by itself.`,
  };
}

const isQueueTaken = (stopped: Explanation | null) => stopped?.reason === 'QueueTaken';

interface Start {
  key: string;
  source: UploadSource;
  signature: string;
  stopped: Explanation | null;
  /** The run that the new run replaces. */
  previous: Entry | undefined;
}

interface RunOptions {
  signal: AbortSignal;
  spreadMs: number;
  /** Called when a source has received from its queue for the first time, or has failed to. */
  onQueue: () => void;
}

function start(deps: SourceManagerDeps, options: Start & RunOptions): Entry {
  const { key, source, signature, stopped, previous, signal, spreadMs, onQueue } = options;
  const { log, writer } = deps;
  const accepted = acceptSource(source, deps.allow);
  const refused = 'refused' in accepted ? accepted.refused : null;
  previous?.stop.abort(new Error('the UploadSource has changed'));
  const state = previous?.state ?? createSourceState(source);
  const queue = queueOf(source);
  // A source that names another queue now, or that stands behind the owner, has given up what it had.
  if (state.queue !== queue || isQueueTaken(stopped)) state.queue = null;
  const recorder = watchQueue(createStateRecorder(deps, { key, source, state }), { source, state, onQueue });
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const main = mainActivity(source);
  const begin = async () => {
    await (previous && waitForEnd(deps, previous));
    // The problems that the previous run recorded while it ended do not concern this run.
    restartState(state, { refused, stopped, main });
    writer.touch(key);
  };
  const run = async (rules: ObjectRules) => {
    await begin();
    const delayMs = spreadMs > 0 ? jitter(1, spreadMs) : 0;
    const suspended = source.spec.suspend;
    await runSource(deps, { source, rules, state, recorder, delayMs, suspended }, either);
  };
  restartState(state, { refused, stopped, main });
  writer.track(key, source, state);
  log.info(
    { key, generation: source.metadata.generation, refused: refused?.reason, stopped: stopped?.reason },
    'upload source started, stopped or refused',
  );
  // A suspended source still runs: its webhook answers.
  const done = isQueueTaken(stopped) || 'refused' in accepted ? begin() : run(accepted.rules);
  const guarded = done.catch((err: unknown) => {
    if (either.aborted) return;
    // Every loop of a run handles its own errors, so that an error here is a defect of the bridge.
    log.error({ err, key }, 'the run of an upload source ended unexpectedly');
    state.stopped = {
      reason: 'InternalError',
      message:
        'The source stopped because of a defect in the bridge. Look into the log of the bridge, and report the defect.',
    };
    recorder.failed(key, state.stopped);
  });
  return { uid: source.metadata.uid, signature, queue, state, recorder, stop, done: guarded };
}

/** Notes from which queue the source has received, and tells when that changes who owns a queue. */
function watchQueue(
  recorder: StateRecorder,
  { source, state, onQueue }: { source: UploadSource; state: SourceState; onQueue: () => void },
): StateRecorder {
  const queue = queueOf(source);
  if (queue === null) return recorder;
  return {
    ...recorder,
    problem(activity, why) {
      const wasFailing = isFailing(state);
      if (activity === 'receive' && why === null && state.stopped === null) {
        if (state.queue !== queue) onQueue();
        state.queue = queue;
      }
      recorder.problem(activity, why);
      if (isFailing(state) !== wasFailing) onQueue();
    },
  };
}

function createStateRecorder(
  deps: SourceManagerDeps,
  { key, source, state }: { key: string; source: UploadSource; state: SourceState },
): StateRecorder {
  const { clock, metrics, writer, events } = deps;
  return createRecorder({
    state,
    clock,
    onChange: () => writer.touch(key),
    onWarning: (why) => events.record(targetOf(source), { type: 'Warning', ...why }),
    onOutcome: (outcome) =>
      metrics.arrivals.inc({
        outcome: outcome.kind.toLowerCase(),
        reason: 'reason' in outcome ? outcome.reason : '',
      }),
    onFailure: (activity, reason) => metrics.errors.inc({ activity, reason }),
  });
}

async function end(deps: SourceManagerDeps, entry: Entry): Promise<void> {
  entry.stop.abort(new Error('the bridge ends'));
  await waitForEnd(deps, entry);
}

async function waitForEnd({ clock }: SourceManagerDeps, { done }: Entry): Promise<void> {
  const enough = new AbortController();
  await Promise.race([done, sleep(clock, END_MS, enough.signal)]);
  enough.abort();
}

export function labelsOf(key: string): { namespace: string; source: string } {
  const [namespace = '', source = ''] = key.split('/');
  return { namespace, source };
}

const isEnding = ({ metadata }: UploadSource) => metadata.deletionTimestamp !== undefined;
