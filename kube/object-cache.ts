/** The last known objects of one kind, and the handlers that are notified of changes. */
import type { Logger } from '#common/log.ts';
import type { KubeObject, ReflectorHandlers } from './types.ts';

/** `namespace/name`, or the name alone for a cluster-scoped object. */
export function keyOf({ metadata }: KubeObject): string {
  const name = metadata?.name ?? '';
  return metadata?.namespace === undefined ? name : `${metadata.namespace}/${name}`;
}

export class ObjectCache<T extends KubeObject> {
  readonly #log: Logger;
  readonly #subscribers = new Set<ReflectorHandlers<T>>();
  #objects = new Map<string, T>();

  constructor(log: Logger) {
    this.#log = log;
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  values(): IterableIterator<T> {
    return this.#objects.values();
  }

  subscribe(handlers: ReflectorHandlers<T>): () => void {
    this.#subscribers.add(handlers);
    for (const object of this.#objects.values()) this.#notify([handlers], object, (to) => to.onAdd?.(object));
    return () => this.#subscribers.delete(handlers);
  }

  /** Replaces the whole collection. Objects that the list does not have were deleted meanwhile. */
  replace(listed: Map<string, T>): void {
    const previous = this.#objects;
    // The new state is complete before the first handler runs, because handlers look objects up in this cache.
    this.#objects = listed;
    for (const [key, old] of previous) if (!listed.has(key)) this.#deleted(old);
    for (const [key, object] of listed) this.#changed(object, previous.get(key));
  }

  upsert(object: T): void {
    const key = keyOf(object);
    const previous = this.#objects.get(key);
    this.#objects.set(key, object);
    this.#changed(object, previous);
  }

  /** `last` is the state at deletion. */
  remove(last: T): void {
    const key = keyOf(last);
    const known = this.#objects.get(key);
    if (known === undefined || known.metadata?.uid !== last.metadata?.uid) return;
    this.#objects.delete(key);
    this.#deleted(last);
  }

  #changed(object: T, previous: T | undefined): void {
    if (previous?.metadata?.uid === object.metadata?.uid && previous !== undefined) {
      if (previous.metadata?.resourceVersion === object.metadata?.resourceVersion) return;
      this.#notify(this.#subscribers, object, (to) => to.onUpdate?.(object, previous));
      return;
    }
    // The object was deleted and created again between two lists.
    if (previous !== undefined) this.#deleted(previous);
    this.#notify(this.#subscribers, object, (to) => to.onAdd?.(object));
  }

  #deleted(last: T): void {
    this.#notify(this.#subscribers, last, (to) => to.onDelete?.(last));
  }

  #notify(subscribers: Iterable<ReflectorHandlers<T>>, object: T, call: (to: ReflectorHandlers<T>) => unknown): void {
    const failed = (err: unknown) => this.#log.error({ err, key: keyOf(object) }, 'a reflector handler failed');
    for (const subscriber of subscribers) {
      try {
        const result = call(subscriber);
        // The handler's type accepts an async function, and an unhandled rejection would end the process.
        if (result instanceof Promise) result.catch(failed);
      } catch (err) {
        failed(err);
      }
    }
  }
}
