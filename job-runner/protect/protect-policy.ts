/**
 * Decides whether the next group of chunks is loaded, by what was measured of the server. Pure.
 *
 * | limit                | measured                                     | the pods             | reason            |
 * |----------------------|----------------------------------------------|----------------------|-------------------|
 * | maxReplicaLagSeconds | a replica is too far behind, or will be soon | wait                 | ReplicaLag        |
 * |                      | the role may not see how far replicas are    | wait                 | ReplicaLagUnknown |
 * |                      | no replica is connected                      | go on                | NoReplicas        |
 * | maxWalBytesPerSecond | the server has written more than the limit   | wait                 | WalRate           |
 * | both                 | the server does not tell its position        | wait                 | WalRateUnknown    |
 *
 * What is not known counts as too much: a limit that silently does nothing would protect nobody.
 */
import type { ProtectLimits } from '#common/job-contract.ts';
import { MEASURE_MS, type Measurement } from './measure-server.ts';
import { type LateReplica, ReplicaLags } from './replica-lags.ts';
import { WalBudget } from './wal-budget.ts';

/** The reasons of `status.pace`. */
export type PaceReason = 'ReplicaLag' | 'WalRate' | 'ReplicaLagUnknown' | 'WalRateUnknown' | 'NoReplicas';

export interface Verdict {
  /** Time in ms after which the server is measured again, before anything is loaded; 0: the next group is loaded. */
  waitMs: number;
  /** What is to be said; null: nothing. */
  why: { reason: PaceReason; message: string } | null;
}

/** What a person has to mend is looked at less often. */
const UNKNOWN_MS = 2_000;
/** No wait is shorter, since each one ends with a measurement, and none is longer, since the server may be idle by then. */
const LEAST_WAIT_MS = 50;
const MOST_WAIT_MS = 5_000;

export interface ProtectPolicy {
  /** @param atMs the time of the measurement, by a monotonic clock */
  judge(atMs: number, measurement: Measurement): Verdict;
}

export function createProtectPolicy({ maxReplicaLagSeconds, maxWalBytesPerSecond }: ProtectLimits): ProtectPolicy {
  const lags = maxReplicaLagSeconds === null ? null : new ReplicaLags(maxReplicaLagSeconds);
  const budget = maxWalBytesPerSecond === null ? null : new WalBudget(maxWalBytesPerSecond);
  return {
    judge(atMs, { writtenBytes, replicas, role }) {
      if (writtenBytes === null) return { waitMs: UNKNOWN_MS, why: WAL_UNKNOWN };
      // The budget is brought up to date also while something else makes the pods wait.
      const paidInMs = budget?.measured({ atMs, writtenBytes }) ?? 0;
      if (lags && replicas === null) return { waitMs: UNKNOWN_MS, why: explainHidden(role) };
      const late = lags && replicas ? lags.measured({ atMs, writtenBytes, replicas }) : null;
      if (late) return { waitMs: MEASURE_MS, why: explainLag(late, maxReplicaLagSeconds!) };
      if (paidInMs > 0) {
        const waitMs = Math.min(Math.max(paidInMs, LEAST_WAIT_MS), MOST_WAIT_MS);
        return { waitMs, why: explainRate(maxWalBytesPerSecond!) };
      }
      return { waitMs: 0, why: replicas?.length === 0 ? NO_REPLICAS : null };
    },
  };
}

/** The lag in the text grows in steps, since every other text is another write of the status. */
function explainLag({ name, lagMs, isExpected }: LateReplica, limit: number): Verdict['why'] {
  const who = name === '' ? 'a replica' : `the replica ${name}`;
  const is = isExpected
    ? `replays more slowly than the server writes, and would soon be more than ${limit} s behind`
    : `is more than ${step(lagMs / 1000)} s behind`;
  return {
    reason: 'ReplicaLag',
    message: `The pods wait, because ${who} ${is} (spec.target.protect.maxReplicaLagSeconds: ${limit}). They go on by themselves when the replica has caught up. If this stays, look there for a replay that is paused (SELECT pg_wal_replay_resume()), for a long query that holds it up, or for a slow disk.`,
  };
}

function explainRate(limit: number): Verdict['why'] {
  return {
    reason: 'WalRate',
    message: `The pods wait between groups of chunks, because the server would write more than ${limit.toLocaleString('en')} bytes of WAL a second (spec.target.protect.maxWalBytesPerSecond). What other sessions write counts, too. To load faster, raise the limit.`,
  };
}

/** @returns the greatest of 1, 2, 5, 10, 20, 50 … that is no greater than the seconds; 0 below 1. */
function step(seconds: number): number {
  if (seconds < 1) return 0;
  const power = 10 ** Math.floor(Math.log10(seconds));
  const lead = seconds / power;
  return (lead >= 5 ? 5 : lead >= 2 ? 2 : 1) * power;
}

export function explainHidden(role: string | null) {
  return {
    reason: 'ReplicaLagUnknown',
    message: `The role ${role ?? 'of the database Secret'} may not see how far the replicas are behind, so that spec.target.protect.maxReplicaLagSeconds cannot be kept, and nothing is loaded. Run as an administrator of the database: GRANT pg_monitor TO ${role ?? '…'}; or take the limit out of the upload.`,
  } as const;
}

export const WAL_UNKNOWN = {
  reason: 'WalRateUnknown',
  message:
    'The server does not tell the position of its WAL (pg_current_wal_lsn), as some managed servers do not, so that spec.target.protect cannot be kept, and nothing is loaded. Let the role execute this function, or take the limits out of the upload.',
} as const;

const NO_REPLICAS = {
  reason: 'NoReplicas',
  message:
    'No replica is connected to the server of the database (pg_stat_replication is empty), so that spec.target.protect.maxReplicaLagSeconds has no effect at present. The upload goes on.',
} as const;
