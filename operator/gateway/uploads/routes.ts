/** Uploads: register a file, list, get, try again, suspend, resume, cancel, delete. */
import { Type } from 'typebox';
import { entityTag, IF_MATCH, IF_NONE_MATCH, isUnchanged, NOT_MODIFIED } from '#operator/gateway/http/entity-tags.ts';
import { IDEMPOTENCY_HEADERS } from '#operator/gateway/http/idempotency.ts';
import type { GatewayApp } from '#operator/gateway/model/types.ts';
import { deleteUpload, retryUpload, type SteeringVerb, steerUpload } from './change-upload.ts';
import { createUpload } from './create-upload.ts';
import { findUpload, visibleUploads } from './find-upload.ts';
import { LIST_QUERY, listUploads, UPLOAD_LIST } from './list-uploads.ts';
import { representUpload } from './represent-upload.ts';
import type { UploadDeps, UploadRequest } from './upload-deps.ts';
import { createUploadFeed, type UploadFeed } from './upload-feed.ts';
import { NAMESPACE_PARAMS, NEW_UPLOAD, UPLOAD, UPLOAD_PARAMS } from './upload-schemas.ts';
import { watchRoutes } from './watch-routes.ts';

const ETAG = { etag: Type.String({ description: 'Changes whenever the upload changes.' }) };
const LOCATION = { ...ETAG, location: Type.String({ description: 'The path of the upload.' }) };
const tags = ['uploads'];
/** A registration can name 1,000 columns. */
const REGISTRATION_BYTES = 1024 ** 2;

const nothing = (description: string) => Type.Unsafe<undefined>({ type: 'null', description });

export function uploadRoutes(app: GatewayApp, deps: UploadDeps): void {
  let made: UploadFeed | null = null;
  // A gateway whose uploads nobody lists or watches keeps no record of changes.
  const feed = () => {
    made ??= createUploadFeed(deps.uploads);
    return made;
  };
  app.addHook('onClose', async () => made?.close());
  createRoute(app, deps);
  listRoute(app, deps, feed);
  getRoute(app, deps);
  watchRoutes(app, deps, feed);
  retryRoute(app, deps);
  for (const verb of Object.keys(STEERING_TEXTS) as SteeringVerb[]) steeringRoute(app, deps, verb);
  deleteRoute(app, deps);
}

function createRoute(app: GatewayApp, deps: UploadDeps): void {
  app.post(
    '/uploads',
    {
      config: { access: { verb: 'create', resource: 'batchuploads' } },
      bodyLimit: REGISTRATION_BYTES,
      schema: {
        operationId: 'createUpload',
        summary: 'Register a file, so that it is loaded',
        description:
          'Makes an upload of a file that was put, pinned to the content that the storage has now. The same request again finds the upload of the first one.',
        tags,
        params: NAMESPACE_PARAMS,
        headers: IDEMPOTENCY_HEADERS,
        body: NEW_UPLOAD,
        response: {
          200: { ...UPLOAD, description: 'The upload, which the same request has made before.', headers: LOCATION },
          201: { ...UPLOAD, description: 'The upload was made.', headers: LOCATION },
        },
      },
    },
    async (request, reply) => {
      const { namespace } = request.params;
      const { identity, scope, body } = request;
      const { upload, isNew } = await createUpload(deps, { namespace, identity, scope, request: body });
      return reply
        .code(isNew ? 201 : 200)
        .header('location', `/v1/namespaces/${namespace}/uploads/${upload.metadata.name}`)
        .header('etag', entityTag(upload))
        .send(representUpload(upload));
    },
  );
}

function listRoute(app: GatewayApp, deps: UploadDeps, feed: () => UploadFeed): void {
  app.get(
    '/uploads',
    {
      config: { access: { verb: 'list', resource: 'batchuploads', own: true } },
      schema: {
        operationId: 'listUploads',
        summary: 'List uploads, the newest first',
        description: 'Who may not list the uploads of the namespace, but may create some, gets those of its own.',
        tags,
        params: NAMESPACE_PARAMS,
        querystring: LIST_QUERY,
        response: { 200: UPLOAD_LIST },
      },
    },
    async (request) => {
      const { namespace } = request.params;
      const lastEventId = String(feed().newest());
      const { items, nextCursor } = listUploads(visibleUploads(deps, namespace, request), request.query);
      return { items: items.map(representUpload), ...(nextCursor === null ? {} : { nextCursor }), lastEventId };
    },
  );
}

