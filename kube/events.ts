/**
 * Events that `kubectl describe` and `kubectl get events` show. The API is core/v1, because the count of repeats is one
 * merge patch there. Writing is best effort: an event that cannot be written is counted, and no error is thrown.
 */
import { randomBytes } from 'node:crypto';
import { backoffMs } from '#common/backoff.ts';
import { type Clock, sleep, systemClock } from '#common/clock.ts';
import type { Logger } from '#common/log.ts';
import { isNotFound, KubeError } from './errors.ts';
import { type CoreEvent, EVENTS } from './resource-types.ts';
import type { EventRecorder, EventTarget, KubeClient } from './types.ts';

export interface EventRecorderDeps {
  client: Pick<KubeClient, 'create' | 'patchMerge'>;
  log: Logger;
  /** Name of the program, which kubectl shows in the `From` column. */
  component: string;
  /** Name of the pod. */
  instance: string;
  /** Ends the recorder: events that are not written by then are dropped. */
  signal: AbortSignal;
  clock?: Clock;
}

const MAX_MESSAGE_BYTES = 1024;
/** The API server keeps an event for an hour; a later repeat becomes a new event. */
const REPEAT_MS = 3_600_000;
/** One object gets 25 events at once, then one in 5 minutes, as in client-go's spam filter. */
const BURST = 25;
const REFILL_MS = 300_000;
const MAX_PENDING = 1_000;
const MAX_KNOWN = 4_096;
const TRIES = 3;

export function createEventRecorder(deps: EventRecorderDeps): EventRecorder {
  return new CoreEventRecorder(deps);
}

interface Entry {
  event: CoreEvent & { metadata: { name: string; namespace: string } };
  lastAt: number;
  /** True once the API server has the event: the next write is a patch. */
  written: boolean;
}

class CoreEventRecorder implements EventRecorder {
  readonly #deps: EventRecorderDeps;
  readonly #clock: Clock;
  /** The key is what makes two events the same; the oldest entry comes first. */
  readonly #entries = new Map<string, Entry>();
  readonly #pending = new Set<Entry>();
  readonly #buckets = new Map<string, { tokens: number; at: number }>();
  #pump: Promise<void> | undefined;
  #dropped = 0;

  constructor(deps: EventRecorderDeps) {
    this.#deps = deps;
    this.#clock = deps.clock ?? systemClock;
  }

  get dropped(): number {
    return this.#dropped;
  }

