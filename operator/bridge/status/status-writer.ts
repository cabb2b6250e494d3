/** Writes the statuses of all sources: at most one patch per source in a few seconds, and only after a change. */
import type { UploadSourceStatus } from '#api/upload-source.gen.ts';
import { backoffMs } from '#common/backoff.ts';
import { type Clock, sleep } from '#common/clock.ts';
import type { Logger } from '#common/log.ts';
import { createSemaphore } from '#common/semaphore.ts';
import { BRIDGE_FIELD_MANAGER, UPLOAD_SOURCES, type UploadSource } from '#kube/custom-resources.ts';
import { isNotFound, isSchemaRefusal } from '#kube/errors.ts';
import type { EventRecorder, KubeClient } from '#kube/types.ts';
import type { SourceState } from './source-state.ts';
import { buildSourceStatus, isWorthWriting, lagSeconds } from './source-status.ts';
import { warningsOf } from './status-warnings.ts';

export interface StatusWriterDeps {
  client: Pick<KubeClient, 'applyStatus'>;
  events: Pick<EventRecorder, 'record'>;
  clock: Clock;
  log: Logger;
  /** Time between two writes for one source; 5 s when absent. */
  intervalMs?: number;
  onWritten?: (() => void) | undefined;
}

export interface StatusWriter {
  /** Registers a source, or replaces its resource and its state. */
  track(key: string, source: UploadSource, state: SourceState): void;
  forget(key: string): void;
  /** Marks the state of a source as changed. */
  touch(key: string): void;
  run(signal: AbortSignal): Promise<void>;
  /** Tries once to write every status that is not written yet. */
  flush(signal: AbortSignal): Promise<void>;
}

interface Tracked {
  source: UploadSource;
  state: SourceState;
  /** The status that the bridge wrote last; the cache may hold an older status. */
  status: UploadSourceStatus | undefined;
  dirty: boolean;
  /** The earliest time of the next write; monotonic, ms. */
  notBefore: number;
  /** The time of the next check for a lag that has grown; monotonic, ms; infinite while there is no lag. */
  checkLagAt: number;
  failures: number;
}

const CONCURRENT_WRITES = 4;
const WRITE_MS = 10_000;
/** A lag grows without any change of the state, so that it is checked at this interval. */
const LAG_CHECK_MS = 10_000;
/** The wait when no write is due; a touch ends it. */
const LONGEST_WAIT_MS = 86_400_000;

export function createStatusWriter(deps: StatusWriterDeps): StatusWriter {
  const { clock, intervalMs = 5_000 } = deps;
  const tracked = new Map<string, Tracked>();
  const gate = createSemaphore(CONCURRENT_WRITES);
  let wake = () => {};

  return {
    track(key, source, state) {
      const known = tracked.get(key);
      const same = known?.source.metadata.uid === source.metadata.uid ? known : undefined;
      tracked.set(key, {
        source,
        state,
        dirty: true,
        status: same ? same.status : source.status,
        notBefore: same?.notBefore ?? 0,
        checkLagAt: Number.POSITIVE_INFINITY,
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
          await Promise.all(due.map(([key, entry]) => gate.run(() => write(deps, { key, entry, intervalMs }, signal))));
          continue;
        }
        // Between the search for due entries and this wait nothing is awaited, so that no touch is missed.
        const next = Math.min(...[...tracked.values()].map(dueAt));
        await waitFor(Number.isFinite(next) ? next - now : null);
      }

      async function waitFor(ms: number | null): Promise<void> {
        const awake = new AbortController();
        wake = () => awake.abort();
        await sleep(clock, ms ?? LONGEST_WAIT_MS, AbortSignal.any([signal, awake.signal]));
      }
    },
    async flush(signal) {
      const dirty = [...tracked].filter(([, entry]) => entry.dirty);
      await Promise.all(dirty.map(([key, entry]) => gate.run(() => write(deps, { key, entry, intervalMs }, signal))));
    },
  };
}

/** Writes one status if it differs enough from the status that was written last. A failed write is tried again later. */
async function write(
  deps: StatusWriterDeps,
  { key, entry, intervalMs }: { key: string; entry: Tracked; intervalMs: number },
  signal: AbortSignal,
): Promise<void> {
  const { clock, log } = deps;
  entry.dirty = false;
  entry.notBefore = clock.monotonic() + intervalMs;
  const { source, state } = entry;
  const now = clock.now();
  entry.checkLagAt = lagSeconds(state, now) > 0 ? clock.monotonic() + LAG_CHECK_MS : Number.POSITIVE_INFINITY;
  // The try block includes the building of the status: a defect there must not end the bridge for all sources.
  try {
    const status = buildSourceStatus({ source: { ...source, status: entry.status ?? {} }, state, now });
    if (!isWorthWriting(entry.status, status)) return;
    const { name, namespace, uid } = source.metadata;
    const object = { metadata: { name, namespace, uid }, status } as UploadSource;
    const options = { fieldManager: BRIDGE_FIELD_MANAGER, force: true, signal, timeoutMs: WRITE_MS };
    const isWhole = await applyWhatIsKnown(deps, object, options);
    deps.onWritten?.();
    for (const why of [...warningsOf(entry.status, status), ...(isWhole ? [] : [CRD_OUTDATED])])
      deps.events.record(targetOf(source), { type: 'Warning', ...why });
    entry.status = status;
    entry.failures = 0;
  } catch (error) {
    // The source was deleted, and the watch will deliver the deletion soon.
    if (isNotFound(error)) return;
    entry.dirty = true;
    if (signal.aborted) return;
    entry.failures += 1;
    entry.notBefore = clock.monotonic() + backoffMs(entry.failures, { baseMs: intervalMs, maxMs: 60_000 });
    log.warn(
      { err: error, key, failures: entry.failures },
      'the status of an upload source could not be written, the bridge tries again',
    );
  }
}

const CRD_OUTDATED = {
  reason: 'CrdOutdated',
  message:
    'The CRD uploadsources.batchupload.dev is older than the bridge and does not know status.queue, which is left out; the source itself works. Upgrade the CRDs: helm upgrade with crds.enabled=true, or kubectl apply --server-side --force-conflicts -f charts/batch-upload/files/crds/.',
};

/** A CRD of an earlier release refuses a status with a field that it does not know. @returns false when a field was left out */
async function applyWhatIsKnown(
  { client, log }: Pick<StatusWriterDeps, 'client' | 'log'>,
  object: UploadSource,
  options: Parameters<KubeClient['applyStatus']>[2],
): Promise<boolean> {
  try {
    await client.applyStatus(UPLOAD_SOURCES, object, options);
    return true;
  } catch (error) {
    const { queue, ...known } = object.status ?? {};
    if (queue === undefined || !isSchemaRefusal(error)) throw error;
    log.warn({ err: error }, 'the CRD of UploadSource is older than the bridge and refuses a status: upgrade it');
    await client.applyStatus(UPLOAD_SOURCES, { ...object, status: known }, options);
    return false;
  }
}

function dueAt({ dirty, notBefore, checkLagAt }: Tracked): number {
  return Math.max(notBefore, dirty ? 0 : checkLagAt);
}

export function targetOf({ metadata }: UploadSource) {
  const { name, namespace, uid } = metadata;
  return {
    apiVersion: 'batchupload.dev/v1alpha1',
    kind: 'UploadSource',
    metadata: { name, namespace, uid },
  };
}
