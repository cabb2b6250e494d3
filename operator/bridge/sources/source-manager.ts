/** One runner for each source and generation of its spec: started, ended and replaced as the resources change. */
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
import { findQueueRivals } from './queue-owner.ts';
import { mainActivity, type RunSourceDeps, runSource } from './run-source.ts';

export interface SourceManagerDeps extends RunSourceDeps {
  sources: Pick<Reflector<UploadSource>, 'values' | 'subscribe' | 'get'>;
  writer: StatusWriter;
  events: Pick<EventRecorder, 'record'>;
  allow: SourceAllowList;
  /** First lists of a process that has just started are spread over so long; 5 s when absent. */
  spreadMs?: number;
}

export interface SourceManager {
  /** Until aborted; then all receivers have ended. */
  run(signal: AbortSignal): Promise<void>;
  /** What is known of the sources, for metrics. */
  states(): IterableIterator<[string, SourceState]>;
}

/** A runner that does not end is left behind: two of them make no upload twice. */
const END_MS = 10_000;
const SPREAD_MS = 5_000;

interface Entry {
  uid: string;
  /** Of what it was started for; see `signatureOf`. */
  signature: string;
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
      const look = () => {
        scheduled = false;
        if (!signal.aborted) reconsider(deps, entries, { signal, spreadMs });
        spreadMs = 0;
      };
      // A list brings all of them at once: they are looked at together, since one queue has one owner.
      const schedule = () => {
        if (!scheduled) setImmediate(look);
        scheduled = true;
      };
      const unsubscribe = deps.sources.subscribe({
        onAdd: schedule,
        onUpdate: (source, previous) => {
          // Our own statuses come back too.
          if (source.metadata?.generation !== previous.metadata?.generation || isEnding(source)) schedule();
        },
        onDelete: schedule,
      });
      await aborted(signal);
      unsubscribe();
      await Promise.all([...entries.values()].map((entry) => end(deps, entry)));
    },
  };
}

function reconsider(
  deps: SourceManagerDeps,
  entries: Map<string, Entry>,
  turn: { signal: AbortSignal; spreadMs: number },
): void {
  const wanted = new Map<string, UploadSource>();
  for (const source of deps.sources.values()) if (!isEnding(source)) wanted.set(keyOf(source), source);
  for (const [key, entry] of entries) {
    if (wanted.get(key)?.metadata?.uid === entry.uid) continue;
    entry.stop.abort(new Error('the source is gone'));
    entries.delete(key);
    deps.writer.forget(key);
    deps.metrics.lag.remove(labelsOf(key));
  }
  const enabled = [...wanted.values()].filter(({ metadata }) => deps.allow.namespaces.includes(metadata.namespace));
  const rivals = findQueueRivals(enabled);
  for (const [key, source] of wanted) {
    const stopped = stoppedBy(source, rivals.get(key));
    const signature = JSON.stringify([source.metadata?.generation, stopped]);
    const known = entries.get(key);
    if (known?.signature !== signature)
      entries.set(key, start(deps, { key, source, signature, stopped, known, ...turn }));
  }
}

function stoppedBy({ spec }: UploadSource, rival: string | undefined): Explanation | null {
  if (spec.suspend) return { reason: 'Suspended', message: 'spec.suspend is true: nothing is created.' };
  if (rival === undefined) return null;
  return {
    reason: 'QueueTaken',
    message: `The queue belongs to the older UploadSource ${rival}: a queue has one owner. Give this one a queue of its own, or delete the other.`,
  };
}

interface Start {
  key: string;
  source: UploadSource;
  signature: string;
  stopped: Explanation | null;
  known: Entry | undefined;
  signal: AbortSignal;
  spreadMs: number;
}

function start(deps: SourceManagerDeps, { key, source, signature, stopped, known, signal, spreadMs }: Start): Entry {
  const { log, writer } = deps;
  const accepted = acceptSource(source, deps.allow);
  const refused = 'refused' in accepted ? accepted.refused : null;
  known?.stop.abort(new Error('the source has changed'));
  const state = known?.state ?? createSourceState(source);
  const recorder = createStateRecorder(deps, { key, source, state });
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const main = mainActivity(source);
  const begin = async () => {
    await (known && ended(deps, known));
    // What the one before said of itself at its end is not true of this one.
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
    { key, generation: source.metadata?.generation, refused: refused?.reason, stopped: stopped?.reason },
    'source',
  );
  const taken = stopped !== null && !source.spec.suspend;
  const done = taken || 'refused' in accepted ? begin() : run(accepted.rules);
  const guarded = done.catch((err: unknown) => {
    if (either.aborted) return;
    // A defect: every loop of a runner handles its own errors.
    log.error({ err, key }, 'a source ended by an error');
    state.stopped = { reason: 'InternalError', message: 'The bridge has a defect; its log says more.' };
    recorder.failed(key, state.stopped);
  });
  return { uid: source.metadata.uid, signature, state, recorder, stop, done: guarded };
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
  await ended(deps, entry);
}

async function ended({ clock }: SourceManagerDeps, { done }: Entry): Promise<void> {
  const enough = new AbortController();
  await Promise.race([done, sleep(clock, END_MS, enough.signal)]);
  enough.abort();
}

export function labelsOf(key: string): { namespace: string; source: string } {
  const [namespace = '', source = ''] = key.split('/');
  return { namespace, source };
}

const isEnding = ({ metadata }: UploadSource) => metadata?.deletionTimestamp !== undefined;
