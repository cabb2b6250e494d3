/** The endpoints of files: a sender asks for a place here, and puts the bytes straight into the storage. */
import type {} from '@fastify/swagger';
import { Type } from 'typebox';
import { abandonFile } from '#ledger/gateway/files.ts';
import { IDEMPOTENCY_HEADERS } from '#operator/gateway/http/idempotency.ts';
import { Problem } from '#operator/gateway/http/problem.ts';
import { withLedger } from '#operator/gateway/http/with-ledger.ts';
import type { Access, GatewayApp, GatewayDeps, Identity } from '#operator/gateway/model/types.ts';
import { checkObject } from './check-object.ts';
import { createStorageCheck } from './check-storage.ts';
import { assertOpen, findOwnFile } from './file-ledger.ts';
import {
  Completion,
  FileAnswer,
  FileParams,
  NamespaceParams,
  NewFile,
  PartNumbers,
  PartsQuery,
  SignedParts,
  StorageAnswer,
  StoredFile,
  StoredParts,
} from './file-schemas.ts';
import { checkAsked, checkUnregistered, limitsOf, makePlace, represent, signParts } from './make-place.ts';
import { completeMultipart, isMultipart, listParts, type MultipartFile } from './multipart.ts';
import { whileHeld } from './pin-file.ts';
import { removeObject } from './remove-object.ts';
import { fileStorageOf, withStorage } from './storage.ts';

/** Who may create uploads may put files for them; each file is open to the sender of its own alone. */
const access: Access = { verb: 'create', resource: 'batchuploads' };
/** A completion can name 10,000 parts. */
const COMPLETION_BYTES = 1024 ** 2;
const NOTHING = { 204: Type.Null({ description: 'Done.' }) };

interface FileRequest {
  params: { namespace: string; id: string };
  identity: Identity;
}

export function fileRoutes(app: GatewayApp, deps: GatewayDeps): void {
  storageRoutes(app, deps);
  wholeFileRoutes(app, deps);
  partRoutes(app, deps);
}

const own = (deps: GatewayDeps, { params, identity }: FileRequest) => findOwnFile(deps, { ...params, identity });

async function ownParts(deps: GatewayDeps, request: FileRequest): Promise<MultipartFile> {
  const file = await own(deps, request);
  assertOpen(file);
  if (isMultipart(file)) return file;
  throw new Problem('conflict', {
    detail: `The file ${file.id} has no parts: it is put whole, by its PUT or its form.`,
  });
}

function storageRoutes(app: GatewayApp, deps: GatewayDeps): void {
  const check = createStorageCheck(deps);
  app.get(
    '/files/storage',
    {
      config: { access },
      schema: {
        operationId: 'getFileStorage',
        tags: ['files'],
        summary: 'Ask whether the storage takes files',
        description: 'Looks whether the bucket can be used, and whether web pages may put files into it.',
        params: NamespaceParams,
        response: { 200: StorageAnswer },
      },
    },
    async ({ params: { namespace } }) => {
      const pages = await check(namespace);
      const { bucket, prefix } = fileStorageOf(deps.config, namespace);
      return { bucket, prefix, onePutBytes: limitsOf(deps).onePutBytes, pages };
    },
  );
  app.post(
    '/files',
    {
      config: { access },
      schema: {
        operationId: 'createFile',
        tags: ['files'],
        summary: 'Ask for a place for a file',
        description:
          'Answers with what is signed for the place: a PUT and a form for a file of up to 100 MB, the sizes of the parts for a larger one. The bytes never go through the gateway. A file that is not registered by an upload is removed after a day.',
        params: NamespaceParams,
        headers: IDEMPOTENCY_HEADERS,
        body: NewFile,
        response: { 201: FileAnswer },
      },
    },
    async ({ params: { namespace }, identity, body }, reply) => {
      checkAsked(deps, body);
      await check(namespace);
      await checkUnregistered(deps, namespace, identity.user);
      const place = await makePlace(deps, { namespace, identity, asked: body });
      return reply.code(201).header('location', `/v1/namespaces/${namespace}/files/${place.id}`).send(place);
    },
  );
}

