/** What every program of the operator's image reads from its environment. The chart sets the variables. */
import { hostname } from 'node:os';
import { integer, list } from '#common/config.ts';

export interface ProgramConfig {
  /** Namespaces in which uploads run: they have the Role and the Secrets. */
  namespaces: string[];
  podName: string;
  /** Secrets that an upload may name besides the default ones. */
  extraDatabaseSecrets: string[];
  extraS3Secrets: string[];
  /** The port of /metrics, /healthz and /readyz. */
  metricsPort: number;
  logLevel: string;
}

export const PROGRAM_ENV = {
  /** Comma-separated; the chart's `uploads.namespaces`. */
  namespaces: 'BATCH_UPLOAD_NAMESPACES',
  /** By the downward API. */
  podName: 'POD_NAME',
  metricsPort: 'BATCH_UPLOAD_METRICS_PORT',
  logLevel: 'LOG_LEVEL',
  /** Comma-separated; the chart's lists of further Secrets that an upload may name. */
  extraDatabaseSecrets: 'BATCH_UPLOAD_EXTRA_DATABASE_SECRETS',
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
    metricsPort: integer(env, names.metricsPort, 8080),
    logLevel: env[names.logLevel] || 'info',
  };
}
