/** Builds what the bridge needs, runs it until a signal ends it, and closes everything in reverse order. */
import type { Clock } from '#common/clock.ts';
import type { Health } from '#common/http-server.ts';
import type { KubeAccess } from '#kube/access.ts';
import { type Bridge, createBridge } from './bridge/bridge.ts';
import { createBridgeMetrics } from './bridge/model/metrics.ts';
import { createReceivers } from './bridge/sources/receivers.ts';
import type { BridgeConfig } from './config/bridge-config.ts';
import { createBlockedCheck, findSilentWatch } from './liveness.ts';
import { connectToApiServer, findAccess, serveMetrics, startProgram } from './start-program.ts';

/**
 * @param given access to the API server, for tests.
 * @returns the exit code. The bridge has no lease: two bridges at a time create no upload twice, see
 * bridge/admission/admit.ts.
 */
export async function runBridge(config: BridgeConfig, given?: KubeAccess): Promise<number> {
  await using program = startProgram('bridge', config);
  const { log, clock, signal, cleanup } = program;
  const metrics = createBridgeMetrics();
  const access = given ?? (await findAccess(config));
  const { client, events } = connectToApiServer(program, {
    access,
    userAgent: 'batch-upload-bridge',
    eventComponent: 'batch-upload-bridge',
    onRequest: metrics.onRequest,
  });
  const { receivers, listen } = createReceivers({ log, clock, signal });
  const bridge = createBridge({ client, events, allow: config, receivers, clock, log, metrics });
  const server = await serveMetrics(program, {
    port: config.metricsPort,
    health: createHealth(bridge, clock),
    registry: metrics.registry,
    measure: () => bridge.measure(),
  });
  const webhooks = await listen(config.webhookPort);
  cleanup.defer(() => webhooks.close());
  const { namespaces } = config;
  log.info({ port: server.port, webhookPort: webhooks.port, server: access.server, namespaces }, 'bridge is starting');
  await bridge.run(signal);
  return 0;
}

function createHealth({ sources }: Bridge, clock: Clock): Health {
  const findBlocked = createBlockedCheck(1000);
  return {
    live: () => findBlocked() ?? findSilentWatch([sources], clock),
    ready: () => (sources.hasSynced ? null : 'the sources are being listed'),
  };
}
