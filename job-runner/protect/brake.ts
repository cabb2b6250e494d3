/**
 * Holds a pod up between its groups of chunks while a limit of spec.target.protect is exceeded. The pod measures by a session that is
 * about to load, so that no further connection is opened. While it waits it has no transaction, and holds no lock.
 *
 * | state                                    | the note in the ledger                    |
 * |------------------------------------------|-------------------------------------------|
 * | nothing is to be said                    | none                                      |
 * | something is to be said for the first time | is written at once                      |
 * | the pod waits, and the note is of one that goes on | is written at once              |
 * | the same is to be said again             | is written again every 5 s, and sooner at the beginning of a wait for a replica |
 * | the pod goes on with something to say    | stays for 5 s where it says why the pod has waited |
 * | nothing is to be said for 5 s            | is ended                                  |
 *
 * A replica says how far it has replayed when it gets WAL, and else every 10 s. Where nobody else writes, the note is what makes it
 * say that it has caught up.
 */
import type { ClientBase } from 'pg';
import { type Clock, jitter, sleep } from '#common/clock.ts';
import type { ProtectLimits } from '#common/job-contract.ts';
import type { Logger } from '#common/log.ts';
import { endPace, notePace, PACE_BEAT_MS, type PacedPod } from '#ledger/uploads/note-pace.ts';
import { MEASURE_MS, type Measurement, measureServer } from './measure-server.ts';
import { createProtectPolicy, type PaceReason, type ProtectPolicy, type Verdict } from './protect-policy.ts';
import { ALLOWANCE_S } from './wal-budget.ts';

export interface Brake {
  /**
   * Resolves when the next group may be loaded.
   * @param session a session without work; nobody else uses the session meanwhile
   * @param bytes the length of the group in the file, or about that
   * @throws the signal's reason when the pod is stopped, or a Fault of the database
   */
  ready(session: BrakeSession, bytes: number): Promise<void>;
  /** Ends the note of a pod that has loaded everything. */
  end(session: BrakeSession): Promise<void>;
}

export interface BrakeSession {
  run<T>(work: (client: ClientBase) => Promise<T>): Promise<T>;
}

export interface BrakeOptions {
  limits: ProtectLimits;
  /** The policy that uploads before this one have left, with these limits; absent: the brake makes one that knows nothing yet. */
  policy?: ProtectPolicy | undefined;
  pod: PacedPod;
  clock: Clock;
  log: Pick<Logger, 'info'>;
  signal: AbortSignal;
  random?: () => number;
}

/** How the server is measured, and where the notes go. A simulation has others. */
export interface BrakeEffects {
  measure(client: ClientBase, options: { withReplicas: boolean }): Promise<Measurement>;
  note(client: ClientBase, pod: PacedPod, why: NonNullable<Verdict['why']>): Promise<void>;
  end(client: ClientBase, pod: PacedPod): Promise<void>;
}

const EFFECTS: BrakeEffects = { measure: measureServer, note: notePace, end: endPace };

/** Pods that looked at the server in step would always find it in the same state. */
const WAIT_SPREAD = 0.2;

/** The second note of a wait for a replica comes after so many ms at the earliest. */
const FIRST_BEAT_MS = 1_000;

function beatMs(reason: PaceReason, looks: number): number {
  return reason === 'ReplicaLag' ? Math.min(FIRST_BEAT_MS * 2 ** looks, PACE_BEAT_MS) : PACE_BEAT_MS;
}

export function createBrake(options: BrakeOptions, effects: BrakeEffects = EFFECTS): Brake {
  const { limits, pod, clock, log, signal, random } = options;
  const { policy = createProtectPolicy(limits) } = options;
  const withReplicas = limits.maxReplicaLagSeconds !== null;
  // A fast pod would write many seconds of a small limit between two looks at the server that only time brings about.
  const mostBytes = limits.maxWalBytesPerSecond === null ? Infinity : limits.maxWalBytesPerSecond * ALLOWANCE_S;
  let measuredAt = -Infinity;
  /** The bytes of the groups that the pod was allowed to load since the last measurement. */
  let allowedBytes = 0;
  /** What the ledger says of this pod, when that was written, and when it was true last. */
  let noted: { reason: string; isWait: boolean; writtenAt: number; saidAt: number } | null = null;

  async function judge(session: BrakeSession): Promise<Verdict> {
    const measurement = await session.run((client) => effects.measure(client, { withReplicas }));
    measuredAt = clock.monotonic();
    return policy.judge(measuredAt, measurement);
  }

  /** @param looks how often the server was measured in this wait */
  async function say(session: BrakeSession, { waitMs, why }: Verdict, looks: number): Promise<void> {
    const now = clock.monotonic();
    const isWait = waitMs > 0;
    const isFresh = noted !== null && now - noted.saidAt <= PACE_BEAT_MS;
    if (why === null) {
      if (!isFresh) await end(session);
      return;
    }
    // A pod that waits between all its groups would else say by turns that it waits and that a limit has no effect.
    if (isFresh && noted!.isWait && !isWait) return;
    const isDue = noted === null || isWait !== noted.isWait || noted.writtenAt + beatMs(why.reason, looks) <= now;
    if (!isDue) {
      noted!.saidAt = now;
      return;
    }
    if (noted?.reason !== why.reason)
      log.info({ reason: why.reason, explanation: why.message }, 'the pace has changed');
    await session.run((client) => effects.note(client, pod, why));
    noted = { reason: why.reason, isWait, writtenAt: now, saidAt: now };
  }

  async function end(session: BrakeSession): Promise<void> {
    if (noted === null) return;
    await session.run((client) => effects.end(client, pod));
    noted = null;
    log.info({}, 'the pods go on as fast as they can');
  }

  return {
    async ready(session, bytes) {
      allowedBytes += bytes;
      if (clock.monotonic() - measuredAt < MEASURE_MS && allowedBytes <= mostBytes) return;
      for (let looks = 0; ; looks += 1) {
        const verdict = await judge(session);
        await say(session, verdict, looks);
        if (verdict.waitMs === 0) break;
        await sleep(clock, jitter(verdict.waitMs, WAIT_SPREAD, random), signal);
        signal.throwIfAborted();
      }
      allowedBytes = bytes;
    },
    end,
  };
}
