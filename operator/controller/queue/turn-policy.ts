/**
 * Decides which uploads may work and which wait for their turn. Pure.
 *
 * An upload that works is never stopped by a limit. One that has a Job and gets no pod lends what it was granted, so that a wrong
 * image or a full quota of one namespace holds up nobody else. Of those that wait, the next one is that of the highest priority;
 * among equal priorities that of the namespace with the fewest uploads at work, then that of the namespace whose last turn is the
 * longest ago, then the oldest.
 *
 * An upload that has given its turn back because its Job could not be made comes after all others. It stops nobody, and after some
 * minutes it is tried in the place that it would have otherwise, so that the end of the cause is noticed also where others always
 * wait.
 *
 * An upload for which a limit has no room stops later ones under that limit, so that a large upload is not overtaken for ever by
 * small ones. Uploads under other limits go on.
 *
 * | the limit would have room if the work of all other namespaces ended | stopped are                       |
 * |---------------------------------------------------------------------|-----------------------------------|
 * | yes                                                                 | all later uploads                 |
 * | no: the upload's own namespace keeps what is missing in use         | later uploads of the namespace    |
 *
 * The limits are looked at from the narrowest to the widest, and only the first one without room counts: an upload that its
 * namespace or its database holds up anyway stops nobody in the cluster.
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
  /** May an upload of an unknown database be in any of them? Else it counts only for uploads of its own namespace. */
  isAnywhere: boolean;
  /** The pool whose warm pods load the upload; null: the upload has Jobs of its own. */
  pool: string | null;
  /** Sessions that the upload asks for (spec.parallelism). */
  wanted: number;
  /** Sessions that the upload has; 0: it waits. */
  granted: number;
  /** Sessions that each pod of the upload's Job has; null: the upload has no Job, and gets one for the sessions that it is granted. */
  sessionsPerPod: number | null;
  /** The upload has its turn and no pod, and lends what it was granted to others until it has one. */
  lends: boolean;
  /** Time since the upload had its turn and its Job could not be made, in ms; null: this has not happened. */
  refusedMs: number | null;
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
  /** Counts the warm pods of every pool. Called once for many decisions, and only where connections are limited. */
  countWarmPods: () => Iterable<PoolCount>;
}

/** The warm pods of one pool. */
export interface PoolCount {
  pool: string;
  /** Identifies the database; null while nobody knows it: any database may be the one. */
  database: string | null;
  /** Pods that run and have no upload, each of which has one connection. */
  idle: number;
  /** Uploads that a pod has claimed. */
  claimed: number;
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
  /** The users by whom the operator is connected, where its own connections alone leave no room for any upload. */
  operatorUsers?: number;
}

export interface Turns {
  /** The sessions that each admitted upload gets, by key. */
  admitted: Map<string, number>;
  waiting: Map<string, Wait>;
}

/** The sum of what several uploads have. */
interface Sum {
  uploads: number;
  sessions: number;
  /** Those of pods. */
  connections: number;
}

/** The first limit that had no room for an upload, and how many wait for it. */
interface Full {
  limit: LimitName;
  ahead: number;
}

/** The part of a limit that is in use, in all and by namespace. */
interface Usage {
  scope: Wait['scope'];
  name: string;
  limit: DatabaseLimit;
  all: Sum;
  /** What each namespace uses of it. */
  shares: Map<string, Sum>;
  /** Connections of the operator. */
  ownConnections: number;
  /** Stops every later upload. */
  full: Full | null;
  /** Stops every later upload of the namespace. */
  fullShares: Map<string, Full>;
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
  // The next of each namespace is the last of its queue.
  for (const queue of queues.values()) queue.sort((a, b) => byAge(b, a));
  const turns: Turns = { admitted: new Map(), waiting: new Map() };
  const last = new Map(lastTurns);
  let turn = Math.max(0, ...last.values());
  const order = byTurn(usages, last);
  const heads = [...queues.values()].map((queue) => queue.pop()!).sort((a, b) => order(b, a));
  while (heads.length > 0) {
    const candidate = heads.pop()!;
    const room = usages.findRoom(candidate);
    if (typeof room === 'number') {
      usages.add(candidate, room);
      turns.admitted.set(candidate.key, room);
      turn += 1;
      last.set(candidate.namespace, turn);
    } else turns.waiting.set(candidate.key, room);
    // A turn changes the order of its own namespace alone, so that all other heads stay sorted.
    const next = queues.get(candidate.namespace)!.pop();
    if (next) insert(heads, next, order);
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

/** An upload whose Job was refused comes after all others for this time. */
const LAST_MS = 600_000;

const comesLast = ({ refusedMs }: Candidate) => Number(refusedMs !== null && refusedMs < LAST_MS);

const byAge = (a: Candidate, b: Candidate) =>
  comesLast(a) - comesLast(b) || b.priority - a.priority || a.createdAt - b.createdAt || (a.key < b.key ? -1 : 1);

/** Orders the heads of the namespaces' queues: the next one first. */
const byTurn = (usages: Usages, last: ReadonlyMap<string, number>) => (a: Candidate, b: Candidate) =>
  comesLast(a) - comesLast(b) ||
  b.priority - a.priority ||
  usages.uploadsOf(a.namespace) - usages.uploadsOf(b.namespace) ||
  (last.get(a.namespace) ?? 0) - (last.get(b.namespace) ?? 0) ||
  byAge(a, b);

/** @param heads sorted, the next one last */
function insert(heads: Candidate[], head: Candidate, order: ReturnType<typeof byTurn>): void {
  let low = 0;
  let high = heads.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (order(heads[middle]!, head) > 0) low = middle + 1;
    else high = middle;
  }
  heads.splice(low, 0, head);
}

class Usages {
  readonly #bounds: Bounds;
  /** What is used of databases that nobody knows: any database may be the one. */
  readonly #unknown = { all: nothing(), shares: new Map<string, Sum>() };
  /** The same of uploads that count for their own namespace alone. */
  readonly #lost = { all: nothing(), shares: new Map<string, Sum>() };
  readonly #all = new Map<string, Usage>();
  readonly #uploads = new Map<string, number>();
  /** Uploads at work by pool. */
  readonly #pooled = new Map<string, number>();
  /** Computed when a limit asks for it first. */
  #warm: WarmCounts | null = null;

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
  }

