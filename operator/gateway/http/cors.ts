/** Web pages of the configured origins may call the API. Pages of other origins cannot: browsers keep the answers from them. */
import type { GatewayApp } from '#operator/gateway/model/types.ts';

const METHODS = 'GET, POST, DELETE, PATCH, PUT';
const REQUEST_HEADERS = 'Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID';
const ANSWER_HEADERS = 'Content-Disposition, ETag, Idempotent-Replayed, Location, Retry-After, WWW-Authenticate';
const PREFLIGHT_SECONDS = 600;

/** Must be called before anything that asks who sends a request, since a preflight of a browser carries no proof. */
export function allowOrigins(app: GatewayApp, origins: readonly string[]): void {
  if (origins.length === 0) return;
  const allowed = new Set(origins);
  app.addHook('onRequest', async (request, reply) => {
    reply.header('vary', 'Origin');
    const { origin } = request.headers;
    if (origin === undefined || !allowed.has(origin)) return;
    // A cookie is a proof for the gateway's own page alone, so that credentials of the browser are not allowed here.
    reply.headers({ 'access-control-allow-origin': origin, 'access-control-expose-headers': ANSWER_HEADERS });
    if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] === undefined) return;
    reply.headers({
      'access-control-allow-methods': METHODS,
      'access-control-allow-headers': REQUEST_HEADERS,
      'access-control-max-age': String(PREFLIGHT_SECONDS),
    });
    return reply.code(204).send();
  });
}
