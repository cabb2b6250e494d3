/** The API as a fastify instance: who sends a request and what he may do is decided here, before any handler runs. */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import fastify, { type FastifyServerOptions } from 'fastify';
import type { PageSettings } from '#operator/config/page-config.ts';
import { type AdmissionDeps, addAdmission } from './admission.ts';
import { fileRoutes } from './files/routes.ts';
import { answerProblem, toProblem } from './http/answer-problem.ts';
import type { Certificate } from './http/certificate.ts';
import { allowOrigins } from './http/cors.ts';
import { takeForms } from './http/form-body.ts';
import { addIdempotency } from './http/idempotency.ts';
import { measureRequests } from './http/measure.ts';
import { describeApi } from './http/openapi.ts';
import { Problem } from './http/problem.ts';
import { answerClientError, SERVER_LIMITS, type ServerLimits } from './http/server-limits.ts';
import { refuseUnknownPaths } from './http/unknown-paths.ts';
import type { GatewayApp } from './model/types.ts';
import { formRoutes } from './page/forms/form-routes.ts';
import { findStyleSheet } from './page/forms/style-sheet.ts';
import { openPageFiles, pageRoutes, protectPage } from './page/page-routes.ts';
import { schemaRoutes } from './schemas/routes.ts';
import type { OpenedSessions } from './session/open-sessions.ts';
import { createFailedRecordsFile, errorRoutes, type FailedRecordsFile } from './uploads/error-routes.ts';
import { uploadRoutes } from './uploads/routes.ts';

export interface AppDeps extends AdmissionDeps {
  /** Absent: plain HTTP. */
  certificate?: Certificate | undefined;
  limits?: ServerLimits;
  /** Absent when the staff page is off. */
  signIn?: OpenedSessions | undefined;
}

export async function createApp(deps: AppDeps): Promise<GatewayApp> {
  const { limits = SERVER_LIMITS } = deps;
  const http = {
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    connectionsCheckingInterval: limits.checkEveryMs,
  };
  const app: GatewayApp = fastify({
    bodyLimit: limits.bodyBytes,
    requestTimeout: limits.requestTimeoutMs,
    connectionTimeout: 0,
    keepAliveTimeout: limits.keepAliveMs,
    ...(deps.certificate ? { https: { ...http, ...deps.certificate.context } } : { http }),
    clientErrorHandler: answerClientError,
    frameworkErrors: (error, request, reply) => answerProblem(reply, toProblem(error, deps), { request, ...deps }),
    forceCloseConnections: 'idle',
    // Nothing of a request is trusted that a proxy could have been given by its sender.
    trustProxy: false,
    return503OnClosing: true,
    // A name of Kubernetes has up to 253 characters; what is longer is refused by the schemas of the routes.
    routerOptions: { maxParamLength: 1024 },
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, useDefaults: true, allErrors: true } },
  } as FastifyServerOptions).withTypeProvider<TypeBoxTypeProvider>();

  app.decorateRequest('rawBody', null);
  // Fastify brings a parser of plain text.
  app.removeAllContentTypeParsers();
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
  addAdmission(app, { ...deps, limits });
  app.setErrorHandler((error, request, reply) => answerProblem(reply, toProblem(error, deps), { request, ...deps }));
  await describeApi(app, { hasPage: deps.signIn !== undefined });
  const failedRecordsFile = createFailedRecordsFile(deps);
  await app.register(
    (inside: GatewayApp, _options, done) => {
      addIdempotency(inside, deps);
      fileRoutes(inside, deps);
      uploadRoutes(inside, deps);
      errorRoutes(inside, { ...deps, failedRecordsFile });
      schemaRoutes(inside, deps);
      done();
    },
    { prefix: '/v1/namespaces/:namespace' },
  );
  const { page } = deps.config;
  if (deps.signIn && page) await addPage(app, { ...deps, page, signIn: deps.signIn, failedRecordsFile });
  // Node would leave out headers above a number of its own; checkHead refuses them.
  app.server.maxHeadersCount = 0;
  app.server.maxConnections = limits.connections;
  return app;
}

/** The staff page, in a scope of its own: its forms are taken here and nowhere else. */
async function addPage(
  app: GatewayApp,
  deps: AppDeps & { page: PageSettings; signIn: OpenedSessions; failedRecordsFile: FailedRecordsFile },
): Promise<void> {
  const files = await openPageFiles(deps);
  await app.register((inside: GatewayApp, _options, done) => {
    // The description is of the API, and not of what only browsers ask for.
    inside.addHook('onRoute', (route) => {
      route.schema = { ...route.schema, hide: true } as never;
    });
    protectPage(inside, { isTls: deps.certificate !== undefined });
    takeForms(inside);
    deps.signIn.addRoutes(inside, deps);
    pageRoutes(inside, { ...deps, files });
    inside.register((forms: GatewayApp, _none, ready) => {
      formRoutes(forms, { ...deps, sessions: deps.signIn.sessions, styleSheet: findStyleSheet(files) });
      ready();
    });
    done();
  });
}