  uploadsOf(namespace: string): number {
    return this.#uploads.get(namespace) ?? 0;
  }

  add(candidate: Candidate, sessions: number): void {
    this.#uploads.set(candidate.namespace, this.uploadsOf(candidate.namespace) + 1);
    if (candidate.pool !== null) this.#pooled.set(candidate.pool, this.#pooledOf(candidate.pool) + 1);
    const [own, ...wider] = this.#usagesOf(candidate);
    // Whoever may alter a Job must not keep other namespaces from working by more than the Job's own namespace may have.
    const counted = Math.min(sessions, own!.limit.maxParallelism ?? Infinity);
    const unknown = candidate.database === null ? [candidate.isAnywhere ? this.#unknown : this.#lost] : [];
    for (const usage of [own!, ...wider, ...unknown]) {
      const each = usage === own ? sessions : counted;
      for (const sum of [usage.all, shareOf(usage.shares, candidate.namespace)]) {
        sum.uploads += 1;
        sum.sessions += each;
        sum.connections += connectionsOf(each, candidate.sessionsPerPod);
      }
    }
  }

  #pooledOf(pool: string): number {
    return this.#pooled.get(pool) ?? 0;
  }

  /**
   * The sessions for which every limit has room. An upload that asks for more than a limit ever allows gets what it allows,
   * and waits until it can have that.
   */
  findRoom(candidate: Candidate): number | Wait {
    const usages = this.#usagesOf(candidate);
    const sessions = Math.min(...usages.map((usage) => mostSessions(candidate, usage)));
    for (const usage of usages) {
      const before = usage.full ?? usage.fullShares.get(candidate.namespace);
      const full = before ?? this.#fill(usage, { candidate, sessions });
      if (full) return this.#wait(usage, full, candidate);
    }
    return sessions;
  }

