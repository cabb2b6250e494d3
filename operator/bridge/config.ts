/** The bridge's configuration, from the same environment as the controller's. */
import { hostname } from 'node:os';
import type { PodAddress } from '#kube/pod-access.ts';
import { integer, list, OPERATOR_ENV } from '#operator/config.ts';

export interface BridgeConfig {
  /** Namespaces in which uploads run: they have the Role and the Secrets. */
  namespaces: string[];
  podName: string;
  extraDatabaseSecrets: string[];
  extraS3Secrets: string[];
  /** Secrets that a source may name for its webhook or its SFTP server. */
  bridgeSecrets: string[];
  /** /metrics, /healthz and /readyz. */
  metricsPort: number;
  /** Where events are posted. */
  webhookPort: number;
  logLevel: string;
  /** Of the API server, in a pod; null: a kubeconfig says it. */
  apiServer: PodAddress | null;
}

export const BRIDGE_ENV = {
  webhookPort: 'BATCH_UPLOAD_BRIDGE_PORT',
  /** Comma-separated; the chart's `bridge.secretNames`. */
  secretNames: 'BATCH_UPLOAD_BRIDGE_SECRETS',
} as const;

/** @throws ConfigError that names the variable and what is allowed. */
export function readBridgeConfig(env: NodeJS.ProcessEnv): BridgeConfig {
  return {
    namespaces: list(env, OPERATOR_ENV.namespaces, ['default']),
    podName: env[OPERATOR_ENV.podName] || hostname(),
    extraDatabaseSecrets: list(env, OPERATOR_ENV.extraDatabaseSecrets, []),
    extraS3Secrets: list(env, OPERATOR_ENV.extraS3Secrets, []),
    bridgeSecrets: list(env, BRIDGE_ENV.secretNames, []),
    metricsPort: integer(env, OPERATOR_ENV.metricsPort, 8080),
    webhookPort: integer(env, BRIDGE_ENV.webhookPort, 8090),
    logLevel: env[OPERATOR_ENV.logLevel] || 'info',
    apiServer: readApiServer(env),
  };
}

/** A kubeconfig goes first, as everywhere. The kubelet sets the other two in every pod. */
function readApiServer(env: NodeJS.ProcessEnv): PodAddress | null {
  const { KUBECONFIG, KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  return !KUBECONFIG && host && port ? { host, port } : null;
}