  record(
    target: EventTarget,
    { type, reason, message }: { type: 'Normal' | 'Warning'; reason: string; message: string },
  ) {
    const text = cutToBytes(message, MAX_MESSAGE_BYTES);
    const key = JSON.stringify([target.metadata.uid, type, reason, text]);
    if (this.#deps.signal.aborted || !this.#allowed(target.metadata.uid)) {
      this.#dropped++;
      return;
    }
    const now = this.#clock.monotonic();
    const time = toTime(this.#clock.now());
    let entry = this.#entries.get(key);
    this.#entries.delete(key);
    if (entry === undefined || now - entry.lastAt > REPEAT_MS) {
      entry = { event: this.#newEvent(target, { type, reason, message: text, time }), lastAt: now, written: false };
    } else {
      entry.lastAt = now;
      entry.event.count = (entry.event.count ?? 0) + 1;
      entry.event.lastTimestamp = time;
    }
    setBounded(this.#entries, key, entry);
    if (this.#pending.size >= MAX_PENDING && !this.#pending.has(entry)) {
      this.#dropped++;
      return;
    }
    this.#pending.add(entry);
    this.#start();
  }

  async flush(): Promise<void> {
    while (this.#pump !== undefined) await this.#pump;
  }

  #start(): void {
    this.#pump ??= this.#run().finally(() => {
      this.#pump = undefined;
      if (this.#pending.size > 0) this.#start();
    });
  }

  async #run(): Promise<void> {
    // Repeats that are recorded in the same turn of the event loop become one write.
    await Promise.resolve();
    for (const entry of this.#pending) {
      this.#pending.delete(entry);
      if (!(await this.#write(entry))) this.#dropped++;
    }
  }

  async #write(entry: Entry): Promise<boolean> {
    const { log, signal } = this.#deps;
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        await this.#send(entry);
        return true;
      } catch (err) {
        if (signal.aborted) break;
        const { namespace } = entry.event.metadata;
        if (attempt === TRIES || !isTransient(err)) {
          log.warn({ err, namespace, reason: entry.event.reason }, 'an event could not be written');
          break;
        }
        await sleep(this.#clock, backoffMs(attempt, { baseMs: 500, maxMs: 5_000 }), signal);
      }
    }
    return false;
  }

  async #send(entry: Entry): Promise<void> {
    const { client, signal } = this.#deps;
    const { event } = entry;
    if (entry.written) {
      const { count, lastTimestamp } = event;
      try {
        await client.patchMerge(EVENTS, event.metadata, { count, lastTimestamp }, { signal, timeoutMs: 10_000 });
        return;
      } catch (err) {
        // The API server has deleted the event after its hour.
        if (!isNotFound(err)) throw err;
        event.metadata.name = eventName(event.involvedObject.name ?? '');
      }
    }
    await client.create(EVENTS, structuredClone(event), { signal, timeoutMs: 10_000 });
    entry.written = true;
  }

  #newEvent(
    target: EventTarget,
    { type, reason, message, time }: { type: string; reason: string; message: string; time: string },
  ): Entry['event'] {
    const { component, instance } = this.#deps;
    const { name, uid, resourceVersion } = target.metadata;
    // Events on a cluster-scoped object belong to the namespace `default`.
    const namespace = target.metadata.namespace ?? 'default';
    return {
      metadata: { name: eventName(name), namespace },
      involvedObject: {
        apiVersion: target.apiVersion,
        kind: target.kind,
        name,
        uid,
        ...(target.metadata.namespace === undefined ? {} : { namespace }),
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
      },
      type,
      reason: reason.slice(0, 128),
      message,
      count: 1,
      firstTimestamp: time,
      lastTimestamp: time,
      source: { component },
      reportingComponent: component,
      reportingInstance: instance.slice(0, 128),
    };
  }

  #allowed(uid: string): boolean {
    const now = this.#clock.monotonic();
    const { tokens, at } = this.#buckets.get(uid) ?? { tokens: BURST, at: now };
    const left = Math.min(BURST, tokens + (now - at) / REFILL_MS);
    this.#buckets.delete(uid);
    setBounded(this.#buckets, uid, { tokens: left >= 1 ? left - 1 : left, at: now });
    return left >= 1;
  }
}

/** Deletes the oldest entry when the map is full. */
function setBounded<V>(map: Map<string, V>, key: string, value: V): void {
  map.set(key, value);
  if (map.size <= MAX_KNOWN) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}

const isTransient = (err: unknown): boolean =>
  err instanceof KubeError && (err.status === 0 || err.status === 429 || err.status >= 500);

/** The format `metav1.Time`, which has whole seconds. */
const toTime = (ms: number): string => new Date(ms).toISOString().replace(/\.\d{3}Z$/, 'Z');

/** A unique name that is a DNS subdomain of at most 253 characters. */
function eventName(objectName: string): string {
  const suffix = randomBytes(8).toString('hex');
  return `${objectName.slice(0, 236).replace(/[^a-z0-9]+$/, '')}.${suffix}`;
}

/** Cuts between characters to at most `max` bytes of UTF-8; an ellipsis stands for the rest. */
export function cutToBytes(text: string, max: number): string {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length <= max) return bytes.toString('utf8');
  let end = max - 3;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return `${bytes.subarray(0, end).toString('utf8')}…`;
}
