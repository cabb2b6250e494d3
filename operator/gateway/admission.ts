/**
 * What happens to a request before its handler runs: who sends it, how often, in which namespace, and may he do it.
 *
 * | hook | a request with a token | a signed request |
 * |---|---|---|
 * | onRequest, before the body is read | all of it | the signature, which has the digest of the body |
 * | preValidation, before the body is looked at | | the body's digest, the nonce, and the rest |
 */
import type { FastifyRequest } from 'fastify';
import { checkNamespace } from '#operator/tenancy/allow-list.ts';
import type { AppDeps } from './app.ts';
import { Problem } from './http/problem.ts';
import { createRateLimiter, type RateLimiter } from './http/rate-limit.ts';
import { checkHead, discardBody, type ServerLimits } from './http/server-limits.ts';
import type { GatewayApp, Identity } from './model/types.ts';

export function addAdmission(app: GatewayApp, deps: AppDeps & { limits: ServerLimits }): void {
  const { authenticate, clock, config, limits } = deps;
  const limiter = createRateLimiter({ ...config.rateLimit, clock });
  app.decorateRequest('signed', null);
  app.decorateRequest('scope', 'Own');

  app.addHook('onRoute', ({ url, config: { access } = {} }) => {
    if (url.startsWith('/v1/namespaces/') && access === undefined)
      throw new Error(`${url} must say which right it needs`);
  });
  app.addHook('onRequest', async (request) => {
    checkHead(request.raw, limits);
    const { access } = request.routeOptions.config;
    if (access === undefined) return;
    const proved = await authenticate(request, namespaceOf(request));
    if ('confirm' in proved) request.signed = proved;
    else await admit(request, proved, { ...deps, limiter });
  });
  // A sender that asks whether it may send its body is told so after it has proved who it is.
  app.server.on('checkContinue', (request, response) => app.server.emit('request', request, response));
  app.addHook('preParsing', async ({ headers }, reply) => {
    if (headers.expect !== undefined) reply.raw.writeContinue();
  });
  app.addHook('preValidation', async (request) => {
    if (request.signed === null) return;
    await admit(request, await request.signed.confirm(request.rawBody), { ...deps, limiter });
  });
  app.addHook('onError', async (request) => discardBody(request.raw, limits));
}

const namespaceOf = ({ params }: FastifyRequest) => (params as { namespace: string }).namespace;

/** @throws Problem too-many-requests, namespace-not-enabled, forbidden */
async function admit(
  request: FastifyRequest,
  identity: Identity,
  { authorizer, config, limiter }: Pick<AppDeps, 'authorizer' | 'config'> & { limiter: RateLimiter },
): Promise<void> {
  const seconds = limiter.take(identity.user);
  if (seconds > 0) {
    throw new Problem('too-many-requests', {
      detail: `${identity.user} sends more than ${config.rateLimit.perSecond} requests in a second. Send the request again later.`,
      retryAfterSeconds: seconds,
    });
  }
  const namespace = namespaceOf(request);
  const refusal = checkNamespace(namespace, config);
  // Who may not see a namespace learns nothing about it.
  if (refusal !== null) throw new Problem('namespace-not-enabled', { detail: refusal.message });
  const { name } = request.params as { name?: string };
  request.identity = identity;
  request.scope = await authorizer.authorize(identity, { ...request.routeOptions.config.access!, namespace, name });
}
