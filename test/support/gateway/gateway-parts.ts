/** What each app of the gateway that a test makes itself has in common: its clients, its log and its end. */
import { type Clock, systemClock } from '#common/clock.ts';
import { createKubeClient } from '#kube/client.ts';
import { type GatewayConfig, readGatewayConfig } from '#operator/config/gateway-config.ts';
import { createGatewayMetrics } from '#operator/gateway/model/metrics.ts';
import type { GatewayDeps, Identity } from '#operator/gateway/model/types.ts';
import { Databases } from '#operator/tenancy/databases.ts';
import { createSecretReader, createStorageClients } from '#operator/tenancy/storage-clients.ts';
import type { KubeApiServer } from '#support/cluster/kube-api-server.ts';
import { createRecordingLog } from '#support/process/recording-log.ts';

export interface GatewayParts extends AsyncDisposable {
  deps: Omit<GatewayDeps, 'config' | 'uploads' | 'schemas'> & { log: ReturnType<typeof createRecordingLog> };
  /** Ends the gateway, as SIGTERM does. */
  end(reason: string): void;
}

export function createGatewayParts(api: KubeApiServer, { clock = systemClock }: { clock?: Clock } = {}): GatewayParts {
  const client = createKubeClient({ access: api.access, userAgent: 'batch-upload-gateway' });
  const log = createRecordingLog();
  const shared = { client, program: 'gateway' as const, clock: systemClock };
  const databases = new Databases({ ...shared, log, tickMs: 1000 });
  const secrets = createSecretReader(shared);
  const storage = createStorageClients({ secrets, clock: systemClock, allowedEndpoints: [] });
  const stop = new AbortController();
  const metrics = createGatewayMetrics();
  const both = { ending: stop.signal, signal: stop.signal };
  return {
    deps: { client, clusterId: 'cluster', databases, secrets, storage, clock, log, metrics, ...both },
    end: (reason) => stop.abort(new Error(reason)),
    async [Symbol.asyncDispose]() {
      storage.close();
      await databases.close();
      await client.close();
    },
  };
}

/** Nobody is refused for the number of his requests. @param bucket that of all namespaces */
export function testConfig(namespaces: readonly string[], bucket?: string): GatewayConfig {
  return readGatewayConfig({
    BATCH_UPLOAD_NAMESPACES: namespaces.join(','),
    BATCH_UPLOAD_GATEWAY_REQUESTS_PER_SECOND: '100000',
    BATCH_UPLOAD_GATEWAY_REQUEST_BURST: '100000',
    ...(bucket === undefined ? {} : { BATCH_UPLOAD_GATEWAY_STORAGE: JSON.stringify({ '*': { bucket } }) }),
  });
}

/** An identity that a test believes. */
export function identityOf(user: string, change: Partial<Identity> = {}): Identity {
  return { user, groups: [], proof: 'TokenReview', namespace: null, expiresAt: null, ...change };
}
