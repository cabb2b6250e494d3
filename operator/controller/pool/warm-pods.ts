/**
 * Keeps account of the pools of warm pods: the uploads that each pool has, its Jobs, and how they have fared. The account is in
 * memory only. A new leader finds the Jobs in its caches, and the uploads when it looks at each of them.
 */
import { randomBytes } from 'node:crypto';
import { isPoolId } from '#api/names.ts';
import type { Clock } from '#common/clock.ts';
import type { Logger } from '#common/log.ts';
import { isRefused } from '#kube/errors.ts';
import { JOBS, type Job, PODS, type Pod } from '#kube/resource-types.ts';
import type { KubeClient } from '#kube/types.ts';
import type { Caches } from '#operator/controller/caches.ts';
import { uploadUidOf, viewJob, viewPod } from '#operator/controller/job-view.ts';
import type { PoolCount } from '#operator/controller/queue/turn-policy.ts';
import type { JobView, PodView } from '#operator/controller/types.ts';
import { isPoolJobOf, type PoolPlan } from '#operator/jobs/pool-job.ts';
import { hasTrouble, podsWanted, TROUBLE_MS } from './pool-policy.ts';

export interface WarmPodsDeps {
  client: Pick<KubeClient, 'create' | 'delete' | 'find'>;
  caches: Pick<Caches, 'jobsOf' | 'podsOf' | 'namespaces'>;
  clock: Clock;
  log: Logger;
  /** The most pods of one pool. */
  max: number;
  /** Time after which the status of an upload says why a pod does not run, in ms. */
  graceMs: number;
  /** Puts an upload into the queue. */
  enqueue: (key: string) => void;
  /** Called when a pod has ended, and with it its connection. */
  onEnd: () => void;
}

/** A pool as one of its uploads sees it. */
export interface PoolView {
  plan: PoolPlan;
  hasTrouble: boolean;
  needsPods: boolean;
  startingPods: PodView[];
}

/** A pod of a pool, and its Job. */
export interface WarmPod {
  pod: PodView;
  job: JobView | null;
}

/** An upload that a pool has. */
export interface KeptUpload {
  pool: string;
  namespace: string;
  /** The pod that has claimed the upload; null where none has. */
  pod: string | null;
  /** Identifies the database; null while nobody knows it. */
  place: string | null;
  /** Does the pod wait for the sake of its database? The pool then is in order, however long that takes. Default: false. */
  isSlowed?: boolean;
}

/** The API server is asked this often, in ms, for a Job that was made and is missing in the cache: a watch can hang for minutes. */
const CACHE_LAG_MS = 5_000;

interface Pool {
  namespace: string;
  /** The uploads of the pool that have not ended, with the pod that has them. */
  uploads: Map<string, string | null>;
  /** When the pool began to have uploads, or has got on with them last (monotonic, ms). */
  movedAt: number;
  /** Identifies the database of the pool; null while nobody knows it, as after a start of the operator. */
  place: string | null;
  /**
   * Names of the Jobs that were made, until the cache has them, and when the API server was last known to have them (monotonic,
   * ms; Infinity while they are made).
   */
  made: Map<string, number>;
  /** Since when (monotonic, ms) each Job is known. */
  known: Map<string, number>;
  /** Jobs whose end has been counted. */
  counted: Set<string>;
  failures: number;
  wasRefused: boolean;
  /** When the last trouble was (monotonic, ms). */
  troubleAt: number;
}

export class WarmPods {
  readonly #deps: WarmPodsDeps;
  readonly #pools = new Map<string, Pool>();
  readonly #poolOf = new Map<string, string>();

  constructor(deps: WarmPodsDeps) {
    this.#deps = deps;
  }

  /** Notes that a pool has an upload, and the pod of the pool that has claimed it. */
  keep(key: string, { pool: id, namespace, pod, place, isSlowed = false }: KeptUpload): void {
    const before = this.#poolOf.get(key);
    if (before !== undefined && before !== id) this.release(key);
    this.#poolOf.set(key, id);
    const pool = this.#of(id, namespace);
    // The end of a claim is a move as well: a new pod needs some time for the upload.
    if (isSlowed || pool.uploads.size === 0 || pod !== (pool.uploads.get(key) ?? null)) this.#move(pool);
    pool.uploads.set(key, pod);
    pool.place = place ?? pool.place;
  }

  /** The upload has ended, or no pool has it any more. A repetition changes nothing. */
  release(key: string): void {
    const id = this.#poolOf.get(key);
    const pool = id === undefined ? undefined : this.#pools.get(id);
    this.#poolOf.delete(key);
    if (pool?.uploads.delete(key)) this.#move(pool);
  }

