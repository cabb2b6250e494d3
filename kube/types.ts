/**
 * The contract of the controller runtime. Objects are the API server's own JSON: every time is a string,
 * whether it came by LIST or by WATCH.
 */

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

/** The part of metadata that controllers read; `trim` may leave out the rest. */
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

/** An object that the API server has not seen yet: its uid is missing, and its name may be generated. */
export type NewObject<T extends KubeObject> = KubeObject & Omit<T, 'metadata'>;

/** A type of `@kubernetes/client-node` as raw JSON has it: `Date` is a string. `Raw<V1Job>`. */
export type Raw<T> = T extends Date
  ? string
  : T extends (infer U)[]
    ? Raw<U>[]
    : T extends object
      ? { [K in keyof T]: Raw<T[K]> }
      : T;

/** Where a kind lives in the API; `T` is the type of its objects. The core group is `''`. */
export interface ResourceType<T extends KubeObject = KubeObject> {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** Only carries `T` for inference; never set. */
  readonly object?: T;
}

export interface ObjectRef {
  /** Required for a namespaced type, ignored for others. */
  namespace?: string | undefined;
  name: string;
}

export interface CallOptions {
  signal?: AbortSignal | undefined;
  /** Whole call, in ms; 30,000 when absent. */
  timeoutMs?: number | undefined;
}

export interface SelectOptions {
  /** All namespaces when absent. */
  namespace?: string | undefined;
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
}

export interface ListOptions extends SelectOptions, CallOptions {
  /** Objects in a page; 500 when absent, 0 for everything in one page. `timeoutMs` is for each page. */
  limit?: number | undefined;
}

export interface ListPage<T> {
  items: T[];
  /** The same on every page: the collection's version from which a watch may start. */
  resourceVersion: string;
}

export interface WatchOptions extends SelectOptions {
  signal?: AbortSignal | undefined;
  resourceVersion: string;
  /** The server ends the watch after this time. */
  timeoutSeconds: number;
  /** The watch fails with reason `Timeout` after this time without a byte. */
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
  /** Take fields over from other managers instead of failing with 409. */
  force?: boolean;
}

/**
 * Raw JSON calls. Every method throws `KubeError` for what the server or the network says, and the signal's reason
 * when the caller's signal ends the call.
 */
export interface KubeClient {
  get<T extends KubeObject>(type: ResourceType<T>, ref: ObjectRef, options?: CallOptions): Promise<T>;
  /** As `get`, but `undefined` when there is no such object. */
  find<T extends KubeObject>(type: ResourceType<T>, ref: ObjectRef, options?: CallOptions): Promise<T | undefined>;
  /** All pages. For many objects take `listPages` and keep only what is needed of each. */
  list<T extends KubeObject>(type: ResourceType<T>, options?: ListOptions): Promise<ListPage<T>>;
  listPages<T extends KubeObject>(type: ResourceType<T>, options?: ListOptions): AsyncIterable<ListPage<T>>;
  /** Bookmarks are on. An ERROR event and a malformed line are thrown as `KubeError`; ends when the server ends it. */
  watch<T extends KubeObject>(type: ResourceType<T>, options: WatchOptions): AsyncIterable<WatchEvent<T>>;
  /** The namespace is `object.metadata.namespace`. */
  create<T extends KubeObject>(type: ResourceType<T>, object: NewObject<T>, options?: CallOptions): Promise<T>;
  /** Optimistic: fails with 409 unless `object.metadata.resourceVersion` is the current one. */
  replace<T extends KubeObject>(type: ResourceType<T>, object: T, options?: CallOptions): Promise<T>;
  /** False when the object was already gone. */
  delete(type: ResourceType, ref: ObjectRef, options?: DeleteOptions): Promise<boolean>;
  /** Server-side apply of `object`, which says all fields this manager wants and no others. */
  apply<T extends KubeObject>(type: ResourceType<T>, object: T, options: ApplyOptions): Promise<T>;
  applyStatus<T extends KubeObject>(type: ResourceType<T>, object: T, options: ApplyOptions): Promise<T>;
  /** JSON merge patch (RFC 7386). With `metadata.resourceVersion` in the patch it is optimistic. */
  patchMerge<T extends KubeObject>(
    type: ResourceType<T>,
    ref: ObjectRef,
    patch: object,
    options?: CallOptions,
  ): Promise<T>;
  close(): Promise<void>;
}