  /** Notes that a limit has no room for a candidate, and so for later ones; null where it has room. A refused one stops nobody. */
  #fill(usage: Usage, asked: { candidate: Candidate; sessions: number }): Full | null {
    const { candidate } = asked;
    const limit = findFull(usage.limit, this.#whole(usage, candidate), asked);
    if (limit === null) return null;
    const full = { limit, ahead: 0 };
    if (candidate.refusedMs !== null) return full;
    const isHeldByOthers = findFull(usage.limit, this.#share(usage, candidate), asked) === null;
    if (isHeldByOthers) usage.full = full;
    else usage.fullShares.set(candidate.namespace, full);
    return full;
  }

  #wait(usage: Usage, full: Full, candidate: Candidate): Wait {
    const { scope, limit: limits, fullShares, ownConnections } = usage;
    const { limit } = full;
    const max = limits[limit]!;
    const ahead = (usage.full?.ahead ?? 0) + (fullShares.get(candidate.namespace)?.ahead ?? 0);
    full.ahead += 1;
    const wait = { scope, limit, max, used: this.#whole(usage, candidate)[USED[limit]], ahead };
    const leavesNone = limit === 'maxConnections' && ownConnections + connectionsOf(1, null) > max;
    return leavesNone ? { ...wait, operatorUsers: ownConnections / OPERATOR_CONNECTIONS } : wait;
  }

  /** What is in use, as a candidate sees it. */
  #whole({ scope, name, limit, all, ownConnections }: Usage, { pool, namespace }: Candidate): Sum {
    if (scope !== 'database') return all;
    const whole = add(add(all, this.#unknown.all), shareOf(this.#lost.shares, namespace));
    const idle = limit.maxConnections === undefined ? 0 : this.#countIdle(name, pool);
    return { ...whole, connections: whole.connections + ownConnections + idle };
  }

  /**
   * Counts the connections of warm pods without an upload. Those of the candidate's own pool are left out as far as the candidate,
   * and the uploads of the pool that have their turn and no pod yet, will take them.
   */
  #countIdle(database: string, pool: string | null): number {
    this.#warm ??= sumWarmPods(this.#bounds.countWarmPods());
    const { idle, pools } = this.#warm;
    const all = (idle.get(database) ?? 0) + (idle.get(null) ?? 0);
    const own = pool === null ? undefined : pools.get(pool);
    if (own === undefined || (own.database !== null && own.database !== database)) return all;
    const unclaimed = Math.max(0, this.#pooledOf(own.pool) - own.claimed);
    return all - Math.min(own.idle, unclaimed + 1);
  }

  /** What would be in use if the work of all other namespaces ended. */
  #share({ scope, shares, ownConnections }: Usage, { namespace }: Candidate): Sum {
    const share = shareOf(shares, namespace);
    if (scope !== 'database') return share;
    const unknown = add(shareOf(this.#unknown.shares, namespace), shareOf(this.#lost.shares, namespace));
    const whole = add(share, unknown);
    return { ...whole, connections: whole.connections + ownConnections };
  }

  /** From the narrowest to the widest. */
  #usagesOf({ namespace, database }: Candidate): Usage[] {
    const { cluster, namespaces, namespace: each, database: ofDatabase } = this.#bounds.limits;
    const own = Object.hasOwn(namespaces, namespace) ? namespaces[namespace]! : each;
    return [
      this.#usage('namespace', namespace, own),
      ...(database === null ? [] : [this.#usage('database', database, ofDatabase)]),
      this.#usage('cluster', '', cluster),
    ];
  }

  #usage(scope: Usage['scope'], name: string, limit: DatabaseLimit): Usage {
    const id = `${scope}/${name}`;
    const known = this.#all.get(id);
    if (known) return known;
    const ownConnections = scope === 'database' ? OPERATOR_CONNECTIONS * Math.max(1, this.#bounds.countPools(name)) : 0;
    const sums = { all: nothing(), shares: new Map<string, Sum>() };
    const usage = { scope, name, limit, ...sums, ownConnections, full: null, fullShares: new Map<string, Full>() };
    this.#all.set(id, usage);
    return usage;
  }
}

interface WarmCounts {
  /** Idle pods by database. */
  idle: Map<string | null, number>;
  pools: Map<string, PoolCount>;
}

function sumWarmPods(counts: Iterable<PoolCount>): WarmCounts {
  const warm: WarmCounts = { idle: new Map(), pools: new Map() };
  for (const count of counts) {
    warm.pools.set(count.pool, count);
    warm.idle.set(count.database, (warm.idle.get(count.database) ?? 0) + count.idle);
  }
  return warm;
}

const nothing = (): Sum => ({ uploads: 0, sessions: 0, connections: 0 });

const add = (a: Sum, b: Sum): Sum => ({
  uploads: a.uploads + b.uploads,
  sessions: a.sessions + b.sessions,
  connections: a.connections + b.connections,
});

function shareOf(shares: Map<string, Sum>, namespace: string): Sum {
  const share = shares.get(namespace) ?? nothing();
  shares.set(namespace, share);
  return share;
}

/** The most sessions that a limit allows an upload that works alone; 1 at least. */
function mostSessions({ wanted, sessionsPerPod }: Candidate, { limit, ownConnections }: Usage): number {
  const { maxParallelism = Infinity, maxConnections = Infinity } = limit;
  let sessions = Math.max(1, Math.min(wanted, maxParallelism));
  while (sessions > 1 && ownConnections + connectionsOf(sessions, sessionsPerPod) > maxConnections) sessions -= 1;
  return sessions;
}

/** What each limit limits. */
const USED = { maxActiveUploads: 'uploads', maxParallelism: 'sessions', maxConnections: 'connections' } as const;

/** @returns the limit that has no room for so many sessions of a candidate besides what is used; null where there is room. */
function findFull(
  { maxActiveUploads = Infinity, maxParallelism = Infinity, maxConnections = Infinity }: DatabaseLimit,
  used: Sum,
  { candidate, sessions }: { candidate: Candidate; sessions: number },
): LimitName | null {
  if (used.uploads + 1 > maxActiveUploads) return 'maxActiveUploads';
  if (used.sessions + sessions > maxParallelism) return 'maxParallelism';
  const connections = used.connections + connectionsOf(sessions, candidate.sessionsPerPod);
  return connections > maxConnections ? 'maxConnections' : null;
}