  /** Finds the pool whose pod has an upload, or may have it at any moment; null where no pool has both the upload and such a pod. */
  keptBy(key: string): string | null {
    const id = this.#poolOf.get(key);
    const pool = id === undefined ? undefined : this.#pools.get(id);
    if (id === undefined || pool === undefined) return null;
    const pod = pool.uploads.get(key) ?? null;
    const lives = pod === null ? this.#countPods(id, pool) > 0 : this.find(pool.namespace, pod) !== null;
    return lives ? id : null;
  }

  /** The failure of a pod that had an upload may be the upload's, and does not count against the pool. */
  excuse(id: string, pod: string): void {
    const pool = this.#pools.get(id);
    const job = pool && [...pool.known.keys()].find((name) => pod.startsWith(`${name}-`));
    if (!job) return;
    if (pool.counted.has(job)) pool.failures = Math.max(0, pool.failures - 1);
    pool.counted.add(job);
  }

  /** A pod of the pool has brought an upload to its end. */
  succeeded(id: string): void {
    const pool = this.#pools.get(id);
    if (pool) pool.failures = 0;
  }

  view(plan: PoolPlan): PoolView {
    // A look makes no pool: anybody may ask for any number of them.
    const pool = this.#pools.get(plan.id) ?? newPool(plan.namespace);
    const { clock, graceMs, max } = this.#deps;
    const now = clock.monotonic();
    const live = this.#livePods(plan.id, pool);
    const since = ({ job }: { job: JobView }) => pool.known.get(job.name) ?? now;
    const starting = live.filter(({ isRunning }) => !isRunning).map(since);
    const podless = live.filter(({ pod }) => pod === null).map(since);
    const isWaiting = [...pool.uploads.values()].includes(null);
    const state = {
      failures: pool.failures,
      troubleAgoMs: now - pool.troubleAt,
      wasRefused: pool.wasRefused,
      runningPods: live.length - starting.length,
      startingMs: starting.length === 0 ? null : now - Math.min(...starting),
      podlessMs: podless.length === 0 ? null : now - Math.min(...podless),
      stillMs: isWaiting ? now - pool.movedAt : null,
    };
    // The upload that asks may not be in the account yet.
    const missing = podsWanted(Math.max(1, pool.uploads.size), max) - this.#countPods(plan.id, pool);
    const startingPods = live.flatMap(({ pod, isRunning }) => (pod && !isRunning ? [pod] : []));
    const needsPods = missing > 0 || this.#unconfirmed(pool).length > 0;
    return { plan, hasTrouble: hasTrouble(state, graceMs), needsPods, startingPods };
  }

  /** Finds a pod of any pool by its name; null where the cache has no such pod, or it has ended. */
  find(namespace: string, name: string | null | undefined): WarmPod | null {
    const pod = name ? this.#cachedPod(namespace, name) : undefined;
    return pod ? this.#viewWarm(namespace, pod) : null;
  }

  /**
   * Does the same for a pod that has an upload, and asks the API server where the cache does not have the pod: the ledger may
   * know of a new pod before the cache does.
   * @throws KubeError
   */
  async lookUp(namespace: string, name: string | null | undefined, signal: AbortSignal): Promise<WarmPod | null> {
    if (!name) return null;
    const ref = { namespace, name };
    const pod = this.#cachedPod(namespace, name) ?? (await this.#deps.client.find(PODS, ref, { signal }));
    return pod ? this.#viewWarm(namespace, pod) : null;
  }

