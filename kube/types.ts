/**
 * The contract of our controller runtime. Objects are the API server's own JSON: every time is a string, whether the
 * object came by LIST or by WATCH.
 *
 * Why the runtime is our own: the informer of @kubernetes/client-node 2.0.1 ends when a LIST fails, never asks for
 * bookmarks, and reads a collection without pages. That library has no leader election, work queue, rate limiter or
 * event recorder, and it opens a connection for every request unless its callers reuse one dispatcher. The interfaces
 * in this file let an implementation by the library take the place of ours.
 */

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

/** The metadata fields that controllers read; the reflector's `trim` may drop all other fields. */
export interface ObjectMeta {
  name?: string;
  generateName?: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
}

export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata?: ObjectMeta;
}

/** Metadata of an object that the API server has stored: it has given the object a uid. */
export interface StoredMeta extends ObjectMeta {
  namespace: string;
  name: string;
  uid: string;
}

/** A namespaced object as GET, LIST and WATCH return it. */
export interface StoredObject extends KubeObject {
  metadata: StoredMeta;
}

/** An object that the API server has not stored yet: it has no uid, and the API server may generate its name. */
export type NewObject<T extends KubeObject> = KubeObject & Omit<T, 'metadata'>;

/** A type of `@kubernetes/client-node` in the form of raw JSON, where a `Date` is a string. Example: `Raw<V1Job>`. */
export type Raw<T> = T extends Date
  ? string
  : T extends (infer U)[]
    ? Raw<U>[]
    : T extends object
      ? { [K in keyof T]: Raw<T[K]> }
      : T;

/** A kind's place in the API; `T` is the type of its objects. The core group is `''`. */
export interface ResourceType<T extends KubeObject = KubeObject> {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** Carries `T` for type inference only; the property is never set. */
  readonly object?: T;
}

export interface ObjectRef {
  /** Required for a namespaced type, and ignored for a cluster-scoped one. */
  namespace?: string | undefined;
  name: string;
}

export interface CallOptions {
  signal?: AbortSignal | undefined;
  /** Time limit of the whole call, in ms; 30,000 when absent. */
  timeoutMs?: number | undefined;
}

export interface SelectOptions {
  /** When absent, all namespaces are selected. */
  namespace?: string | undefined;
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
}

export interface ListOptions extends SelectOptions, CallOptions {
  /** Most objects in a page: 500 when absent, 0 for everything in one page. `timeoutMs` holds for each page. */
  limit?: number | undefined;
}

export interface ListPage<T> {
  items: T[];
  /** The collection's version, from which a watch may start. Every page has the same version. */
  resourceVersion: string;
}

export interface WatchOptions extends SelectOptions {
  signal?: AbortSignal | undefined;
  resourceVersion: string;
  /** The server ends the watch after this time. */
  timeoutSeconds: number;
  /** The watch fails with the reason `Timeout` after this time without a byte. */
  idleTimeoutMs: number;
  /** Called when the server has accepted the watch. */
  onOpen?: (() => void) | undefined;
}

export type WatchEvent<T> =
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: T }
  | { type: 'BOOKMARK'; resourceVersion: string };

export interface DeleteOptions extends CallOptions {
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  preconditions?: { uid?: string; resourceVersion?: string };
  gracePeriodSeconds?: number;
}

export interface ApplyOptions extends CallOptions {
  fieldManager: string;
  /** Takes over fields that other managers own, instead of failing with 409. */
  force?: boolean;
}

/**
 * Raw JSON calls. Every method throws `KubeError` for what the server or the network says, and the signal's reason
 * when the caller's signal ends the call.
 */
export interface KubeClient {
  get<T extends KubeObject>(type: ResourceType<T>, ref: ObjectRef, options?: CallOptions): Promise<T>;
  /** Works as `get`, but returns `undefined` when the object does not exist. */
  find<T extends KubeObject>(type: ResourceType<T>, ref: ObjectRef, options?: CallOptions): Promise<T | undefined>;
  /** Reads all pages. For many objects use `listPages`, and keep only the needed part of each object. */
  list<T extends KubeObject>(type: ResourceType<T>, options?: ListOptions): Promise<ListPage<T>>;
  listPages<T extends KubeObject>(type: ResourceType<T>, options?: ListOptions): AsyncIterable<ListPage<T>>;
  /** Asks for bookmarks; ends when the server ends the watch. An ERROR event or a malformed line throws `KubeError`. */
  watch<T extends KubeObject>(type: ResourceType<T>, options: WatchOptions): AsyncIterable<WatchEvent<T>>;
  /** Creates the object in the namespace `object.metadata.namespace`. */
  create<T extends KubeObject>(type: ResourceType<T>, object: NewObject<T>, options?: CallOptions): Promise<T>;
  /** Optimistic: the call fails with 409 unless `object.metadata.resourceVersion` is the current one. */
  replace<T extends KubeObject>(type: ResourceType<T>, object: T, options?: CallOptions): Promise<T>;
  /** Returns false when the object did not exist any more. */
  delete(type: ResourceType, ref: ObjectRef, options?: DeleteOptions): Promise<boolean>;
  /** Server-side apply. `object` has exactly the fields that this field manager wants to own. */
  apply<T extends KubeObject>(type: ResourceType<T>, object: T, options: ApplyOptions): Promise<T>;
  applyStatus<T extends KubeObject>(type: ResourceType<T>, object: T, options: ApplyOptions): Promise<T>;
  /** JSON merge patch (RFC 7386). With a `metadata.resourceVersion` in the patch the call is optimistic, too. */
  patchMerge<T extends KubeObject>(
    type: ResourceType<T>,
    ref: ObjectRef,
    patch: object,
    options?: CallOptions,
  ): Promise<T>;
  close(): Promise<void>;
}

