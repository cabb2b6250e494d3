/**
 * The operator's configuration, and the only place that reads its environment. The chart sets the variables; everything
 * has a default that works with `node operator/main.ts controller` beside a kubeconfig.
 */
import { hostname } from 'node:os';
import { DEFAULTS, ENV } from '#common/job-contract.ts';

export interface RunnerResources {
  requests: Record<string, string>;
  limits: Record<string, string>;
}

/** What the Job builders need to know besides the upload. */
export interface RunnerSettings {
  image: string;
  imagePullPolicy: 'Always' | 'IfNotPresent' | 'Never';
  imagePullSecrets: string[];
  resources: RunnerResources;
  /** Finished Jobs and their logs are kept this long. */
  jobTtlSeconds: number;
  inlineLimitBytes: number;
  retrySeconds: number;
  logLevel: string;
  datadog: boolean;
  /** DD_* variables as they are given to pods; without DD_AGENT_HOST pods ask the agent of their own node. */
  datadogEnv: Record<string, string>;
}

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

export interface OperatorConfig {
  /** Namespaces in which uploads run: they have the Role and the Secrets. */
  namespaces: string[];
  podName: string;
  lease: LeaseSettings;
  runner: RunnerSettings;
  /** Secrets that an upload may name besides the default ones. */
  extraDatabaseSecrets: string[];
  extraS3Secrets: string[];
  /** Progress of active uploads is read this often. */
  tickMs: number;
  /** A pod that has not started for so long is said in Degraded. */
  stuckPodGraceMs: number;
  /** Uploads that wait for something are looked at again this often. */
  waitingMs: number;
  sweepIntervalMs: number;
  workers: number;
  metricsPort: number;
  logLevel: string;
  datadog: boolean;
  fault: FaultSettings | null;
}

/** Variables of the operator's own pod. Durations in seconds unless the name says otherwise. */
export const OPERATOR_ENV = {
  /** Comma-separated; the chart's `uploads.namespaces`. */
  namespaces: 'BATCH_UPLOAD_NAMESPACES',
  image: 'BATCH_UPLOAD_IMAGE',
  imagePullPolicy: 'BATCH_UPLOAD_IMAGE_PULL_POLICY',
  /** Comma-separated names of Secrets in the uploads' namespaces. */
  imagePullSecrets: 'BATCH_UPLOAD_IMAGE_PULL_SECRETS',
  /** By the downward API. */
  podName: 'POD_NAME',
  podNamespace: 'POD_NAMESPACE',
  leaseName: 'BATCH_UPLOAD_LEASE_NAME',
  leaseDuration: 'BATCH_UPLOAD_LEASE_DURATION_SECONDS',
  renewDeadline: 'BATCH_UPLOAD_LEASE_RENEW_DEADLINE_SECONDS',
  retryPeriod: 'BATCH_UPLOAD_LEASE_RETRY_PERIOD_SECONDS',
  tickMs: 'BATCH_UPLOAD_TICK_MS',
  /** JSON: {"requests": {…}, "limits": {…}}. */
  runnerResources: 'BATCH_UPLOAD_RUNNER_RESOURCES',
  jobTtl: 'BATCH_UPLOAD_JOB_TTL_SECONDS',
  stuckPodGrace: 'BATCH_UPLOAD_STUCK_POD_GRACE_SECONDS',
  waiting: 'BATCH_UPLOAD_WAITING_SECONDS',
  sweepInterval: 'BATCH_UPLOAD_SWEEP_SECONDS',
  workers: 'BATCH_UPLOAD_WORKERS',
  metricsPort: 'BATCH_UPLOAD_METRICS_PORT',
  logLevel: 'LOG_LEVEL',
  /** Comma-separated; the chart's lists of further Secrets that an upload may name. */
  extraDatabaseSecrets: 'BATCH_UPLOAD_EXTRA_DATABASE_SECRETS',
  extraS3Secrets: 'BATCH_UPLOAD_EXTRA_S3_SECRETS',
  /** For kill tests only: the operator exits with 137 at this point (controller/fault-point.ts has the names), once. */
  faultPoint: 'BATCH_UPLOAD_FAULT_POINT',
  /** A path; the fault makes this file, and does not fire while it exists. */
  faultFile: 'BATCH_UPLOAD_FAULT_FILE',
} as const;

/** Given on to pods when Datadog is on. */
const DATADOG_VARIABLES = [
  'DD_AGENT_HOST',
  'DD_TRACE_AGENT_PORT',
  'DD_TRACE_AGENT_URL',
  'DD_DOGSTATSD_PORT',
  'DD_DOGSTATSD_URL',
  'DD_ENV',
  'DD_SERVICE',
  'DD_VERSION',
  'DD_TAGS',
];

