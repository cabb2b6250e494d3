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

export interface EndedSessions {
  readonly reflector: Reflector<ConfigMap>;
  /** @throws Problem unavailable when nobody can say */
  has(session: Pick<Session, 'id' | 'issuedAt'>): boolean;
  /** Ends the session at all replicas. @throws Problem unavailable: the session goes on then */
  add(session: Pick<Session, 'id' | 'expiresAt'>): Promise<void>;
  /** Calls the listener when a session may have ended. @returns a function that ends this */
  onChange(listener: () => void): () => void;
  /** Watches the ConfigMap, and takes out what has expired. */
  run(signal: AbortSignal): Promise<void>;
}

const BEFORE = 'before';
/** A ConfigMap may have 1 MiB; an entry takes some 80 bytes with what Kubernetes keeps of its writer. */
const MOST_ENTRIES = 8_000;
const PRUNE_MS = 600_000;
const WRITE_MS = 5_000;

export function createEndedSessions({
  client,
  clock,
  log,
  place,
  mostEntries = MOST_ENTRIES,
}: {
  client: KubeClient;
  clock: Clock;
  log: Logger;
  place: { namespace: string; name: string };
  /** Smaller in tests. */
  mostEntries?: number;
}): EndedSessions {
  const reflector = createReflector({
    client,
    log,
    clock,
    type: CONFIG_MAPS,
    namespace: place.namespace,
    fieldSelector: `metadata.name=${place.name}`,
  });
  /** What this replica has written itself or read once, by id: the ConfigMap may come later, and may lose entries. */
  const known = new Map<string, number>();
  let endedBefore = 0;
  const listeners = new Set<() => void>();
  const tell = () => {
    for (const listener of [...listeners]) listener();
  };
  const read = ({ metadata, data = {} }: ConfigMap) => {
    if (metadata?.name !== place.name || metadata.namespace !== place.namespace) return;
    for (const [id, value] of Object.entries(data)) {
      if (id !== BEFORE) known.set(id, Number(value) * 1000 || Number.POSITIVE_INFINITY);
      else if (Number.isNaN(Date.parse(value))) log.error({ place, before: value }, 'the entry before is no time');
      else endedBefore = Math.max(endedBefore, Date.parse(value));
    }
    tell();
  };
  reflector.subscribe({ onAdd: read, onUpdate: read });

  const write = async (data: Record<string, string | null>) => {
    try {
      await client.patchMerge(CONFIG_MAPS, place, { data }, { timeoutMs: WRITE_MS });
    } catch (error) {
      throw cannotAsk(
        `The end of a session cannot be written into the ConfigMap ${place.name} of the namespace ${place.namespace}.`,
        error,
      );
    }
  };
  const stored = () => reflector.get(`${place.namespace}/${place.name}`);
  const listEntries = () => Object.entries(stored()?.data ?? {}).filter(([id]) => id !== BEFORE);
  const prune = async () => {
    const now = clock.now();
    for (const [id, until] of known) if (until < now) known.delete(id);
    const old = listEntries().filter(([, value]) => Number(value) * 1000 < now);
    if (old.length > 0) await write(Object.fromEntries(old.map(([id]) => [id, null])));
  };

  return {
    reflector,
    has({ id, issuedAt }) {
      if (!reflector.hasSynced) {
        throw cannotAsk(
          `The ConfigMap ${place.name} of the namespace ${place.namespace}, which says which sessions were signed out, was not read yet. The log of the gateway says why, if this goes on.`,
          undefined,
        );
      }
      if (stored() === undefined) {
        throw cannotAsk(
          `The ConfigMap ${place.name}, which says which sessions were signed out, is missing in the namespace ${place.namespace}. Its administrator must make it again: kubectl -n ${place.namespace} create configmap ${place.name}.`,
          undefined,
        );
      }
      return issuedAt < endedBefore || known.has(id);
    },
    async add({ id, expiresAt }) {
      const now = clock.now();
      const entry = { [id]: String(Math.ceil(expiresAt / 1000)) };
      const entries = listEntries();
      if (entries.filter(([, value]) => Number(value) * 1000 >= now).length < mostEntries) {
        await write(entry);
      } else {
        // No session may come back because the list is full: all people sign in again instead.
        log.warn({ entries: entries.length }, 'too many sessions were signed out: all sessions end');
        const none = Object.fromEntries(entries.map(([old]) => [old, null]));
        await write({ ...none, ...entry, [BEFORE]: new Date(now).toISOString() });
        endedBefore = Math.max(endedBefore, now);
      }
      known.set(id, expiresAt);
      tell();
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async run(signal) {
      const pruning = async () => {
        while (!signal.aborted) {
          await sleep(clock, PRUNE_MS, signal);
          if (signal.aborted) return;
          await prune().catch((err) => log.warn({ err }, 'ended sessions that have expired could not be taken out'));
        }
      };
      await Promise.all([reflector.run(signal), pruning()]);
    },
  };
}