/** Called for every call that has ended, for metrics. `status` is 0 when no answer came. */
export type OnRequest = (call: { verb: string; resource: string; status: number; seconds: number }) => void;

/** Handlers run in order and synchronously; their errors are logged. Objects belong to the cache: never change them. */
export interface ReflectorHandlers<T> {
  onAdd?(object: T): void;
  /** Both have the same uid, and different resourceVersions. A new object under an old name is a delete and an add. */
  onUpdate?(object: T, previous: T): void;
  /** `object` is the last known state, which can be older than the state at deletion. */
  onDelete?(object: T): void;
}

export interface Reflector<T extends KubeObject> {
  readonly type: ResourceType<T>;
  /** The key is `namespace/name`, or the name alone for a cluster-scoped type. */
  get(key: string): T | undefined;
  values(): IterableIterator<T>;
  readonly size: number;
  /** Resolves when the first LIST is in the cache and its handlers were called; rejects when aborted earlier. */
  readonly synced: Promise<void>;
  readonly hasSynced: boolean;
  /** The resourceVersion up to which the cache knows all changes; undefined until the first list, and during another. */
  readonly version: string | undefined;
  /**
   * Monotonic time (ms, `clock.monotonic()`) of the last sign that the loop lives: a page, an opened watch, an event, a
   * bookmark or a failed attempt. At rest this time is at most a watch's idle timeout ago. It is meant for the liveness
   * probe; an API server that is away shows in `counters.failures` instead, since a restart would not help.
   */
  readonly lastActivity: number;
  /** Counts since the start, for metrics. */
  readonly counters: {
    readonly lists: number;
    readonly watches: number;
    readonly events: number;
    readonly failures: number;
  };
  /** Adds handlers, and calls `onAdd` at once for each cached object. Returns a function that removes the handlers. */
  subscribe(handlers: ReflectorHandlers<T>): () => void;
  /** Lists and watches until aborted, then resolves. May be called only once. */
  run(signal: AbortSignal): Promise<void>;
}

/** With `requeueAfterMs` the key is processed again after this time at the latest. */
export type ProcessResult = { requeueAfterMs?: number } | undefined;

export interface WorkQueue {
  /** Processes the key soon: once if the key is waiting already, and again if it is being processed now. */
  add(key: string): void;
  /** Adds the key after `ms`. The earliest of several pending times counts. */
  addAfter(key: string, ms: number): void;
  /** Adds the key after its backoff, which doubles with every call until `forget`. */
  addRateLimited(key: string): void;
  /** Resets the key's backoff. The queue itself does so after every success. */
  forget(key: string): void;
  /** The key's failures since its last success. */
  failures(key: string): number;
  /** Number of keys that are ready and wait for a worker. */
  readonly depth: number;
  /** Number of keys that wait for their time. */
  readonly delayed: number;
  /** Number of keys that are being processed. */
  readonly active: number;
  /** Age in ms of the longest-running `process` call; 0 when idle. */
  readonly longestRunningMs: number;
  /**
   * Hands keys to `process`, in the order in which they were added: at most `workers` at a time, and never one key
   * twice at a time. An error of `process` is logged, and the key comes back after its backoff. After the abort no key
   * is handed out; the promise resolves when the running calls have ended.
   */
  run(options: {
    workers: number;
    signal: AbortSignal;
    process: (key: string, signal: AbortSignal) => Promise<ProcessResult>;
  }): Promise<void>;
}

export interface LeaderElector {
  /** True only while the lease is certainly ours by the local monotonic clock. Ask before every write that matters. */
  readonly isLeader: boolean;
  /** Identity of the last known holder; empty when there is none. */
  readonly leader: string;
  /**
   * Waits for the lease, then calls `onStartedLeading` and renews the lease. When `signal` aborts, the leading signal
   * aborts too, and the lease is renewed until `onStartedLeading` has ended, then released. When the lease is lost, the
   * leading signal aborts and `onLost` is called: the process must exit then, because another leader may be at work.
   */
  run(signal: AbortSignal): Promise<void>;
}

export interface EventTarget {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; uid: string; resourceVersion?: string };
}

export interface EventRecorder {
  /** Returns at once and never throws. Repeats are counted on one Event; too many events on one object are dropped. */
  record(target: EventTarget, event: { type: 'Normal' | 'Warning'; reason: string; message: string }): void;
  /** Resolves when every event that was recorded earlier is written or dropped. */
  flush(): Promise<void>;
  /** Number of events that were not written, for metrics. */
  readonly dropped: number;
}
