/** The bridge's configuration, read from its environment. */
import { integer, list } from '#common/config.ts';
import type { PodAddress } from '#kube/pod-access.ts';
import { type ProgramConfig, readApiServer, readProgramConfig } from './program-config.ts';

export interface BridgeConfig extends ProgramConfig {
  /** Names of the Secrets that an UploadSource may name for its webhook or its SFTP server. */
  bridgeSecrets: string[];
  /** The port of the HTTP server that receives events. */
  webhookPort: number;
  /** The address of the API server in a pod; null when a kubeconfig names the server. */
  apiServer: PodAddress | null;
}

/** Variables that only the bridge reads. */
export const BRIDGE_ENV = {
  /** The port of the HTTP server that receives events of webhooks; 8090 when absent. */
  webhookPort: 'BATCH_UPLOAD_BRIDGE_PORT',
  /**
   * The names of the Secrets that an UploadSource may name for a webhook, an SFTP server or a queue, separated by
   * commas; none when absent. The chart sets the variable from its value `bridge.secretNames`.
   */
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
