import { ConfigError, choice, integer, list, pick } from '#common/config.ts';
import { DEFAULTS, ENV } from '#common/job-contract.ts';
import { PROGRAM_ENV } from './program-config.ts';

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

/** Variables that say how pods of the job runner are made. Durations in seconds. */
export const RUNNER_ENV = {
  image: 'BATCH_UPLOAD_IMAGE',
  imagePullPolicy: 'BATCH_UPLOAD_IMAGE_PULL_POLICY',
  /** Comma-separated names of Secrets in the uploads' namespaces. */
  imagePullSecrets: 'BATCH_UPLOAD_IMAGE_PULL_SECRETS',
  /** JSON: {"requests": {…}, "limits": {…}}. */
  runnerResources: 'BATCH_UPLOAD_RUNNER_RESOURCES',
  jobTtl: 'BATCH_UPLOAD_JOB_TTL_SECONDS',
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

/** @throws ConfigError that names the variable and what is allowed. */
export function readRunnerSettings(env: NodeJS.ProcessEnv): RunnerSettings {
  const names = RUNNER_ENV;
  const datadog = env[ENV.datadog] === 'true';
  return {
    image: env[names.image] || 'batch-upload:latest',
    imagePullPolicy: choice(env, names.imagePullPolicy, ['IfNotPresent', 'Always', 'Never'] as const),
    imagePullSecrets: list(env, names.imagePullSecrets, []),
    resources: resources(env),
    jobTtlSeconds: integer(env, names.jobTtl, 3600),
    inlineLimitBytes: integer(env, ENV.inlineLimitBytes, DEFAULTS.inlineLimitBytes),
    retrySeconds: integer(env, ENV.retrySeconds, DEFAULTS.retrySeconds),
    logLevel: env[PROGRAM_ENV.logLevel] || 'info',
    datadog,
    datadogEnv: datadog ? pick(env, DATADOG_VARIABLES) : {},
  };
}

function resources(env: NodeJS.ProcessEnv): RunnerResources {
  const name = RUNNER_ENV.runnerResources;
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
