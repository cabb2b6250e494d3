/** The controller's configuration. Every variable has a default that works with `node operator/main.ts controller` beside a kubeconfig. */
import { integer, positive } from '#common/config.ts';
import { ENV } from '#common/job-contract.ts';
import { type ProgramConfig, readProgramConfig } from './program-config.ts';
import { type RunnerSettings, readRunnerSettings } from './runner-settings.ts';

export interface LeaseSettings {
  name: string;
  namespace: string;
  leaseDurationMs: number;
  renewDeadlineMs: number;
  retryPeriodMs: number;
}

/** For kill tests, see controller/fault-point.ts. */
export interface FaultSettings {
  point: string;
  /** Made when the fault fires; the fault does not fire while it exists. Without it: once per process. */
  file: string | undefined;
}

export interface ControllerConfig extends ProgramConfig {
  lease: LeaseSettings;
  runner: RunnerSettings;
  /** Progress of active uploads is read this often. */
  tickMs: number;
  /** A pod that has not started for so long is said in Degraded. */
  stuckPodGraceMs: number;
  /** Uploads that wait for something are looked at again this often. */
  waitingMs: number;
  sweepIntervalMs: number;
  workers: number;
  datadog: boolean;
  fault: FaultSettings | null;
}

/** Variables that only the controller reads. Durations in seconds unless the name says otherwise. */
export const CONTROLLER_ENV = {
  podNamespace: 'POD_NAMESPACE',
  leaseName: 'BATCH_UPLOAD_LEASE_NAME',
  leaseDuration: 'BATCH_UPLOAD_LEASE_DURATION_SECONDS',
  renewDeadline: 'BATCH_UPLOAD_LEASE_RENEW_DEADLINE_SECONDS',
  retryPeriod: 'BATCH_UPLOAD_LEASE_RETRY_PERIOD_SECONDS',
  tickMs: 'BATCH_UPLOAD_TICK_MS',
  stuckPodGrace: 'BATCH_UPLOAD_STUCK_POD_GRACE_SECONDS',
  waiting: 'BATCH_UPLOAD_WAITING_SECONDS',
  sweepInterval: 'BATCH_UPLOAD_SWEEP_SECONDS',
  workers: 'BATCH_UPLOAD_WORKERS',
  /** For kill tests only: the operator exits with 137 at this point (controller/fault-point.ts has the names), once. */
  faultPoint: 'BATCH_UPLOAD_FAULT_POINT',
  /** A path; the fault makes this file, and does not fire while it exists. */
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
    workers: positive(env, names.workers, 8),
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
