/**
 * Decides which uploads may work and which wait for their turn. Pure.
 *
 * An upload that works is never stopped by a limit. One that has its turn and gets no pod lends what it was granted, so that a
 * wrong image or a full quota of one namespace holds up nobody else. Of those that wait, the next one is that of the highest priority; among
 * equal priorities that of the namespace with the fewest uploads at work, then that of the namespace whose last turn is the
 * longest ago, then the oldest. An upload for which a limit has no room stops all later ones under the same limit, so that a
 * large upload is not overtaken for ever by small ones; uploads under other limits go on.
 */
import {
  connectionsOf,
  type DatabaseLimit,
  type Limits,
  OPERATOR_CONNECTIONS,
} from '#operator/config/upload-limits.ts';

/** An upload that works, or wants to. */
export interface Candidate {
  /** `namespace/name`. */
  key: string;
  namespace: string;
  /** Identifies the database; null while nobody knows it, as after a start of the operator. */
  database: string | null;
  /** The pool whose warm pods load the upload; null: the upload has Jobs of its own. */
  pool: string | null;
  /** Sessions that the upload asks for (spec.parallelism). */
  wanted: number;
  /** Sessions that the upload has; 0: it waits. */
  granted: number;
  /** The upload has its turn and no pod, and lends what it was granted to others until it has one. */
  lends: boolean;
  priority: number;
  /** The time of the upload's creation, in ms. */
  createdAt: number;
}

type LimitName = keyof DatabaseLimit;

/** What the turns are decided by. */
export interface Bounds {
  limits: Limits;
  /** The number of users by whom the operator is connected to a database; each of them has connections of its own. */
  countPools: (database: string) => number;
  /** The number of warm pods that are connected to a database and have no upload, without those of the pool that asks. */
  countIdlePods: (database: string, asking: string | null) => number;
}

/** What a waiting upload waits for. */
export interface Wait {
  scope: 'cluster' | 'namespace' | 'database';
  limit: LimitName;
  max: number;
  /** The part of the limit that is in use. */
  used: number;
  /** Uploads under this limit whose turn comes before. */
  ahead: number;
}

export interface Turns {
  /** The sessions that each admitted upload gets, by key. */
  admitted: Map<string, number>;
  waiting: Map<string, Wait>;
}

interface Usage {
  scope: Wait['scope'];
  name: string;
  limit: DatabaseLimit;
  uploads: number;
  sessions: number;
  /** Those of pods. */
  connections: number;
  /** Those of the operator. */
  ownConnections: number;
  /** The first limit that had no room for an upload, and how many wait for it. */
  full: { limit: LimitName; ahead: number } | null;
}

/** @param lastTurns when each namespace had its last turn, as a number that grows with every turn. */
export function takeTurns(
  candidates: Iterable<Candidate>,
  bounds: Bounds,
  lastTurns: ReadonlyMap<string, number>,
): Turns {
  const usages = new Usages(bounds);
  const queues = new Map<string, Candidate[]>();
  for (const candidate of candidates) {
    if (candidate.granted > 0) {
      if (!candidate.lends) usages.add(candidate, candidate.granted);
      continue;
    }
    const queue = queues.get(candidate.namespace);
    if (queue) queue.push(candidate);
    else queues.set(candidate.namespace, [candidate]);
  }
  for (const queue of queues.values()) queue.sort(byAge);
  const turns: Turns = { admitted: new Map(), waiting: new Map() };
  const last = new Map(lastTurns);
  let turn = Math.max(0, ...last.values());
  while (queues.size > 0) {
    const candidate = takeNext(queues, usages, last);
    const room = usages.findRoom(candidate);
    if (typeof room === 'number') {
      usages.add(candidate, room);
      turns.admitted.set(candidate.key, room);
      turn += 1;
      last.set(candidate.namespace, turn);
    } else turns.waiting.set(candidate.key, room);
  }
  return turns;
}

/**
 * The sessions that an upload at work gets when it asks for another number: more only where there is room, and never less than
 * it asks for where it has them.
 */
export function resize(candidate: Candidate, others: Iterable<Candidate>, bounds: Bounds): number {
  if (candidate.wanted <= candidate.granted) return candidate.wanted;
  const usages = new Usages(bounds);
  for (const other of others) {
    if (other.key !== candidate.key && other.granted > 0 && !other.lends) usages.add(other, other.granted);
  }
  const room = usages.findRoom(candidate);
  return typeof room === 'number' ? Math.max(room, candidate.granted) : candidate.granted;
}

const byAge = (a: Candidate, b: Candidate) =>
  b.priority - a.priority || a.createdAt - b.createdAt || (a.key < b.key ? -1 : 1);

