/**
 * Keeps account of the uploads that work and of those that wait for their turn. The account is in memory only: which uploads
 * work follows from their status, their Jobs and their pods, so that a new leader finds it again.
 *
 * | an upload                                 | counts as                                | until                         |
 * |-------------------------------------------|------------------------------------------|-------------------------------|
 * | asks for a turn, and a limit has no room  | waiting                                  | an upload before it has ended |
 * | has its turn                              | at work, with its granted sessions       | {@link UploadTurns.release}   |
 * | has a Job, and no pod runs for the grace  | nothing: it lends what it has            | a pod of it runs              |
 * | has its turn and no Job for the grace     | waiting, after all others                | there is room for one try     |
 * | has tried that, and got no Job again      | nothing                                  | the grace is over             |
 * | has ended, is suspended or deleted        | at work, as long as it has pods          | its last pod has ended        |
 */
import type { Clock } from '#common/clock.ts';
import type { Limits } from '#operator/config/upload-limits.ts';
import { type Bounds, type Candidate, resize, takeTurns, type Wait } from './turn-policy.ts';

export type Turn =
  | { type: 'admitted'; sessions: number }
  | { type: 'waiting'; wait: Wait }
  /** The upload's Job could not be made a moment ago, and the upload may ask for another try after so many ms. */
  | { type: 'resting'; ms: number }
  /** The turns are being worked out; the upload is put into the queue when it has its turn. */
  | { type: 'unknown' };

export interface TurnRequest extends Omit<Candidate, 'granted' | 'refusedMs' | 'isAnywhere'> {
  uid: string;
  /** Another one says that the spec has changed, which may have mended what kept the upload from having a Job. */
  generation: number;
  /** The database that the upload's Secret names, if the upload's own one is not known; null where it is, or nobody knows. */
  likelyDatabase: string | null;
  /** The sessions with which the upload is at work already; 0: it is not. */
  holds: number;
  /** No pod of the pool has claimed the upload yet: it keeps a turn that it has, and takes none by what it holds. */
  isUnclaimed: boolean;
}

export interface UploadTurnsDeps {
  limits: Limits;
  clock: Clock;
  countPools: Bounds['countPools'];
  countWarmPods: Bounds['countWarmPods'];
  /** Time for which an upload may have its turn and no Job before it gives the turn back, in ms; {@link LEAST_GRACE_MS} at least. */
  graceMs: number;
  /** The names of the pods of an upload's Jobs that have not ended. */
  podsOf: (upload: { namespace: string; uid: string }) => readonly string[];
  /** Says that a warm pod has the upload, or may have it at any moment. */
  isInPool: (key: string) => boolean;
  /** Called with an upload that has its turn. */
  onTurn: (key: string) => void;
}

/** An upload that has its turn needs some time for its Job: with less, it would give back each turn and never come to a Job. */
const LEAST_GRACE_MS = 2_000;
/** The turns of many uploads that arrive together are worked out together. */
const SPACING_MS = 50;
/** Working them out takes longer, the more wait: so much for each of them. */
const SPACING_MS_EACH = 0.1;
/** Pods that end are looked for this often. */
const ENDING_MS = 500;
/** A pod on a lost node ends only when somebody removes the node; it counts for this time. */
const MOST_ENDING_MS = 600_000;
/** The grace of a pod, and the time in which the Job is changed. */
const GIVEN_MS = 35_000;
/**
 * A new leader gives no turn before it has seen all uploads that work, but waits for no longer than this time. An upload that it has
 * not seen by then keeps its place only if it has pods, or a warm pod has it.
 */
const RECOUNT_MS = 10_000;

interface Known extends Candidate {
  uid: string;
  generation: number;
  /** The sessions that the Job or the warm pod of the upload had when the upload asked last. */
  holds: number;
  /** Since when the upload has had its turn without a Job or a warm pod (monotonic, ms); null while it waits, or has one. */
  joblessSince: number | null;
}

export class UploadTurns {
  readonly #deps: UploadTurnsDeps;
  readonly #candidates = new Map<string, Known>();
  /**
   * Uploads that have ended or were suspended, with the names of their pods; `until` is monotonic, in ms. An upload that goes on has
   * other pods, and is here once more when these end, too.
   */
  readonly #ending = new Set<Candidate & { uid: string; pods: ReadonlySet<string>; until: number }>();
  /** The uploads that had their turn and got no Job, by key, and when that was last (monotonic, ms). */
  readonly #refused = new Map<string, { uid: string; generation: number; at: number }>();
  /** What uploads had before they asked for fewer sessions, as long as their pods may have them. */
  readonly #given = new Set<Candidate>();
  /** The uploads that worked when this leader began, and that it has not seen since. */
  readonly #unseen = new Set<string>();
  readonly #lastTurns = new Map<string, number>();
  #turn = 0;
  #waiting: ReadonlyMap<string, Wait> = new Map();
  #workedOutAt = -Infinity;
  readonly #startedAt: number;
  #isScheduled = false;
  #isLooking = false;

