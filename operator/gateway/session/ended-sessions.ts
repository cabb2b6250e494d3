/**
 * Sessions that were signed out before their time. All replicas share them in one ConfigMap, which each of them watches:
 * the name of an entry is the id of a session, and its value the time at which the session would have expired anyway.
 * The entry `before` is a time: every session that began earlier has ended.
 */
import { type Clock, sleep } from '#common/clock.ts';
import type { Logger } from '#common/log.ts';
import { createReflector } from '#kube/reflector.ts';
import { CONFIG_MAPS, type ConfigMap } from '#kube/resource-types.ts';
import type { KubeClient, Reflector } from '#kube/types.ts';
import { cannotAsk } from '#operator/gateway/http/refusals.ts';
import type { Session } from '#operator/gateway/model/types.ts';

const BEFORE = 'before';
/** A ConfigMap may have 1 MiB; an entry takes some 80 bytes with what Kubernetes keeps of its writer. */
const MOST_ENTRIES = 8_000;
const PRUNE_MS = 600_000;
const WRITE_MS = 5_000;

export interface EndedSessionsDeps {
  client: KubeClient;
  clock: Clock;
  log: Logger;
  /** The ConfigMap. */
  place: { namespace: string; name: string };
  /** Smaller in tests. */
  mostEntries?: number;
}

type SessionStart = Pick<Session, 'id' | 'issuedAt'>;

export class EndedSessions {
  readonly reflector: Reflector<ConfigMap>;
  readonly #deps: EndedSessionsDeps;
  /** What this replica has written or read, by id, with its end in epoch ms: the ConfigMap comes later, and may be emptied. */
  readonly #known = new Map<string, number>();
  readonly #listeners = new Set<() => void>();
  /** Epoch ms. */
  #endedBefore = 0;

  constructor(deps: EndedSessionsDeps) {
    const { client, clock, log, place } = deps;
    this.#deps = deps;
    this.reflector = createReflector({
      client,
      log,
      clock,
      type: CONFIG_MAPS,
      namespace: place.namespace,
      fieldSelector: `metadata.name=${place.name}`,
    });
    const read = (object: ConfigMap) => this.#read(object);
    this.reflector.subscribe({ onAdd: read, onUpdate: read });
  }

  /** @throws Problem unavailable when nobody can say */
  has({ id, issuedAt }: SessionStart): boolean {
    const { namespace, name } = this.#deps.place;
    if (!this.reflector.hasSynced) {
      throw cannotAsk(
        `The ConfigMap ${name} of the namespace ${namespace}, which says which sessions were signed out, was not read yet. The log of the gateway says why, if this goes on.`,
        undefined,
      );
    }
    if (this.#stored() === undefined) {
      throw cannotAsk(
        `The ConfigMap ${name}, which says which sessions were signed out, is missing in the namespace ${namespace}. Its administrator must make it again: kubectl -n ${namespace} create configmap ${name}.`,
        undefined,
      );
    }
    return issuedAt < this.#endedBefore || this.#known.has(id);
  }

  /** Ends the session at all replicas. @throws Problem unavailable: the session goes on then */
  async add({ id, expiresAt }: Pick<Session, 'id' | 'expiresAt'>): Promise<void> {
    const { clock, log, mostEntries = MOST_ENTRIES } = this.#deps;
    const now = clock.now();
    const entry = { [id]: String(Math.ceil(expiresAt / 1000)) };
    const entries = this.#entries();
    if (entries.filter(([, value]) => Number(value) * 1000 >= now).length < mostEntries) {
      await this.#write(entry);
    } else {
      // No session may come back because the list is full: all people sign in again instead.
      log.warn(
        { entries: entries.length },
        'the list of ended sessions is full: every session ends now, and all people sign in again',
      );
      const none = Object.fromEntries(entries.map(([old]) => [old, null]));
      await this.#write({ ...none, ...entry, [BEFORE]: new Date(now).toISOString() });
      this.#endedBefore = Math.max(this.#endedBefore, now);
    }
    this.#known.set(id, expiresAt);
    this.#tell();
  }

  /** Calls the listener when a session may have ended. @returns a function that ends this */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Watches the ConfigMap, and takes out what has expired. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.reflector.run(signal), this.#keepSmall(signal)]);
  }

  #stored(): ConfigMap | undefined {
    const { namespace, name } = this.#deps.place;
    return this.reflector.get(`${namespace}/${name}`);
  }

  #entries(): [id: string, value: string][] {
    return Object.entries(this.#stored()?.data ?? {}).filter(([id]) => id !== BEFORE);
  }

  #read({ metadata, data = {} }: ConfigMap): void {
    const { place, log } = this.#deps;
    if (metadata?.name !== place.name || metadata.namespace !== place.namespace) return;
    for (const [id, value] of Object.entries(data)) {
      if (id !== BEFORE) this.#known.set(id, Number(value) * 1000 || Number.POSITIVE_INFINITY);
      else if (Number.isNaN(Date.parse(value)))
        log.error(
          { place, before: value },
          'the entry `before` of the ended sessions is no time and ends none: write it as 2026-01-31T12:00:00Z',
        );
      else this.#endedBefore = Math.max(this.#endedBefore, Date.parse(value));
    }
    this.#tell();
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  async #write(data: Record<string, string | null>): Promise<void> {
    const { client, place } = this.#deps;
    try {
      await client.patchMerge(CONFIG_MAPS, place, { data }, { timeoutMs: WRITE_MS });
    } catch (error) {
      throw cannotAsk(
        `The end of a session cannot be written into the ConfigMap ${place.name} of the namespace ${place.namespace}.`,
        error,
      );
    }
  }

  async #keepSmall(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps;
    for (;;) {
      await sleep(clock, PRUNE_MS, signal);
      if (signal.aborted) return;
      const now = clock.now();
      for (const [id, until] of this.#known) if (until < now) this.#known.delete(id);
      const old = this.#entries().filter(([, value]) => Number(value) * 1000 < now);
      if (old.length === 0) continue;
      await this.#write(Object.fromEntries(old.map(([id]) => [id, null]))).catch((err) =>
        log.warn({ err }, 'ended sessions that have expired could not be taken out'),
      );
    }
  }
}
