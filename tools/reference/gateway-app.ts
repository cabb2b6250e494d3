/** The API of the gateway without anything behind it: its routes can be described, and not called. */
import { createLogger } from '#common/log.ts';
import { readGatewayConfig } from '#operator/config/gateway-config.ts';
import { type AppDeps, createApp } from '#operator/gateway/app.ts';
import { type ApiDocument, type ListedOperation, listOperations } from '#operator/gateway/http/api-document.ts';
import { readDocument } from '#operator/gateway/http/openapi.ts';
import { createGatewayMetrics } from '#operator/gateway/model/metrics.ts';

/** Stands for everything that routes may only use when they are called: each property is the same again. */
const NOTHING: unknown = new Proxy(() => NOTHING, { get: (_target, name) => (name === 'then' ? undefined : NOTHING) });

export async function describeGateway(): Promise<{ document: ApiDocument; operations: ListedOperation[] }> {
  const metrics = createGatewayMetrics();
  const given = { config: readGatewayConfig({}), log: createLogger('fatal'), metrics, signal: AbortSignal.abort() };
  const deps = new Proxy(given, { get: (target, name) => (name in target ? Reflect.get(target, name) : NOTHING) });
  const app = await createApp(deps as unknown as AppDeps);
  await app.ready();
  const document = readDocument(app);
  await app.close();
  metrics.registry.clear();
  return { document, operations: listOperations(document) };
}