const DEFAULT_RESOURCES: RunnerResources = {
  requests: { cpu: '250m', memory: '192Mi' },
  limits: { memory: '512Mi' },
};

export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** @throws ConfigError that names the variable and what is allowed. */
export function readConfig(env: NodeJS.ProcessEnv): OperatorConfig {
  const names = OPERATOR_ENV;
  const logLevel = env[names.logLevel] || 'info';
  const datadog = env[ENV.datadog] === 'true';
  return {
    namespaces: list(env, names.namespaces, ['default']),
    podName: env[names.podName] || hostname(),
    lease: readLease(env),
    runner: {
      image: env[names.image] || 'batch-upload:latest',
      imagePullPolicy: choice(env, names.imagePullPolicy, ['IfNotPresent', 'Always', 'Never'] as const),
      imagePullSecrets: list(env, names.imagePullSecrets, []),
      resources: resources(env),
      jobTtlSeconds: integer(env, names.jobTtl, 3600),
      inlineLimitBytes: integer(env, ENV.inlineLimitBytes, DEFAULTS.inlineLimitBytes),
      retrySeconds: integer(env, ENV.retrySeconds, DEFAULTS.retrySeconds),
      logLevel,
      datadog,
      datadogEnv: datadog ? pick(env, DATADOG_VARIABLES) : {},
    },
    extraDatabaseSecrets: list(env, names.extraDatabaseSecrets, []),
    extraS3Secrets: list(env, names.extraS3Secrets, []),
    tickMs: positive(env, names.tickMs, 1000),
    stuckPodGraceMs: integer(env, names.stuckPodGrace, 60) * 1000,
    waitingMs: positive(env, names.waiting, 5) * 1000,
    sweepIntervalMs: positive(env, names.sweepInterval, 300) * 1000,
    workers: positive(env, names.workers, 8),
    metricsPort: integer(env, names.metricsPort, 8080),
    logLevel,
    datadog,
    fault: env[names.faultPoint] ? { point: env[names.faultPoint]!, file: env[names.faultFile] || undefined } : null,
  };
}

function readLease(env: NodeJS.ProcessEnv): LeaseSettings {
  const names = OPERATOR_ENV;
  return {
    name: env[names.leaseName] || 'batch-upload-operator',
    namespace: env[names.podNamespace] || 'default',
    leaseDurationMs: integer(env, names.leaseDuration, 15) * 1000,
    renewDeadlineMs: integer(env, names.renewDeadline, 10) * 1000,
    retryPeriodMs: integer(env, names.retryPeriod, 2) * 1000,
  };
}

export function list(env: NodeJS.ProcessEnv, name: string, fallback: string[]): string[] {
  const value = env[name];
  if (value === undefined) return fallback;
  return value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

export function integer(env: NodeJS.ProcessEnv, name: string, fallback: number): number {
  const value = env[name];
  if (value === undefined || value === '') return fallback;
  if (!/^\d{1,12}$/.test(value)) throw new ConfigError(`${name} must be a whole number, not "${value}"`);
  return Number(value);
}

function positive(env: NodeJS.ProcessEnv, name: string, fallback: number): number {
  const value = integer(env, name, fallback);
  if (value === 0) throw new ConfigError(`${name} must be at least 1`);
  return value;
}

function choice<const T extends readonly [string, ...string[]]>(
  env: NodeJS.ProcessEnv,
  name: string,
  allowed: T,
): T[number] {
  const value = env[name];
  if (value === undefined || value === '') return allowed[0];
  if (!allowed.includes(value)) throw new ConfigError(`${name} must be one of ${allowed.join(', ')}, not "${value}"`);
  return value;
}

function resources(env: NodeJS.ProcessEnv): RunnerResources {
  const name = OPERATOR_ENV.runnerResources;
  const text = env[name];
  if (!text) return DEFAULT_RESOURCES;
  const wrong = () => new ConfigError(`${name} must be a JSON object such as ${JSON.stringify(DEFAULT_RESOURCES)}`);
  let value: Partial<RunnerResources> | null;
  try {
    value = JSON.parse(text);
  } catch {
    throw wrong();
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw wrong();
  return {
    requests: value.requests ?? DEFAULT_RESOURCES.requests,
    limits: value.limits ?? DEFAULT_RESOURCES.limits,
  };
}

function pick(env: NodeJS.ProcessEnv, names: string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => (env[name] ? [[name, env[name]]] : [])));
}
