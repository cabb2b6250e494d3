/**
 * What happens to a request before its handler runs: who sends it, how often, in which namespace, and may he do it.
 *
 * | hook | a request with a token | a signed request |
 * |---|---|---|
 * | onRequest, before the body is read | all of it | the signature, which has the digest of the body |
 * | preValidation, before the body is looked at | | the body's digest, the nonce, and the rest |
 *
 * A page without JavaScript is admitted in preValidation, too: its token is in the body, and what a person has written is
 * known when the person must sign in again.
 */
import type { FastifyRequest } from 'fastify';
import { checkNamespace } from '#operator/tenancy/allow-list.ts';
import type { Authorizer } from './access/authorize.ts';
import { formField } from './http/form-body.ts';
import { Problem } from './http/problem.ts';
import { createRateLimiter, type RateLimiter } from './http/rate-limit.ts';
import { unauthenticated } from './http/refusals.ts';
import { checkHead, discardBody, type ServerLimits } from './http/server-limits.ts';
import type { Authenticate } from './identity/authenticate.ts';
import type { GatewayApp, GatewayDeps, Identity } from './model/types.ts';
import { isVisible } from './uploads/find-upload.ts';

export interface AdmissionDeps extends GatewayDeps {
  authenticate: Authenticate;
  authorizer: Authorizer;
}

export function addAdmission(app: GatewayApp, deps: AdmissionDeps & { limits: ServerLimits }): void {
  const { authenticate, clock, config, limits } = deps;
  const limiter = createRateLimiter({ ...config.rateLimit, clock });
  app.decorateRequest('signed', null);
  app.decorateRequest('session', null);
  app.decorateRequest('scope', 'Own');

  app.addHook('onRoute', ({ url, config: { access } = {} }) => {
    if (url.startsWith('/v1/namespaces/') && access === undefined)
      throw new Error(`${url} must say which right it needs`);
  });
  app.addHook('onRequest', async (request, reply) => {
    checkHead(request.raw, limits);
    const { access, isForm } = request.routeOptions.config;
    if (access === undefined || isForm) return;
    // A shared cache keeps no answer to a request with Authorization, but knows nothing of signatures.
    reply.header('cache-control', 'no-store');
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
    if (request.routeOptions.config.isForm) {
      await admit(request, await identifyByForm(request, deps), { ...deps, limiter });
      return;
    }
    if (request.signed === null) return;
    // A partner who sends too much adds nothing to the ledger; only a request that never came before counts.
    checkRate(request.signed.user, limiter.wait(request.signed.user), config);
    await admit(request, await request.signed.confirm(request.rawBody), { ...deps, limiter });
  });
  app.addHook('onError', async (request) => discardBody(request.raw, limits));
}

/** @throws Problem unauthenticated, forbidden when no page of the gateway has sent the form */
async function identifyByForm(request: FastifyRequest, { sessions }: AdmissionDeps): Promise<Identity> {
  const session = (await sessions?.read(request)) ?? null;
  if (sessions === undefined || session === null) throw unauthenticated('The request has no session. Sign in.');
  if (request.method === 'POST') sessions.assertFromPage(request, session, formField(request.body, 'csrf'));
  request.session = session;
  return session.identity;
}

const namespaceOf = ({ params }: FastifyRequest) => (params as { namespace: string }).namespace;

/** @throws Problem too-many-requests, namespace-not-enabled, forbidden */
async function admit(
  request: FastifyRequest,
  identity: Identity,
  {
    authorizer,
    config,
    limiter,
    uploads,
  }: Pick<AdmissionDeps, 'authorizer' | 'config' | 'uploads'> & { limiter: RateLimiter },
): Promise<void> {
  checkRate(identity.user, limiter.take(identity.user), config);
  request.identity = identity;
  const { access } = request.routeOptions.config;
  // A page about all namespaces asks for the rights in each of them itself.
  if (access === undefined) return;
  const namespace = namespaceOf(request);
  // The answer names no other namespace: a sender of one need not know which others there are.
  if (checkNamespace(namespace, config) !== null) {
    throw new Problem('namespace-not-enabled', {
      detail: `Uploads are not enabled in the namespace ${namespace}. Check the path, or let the administrator of the cluster add the namespace to the chart's value uploads.namespaces.`,
    });
  }
  const { name } = request.params as { name?: string };
  const upload = access.resource === 'batchuploads' && name ? uploads.get(`${namespace}/${name}`) : undefined;
  const isOwn = upload !== undefined && isVisible(upload, { identity, scope: 'Own' });
  request.scope = await authorizer.authorize(identity, { ...access, namespace, name, isOwn });
}

/** @param seconds after which the user may send again; 0: now. @throws Problem too-many-requests */
function checkRate(user: string, seconds: number, { rateLimit }: GatewayDeps['config']): void {
  if (seconds === 0) return;
  throw new Problem('too-many-requests', {
    detail: `${user} sends more than ${rateLimit.perSecond} requests in a second. Send the request again later.`,
    retryAfterSeconds: seconds,
  });
}
