/** The three steps of sending a file without JavaScript: ask for a place, send the file to the storage, have it loaded. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FileRow } from '#ledger/gateway/files.ts';
import { headFile } from '#operator/gateway/files/check-object.ts';
import { createStorageCheck } from '#operator/gateway/files/check-storage.ts';
import { findOwnFile } from '#operator/gateway/files/file-ledger.ts';
import { refuseFileName } from '#operator/gateway/files/file-name.ts';
import { FileParams, NamespaceParams } from '#operator/gateway/files/file-schemas.ts';
import { checkUnregistered, limitsOf, makePlace, signFormOf } from '#operator/gateway/files/make-place.ts';
import { withStorage } from '#operator/gateway/files/storage.ts';
import { formField } from '#operator/gateway/http/form-body.ts';
import { Problem } from '#operator/gateway/http/problem.ts';
import type { Access, GatewayApp } from '#operator/gateway/model/types.ts';
import { createUpload } from '#operator/gateway/uploads/create-upload.ts';
import { NAME_PATTERN } from '#operator/gateway/uploads/upload-schemas.ts';
import { bareTag } from '#s3/call-storage.ts';
import { answerPage, viewOf } from './answer-page.ts';
import { type Arrived, type FilePage, renderArrived, renderGone, renderSend } from './file-page.ts';
import type { FormDeps } from './form-deps.ts';
import { FORMS, formPaths } from './form-paths.ts';
import { mayDo } from './form-rights.ts';
import { type NewPage, renderNew } from './new-page.ts';

/** A name and the token of the session. */
const FORM_BYTES = 16 * 1024;
const access: Access = { verb: 'create', resource: 'batchuploads' };
const config = { isForm: true, access } as const;
const NAME = new RegExp(NAME_PATTERN);

export function fileFormRoutes(scope: GatewayApp, deps: FormDeps): void {
  newRoutes(scope, deps);
  fileRoutes(scope, deps);
}

function newRoutes(scope: GatewayApp, deps: FormDeps): void {
  const checkStorage = createStorageCheck(deps);
  const path = `${FORMS}/:namespace/new`;
  const schema = { params: NamespaceParams };
  scope.get(path, { config, schema }, async (request, reply) => {
    const { namespace } = request.params;
    const { schema: chosen, name } = textsOf(request.query);
    const schemas = await listSchemas(deps, request);
    const page = { namespace, schemas, schema: chosen, name, errors: { schema: null, name: null } };
    return answerPage(reply, renderNew(viewOf(request, deps), page));
  });
  scope.post(path, { config, schema, bodyLimit: FORM_BYTES }, async (request, reply) => {
    const { namespace } = request.params;
    const { identity } = request;
    const schemas = await listSchemas(deps, request);
    const chosen = formField(request.body, 'schema') ?? '';
    const name = (formField(request.body, 'name') ?? '').trim();
    const asked = { name, size: limitsOf(deps).onePutBytes, sizeIsLimit: true };
    const view = viewOf(request, deps);
    const errors: NewPage['errors'] = {
      schema: isSchema(chosen, schemas) ? null : view.t('forms.schema-missing'),
      name:
        name === '' ? view.t('forms.name-missing') : refuseFileName(name) === null ? null : view.t('forms.name-wrong'),
    };
    if (errors.schema !== null || errors.name !== null) {
      return answerPage(reply, renderNew(view, { namespace, schemas, schema: chosen, name, errors }), { status: 422 });
    }
    await checkStorage(namespace);
    await checkUnregistered(deps, namespace, identity.user);
    const { id } = await makePlace(deps, { namespace, identity, asked });
    return reply.redirect(formPaths.file(namespace, id, chosen), 303);
  });
}

type FileRequest = FastifyRequest<{ Params: { namespace: string; id: string } }>;

