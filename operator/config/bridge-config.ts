/** The bridge's configuration. */
import { integer, list } from '#common/config.ts';
import type { PodAddress } from '#kube/pod-access.ts';
import { type ProgramConfig, readProgramConfig } from './program-config.ts';

export interface BridgeConfig extends ProgramConfig {
  /** Secrets that a source may name for its webhook or its SFTP server. */
  bridgeSecrets: string[];
  /** Where events are posted. */
  webhookPort: number;
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
    ...readProgramConfig(env),
    bridgeSecrets: list(env, BRIDGE_ENV.secretNames, []),
    webhookPort: integer(env, BRIDGE_ENV.webhookPort, 8090),
    apiServer: readApiServer(env),
  };
}

/** A kubeconfig goes first, as everywhere. The kubelet sets the other two in every pod. */
function readApiServer(env: NodeJS.ProcessEnv): PodAddress | null {
  const { KUBECONFIG, KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  return !KUBECONFIG && host && port ? { host, port } : null;
}