/** Told of every call that ended, for metrics. `status` is 0 when no answer came. */
export type OnRequest = (call: { verb: string; resource: string; status: number; seconds: number }) => void;

/** Called in order, synchronously. What a handler throws is logged. Objects are the cache's own: don't change them. */
export interface ReflectorHandlers<T> {
  onAdd?(object: T): void;
  /** Same uid, other resourceVersion. An object replaced by one of the same name is a delete and an add. */
  onUpdate?(object: T, previous: T): void;
  /** The last state known; it can be older than the state at deletion. */
  onDelete?(object: T): void;
}

export interface Reflector<T extends KubeObject> {
  readonly type: ResourceType<T>;
  /** By `namespace/name`, or the name alone for a cluster-scoped type. */
  get(key: string): T | undefined;
  values(): IterableIterator<T>;
  readonly size: number;
  /** Resolves when the first LIST is in the cache and its handlers were called; rejects when aborted before. */
  readonly synced: Promise<void>;
  readonly hasSynced: boolean;
  /**
   * Monotonic time (ms, `clock.monotonic()`) of the last sign that the loop lives: a page, a watch opened, an event, a
   * bookmark, a failed attempt. At rest at most the idle timeout of a watch ago. For liveness; an API server that is
   * away does not show here but in `counters.failures`, since a restart would not help.
   */
  readonly lastActivity: number;
  /** Since the start, for metrics. */
  readonly counters: {
    readonly lists: number;
    readonly watches: number;
    readonly events: number;
    readonly failures: number;
  };
  /** Adds handlers; objects already in the cache are given to `onAdd` at once. Returns the way to remove them. */
  subscribe(handlers: ReflectorHandlers<T>): () => void;
  /** Lists and watches until aborted; then resolves. Called once. */
  run(signal: AbortSignal): Promise<void>;
}

/** `requeueAfterMs`: look at the key again then, at the latest. */
export type ProcessResult = { requeueAfterMs?: number } | undefined;

export interface WorkQueue {
  /** Process the key soon; adds before it starts are one. Added while it is processed, it is processed again. */
  add(key: string): void;
  /** Add the key after `ms`. Of several pending ones the earliest stays. */
  addAfter(key: string, ms: number): void;
  /** Add the key after its backoff, which doubles with every call until `forget`. */
  addRateLimited(key: string): void;
  /** Reset the key's backoff. Done by the queue after every success. */
  forget(key: string): void;
  /** Failures in a row. */
  failures(key: string): number;
  /** Keys ready and waiting for a worker. */
  readonly depth: number;
  /** Keys waiting for their time. */
  readonly delayed: number;
  /** Keys being processed. */
  readonly active: number;
  /** Age in ms of the longest-running `process` call; 0 when idle. */
  readonly longestRunningMs: number;
  /**
   * Hands keys to `process`, at most `workers` at a time and never one key twice at a time, first come first served. What
   * `process` throws is logged and the key comes back after its backoff. After the abort no key is handed out; resolves
   * when the running ones have ended.
   */
  run(options: {
    workers: number;
    signal: AbortSignal;
    process: (key: string, signal: AbortSignal) => Promise<ProcessResult>;
  }): Promise<void>;
}

export interface LeaderElector {
  /** True only while the lease is surely ours, by the local monotonic clock; ask before a write that matters. */
  readonly isLeader: boolean;
  /** Identity of the current holder as last seen; empty when nobody is. */
  readonly leader: string;
  /**
   * Waits for the lease, then calls `onStartedLeading` and renews. When `signal` aborts, the leading signal aborts, the
   * lease is renewed until `onStartedLeading` has ended, then released. When the lease is lost, the leading signal aborts
   * and `onLost` is called: the process must exit then, since what it does can no longer be known to be alone.
   */
  run(signal: AbortSignal): Promise<void>;
}

export interface EventTarget {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; uid: string; resourceVersion?: string };
}

export interface EventRecorder {
  /** Returns at once and never throws. Repeats are counted on one Event; too many for one object are dropped. */
  record(target: EventTarget, event: { type: 'Normal' | 'Warning'; reason: string; message: string }): void;
  /** Resolves when everything recorded before was sent or given up. */
  flush(): Promise<void>;
  /** Events not written, for metrics. */
  readonly dropped: number;
}