  #cachedPod(namespace: string, name: string): Pod | undefined {
    return this.#deps.caches.namespaces.get(namespace)?.pods.get(`${namespace}/${name}`);
  }

  #viewWarm(namespace: string, pod: Pod): WarmPod | null {
    const id = uploadUidOf(pod) ?? '';
    const view = viewPod(pod);
    if (!isPoolId(id) || !isPoolJobOf(id, view.job) || hasEnded(view)) return null;
    const job = this.#deps.caches.namespaces.get(namespace)?.jobs.get(`${namespace}/${view.job}`);
    return { pod: view, job: job ? viewJob(job, 'plan', '') : null };
  }

  /**
   * Starts the pods that a pool lacks. Nothing is awaited between the count of what is to be started and its note, so that many
   * uploads that call this at the same time start no pod too many.
   */
  async start(plan: PoolPlan, signal: AbortSignal): Promise<void> {
    const pool = this.#of(plan.id, plan.namespace);
    const { client, clock, log, max } = this.#deps;
    await this.#confirm(plan.id, pool, signal);
    const jobs = [];
    for (let n = this.#countPods(plan.id, pool); n < podsWanted(pool.uploads.size, max); n += 1) {
      const job = plan.buildJob(randomBytes(3).toString('hex'));
      pool.made.set(job.metadata.name, Infinity);
      jobs.push(job);
    }
    for (const job of jobs) {
      const { name, namespace } = job.metadata;
      try {
        await client.create(JOBS, job, { signal });
        log.info({ namespace, pool: plan.id, job: name }, 'started a warm pod');
      } catch (error) {
        for (const each of jobs)
          if (pool.made.get(each.metadata.name) === Infinity) pool.made.delete(each.metadata.name);
        if (!isRefused(error)) throw error;
        pool.wasRefused = true;
        pool.troubleAt = clock.monotonic();
        log.warn({ err: error, namespace, pool: plan.id }, 'the API server refused a warm pod');
        return;
      }
      pool.made.set(name, clock.monotonic());
    }
  }

  /** Takes note of the Jobs that there were before this leader, whose ends say nothing of the present. */
  recount(job: Job): void {
    const id = uploadUidOf(job) ?? '';
    const { name = '', namespace = '' } = job.metadata ?? {};
    if (!isPoolId(id) || !isPoolJobOf(id, name)) return;
    const pool = this.#of(id, namespace);
    pool.known.set(name, this.#deps.clock.monotonic());
    if (viewJob(job, 'plan', '').verdict !== 'none') pool.counted.add(name);
  }

  /** Takes note of an upload that a pod had before this leader, as its status says. */
  recountUpload(key: string, namespace: string, pod: string): void {
    const found = this.find(namespace, pod) && this.#cachedPod(namespace, pod);
    if (found) this.keep(key, { pool: uploadUidOf(found)!, namespace, pod, place: null });
  }

  /** Takes note of a changed Job or pod of a pool. */
  notice(object: Job | Pod): void {
    const id = uploadUidOf(object) ?? '';
    const { name = '', namespace = '' } = object.metadata ?? {};
    if (!isPoolId(id) || !isPoolJobOf(id, name)) return;
    const pool = this.#of(id, namespace);
    if (pool.namespace !== namespace) return;
    this.#countEnds(id, pool);
    const uploads = [...pool.uploads];
    const held = uploads.find(([, pod]) => pod === name);
    // One upload is enough to see that the pool lacks pods.
    const waiting = uploads.find(([, pod]) => pod === null);
    for (const found of [held, waiting]) if (found) this.#deps.enqueue(found[0]);
  }

  /** Counts the pods that have no upload, pool by pool. */
  *count(): Generator<PoolCount> {
    for (const [id, pool] of this.#pools) {
      const working = new Set(pool.uploads.values());
      const idle = this.#pods(id, pool).filter(
        (pod) => pod.phase === 'Running' && !hasEnded(pod) && !working.has(pod.name),
      ).length;
      working.delete(null);
      yield { pool: id, database: pool.place, idle, claimed: working.size };
    }
  }

  /** The number of pools in the account. */
  get size(): number {
    return this.#pools.size;
  }

  /**
   * Forgets the pools that have nothing, and deletes the Jobs whose pods do not start, of pools that no upload waits for: nothing
   * else would end them.
   */
  async tidy(signal: AbortSignal): Promise<void> {
    const { client, clock, graceMs, log } = this.#deps;
    for (const [id, pool] of this.#pools) {
      if (pool.uploads.size > 0) continue;
      const warn = (err: unknown) =>
        log.warn({ err, namespace: pool.namespace, pool: id }, 'a pool could not be tidied');
      await this.#confirm(id, pool, signal).catch(warn);
      if (pool.uploads.size > 0) continue;
      // The trouble of a pool is known until it is over, so that the pool is not tried again too soon.
      const isQuiet = clock.monotonic() - pool.troubleAt >= TROUBLE_MS;
      if (isQuiet && this.#countPods(id, pool) === 0 && this.#jobs(id, pool).length === 0) this.#pools.delete(id);
      for (const { job, isRunning } of this.#livePods(id, pool)) {
        if (isRunning || clock.monotonic() - (pool.known.get(job.name) ?? Infinity) < graceMs) continue;
        const { namespace } = pool;
        log.info(
          { namespace, pool: id, job: job.name },
          'deleting a warm pod that does not start and that nothing waits for',
        );
        const options = { propagationPolicy: 'Background', preconditions: { uid: job.uid }, signal } as const;
        await client.delete(JOBS, { namespace, name: job.name }, options).catch(warn);
      }
    }
  }

  #of(id: string, namespace: string): Pool {
    const known = this.#pools.get(id);
    if (known) return known;
    const pool = newPool(namespace);
    this.#pools.set(id, pool);
    return pool;
  }

  #move(pool: Pool): void {
    pool.movedAt = this.#deps.clock.monotonic();
  }

  /** A label alone may be anybody's; the name of the Job and the namespace are the operator's. */
  #jobs(id: string, { namespace }: Pool): JobView[] {
    const own = this.#deps.caches.jobsOf({ namespace, uid: id });
    return own.map((job) => viewJob(job, 'plan', '')).filter(({ name }) => isPoolJobOf(id, name));
  }

  #pods(id: string, { namespace }: Pool): PodView[] {
    const own = this.#deps.caches.podsOf({ namespace, uid: id });
    return own.map(viewPod).filter(({ job }) => isPoolJobOf(id, job));
  }

  /** The Jobs that have a pod that works, or will have one. The status of a Job comes later than the end of its pod. */
  #livePods(id: string, pool: Pool): { job: JobView; pod: PodView | null; isRunning: boolean }[] {
    const pods = new Map(this.#pods(id, pool).map((pod) => [pod.job, pod]));
    return this.#jobs(id, pool).flatMap((job) => {
      const pod = pods.get(job.name);
      const isOver = job.finished || job.deleting || job.verdict !== 'none' || (pod && (pod.deleting || hasEnded(pod)));
      return isOver ? [] : [{ job, pod: pod ?? null, isRunning: pod?.phase === 'Running' }];
    });
  }

  /** Counts the pods that work or will, and those of Jobs that the cache does not have yet. */
  #countPods(id: string, pool: Pool): number {
    for (const { name } of this.#jobs(id, pool)) pool.made.delete(name);
    return this.#livePods(id, pool).length + pool.made.size;
  }

  /** The Jobs that the cache should have by now. */
  #unconfirmed({ made }: Pool): string[] {
    const oldest = this.#deps.clock.monotonic() - CACHE_LAG_MS;
    return [...made].flatMap(([name, at]) => (at < oldest ? [name] : []));
  }

  /**
   * Forgets the Jobs that are missing in the cache because they are gone, or have ended. Those that are there count on: with a
   * watch that hangs, the pool would otherwise make more pods each time.
   * @throws KubeError
   */
  async #confirm(id: string, pool: Pool, signal: AbortSignal): Promise<void> {
    this.#countPods(id, pool);
    const names = this.#unconfirmed(pool);
    // Other uploads of the pool then ask for none of them.
    for (const name of names) pool.made.set(name, this.#deps.clock.monotonic());
    for (const name of names) {
      const job = await this.#deps.client.find(JOBS, { namespace: pool.namespace, name }, { signal });
      if (!job || viewJob(job, 'plan', '').verdict !== 'none') pool.made.delete(name);
    }
  }

  #countEnds(id: string, pool: Pool): void {
    const now = this.#deps.clock.monotonic();
    const jobs = this.#jobs(id, pool);
    const names = new Set(jobs.map(({ name }) => name));
    for (const known of pool.known.keys()) if (!names.has(known)) pool.known.delete(known);
    for (const counted of pool.counted) if (!names.has(counted)) pool.counted.delete(counted);
    for (const { name, verdict } of jobs) {
      pool.made.delete(name);
      if (!pool.known.has(name)) pool.known.set(name, now);
      if (verdict === 'none' || pool.counted.has(name)) continue;
      pool.counted.add(name);
      pool.failures = verdict === 'failed' ? pool.failures + 1 : 0;
      pool.wasRefused = false;
      if (verdict === 'failed') pool.troubleAt = now;
    }
    this.#deps.onEnd();
    if (jobs.length === 0 && pool.uploads.size === 0 && pool.made.size === 0) this.#pools.delete(id);
  }
}

function newPool(namespace: string): Pool {
  return {
    namespace,
    uploads: new Map(),
    movedAt: -Infinity,
    place: null,
    made: new Map(),
    known: new Map(),
    counted: new Set(),
    failures: 0,
    wasRefused: false,
    troubleAt: -Infinity,
  };
}

/** A container that something has added may let a pod run on whose work has ended. */
function hasEnded({ phase, terminated }: PodView): boolean {
  return phase === 'Succeeded' || phase === 'Failed' || terminated !== null;
}
