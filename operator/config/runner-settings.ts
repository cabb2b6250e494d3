import type { BatchUploadSpec } from '#api/batch-upload.gen.ts';
import { DEFAULT_NAMES } from '#api/defaults.ts';
import { POD_TEMPLATE_SCHEMA } from '#api/pod-template-schema.gen.ts';
import { checkStructure, type StructuralSchema } from '#api/structure/check-structure.ts';
import { formatPlace } from '#api/structure/place.ts';
import { ConfigError, choice, integer, list, pick, positive } from '#common/config.ts';
import { DEFAULTS, ENV } from '#common/job-contract.ts';
import { jsonObject } from './json-object.ts';
import { PROGRAM_ENV } from './program-config.ts';

export interface RunnerResources {
  requests: Record<string, string>;
  limits: Record<string, string>;
}

/** An upload, or the chart for all uploads, says by this what its pods have besides. */
export type AskedPodTemplate = NonNullable<BatchUploadSpec['podTemplate']>;

/** Pods that load small uploads one after the other. */
export interface WarmPodSettings {
  /** The most pods of one pool; 0: every upload has a Job of its own. */
  max: number;
  /** Time for which a pod without an upload waits for another one. */
  idleSeconds: number;
}

/** What the Job builders need besides the upload. */
export interface RunnerSettings {
  image: string;
  imagePullPolicy: 'Always' | 'IfNotPresent' | 'Never';
  imagePullSecrets: string[];
  resources: RunnerResources;
  /** What the pods of every upload have, unless the upload says otherwise. */
  podTemplate: AskedPodTemplate;
  /** The service accounts that an upload may name. */
  serviceAccountNames: string[];
  /** Time for which finished Jobs and their logs are kept. */
  jobTtlSeconds: number;
  warmPods: WarmPodSettings;
  inlineLimitBytes: number;
  retrySeconds: number;
  maxRecordBytes: number;
  stallSeconds: number;
  allowedEndpoints: string[];
  logLevel: string;
  datadog: boolean;
  /** The DD_* variables of the pods; without DD_AGENT_HOST each pod uses the agent of its own node. */
  datadogEnv: Record<string, string>;
}

/** Variables of the controller that say how the job runner's pods are made. Durations are in seconds. */
export const RUNNER_ENV = {
  /** The image of the job runner's pods; `batch-upload:latest` when absent. */
  image: 'BATCH_UPLOAD_IMAGE',
  /** The pull policy of that image: `IfNotPresent`, `Always` or `Never`; `IfNotPresent` when absent. */
  imagePullPolicy: 'BATCH_UPLOAD_IMAGE_PULL_POLICY',
  /** The names of the pull Secrets in the uploads' namespaces, separated by commas; none when absent. */
  imagePullSecrets: 'BATCH_UPLOAD_IMAGE_PULL_SECRETS',
  /**
   * The resources of the pods as JSON, `{"requests": {…}, "limits": {…}}`; 250m CPU and 192Mi requested and 512Mi
   * allowed when absent.
   */
  runnerResources: 'BATCH_UPLOAD_RUNNER_RESOURCES',
  /**
   * What the pods of every upload have besides, as JSON in the form of `spec.podTemplate` of a BatchUpload; nothing when
   * absent. The chart sets the variable from its value `runner.podTemplate`.
   */
  runnerPodTemplate: 'BATCH_UPLOAD_RUNNER_POD_TEMPLATE',
  /**
   * The names of the service accounts that an upload may name besides `batch-upload-runner`, separated by commas; none
   * when absent. The chart sets the variable from its value `uploads.serviceAccountNames`.
   */
  serviceAccounts: 'BATCH_UPLOAD_SERVICE_ACCOUNTS',
  /**
   * The most warm pods of a pool: pods that load the small uploads of a namespace one after the other. With 0 every upload has
   * a Job of its own; 0 when absent. The chart sets the variable from its value `uploads.warmPods.max`.
   */
  warmPods: 'BATCH_UPLOAD_WARM_PODS',
  /** The time for which a warm pod waits for another upload before it ends, in seconds; 10 when absent. */
  warmPodIdle: 'BATCH_UPLOAD_WARM_POD_IDLE_SECONDS',
  /** The time for which finished Jobs and their logs are kept, in seconds; 3600 when absent. */
  jobTtl: 'BATCH_UPLOAD_JOB_TTL_SECONDS',
} as const;

/** Variables that the operator passes on to pods when Datadog is on. */
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

/** The field of a Job is an int32; these are 68 years. */
const LONGEST_TTL_SECONDS = 2 ** 31 - 1;

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
    podTemplate: podTemplate(env),
    serviceAccountNames: [DEFAULT_NAMES.serviceAccount, ...list(env, names.serviceAccounts, [])],
    jobTtlSeconds: Math.min(integer(env, names.jobTtl, 3600), LONGEST_TTL_SECONDS),
    warmPods: {
      max: integer(env, names.warmPods, 0),
      idleSeconds: positive(env, names.warmPodIdle, DEFAULTS.poolIdleSeconds),
    },
    inlineLimitBytes: integer(env, ENV.inlineLimitBytes, DEFAULTS.inlineLimitBytes),
    allowedEndpoints: list(env, ENV.allowedEndpoints, []),
    retrySeconds: integer(env, ENV.retrySeconds, DEFAULTS.retrySeconds),
    maxRecordBytes: positive(env, ENV.maxRecordBytes, DEFAULTS.maxRecordBytes),
    stallSeconds: positive(env, ENV.stallSeconds, DEFAULTS.stallSeconds),
    logLevel: env[PROGRAM_ENV.logLevel] || 'info',
    datadog,
    datadogEnv: datadog ? pick(env, DATADOG_VARIABLES) : {},
  };
}

function resources(env: NodeJS.ProcessEnv): RunnerResources {
  const value: Partial<RunnerResources> = jsonObject(env, RUNNER_ENV.runnerResources, DEFAULT_RESOURCES) ?? {};
  return {
    requests: value.requests ?? DEFAULT_RESOURCES.requests,
    limits: value.limits ?? DEFAULT_RESOURCES.limits,
  };
}

/** The API server refuses a wrong template of an upload; that of the chart has to be right before the first upload. */
function podTemplate(env: NodeJS.ProcessEnv): AskedPodTemplate {
  const name = RUNNER_ENV.runnerPodTemplate;
  const value = jsonObject(env, name, { spec: { nodeSelector: { pool: 'batch' } } }) ?? {};
  const problems = checkStructure(POD_TEMPLATE_SCHEMA as StructuralSchema, value);
  if (problems.length === 0) return value;
  const said = problems.map(({ place, message }) => `${formatPlace(place) || 'it'} ${message}`).join('; ');
  throw new ConfigError(`${name}, which is the chart's value runner.podTemplate, cannot be used: ${said}`);
}