function wholeFileRoutes(app: GatewayApp, deps: GatewayDeps): void {
  app.get(
    '/files/:id',
    {
      config: { access },
      schema: {
        operationId: 'getFile',
        tags: ['files'],
        summary: 'Read what is known of a file',
        params: FileParams,
        response: { 200: FileAnswer },
      },
    },
    async (request) => represent(await own(deps, request)),
  );
  app.post(
    '/files/:id/complete',
    {
      config: { access },
      bodyLimit: COMPLETION_BYTES,
      schema: {
        operationId: 'completeFile',
        tags: ['files'],
        summary: 'Complete a file',
        description:
          'Puts the parts of a file together, and looks whether the file is the declared one: its size and, where one was declared, its checksum. For a file that was put whole only the latter. A repetition changes nothing.',
        params: FileParams,
        headers: IDEMPOTENCY_HEADERS,
        // A request without a body names no parts.
        body: Type.Union([Completion, Type.Null()]),
        response: { 200: StoredFile },
      },
    },
    async (request) => {
      const file = await own(deps, request);
      if (file.state !== 'Registered') assertOpen(file);
      const { namespace } = request.params;
      const { id, bucket } = file;
      // Without a hold the parts would be put together while a gateway removes them.
      return whileHeld(deps, { namespace, file }, () =>
        withStorage(deps, { namespace, bucket }, async (storage) => {
          if (isMultipart(file)) await completeMultipart(storage, file, request.body?.parts ?? null);
          return { id, ...(await checkObject(storage, file)) };
        }),
      );
    },
  );
  app.delete(
    '/files/:id',
    {
      config: { access },
      schema: {
        operationId: 'deleteFile',
        tags: ['files'],
        summary: 'Delete a file that is not registered',
        description: 'Removes what was put, and aborts the parts. A file that an upload loads stays.',
        params: FileParams,
        response: NOTHING,
      },
    },
    async (request, reply) => {
      const file = await own(deps, request);
      const { namespace, id } = request.params;
      if (file.state === 'Registered') assertOpen(file);
      const isAbandoned = await withLedger(deps, namespace, (client, scope) => abandonFile(client, { ...scope, id }));
      if (!isAbandoned) {
        throw new Problem('conflict', {
          detail: `The file ${id} is being completed or registered, or was registered meanwhile. Look at its state, and delete it in a quarter of an hour if no upload loads it.`,
        });
      }
      // A PUT whose URL is still valid can come later: the row stays, and after a day all that is left is removed.
      await withStorage(deps, { namespace, bucket: file.bucket }, (storage) => removeObject(storage, file));
      return reply.code(204).send(null);
    },
  );
}

function partRoutes(app: GatewayApp, deps: GatewayDeps): void {
  app.post(
    '/files/:id/parts',
    {
      config: { access },
      schema: {
        operationId: 'signFileParts',
        tags: ['files'],
        summary: 'Ask for the URLs of parts',
        description:
          'Signs the PUTs of some parts of a large file. A part may be put again until the file is complete.',
        params: FileParams,
        headers: IDEMPOTENCY_HEADERS,
        body: PartNumbers,
        response: { 200: SignedParts },
      },
    },
    async (request) => {
      const file = await ownParts(deps, request);
      return signParts(deps, request.params.namespace, file, request.body);
    },
  );
  app.get(
    '/files/:id/parts',
    {
      config: { access },
      schema: {
        operationId: 'listFileParts',
        tags: ['files'],
        summary: 'List the parts that were put',
        description: 'With this list an upload that was cut is resumed: only the other parts are put.',
        params: FileParams,
        querystring: PartsQuery,
        response: { 200: StoredParts },
      },
    },
    async (request) => {
      const file = await ownParts(deps, request);
      const { namespace } = request.params;
      const after = Number(request.query.after ?? 0);
      const page = await withStorage(deps, { namespace, bucket: file.bucket }, (storage) =>
        listParts(storage, file, after),
      );
      if (page !== null) return page;
      throw new Problem('conflict', {
        detail: `The parts of the file ${file.id} were put together already. Register the file, or ask for a new place.`,
      });
    },
  );
}