  constructor(deps: UploadTurnsDeps) {
    this.#deps = { ...deps, graceMs: Math.max(deps.graceMs, LEAST_GRACE_MS) };
    this.#startedAt = deps.clock.monotonic();
  }

  /** The number of uploads that wait for their turn. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Counts an upload that works, before this leader has seen its database. */
  recount(request: TurnRequest): void {
    this.#candidates.set(request.key, {
      ...request,
      granted: request.holds,
      joblessSince: null,
      refusedMs: null,
      isAnywhere: true,
    });
    this.#unseen.add(request.key);
    if (this.#unseen.size > 1) return;
    this.#deps.clock.schedule(RECOUNT_MS, () => {
      for (const key of this.#unseen) {
        if (!this.#hasPods(this.#candidates.get(key)!)) this.#candidates.delete(key);
      }
      this.#unseen.clear();
      this.#workOutSoon();
    });
  }

  ask(request: TurnRequest): Turn {
    const { key, uid, generation } = request;
    this.forgetOther(key, uid);
    this.#see(key);
    const known = this.#candidates.get(key);
    const holds = request.isUnclaimed && !known?.granted ? 0 : request.holds;
    const now = this.#deps.clock.monotonic();
    const before = this.#refused.get(key);
    if (holds > 0 || before?.generation !== generation) this.#refused.delete(key);
    else if (!known && before.at + this.#deps.graceMs > now)
      return { type: 'resting', ms: before.at + this.#deps.graceMs - now };
    // Others may have what this upload does not use, so that there has to be room before it makes a Job.
    const isOver = holds === 0 && this.#isOver(known?.joblessSince ?? null, now);
    if (isOver) this.#refused.set(key, { uid, generation, at: now });
    const mustWait = isOver || (holds === 0 && known?.lends === true);
    const granted = mustWait ? 0 : known?.granted || holds;
    const refused = this.#refused.get(key);
    const candidate = {
      ...request,
      holds,
      granted,
      joblessSince: granted === 0 || holds > 0 ? null : (known?.joblessSince ?? now),
      refusedMs: refused ? now - refused.at : null,
      database: request.database ?? known?.database ?? request.likelyDatabase,
      lends: holds > 0 && request.lends,
      // An upload that was looked at and has no database by then has lost its Secret.
      isAnywhere: now - this.#startedAt < RECOUNT_MS,
    };
    const isNew =
      known?.database !== candidate.database ||
      known.priority !== candidate.priority ||
      known.wanted !== candidate.wanted ||
      known.lends !== candidate.lends ||
      (candidate.database === null && known.isAnywhere !== candidate.isAnywhere) ||
      mustWait ||
      refused !== undefined;
    this.#candidates.set(key, candidate);
    if (candidate.granted > 0) {
      if ((candidate.lends || candidate.database === null) && isNew) this.#workOutSoon(key);
      return { type: 'admitted', sessions: this.#follow(candidate) };
    }
    if (isNew) this.#workOutSoon(key);
    const { granted: sessions } = this.#candidates.get(key)!;
    if (sessions > 0) return { type: 'admitted', sessions };
    const wait = this.#waiting.get(key);
    return wait ? { type: 'waiting', wait } : { type: 'unknown' };
  }

  /** Ends the turn of an upload that was deleted and has been made again under its name. */
  forgetOther(key: string, uid: string): void {
    const known = this.#candidates.get(key) ?? this.#refused.get(key);
    if (known && known.uid !== uid) this.release(key);
  }

  /** Ends the turn of an upload, or its wait. A repetition changes nothing. */
  release(key: string): void {
    this.#see(key);
    this.#refused.delete(key);
    const candidate = this.#candidates.get(key);
    if (!candidate) return;
    this.#candidates.delete(key);
    if (candidate.granted > 0) this.#end(candidate);
    this.#workOutSoon();
  }

  /**
   * The operator could not look at an upload, or could not make its Job. An upload that has pods keeps its place. One that had given
   * its turn back before gives it back at once, so that many such uploads can try one after the other, and rests for the grace.
   * @returns true where the upload has had its turn and got no pod
   */
  noticeFailure(key: string): boolean {
    const known = this.#candidates.get(key);
    if (!known || known.granted === 0) return false;
    const now = this.#deps.clock.monotonic();
    const joblessSince = this.#hasPods(known) ? null : (known.joblessSince ?? now);
    const isOver = this.#isOver(joblessSince, now);
    if (joblessSince !== null && known.holds === 0 && (isOver || this.#refused.has(key))) {
      this.#refused.set(key, { uid: known.uid, generation: known.generation, at: now });
      this.#candidates.delete(key);
      this.#workOutSoon();
      return true;
    }
    // A Job that the operator cannot see at the moment makes its pods by itself.
    const lends = known.lends || isOver;
    this.#candidates.set(key, { ...known, joblessSince, lends });
    if (lends && !known.lends) this.#workOutSoon();
    return joblessSince !== null;
  }

  #hasPods(known: Known): boolean {
    return this.#deps.podsOf(known).length > 0 || this.#deps.isInPool(known.key);
  }

  #isOver(joblessSince: number | null, now: number): boolean {
    return joblessSince !== null && now - joblessSince > this.#deps.graceMs;
  }

  /** Connections have ended that no upload had, as that of a warm pod. */
  noticeEnd(): void {
    if (this.#waiting.size > 0) this.#workOutSoon();
  }

  /** An upload that is not at work has pods that still end. */
  recountEnding(request: TurnRequest): void {
    this.#end({ ...request, granted: request.holds, refusedMs: null, isAnywhere: true });
  }

  #end(candidate: Candidate & { uid: string }): void {
    const pods = new Set(this.#deps.podsOf(candidate));
    for (const earlier of this.#ending) {
      if (earlier.uid === candidate.uid) for (const pod of earlier.pods) pods.delete(pod);
    }
    if (pods.size === 0) return;
    this.#ending.add({
      ...candidate,
      lends: false,
      pods,
      until: this.#deps.clock.monotonic() + MOST_ENDING_MS,
    });
    this.#lookForEnds();
  }

  #see(key: string): void {
    if (this.#unseen.delete(key) && this.#unseen.size === 0) this.#workOutSoon();
  }

  /** @returns the sessions of an upload at work, which may have asked for others. */
  #follow(candidate: Known): number {
    if (candidate.wanted === candidate.granted) return candidate.granted;
    const granted = resize(candidate, this.#all(), this.#deps);
    this.#candidates.set(candidate.key, { ...candidate, granted });
    // Pods end as a whole.
    const perPod = candidate.sessionsPerPod ?? 1;
    const given = Math.ceil((candidate.granted - granted) / perPod) * perPod;
    if (given > 0) this.#giveLater({ ...candidate, granted: given });
    return granted;
  }

  /** Pods end within 30 s of the change of their Job. */
  #giveLater(given: Candidate): void {
    this.#given.add(given);
    this.#deps.clock.schedule(GIVEN_MS, () => {
      this.#given.delete(given);
      this.#workOutSoon();
    });
  }

  *#all(): Generator<Candidate> {
    yield* this.#candidates.values();
    // Sessions of pods that still end count beside those that their upload has by now.
    for (const left of [...this.#ending, ...this.#given]) yield { ...left, key: '' };
  }

  /**
   * Works the turns out now, or as soon as they were not worked out for a moment.
   * @param asking the upload that gets the answer at once, if there is one by then
   */
  #workOutSoon(asking?: string): void {
    const { clock } = this.#deps;
    const spacingMs = Math.max(SPACING_MS, this.#waiting.size * SPACING_MS_EACH);
    const waitMs = this.#workedOutAt + spacingMs - clock.monotonic();
    if (waitMs <= 0) {
      this.#workOut(asking);
      return;
    }
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    clock.schedule(waitMs, () => {
      this.#isScheduled = false;
      this.#workOut();
    });
  }

  #workOut(asking?: string): void {
    if (this.#unseen.size > 0) return;
    const before = this.#waiting;
    const { admitted, waiting } = takeTurns(this.#all(), this.#deps, this.#lastTurns);
    // The time between is for other work, however long this has taken.
    this.#workedOutAt = this.#deps.clock.monotonic();
    this.#waiting = waiting;
    for (const [key, granted] of admitted) {
      const candidate = this.#candidates.get(key)!;
      this.#candidates.set(key, { ...candidate, granted, joblessSince: this.#workedOutAt, lends: false });
      this.#turn += 1;
      this.#lastTurns.set(candidate.namespace, this.#turn);
      if (key !== asking) this.#deps.onTurn(key);
    }
    // Nobody else tells an upload that begins to wait what it waits for.
    for (const key of waiting.keys()) {
      if (key !== asking && !before.has(key)) this.#deps.onTurn(key);
    }
  }

  #lookForEnds(): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    this.#deps.clock.schedule(ENDING_MS, () => {
      this.#isLooking = false;
      let freed = false;
      const now = this.#deps.clock.monotonic();
      for (const candidate of this.#ending) {
        const isLeft = this.#deps.podsOf(candidate).some((pod) => candidate.pods.has(pod));
        if (now < candidate.until && isLeft) continue;
        freed = this.#ending.delete(candidate) || freed;
      }
      if (freed) this.#workOutSoon();
      if (this.#ending.size > 0) this.#lookForEnds();
    });
  }
}
