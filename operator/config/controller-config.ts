/**
 * The controller's configuration, read from its environment. Every variable has a default that works for
 * `node operator/main.ts controller` with a kubeconfig.
 */
import { integer, positive } from '#common/config.ts';
import { ENV } from '#common/job-contract.ts';
import { type Limits, readLimits } from '#operator/config/upload-limits.ts';
import { type ProgramConfig, readProgramConfig } from './program-config.ts';
import { type RunnerSettings, readRunnerSettings } from './runner-settings.ts';

export interface LeaseSettings {
  name: string;
  namespace: string;
  leaseDurationMs: number;
  renewDeadlineMs: number;
  retryPeriodMs: number;
}

/** The fault point of kill tests, see controller/fault-point.ts. */
export interface FaultSettings {
  point: string;
  /** A file that the fault creates when it fires; the fault does not fire while the file exists. */
  file: string | undefined;
}

export interface ControllerConfig extends ProgramConfig {
  lease: LeaseSettings;
  runner: RunnerSettings;
  /** Interval at which the progress of active uploads is read. */
  tickMs: number;
  /** Time after which the condition Degraded reports a pod that has not started. */
  stuckPodGraceMs: number;
  /** Interval at which an upload that waits for something is reconciled. */
  waitingMs: number;
  sweepIntervalMs: number;
  workers: number;
  /** The limits say how many uploads may work at the same time. */
  limits: Limits;
  datadog: boolean;
  fault: FaultSettings | null;
}

/** Variables that only the controller reads. Durations are in seconds unless the name says otherwise. */
export const CONTROLLER_ENV = {
  /** The namespace of the leader election's Lease, which is the operator's own namespace; `default` when absent. */
  podNamespace: 'POD_NAMESPACE',
  /** The name of the leader election's Lease; `batch-upload-operator` when absent. */
  leaseName: 'BATCH_UPLOAD_LEASE_NAME',
  /** The time after which another replica may take over a lease that is not renewed, in seconds; 15 when absent. */
  leaseDuration: 'BATCH_UPLOAD_LEASE_DURATION_SECONDS',
  /** The time after which the leader ends when it cannot renew its lease, in seconds; 10 when absent. */
  renewDeadline: 'BATCH_UPLOAD_LEASE_RENEW_DEADLINE_SECONDS',
  /** The time between two attempts to take or renew the lease, in seconds; 2 when absent. */
  retryPeriod: 'BATCH_UPLOAD_LEASE_RETRY_PERIOD_SECONDS',
  /**
   * The interval at which the progress of active uploads is read from the ledger, in milliseconds; 1000 when absent.
   */
  tickMs: 'BATCH_UPLOAD_TICK_MS',
  /** The time after which the condition Degraded reports a pod that has not started, in seconds; 60 when absent. */
  stuckPodGrace: 'BATCH_UPLOAD_STUCK_POD_GRACE_SECONDS',
  /** The interval at which an upload that waits for something is checked again, in seconds; 5 when absent. */
  waiting: 'BATCH_UPLOAD_WAITING_SECONDS',
  /** The interval at which ledger rows of deleted uploads are searched and closed, in seconds; 300 when absent. */
  sweepInterval: 'BATCH_UPLOAD_SWEEP_SECONDS',
  /** The number of uploads that are reconciled at the same time; 16 when absent. */
  workers: 'BATCH_UPLOAD_WORKERS',
  /**
   * The limits of uploads that work at the same time, as JSON: `cluster`, `namespace` and `database` with
   * `maxActiveUploads` and `maxParallelism`, `database` also with `maxConnections`, and `namespaces` with limits of single
   * namespaces by name; no limits when absent. The chart sets the variable from its value `uploads.limits`.
   */
  limits: 'BATCH_UPLOAD_LIMITS',
  /** The name of the fault point at which the operator exits with code 137, for kill tests only; none when absent. */
  faultPoint: 'BATCH_UPLOAD_FAULT_POINT',
  /**
   * The path of a file that the fault point creates; the fault does not fire while the file exists. Without a path the
   * fault fires once in each process.
   */
  faultFile: 'BATCH_UPLOAD_FAULT_FILE',
} as const;

/** @throws ConfigError that names the variable and what is allowed. */
export function readControllerConfig(env: NodeJS.ProcessEnv): ControllerConfig {
  const names = CONTROLLER_ENV;
  return {
    ...readProgramConfig(env),
    lease: readLease(env),
    runner: readRunnerSettings(env),
    tickMs: positive(env, names.tickMs, 1000),
    stuckPodGraceMs: integer(env, names.stuckPodGrace, 60) * 1000,
    waitingMs: positive(env, names.waiting, 5) * 1000,
    sweepIntervalMs: positive(env, names.sweepInterval, 300) * 1000,
    workers: positive(env, names.workers, 16),
    limits: readLimits(names.limits, env[names.limits]),
    datadog: env[ENV.datadog] === 'true',
    fault: env[names.faultPoint] ? { point: env[names.faultPoint]!, file: env[names.faultFile] || undefined } : null,
  };
}

function readLease(env: NodeJS.ProcessEnv): LeaseSettings {
  const names = CONTROLLER_ENV;
  return {
    name: env[names.leaseName] || 'batch-upload-operator',
    namespace: env[names.podNamespace] || 'default',
    leaseDurationMs: integer(env, names.leaseDuration, 15) * 1000,
    renewDeadlineMs: integer(env, names.renewDeadline, 10) * 1000,
    retryPeriodMs: integer(env, names.retryPeriod, 2) * 1000,
  };
}
