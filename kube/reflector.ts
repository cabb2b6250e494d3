/**
 * A local copy of one collection, kept by LIST and WATCH as in client-go's reflector: with pages of 500, with
 * bookmarks, with watches that end after some minutes, and with a new LIST only when the server no longer knows the
 * version.
 */
import { type BackoffLimits, backoffMs } from '#common/backoff.ts';
import { type Clock, jitter, sleep, systemClock } from '#common/clock.ts';
import type { Logger } from '#common/log.ts';
import { isGone, KubeError, retryAfterMs } from './errors.ts';
import { keyOf, ObjectCache } from './object-cache.ts';
import type { KubeClient, KubeObject, Reflector, ReflectorHandlers, ResourceType } from './types.ts';

export interface ReflectorDeps<T extends KubeObject> {
  client: KubeClient;
  type: ResourceType<T>;
  log: Logger;
  clock?: Clock;
  random?: () => number;
  /** All namespaces when absent. */
  namespace?: string | undefined;
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
  /**
   * Returns the part of an object that the cache keeps, and may change its argument. Uid, name, namespace and
   * resourceVersion must stay. When absent, `managedFields` are dropped.
   */
  trim?: (object: T) => T;
  pageSize?: number;
  /** The server ends a watch after a random time between this and twice this; 300 when absent. */
  watchSeconds?: number;
  /** Silence after which a watch is opened again; 150 s when absent. A live connection has a bookmark every minute. */
  idleTimeoutMs?: number;
}

const BACKOFF: BackoffLimits = { baseMs: 500, maxMs: 30_000 };
/** A watch that ends sooner and without an event is a failure; a longer watch resets the count of failures. */
const SHORT_WATCH_MS = 1_000;

export function createReflector<T extends KubeObject>(deps: ReflectorDeps<T>): Reflector<T> {
  return new ListWatchReflector(deps);
}

/**
 * | `#version` | next |
 * |---|---|
 * | undefined | LIST; the list's version when all pages are in the cache |
 * | a version | WATCH from this version; undefined when the server answers 410 Gone, or sends what is no event |
 */
class ListWatchReflector<T extends KubeObject> implements Reflector<T> {
  readonly type: ResourceType<T>;
  readonly synced: Promise<void>;
  readonly counters = { lists: 0, watches: 0, events: 0, failures: 0 };
  readonly #deps: ReflectorDeps<T>;
  readonly #clock: Clock;
  readonly #cache: ObjectCache<T>;
  readonly #sync = Promise.withResolvers<void>();
  #version: string | undefined;
  #failuresInRow = 0;
  #pageSize: number;
  #hasSynced = false;
  #lastActivity: number;

  constructor(deps: ReflectorDeps<T>) {
    this.#deps = deps;
    this.type = deps.type;
    this.#clock = deps.clock ?? systemClock;
    this.#cache = new ObjectCache<T>(deps.log);
    this.#pageSize = deps.pageSize ?? 500;
    this.#lastActivity = this.#clock.monotonic();
    this.synced = this.#sync.promise;
    // Nobody has to await `synced`, so its rejection counts as handled.
    this.synced.catch(() => {});
  }

  get size(): number {
    return this.#cache.size;
  }

  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  get version(): string | undefined {
    return this.#version;
  }

  get lastActivity(): number {
    return this.#lastActivity;
  }

  get(key: string): T | undefined {
    return this.#cache.get(key);
  }

  values(): IterableIterator<T> {
    return this.#cache.values();
  }

  subscribe(handlers: ReflectorHandlers<T>): () => void {
    return this.#cache.subscribe(handlers);
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        if (this.#version === undefined) await this.#list(signal);
        else await this.#watch(this.#version, signal);
      } catch (err) {
        if (signal.aborted) break;
        await sleep(this.#clock, this.#failed(err), signal);
      }
      this.#touch();
    }
    this.#sync.reject(signal.reason);
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { client, type, namespace, labelSelector, fieldSelector } = this.#deps;
    const listed = new Map<string, T>();
    let version = '';
    const pages = client.listPages(type, { namespace, labelSelector, fieldSelector, limit: this.#pageSize, signal });
    for await (const page of pages) {
      this.#touch();
      for (const object of page.items) listed.set(keyOf(object), this.#trim(object));
      version = page.resourceVersion;
    }
    this.#cache.replace(listed);
    this.#version = version;
    this.#pageSize = this.#deps.pageSize ?? 500;
    this.counters.lists++;
    this.#hasSynced = true;
    this.#sync.resolve();
  }

  async #watch(version: string, signal: AbortSignal): Promise<void> {
    const { client, type, namespace, labelSelector, fieldSelector, random } = this.#deps;
    const { watchSeconds = 300, idleTimeoutMs = 150_000 } = this.#deps;
    const opened = this.#clock.monotonic();
    let events = 0;
    try {
      const watch = client.watch(type, {
        namespace,
        labelSelector,
        fieldSelector,
        resourceVersion: version,
        timeoutSeconds: Math.floor(jitter(watchSeconds, 1, random)),
        idleTimeoutMs,
        signal,
        onOpen: () => {
          this.counters.watches++;
          this.#touch();
        },
      });
      for await (const event of watch) {
        this.#touch();
        events++;
        if (event.type === 'BOOKMARK') {
          this.#version = event.resourceVersion || this.#version;
          continue;
        }
        this.counters.events++;
        const seen = event.object.metadata?.resourceVersion;
        const object = this.#trim(event.object);
        if (event.type === 'DELETED') this.#cache.remove(object);
        else this.#cache.upsert(object);
        this.#version = seen ?? this.#version;
      }
    } finally {
      if (events > 0 || this.#clock.monotonic() - opened >= SHORT_WATCH_MS) this.#failuresInRow = 0;
    }
    if (events === 0 && this.#clock.monotonic() - opened < SHORT_WATCH_MS) {
      throw new KubeError({ status: 0, reason: 'ShortWatch', message: `watch ${type.plural}: ended at once` });
    }
  }

  /** Counts a failure. Returns the delay before the next try, in ms. */
  #failed(err: unknown): number {
    const { type, log, random } = this.#deps;
    this.#touch();
    this.counters.failures++;
    this.#failuresInRow++;
    if (isGone(err)) {
      // The continue token expired during a LIST, so the next LIST asks for everything in one page.
      if (this.#version === undefined) this.#pageSize = 0;
      this.#version = undefined;
    } else if (err instanceof KubeError && err.reason === 'Malformed') {
      this.#version = undefined;
    }
    const retryInMs = Math.max(retryAfterMs(err), backoffMs(this.#failuresInRow, { ...BACKOFF, random }));
    const fields = {
      err,
      resource: type.plural,
      failures: this.#failuresInRow,
      retryInMs,
      relist: this.#version === undefined,
    };
    // A single cut connection is normal; several in a row are not.
    if (this.#failuresInRow === 1) log.info(fields, 'list or watch ended with an error');
    else log.warn(fields, 'list or watch keeps failing');
    return retryInMs;
  }

  #trim(object: T): T {
    const { trim = dropManagedFields } = this.#deps;
    try {
      return trim(object);
    } catch (err) {
      this.#deps.log.error({ err, key: keyOf(object) }, 'the trim hook failed; the object is kept whole');
      return object;
    }
  }

  #touch(): void {
    this.#lastActivity = this.#clock.monotonic();
  }
}

/** The `managedFields` are often more than half of an object. */
export function dropManagedFields<T extends KubeObject>(object: T): T {
  if (object.metadata !== undefined) delete (object.metadata as { managedFields?: unknown }).managedFields;
  return object;
}
