/**
 * The pages for browsers without JavaScript. GET never changes anything; the two POSTs ask for a place and have a file
 * loaded, and each needs the token of the session (admission.ts).
 */
import { limitsOf } from '#operator/gateway/files/make-place.ts';
import type { Access, GatewayApp } from '#operator/gateway/model/types.ts';
import { listNamespaces } from '#operator/gateway/session/session-routes.ts';
import { findUpload, visibleUploads } from '#operator/gateway/uploads/find-upload.ts';
import { CURSOR_PATTERN, listUploads } from '#operator/gateway/uploads/list-uploads.ts';
import { representUpload } from '#operator/gateway/uploads/represent-upload.ts';
import { NAMESPACE_PARAMS, UPLOAD_PARAMS } from '#operator/gateway/uploads/upload-schemas.ts';
import { isRunning } from '#page/views/upload-state.ts';
import { answerPage, answerRefusal, viewOf } from './answer-page.ts';
import { fileFormRoutes } from './file-form-routes.ts';
import type { FormDeps } from './form-deps.ts';
import { FORMS, formPaths } from './form-paths.ts';
import { mayDo, readFaults } from './form-rights.ts';
import { renderUnknown } from './refusal-page.ts';
import { renderUpload } from './upload-page.ts';
import { renderUploads, renderWorkspaces } from './uploads-page.ts';

const UPLOADS_OF_PAGE = '50';
const REFRESH_SECONDS = '10';
const CURSOR = new RegExp(CURSOR_PATTERN);
const seen: Access = { verb: 'list', resource: 'batchuploads', own: true };
const upload: Access = { verb: 'create', resource: 'batchuploads' };
const one: Access = { verb: 'get', resource: 'batchuploads', own: true };

/** Must be called on a scope of its own: its errors are answered as pages. */
export function formRoutes(scope: GatewayApp, deps: FormDeps): void {
  scope.setErrorHandler((error, request, reply) => answerRefusal(error, { request, reply, deps }));
  workspaceRoutes(scope, deps);
  uploadsRoute(scope, deps);
  uploadRoute(scope, deps);
  errorsRoute(scope, deps);
  fileFormRoutes(scope, deps);
  scope.get(`${FORMS}/*`, async (request, reply) =>
    answerPage(reply, renderUnknown(viewOf(request, deps)), { status: 404 }),
  );
}

function workspaceRoutes(scope: GatewayApp, deps: FormDeps): void {
  for (const path of [FORMS, `${FORMS}/`]) {
    scope.get(path, { config: { isForm: true } }, async (request, reply) => {
      const namespaces = await listNamespaces({ ...deps, namespaces: deps.config.namespaces }, request.identity);
      const names = namespaces.map(({ name }) => name);
      if (names.length === 1) return reply.redirect(formPaths.uploads(names[0]!), 303);
      return answerPage(reply, renderWorkspaces(viewOf(request, deps), names, request.identity.user));
    });
  }
}

function uploadsRoute(scope: GatewayApp, deps: FormDeps): void {
  scope.get(
    `${FORMS}/:namespace`,
    { config: { isForm: true, access: seen }, schema: { params: NAMESPACE_PARAMS } },
    async (request, reply) => {
      const { namespace } = request.params;
      const { identity } = request;
      // A query that makes no sense shows the first page.
      const { cursor } = request.query as { cursor?: unknown };
      const isCursor = typeof cursor === 'string' && CURSOR.test(cursor);
      const query = { creator: identity.user, limit: UPLOADS_OF_PAGE, ...(isCursor ? { cursor } : {}) };
      const { items, nextCursor } = listUploads(visibleUploads(deps, namespace, request), query);
      const mayUpload = await mayDo(deps, request, upload);
      const maxBytes = limitsOf(deps).onePutBytes;
      const page = { namespace, uploads: items.map(representUpload), nextCursor, mayUpload, maxBytes };
      return answerPage(reply, renderUploads(viewOf(request, deps), page));
    },
  );
}

function uploadRoute(scope: GatewayApp, deps: FormDeps): void {
  scope.get(
    `${FORMS}/:namespace/uploads/:name`,
    { config: { isForm: true, access: one }, schema: { params: UPLOAD_PARAMS } },
    async (request, reply) => {
      const { params, identity, scope: seenAs } = request;
      const found = await findUpload(deps, { ...params, identity, scope: seenAs });
      const faults = await readFaults(deps, request, found);
      const mayUpload = await mayDo(deps, request, upload);
      const schema = deps.schemas.get(`${params.namespace}/${found.spec.schemaRef.name}`);
      const hasKey = schema === undefined ? null : (schema.spec.primaryKey ?? []).length > 0;
      const shown = representUpload(found);
      const refreshes = isRunning(shown) && (request.query as { refresh?: unknown }).refresh === 'on';
      if (refreshes) reply.header('refresh', REFRESH_SECONDS);
      const now = new Date(deps.clock.now()).toISOString();
      const page = { upload: shown, hasKey, faults, mayUpload, refreshes, now };
      return answerPage(reply, renderUpload(viewOf(request, deps), page));
    },
  );
}

/** The same file as that of the API, whose refusals are pages. */
function errorsRoute(scope: GatewayApp, deps: FormDeps): void {
  scope.get(
    `${FORMS}/:namespace/uploads/:name/errors.csv`,
    {
      exposeHeadRoute: false,
      config: { isForm: true, access: { verb: 'get', resource: 'batchuploads', subresource: 'errors', own: true } },
      schema: { params: UPLOAD_PARAMS },
    },
    (request, reply) => deps.failedRecordsFile(request, reply as never, { keepsFormulas: false }) as never,
  );
}