function getRoute(app: GatewayApp, deps: UploadDeps): void {
  app.get(
    '/uploads/:name',
    {
      config: { access: { verb: 'get', resource: 'batchuploads', own: true } },
      schema: {
        operationId: 'getUpload',
        summary: 'Get an upload',
        tags,
        params: UPLOAD_PARAMS,
        headers: Type.Object({ 'if-none-match': IF_NONE_MATCH }),
        response: {
          200: { ...UPLOAD, headers: ETAG },
          304: NOT_MODIFIED,
        },
      },
    },
    async (request, reply) => {
      const upload = await findUpload(deps, questionOf(request));
      const tag = entityTag(upload);
      reply.header('etag', tag).header('cache-control', 'private, no-cache');
      if (isUnchanged(tag, request.headers['if-none-match'])) return reply.code(304).send(undefined);
      return representUpload(upload);
    },
  );
}

function retryRoute(app: GatewayApp, deps: UploadDeps): void {
  app.post(
    '/uploads/:name/retry',
    {
      config: { access: { verb: 'patch', resource: 'batchuploads', own: true } },
      schema: {
        operationId: 'retryUpload',
        summary: 'Try a failed upload again',
        description: 'Records that were loaded are not loaded again.',
        tags,
        params: UPLOAD_PARAMS,
        headers: Type.Object({ ...IDEMPOTENCY_HEADERS.properties, 'if-match': IF_MATCH }),
        response: {
          202: { ...UPLOAD, description: 'Another attempt was asked for, and begins soon.', headers: ETAG },
        },
      },
    },
    async (request, reply) => {
      const upload = await retryUpload(deps, questionOf(request), request.headers['if-match']);
      return reply.code(202).header('etag', entityTag(upload)).send(representUpload(upload));
    },
  );
}

const STEERING_TEXTS: Record<SteeringVerb, { summary: string; description: string; accepted: string }> = {
  suspend: {
    summary: 'Suspend an upload',
    description: 'Its pods end, and what is committed stays. The upload goes on when it is resumed.',
    accepted: 'The upload is suspended soon.',
  },
  resume: {
    summary: 'Resume a suspended upload',
    description: 'The upload goes on where it was.',
    accepted: 'The upload goes on soon.',
  },
  cancel: {
    summary: 'Cancel an upload, for good',
    description: 'Records that are loaded stay in the table. A cancelled upload cannot be resumed or tried again.',
    accepted: 'The upload is cancelled soon.',
  },
};

function steeringRoute(app: GatewayApp, deps: UploadDeps, verb: SteeringVerb): void {
  const { summary, description, accepted } = STEERING_TEXTS[verb];
  app.post(
    `/uploads/:name/${verb}`,
    {
      config: { access: { verb: 'patch', resource: 'batchuploads', own: true } },
      schema: {
        operationId: `${verb}Upload`,
        summary,
        description,
        tags,
        params: UPLOAD_PARAMS,
        headers: Type.Object({ ...IDEMPOTENCY_HEADERS.properties, 'if-match': IF_MATCH }),
        response: { 202: { ...UPLOAD, description: accepted, headers: ETAG } },
      },
    },
    async (request, reply) => {
      const ifMatch = request.headers['if-match'];
      const upload = await steerUpload(deps, { question: questionOf(request), verb, ifMatch });
      return reply.code(202).header('etag', entityTag(upload)).send(representUpload(upload));
    },
  );
}

function deleteRoute(app: GatewayApp, deps: UploadDeps): void {
  app.delete(
    '/uploads/:name',
    {
      config: { access: { verb: 'delete', resource: 'batchuploads', own: true } },
      schema: {
        operationId: 'deleteUpload',
        summary: 'Delete an upload',
        description: 'A running upload ends. What was loaded stays in the table, and the ledger keeps its audit.',
        tags,
        params: UPLOAD_PARAMS,
        headers: Type.Object({ 'if-match': IF_MATCH }),
        response: {
          204: nothing('The upload is deleted, or will be as soon as its pods have ended.'),
        },
      },
    },
    async (request, reply) => {
      await deleteUpload(deps, questionOf(request), request.headers['if-match']);
      return reply.code(204).send(undefined);
    },
  );
}

function questionOf({ params, identity, scope }: Pick<UploadRequest, 'params' | 'identity' | 'scope'>) {
  return { ...params, identity, scope };
}