function takeNext(queues: Map<string, Candidate[]>, usages: Usages, last: ReadonlyMap<string, number>): Candidate {
  const heads = [...queues.values()].map((queue) => queue[0]!);
  const next = heads.reduce((best, head) => {
    const order =
      best.priority - head.priority ||
      usages.uploadsOf(head.namespace) - usages.uploadsOf(best.namespace) ||
      (last.get(head.namespace) ?? 0) - (last.get(best.namespace) ?? 0) ||
      byAge(head, best);
    return order < 0 ? head : best;
  });
  const queue = queues.get(next.namespace)!;
  queue.shift();
  if (queue.length === 0) queues.delete(next.namespace);
  return next;
}

class Usages {
  readonly #bounds: Bounds;
  /** What is used of databases that nobody knows: any database may be the one. */
  readonly #unknown = { uploads: 0, sessions: 0, connections: 0 };
  readonly #all = new Map<string, Usage>();
  readonly #uploads = new Map<string, number>();

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
  }

  uploadsOf(namespace: string): number {
    return this.#uploads.get(namespace) ?? 0;
  }

  add(candidate: Candidate, sessions: number): void {
    this.#uploads.set(candidate.namespace, this.uploadsOf(candidate.namespace) + 1);
    const used = [...this.#usagesOf(candidate), ...(candidate.database === null ? [this.#unknown] : [])];
    for (const usage of used) {
      usage.uploads += 1;
      usage.sessions += sessions;
      usage.connections += connectionsOf(sessions);
    }
  }

  /**
   * The sessions for which every limit has room. An upload that asks for more than a limit ever allows gets what it allows,
   * and waits until it can have that.
   */
  findRoom(candidate: Candidate): number | Wait {
    const usages = this.#usagesOf(candidate);
    const blocked = usages.find(({ full }) => full !== null);
    if (blocked) return this.#wait(blocked, blocked.full!.limit, candidate);
    const sessions = Math.min(...usages.map((usage) => mostSessions(candidate.wanted, usage)));
    for (const usage of usages) {
      const limit = findFull(this.#whole(usage, candidate), sessions);
      if (limit !== null) return this.#wait(usage, limit, candidate);
    }
    return sessions;
  }

  #wait(usage: Usage, limit: LimitName, candidate: Candidate): Wait {
    const { scope } = usage;
    usage.full ??= { limit, ahead: 0 };
    const ahead = usage.full.ahead;
    usage.full.ahead += 1;
    return { scope, limit, max: usage.limit[limit]!, used: usedOf(this.#whole(usage, candidate), limit), ahead };
  }

  /** What is in use, as a candidate sees it. */
  #whole(usage: Usage, { pool }: Candidate): Usage {
    if (usage.scope !== 'database') return usage;
    const { uploads, sessions, connections } = this.#unknown;
    return {
      ...usage,
      uploads: usage.uploads + uploads,
      sessions: usage.sessions + sessions,
      connections:
        usage.connections + connections + usage.ownConnections + this.#bounds.countIdlePods(usage.name, pool),
    };
  }

  #usagesOf({ namespace, database }: Candidate): Usage[] {
    const { cluster, namespaces, namespace: each, database: ofDatabase } = this.#bounds.limits;
    const own = namespaces[namespace] ?? each;
    return [
      this.#usage('cluster', '', cluster),
      this.#usage('namespace', namespace, own),
      ...(database === null ? [] : [this.#usage('database', database, ofDatabase)]),
    ];
  }

  #usage(scope: Usage['scope'], name: string, limit: DatabaseLimit): Usage {
    const id = `${scope}/${name}`;
    const known = this.#all.get(id);
    if (known) return known;
    const ownConnections = scope === 'database' ? OPERATOR_CONNECTIONS * Math.max(1, this.#bounds.countPools(name)) : 0;
    const usage = { scope, name, limit, uploads: 0, sessions: 0, connections: 0, ownConnections, full: null };
    this.#all.set(id, usage);
    return usage;
  }
}

/** The most sessions that a limit allows an upload that works alone; 1 at least. */
function mostSessions(wanted: number, { limit, ownConnections }: Usage): number {
  const { maxParallelism = Infinity, maxConnections = Infinity } = limit;
  let sessions = Math.max(1, Math.min(wanted, maxParallelism));
  while (sessions > 1 && ownConnections + connectionsOf(sessions) > maxConnections) sessions -= 1;
  return sessions;
}

function findFull(usage: Usage, sessions: number): LimitName | null {
  const { maxActiveUploads = Infinity, maxParallelism = Infinity, maxConnections = Infinity } = usage.limit;
  if (usage.uploads + 1 > maxActiveUploads) return 'maxActiveUploads';
  if (usage.sessions + sessions > maxParallelism) return 'maxParallelism';
  const connections = usage.connections + connectionsOf(sessions);
  return connections > maxConnections ? 'maxConnections' : null;
}

function usedOf({ uploads, sessions, connections }: Usage, limit: LimitName): number {
  switch (limit) {
    case 'maxActiveUploads':
      return uploads;
    case 'maxParallelism':
      return sessions;
    case 'maxConnections':
      return connections;
    default:
      throw new Error(limit satisfies never);
  }
}
