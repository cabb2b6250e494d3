/** The API of the gateway without anything behind it: its routes can be described, and not called. */
import { createLogger } from '#common/log.ts';
import { readGatewayConfig } from '#operator/config/gateway-config.ts';
import { type AppDeps, createApp } from '#operator/gateway/app.ts';
import { type ApiDocument, type ListedOperation, listOperations } from '#operator/gateway/http/api-document.ts';
import { readDocument } from '#operator/gateway/http/openapi.ts';
import { createGatewayMetrics } from '#operator/gateway/model/metrics.ts';

/** Stands for what routes may only use when they are called: each property is the same again. */
const NOTHING = new Proxy(() => NOTHING, { get: (_target, name) => (name === 'then' ? undefined : NOTHING) }) as never;

export async function describeGateway(): Promise<{ document: ApiDocument; operations: ListedOperation[] }> {
  const metrics = createGatewayMetrics();
  const deps: AppDeps = {
    config: readGatewayConfig({}),
    log: createLogger('fatal'),
    metrics,
    ending: AbortSignal.abort(),
    signal: AbortSignal.abort(),
    clusterId: '',
    client: NOTHING,
    uploads: NOTHING,
    schemas: NOTHING,
    databases: NOTHING,
    secrets: NOTHING,
    storage: NOTHING,
    clock: NOTHING,
    authenticate: NOTHING,
    authorizer: NOTHING,
  };
  const app = await createApp(deps);
  await app.ready();
  const document = readDocument(app);
  await app.close();
  metrics.registry.clear();
  return { document, operations: listOperations(document) };
}
