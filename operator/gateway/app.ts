/** The API as a fastify instance: who sends a request and what he may do is decided here, before any handler runs. */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import fastify, { type FastifyRequest } from 'fastify';
import { checkNamespace } from '#operator/tenancy/allow-list.ts';
import type { Authorizer } from './access/authorize.ts';
import { fileRoutes } from './files/routes.ts';
import { answerProblem, toProblem } from './http/answer-problem.ts';
import { addIdempotency } from './http/idempotency.ts';
import { Problem } from './http/problem.ts';
import type { Authenticate } from './identity/authenticate.ts';
import type { GatewayApp, GatewayDeps } from './model/types.ts';
import { schemaRoutes } from './schemas/routes.ts';
import { errorRoutes } from './uploads/error-routes.ts';
import { uploadRoutes } from './uploads/routes.ts';

/** A request is some names and options; file bytes never come here. */
const MAX_BODY_BYTES = 64 * 1024;
const REQUEST_TIMEOUT_MS = 30_000;

export interface AppDeps extends GatewayDeps {
  authenticate: Authenticate;
  authorizer: Authorizer;
}

export async function createApp(deps: AppDeps): Promise<GatewayApp> {
  const app: GatewayApp = fastify({
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionTimeout: 0,
    keepAliveTimeout: 60_000,
    forceCloseConnections: true,
    // Nothing of a request is trusted that a proxy could have been given by its sender.
    trustProxy: false,
    return503OnClosing: true,
    // A name of Kubernetes has up to 253 characters; what is longer is refused by the schemas of the routes.
    routerOptions: { maxParamLength: 1024 },
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, useDefaults: true, allErrors: true } },
  }).withTypeProvider<TypeBoxTypeProvider>();

  app.decorateRequest('rawBody', null);
  app.decorateRequest('scope', 'Own');
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    request.rawBody = body;
    try {
      done(null, JSON.parse(body.toString('utf8')));
    } catch {
      done(new Problem('invalid-request', { detail: 'The body is not JSON.' }), undefined);
    }
  });
  app.addHook('preValidation', (request) => admit(request, deps));
  app.setErrorHandler((error, request, reply) => answerProblem(reply, toProblem(error, deps), { request, ...deps }));
  app.setNotFoundHandler((request, reply) =>
    answerProblem(reply, new Problem('not-found', { detail: `There is no path ${request.url.split('?')[0]}.` }), {
      request,
      ...deps,
    }),
  );
  await app.register(
    (inside: GatewayApp, _options, done) => {
      addIdempotency(inside, deps);
      fileRoutes(inside, deps);
      uploadRoutes(inside, deps);
      errorRoutes(inside, deps);
      schemaRoutes(inside, deps);
      done();
    },
    { prefix: '/v1/namespaces/:namespace' },
  );
  return app;
}

/** @throws Problem */
async function admit(request: FastifyRequest, { authenticate, authorizer, config }: AppDeps): Promise<void> {
  const { access } = request.routeOptions.config;
  if (access === undefined) return;
  const { namespace, name } = request.params as { namespace: string; name?: string };
  request.identity = await authenticate(request, namespace);
  const refusal = checkNamespace(namespace, config);
  // Who may not see a namespace learns nothing about it.
  if (refusal !== null) throw new Problem('namespace-not-enabled', { detail: refusal.message });
  request.scope = await authorizer.authorize(request.identity, { ...access, namespace, name });
}
