/**
 * Finds how far replicas are behind their server. Pure.
 *
 * | a replica                                      | is behind by                                                        |
 * |------------------------------------------------|---------------------------------------------------------------------|
 * | has replayed all WAL                           | nothing                                                             |
 * | has not, and its server has measured a lag     | that lag, or the next one where it is longer                        |
 * | has not replayed what was written at a moment  | the time since that moment, by our own clock                        |
 *
 * The lag that the server measures does not grow while a replay is paused: it stayed at 0.7 s in a pause of 3 s with PostgreSQL 18.
 * Nor does it tell what will be: where a replica replays half as fast as the upload writes, the record that is written last will be
 * behind by twice the lag of the record that is replayed now. A replica therefore counts as too slow as soon as the WAL that it
 * has to replay takes longer than the limit, by the speed at which it has replayed lately.
 */
import { MEASURE_MS, type Replica } from './measure-server.ts';

export interface LateReplica {
  name: string;
  lagMs: number;
  /** The lag is within the limit and would soon be above it. */
  isExpected: boolean;
}

/** The speed of a replica is a moving average; so much of it is the latest measurement, if that came after {@link MEASURE_MS}. */
const WEIGHT = 0.3;
/** A replica counts as too slow only from this part of the limit on, so that a moment without replay does not matter. */
const EXPECTED_FROM = 0.25;
/** With more measurements than this, every second one is forgotten, but never the oldest that a replica has not replayed. */
const MOST_SAMPLES = 512;

interface Sample {
  atMs: number;
  writtenBytes: number;
}

interface Track {
  atMs: number;
  replayedBytes: number;
  isBehind: boolean;
  /** Bytes a second; null: not known yet. */
  speed: number | null;
}

export class ReplicaLags {
  readonly #limitMs: number;
  /** Positions of the WAL, the oldest first, of which some replica has not replayed all. */
  #samples: Sample[] = [];
  #tracks = new Map<number, Track>();

  constructor(limitSeconds: number) {
    this.#limitMs = limitSeconds * 1000;
  }

  /** @returns the replica that is too far behind, and of several the one that is furthest; null when none is */
  measured({ atMs, writtenBytes, replicas }: Sample & { replicas: readonly Replica[] }): LateReplica | null {
    if (writtenBytes < (this.#samples.at(-1)?.writtenBytes ?? 0)) this.#goBack(writtenBytes);
    const slowest = Math.min(writtenBytes, ...replicas.map(({ replayedBytes }) => replayedBytes));
    this.#samples = keep([...this.#samples, { atMs, writtenBytes }].filter((each) => each.writtenBytes >= slowest));
    const tracks = new Map<number, Track>();
    let worst: LateReplica | null = null;
    for (const replica of replicas) {
      const track = follow(this.#tracks.get(replica.pid), { replica, atMs, writtenBytes });
      tracks.set(replica.pid, track);
      const late = this.#judge(replica, track, { atMs, writtenBytes });
      if (late && (worst === null || late.lagMs > worst.lagMs)) worst = late;
    }
    this.#tracks = tracks;
    return worst;
  }

  /**
   * The position goes back where the server has another history by now: after a restore, or where a standby was promoted that
   * lacked the last WAL. When the positions beyond it were written says nothing of the present ones, and neither does a speed.
   */
  #goBack(writtenBytes: number): void {
    this.#samples = this.#samples.filter((each) => each.writtenBytes <= writtenBytes);
    this.#tracks = new Map();
  }

  #judge({ name, replayedBytes, lagMs: told }: Replica, { isBehind, speed }: Track, now: Sample): LateReplica | null {
    if (!isBehind) return null;
    const since = this.#samples.find(({ writtenBytes }) => writtenBytes > replayedBytes)?.atMs ?? now.atMs;
    const lagMs = Math.max(told ?? 0, now.atMs - since);
    if (lagMs > this.#limitMs) return { name, lagMs, isExpected: false };
    if (speed === null || lagMs < this.#limitMs * EXPECTED_FROM) return null;
    const expectedMs = ((now.writtenBytes - replayedBytes) / speed) * 1000;
    return expectedMs > this.#limitMs ? { name, lagMs, isExpected: true } : null;
  }
}

/** The speed is measured only over times in which the replica had something to replay. */
function follow(before: Track | undefined, now: { replica: Replica; atMs: number; writtenBytes: number }): Track {
  const { replica, atMs, writtenBytes } = now;
  const { replayedBytes } = replica;
  const track = { atMs, replayedBytes, isBehind: replayedBytes < writtenBytes };
  if (!before?.isBehind || atMs <= before.atMs) return { ...track, speed: before?.speed ?? null };
  const speed = (Math.max(0, replayedBytes - before.replayedBytes) / (atMs - before.atMs)) * 1000;
  // Measurements may follow each other more closely than usual, and must not count for more by that.
  const weight = 1 - (1 - WEIGHT) ** ((atMs - before.atMs) / MEASURE_MS);
  return { ...track, speed: before.speed === null ? speed : before.speed + weight * (speed - before.speed) };
}

/** A measurement at which nothing more was written than at the one before tells nothing. */
function keep(samples: Sample[]): Sample[] {
  const told = samples.filter(({ writtenBytes }, i) => i === 0 || writtenBytes > samples[i - 1]!.writtenBytes);
  return told.length > MOST_SAMPLES ? told.filter((_, i) => i < 2 || i % 2 === 0) : told;
}
