/** The API as a fastify instance: who sends a request and what he may do is decided here, before any handler runs. */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import fastify, { type FastifyRequest, type FastifyServerOptions } from 'fastify';
import { checkNamespace } from '#operator/tenancy/allow-list.ts';
import type { Authorizer } from './access/authorize.ts';
import { fileRoutes } from './files/routes.ts';
import { answerProblem, toProblem } from './http/answer-problem.ts';
import type { Certificate } from './http/certificate.ts';
import { allowOrigins } from './http/cors.ts';
import { measureRequests } from './http/measure.ts';
import { describeApi } from './http/openapi.ts';
import { Problem } from './http/problem.ts';
import { refuseUnknownPaths } from './http/unknown-paths.ts';
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
  /** Absent: plain HTTP. */
  certificate?: Certificate | undefined;
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
    ...(deps.certificate ? { https: deps.certificate.context } : {}),
  } as FastifyServerOptions).withTypeProvider<TypeBoxTypeProvider>();

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
  // Names of files and records are answered as they are, so that no browser may take an answer for a page.
  app.addHook('onRequest', async (_request, reply) => void reply.header('x-content-type-options', 'nosniff'));
  measureRequests(app, deps.metrics);
  allowOrigins(app, deps.config.allowedOrigins);
  refuseUnknownPaths(app);
  deps.certificate?.keepFresh(app);
  app.addHook('preValidation', (request) => admit(request, deps));
  app.setErrorHandler((error, request, reply) => answerProblem(reply, toProblem(error, deps), { request, ...deps }));
  await describeApi(app);
  await app.register(
    (inside: GatewayApp, _options, done) => {
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
