/** Builds what the gateway needs, runs it until a signal ends it, and closes everything in reverse order. */
import type { Clock } from '#common/clock.ts';
import type { Health } from '#common/http-server.ts';
import type { KubeAccess } from '#kube/access.ts';
import type { GatewayConfig } from './config/gateway-config.ts';
import { createGateway, type Gateway } from './gateway/gateway.ts';
import { createGatewayMetrics } from './gateway/model/metrics.ts';
import { createBlockedCheck, findSilentWatch } from './liveness.ts';
import { connectToApiServer, findAccess, serveMetrics, startProgram } from './start-program.ts';

/**
 * @param given access to the API server, for tests.
 * @returns the exit code. Gateways share nothing but the ledger and the cluster, so that any number may run.
 */
export async function runGateway(config: GatewayConfig, given?: KubeAccess): Promise<number> {
  await using program = startProgram('gateway', config);
  const { log, clock, signal } = program;
  const metrics = createGatewayMetrics();
  const access = given ?? (await findAccess(config));
  const { client } = connectToApiServer(program, {
    access,
    userAgent: 'batch-upload-gateway',
    eventComponent: 'batch-upload-gateway',
    onRequest: metrics.onRequest,
  });
  const gateway = createGateway({ client, config, clock, log, metrics });
  await serveMetrics(program, {
    port: config.metricsPort,
    health: createHealth(gateway, clock),
    registry: metrics.registry,
    measure: () => undefined,
  });
  await gateway.run(signal);
  return 0;
}

function createHealth(gateway: Gateway, clock: Clock): Health {
  const findBlocked = createBlockedCheck(1000);
  return {
    live: () => findBlocked() ?? findSilentWatch(gateway.watched, clock),
    ready: () => (gateway.port === null ? 'the uploads and schemas are being listed' : null),
  };
}
