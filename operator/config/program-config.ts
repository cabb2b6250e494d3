/** The configuration that all programs of the operator's image read from their environment. */
import { hostname } from 'node:os';
import { integer, list } from '#common/config.ts';
import { ENV } from '#common/job-contract.ts';
import type { PodAddress } from '#kube/pod-access.ts';

export interface ProgramConfig {
  /** Namespaces in which uploads run; each has the Role and the Secrets. */
  namespaces: string[];
  podName: string;
  /** Names of the Secrets that an upload may name besides the default ones. */
  extraDatabaseSecrets: string[];
  extraS3Secrets: string[];
  /** Storage servers that a resource may name besides that of its Secret and those of AWS. */
  allowedEndpoints: string[];
  /** The port of /metrics, /healthz and /readyz. */
  metricsPort: number;
  logLevel: string;
}

/** Variables that the controller, the bridge and the gateway read. */
export const PROGRAM_ENV = {
  /**
   * The namespaces in which uploads run, separated by commas; `default` when absent. The chart sets the variable from
   * its value `uploads.namespaces`.
   */
  namespaces: 'BATCH_UPLOAD_NAMESPACES',
  /** The name of the pod in logs, events and the lease, set by the downward API; the host's name when absent. */
  podName: 'POD_NAME',
  /** The port of /metrics, /healthz and /readyz; 8080 when absent. */
  metricsPort: 'BATCH_UPLOAD_METRICS_PORT',
  /**
   * The lowest level that is logged: `trace`, `debug`, `info`, `warn`, `error` or `fatal`; `info` when absent. The job
   * runner's pods get the same level.
   */
  logLevel: 'LOG_LEVEL',
  /**
   * The names of the database Secrets that an upload may name besides the default one, separated by commas; none when
   * absent. The chart sets the variable from its value `uploads.database.extraSecretNames`.
   */
  extraDatabaseSecrets: 'BATCH_UPLOAD_EXTRA_DATABASE_SECRETS',
  /**
   * The names of the storage Secrets that an upload may name besides the default one, separated by commas; none when
   * absent. The chart sets the variable from its value `uploads.s3.extraSecretNames`.
   */
  extraS3Secrets: 'BATCH_UPLOAD_EXTRA_S3_SECRETS',
} as const;

/** @throws ConfigError that names the variable and what is allowed. */
export function readProgramConfig(env: NodeJS.ProcessEnv): ProgramConfig {
  const names = PROGRAM_ENV;
  return {
    namespaces: list(env, names.namespaces, ['default']),
    podName: env[names.podName] || hostname(),
    extraDatabaseSecrets: list(env, names.extraDatabaseSecrets, []),
    extraS3Secrets: list(env, names.extraS3Secrets, []),
    allowedEndpoints: list(env, ENV.allowedEndpoints, []),
    metricsPort: integer(env, names.metricsPort, 8080),
    logLevel: env[names.logLevel] || 'info',
  };
}

/**
 * The address of the API server in a pod; null when a kubeconfig names the server. A kubeconfig takes precedence over the
 * two variables that the kubelet sets in every pod.
 */
export function readApiServer(env: NodeJS.ProcessEnv): PodAddress | null {
  const { KUBECONFIG, KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  return !KUBECONFIG && host && port ? { host, port } : null;
}
