/** Writes the statuses of all sources: of each one patch in a few seconds at most, and only what has changed. */
import type { UploadSourceStatus } from '#api/upload-source.gen.ts';
import { backoffMs } from '#common/backoff.ts';
import { type Clock, sleep } from '#common/clock.ts';
import type { Logger } from '#common/log.ts';
import { createSemaphore } from '#common/semaphore.ts';
import { BRIDGE_FIELD_MANAGER, UPLOAD_SOURCES, type UploadSource } from '#kube/custom-resources.ts';
import { isNotFound } from '#kube/errors.ts';
import type { EventRecorder, KubeClient } from '#kube/types.ts';
import type { SourceState } from './source-state.ts';
import { buildSourceStatus, isWorthWriting, lagSeconds } from './source-status.ts';
import { warningsOf } from './status-warnings.ts';

export interface StatusWriterDeps {
  client: Pick<KubeClient, 'applyStatus'>;
  events: Pick<EventRecorder, 'record'>;
  clock: Clock;
  log: Logger;
  /** Between two writes of one source; 5 s when absent. */
  intervalMs?: number;
  onWritten?: (() => void) | undefined;
}

export interface StatusWriter {
  /** From now on this is the source, and this is what is known of it. */
  track(key: string, source: UploadSource, state: SourceState): void;
  forget(key: string): void;
  /** Something may be different. */
  touch(key: string): void;
  run(signal: AbortSignal): Promise<void>;
  /** Writes what has not been written yet, once. */
  flush(signal: AbortSignal): Promise<void>;
}

interface Tracked {
  source: UploadSource;
  state: SourceState;
  /** What we wrote last; the cache may have an older one. */
  status: UploadSourceStatus | undefined;
  dirty: boolean;
  /** Of the next write; monotonic, ms. */
  notBefore: number;
  /** When it is looked at although nobody has touched it; infinite while there is no lag. */
  lookAt: number;
  failures: number;
}

const WRITES = 4;
const WRITE_MS = 10_000;
/** A lag grows by itself. */
const LAG_MS = 10_000;

export function createStatusWriter(deps: StatusWriterDeps): StatusWriter {
  const { clock, log, intervalMs = 5_000 } = deps;
  const tracked = new Map<string, Tracked>();
  const gate = createSemaphore(WRITES);
  let wake = () => {};

  async function write(key: string, entry: Tracked, signal: AbortSignal): Promise<void> {
    entry.dirty = false;
    entry.notBefore = clock.monotonic() + intervalMs;
    const { source, state } = entry;
    const now = clock.now();
    entry.lookAt = lagSeconds(state, now) > 0 ? clock.monotonic() + LAG_MS : Number.POSITIVE_INFINITY;
    // Also what cannot be made into a status: one source must not end the bridge of all.
    try {
      const status = buildSourceStatus({ source: { ...source, status: entry.status ?? {} }, state, now });
      if (!isWorthWriting(entry.status, status)) return;
      const { name, namespace, uid } = source.metadata;
      const object = { metadata: { name, namespace, uid }, status } as UploadSource;
      const options = { fieldManager: BRIDGE_FIELD_MANAGER, force: true, signal, timeoutMs: WRITE_MS };
      await deps.client.applyStatus(UPLOAD_SOURCES, object, options);
      deps.onWritten?.();
      for (const why of warningsOf(entry.status, status))
        deps.events.record(targetOf(source), { type: 'Warning', ...why });
      entry.status = status;
      entry.failures = 0;
    } catch (error) {
      // Deleted meanwhile: its event is on the way.
      if (isNotFound(error)) return;
      entry.dirty = true;
      if (signal.aborted) return;
      entry.failures += 1;
      entry.notBefore = clock.monotonic() + backoffMs(entry.failures, { baseMs: intervalMs, maxMs: 60_000 });
      log.warn({ err: error, key, failures: entry.failures }, 'a status could not be written');
    }
  }

  return {
    track(key, source, state) {
      const known = tracked.get(key);
      const same = known?.source.metadata?.uid === source.metadata?.uid ? known : undefined;
      tracked.set(key, {
        ...{ source, state, dirty: true },
        status: same ? same.status : source.status,
        notBefore: same?.notBefore ?? 0,
        lookAt: Number.POSITIVE_INFINITY,
        failures: same?.failures ?? 0,
      });
      wake();
    },
    forget: (key) => void tracked.delete(key),
    touch(key) {
      const entry = tracked.get(key);
      if (entry === undefined || entry.dirty) return;
      entry.dirty = true;
      wake();
    },
    async run(signal) {
      while (!signal.aborted) {
        const now = clock.monotonic();
        const due = [...tracked].filter(([, entry]) => dueAt(entry) <= now);
        if (due.length > 0) {
          await Promise.all(due.map(([key, entry]) => gate.run(() => write(key, entry, signal))));
          continue;
        }
        // Nothing is awaited between the look and the wait: what is touched meanwhile would not be noticed.
        const next = Math.min(...[...tracked.values()].map(dueAt));
        await waitFor(Number.isFinite(next) ? next - now : null);
      }

      async function waitFor(ms: number | null): Promise<void> {
        const awake = new AbortController();
        wake = () => awake.abort();
        // A day is as good as for ever.
        await sleep(clock, ms ?? 86_400_000, AbortSignal.any([signal, awake.signal]));
      }
    },
    async flush(signal) {
      const dirty = [...tracked].filter(([, entry]) => entry.dirty);
      await Promise.all(dirty.map(([key, entry]) => gate.run(() => write(key, entry, signal))));
    },
  };
}

function dueAt({ dirty, notBefore, lookAt }: Tracked): number {
  return Math.max(notBefore, dirty ? 0 : lookAt);
}

export function targetOf({ metadata }: UploadSource) {
  const { name, namespace, uid } = metadata;
  return {
    apiVersion: 'batchupload.dev/v1alpha1',
    kind: 'UploadSource',
    metadata: { name, namespace, uid },
  };
}