function fileRoutes(scope: GatewayApp, deps: FormDeps): void {
  const path = `${FORMS}/:namespace/files/:id`;
  const schema = { params: FileParams };
  scope.get(path, { config, schema }, async (request, reply) => {
    const file = await findOwnFile(deps, { ...request.params, identity: request.identity });
    return showFile({ deps, request, reply, file, chosen: textsOf(request.query).schema });
  });
  scope.post(path, { config, schema, bodyLimit: FORM_BYTES }, async (request, reply) => {
    const { namespace, id } = request.params;
    const { identity, scope: seenAs, body } = request;
    const file = await findOwnFile(deps, { namespace, id, identity });
    const chosen = formField(body, 'schema') ?? '';
    const eTag = formField(body, 'etag') ?? '';
    const shown = { deps, request, reply, file, chosen };
    if (file.state !== 'Open') return showFile(shown);
    const { t } = viewOf(request, deps);
    const arrived = await lookAt(deps, namespace, file);
    const refuse = (text: string) => showFile({ ...shown, notice: { text, detail: null }, status: 409 });
    if (arrived === null) return refuse(t('forms.not-arrived'));
    if (arrived.eTag !== eTag) return refuse(t('forms.changed'));
    if (!isSchema(chosen, await listSchemas(deps, request))) {
      return showFile({ ...shown, schemaError: t('forms.schema-missing'), status: 422 });
    }
    const registration = { file: id, schema: chosen, eTag, sourceType: 'UI' as const };
    try {
      const { upload } = await createUpload(deps, { namespace, identity, scope: seenAs, request: registration });
      return reply.redirect(formPaths.upload(namespace, upload.metadata.name), 303);
    } catch (error) {
      if (!(error instanceof Problem) || (error.type !== 'conflict' && error.type !== 'unprocessable')) throw error;
      const { type, options, status } = error;
      return showFile({ ...shown, notice: { text: t(`problem.${type}`), detail: options.detail }, status });
    }
  });
}

/** The file as it is now, whichever step it is at. */
async function showFile({
  deps,
  request,
  reply,
  file,
  chosen,
  notice = null,
  schemaError = null,
  status = 200,
}: {
  deps: FormDeps;
  request: FileRequest;
  reply: FastifyReply;
  file: FileRow;
  chosen: string;
  notice?: FilePage['notice'];
  schemaError?: string | null;
  status?: number;
}): Promise<FastifyReply> {
  const { namespace, id } = request.params;
  if (file.uploadName !== null) return reply.redirect(formPaths.upload(namespace, file.uploadName), 303);
  const view = viewOf(request, deps);
  const page = { namespace, id, fileName: file.fileName, maxBytes: file.size, notice };
  if (file.state !== 'Open') return answerPage(reply, renderGone(view, page), { status: 410 });
  const arrived = await lookAt(deps, namespace, file);
  if (arrived !== null) {
    const choice = { schemas: await listSchemas(deps, request), schema: chosen, error: schemaError };
    return answerPage(reply, renderArrived(view, page, { arrived, choice }), { status });
  }
  const redirect = deps.page.origin + formPaths.file(namespace, id, chosen);
  const form = await signFormOf(deps, { namespace, file, redirect });
  return answerPage(reply, renderSend(view, page, form), { status, formTarget: new URL(form.url).origin });
}

/** What the storage has of the file now; null: nothing. What the redirect of the storage says of it is never believed. */
function lookAt(deps: FormDeps, namespace: string, file: FileRow): Promise<Arrived | null> {
  return withStorage(deps, { namespace, bucket: file.bucket }, async (storage) => {
    const head = await headFile(storage, file);
    if (head === null) return null;
    const { ContentLength: size = 0, ETag, LastModified = new Date(0) } = head;
    return { size, eTag: bareTag(ETag), at: LastModified.toISOString() };
  });
}

/** The names of the schemas; null when the person may not list them. */
async function listSchemas(deps: FormDeps, request: FastifyRequest): Promise<string[] | null> {
  if (!(await mayDo(deps, request, { verb: 'list', resource: 'recordschemas' }))) return null;
  const { namespace } = request.params as { namespace: string };
  return [...deps.schemas.values()]
    .filter(({ metadata }) => metadata.namespace === namespace)
    .map(({ metadata }) => metadata.name)
    .sort();
}

function isSchema(chosen: string, schemas: readonly string[] | null): boolean {
  return schemas === null ? NAME.test(chosen) : schemas.includes(chosen);
}

/** The texts of a query; a value that comes twice, or that no schema has as its name, counts as missing. */
function textsOf(query: unknown): { schema: string; name: string } {
  const { schema, name } = query as Record<string, unknown>;
  const text = (value: unknown) => (typeof value === 'string' ? value : '');
  return { schema: NAME.test(text(schema)) ? text(schema) : '', name: text(name) };
}
