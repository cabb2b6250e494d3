/**
 * The uploads and schemas of the gateway on an API server in memory and, where a test needs it, a real PostgreSQL. Who
 * sends a request is what the header x-test-user says, and what he may do is what the test allows. The files are those
 * that the test has put.
 */
import { randomUUID } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { type Clock, systemClock } from '#common/clock.ts';
import { BATCH_UPLOADS, type BatchUpload, RECORD_SCHEMAS, type RecordSchema } from '#kube/custom-resources.ts';
import { createReflector } from '#kube/reflector.ts';
import { createAuthorizer } from '#operator/gateway/access/authorize.ts';
import { type AppDeps, createApp } from '#operator/gateway/app.ts';
import type { PinnedFile } from '#operator/gateway/files/pin-file.ts';
import { Problem } from '#operator/gateway/http/problem.ts';
import type { GatewayApp, Identity } from '#operator/gateway/model/types.ts';
import { type KubeApiServer, startKubeApiServer } from '#support/cluster/kube-api-server.ts';
import { putSecret } from '#support/cluster/secret.ts';
import type { createRecordingLog } from '#support/process/recording-log.ts';
import { EventReader } from './event-reader.ts';
import { createGatewayParts, identityOf, testConfig } from './gateway-parts.ts';

export const NAMESPACE = 'n';
export const OTHER_NAMESPACE = 'other';

export interface AccessSpec {
  user: string;
  resourceAttributes: { namespace: string; verb: string; resource: string; subresource?: string; name?: string };
}

export interface CallOptions {
  user?: string;
  namespace?: string;
  body?: object | string;
  headers?: Record<string, string>;
}

export interface Answer {
  status: number;
  headers: Record<string, string>;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into answers of every form.
  body: any;
}

export interface UploadsGateway extends AsyncDisposable {
  api: KubeApiServer;
  app: GatewayApp;
  deps: AppDeps;
  log: ReturnType<typeof createRecordingLog>;
  url: string;
  /** Sends a request below /v1/namespaces/{namespace}. */
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  /** Opens a watch. */
  watch(path: string, options?: CallOptions): Promise<EventReader>;
  /** What SubjectAccessReviews allow; everything when the test says nothing. */
  allow(decide: (spec: AccessSpec) => boolean): void;
  /** Tells the gateway that it ends, as SIGTERM does. */
  end(): void;
  /** The files that were asked for and put, by their ids. */
  files: Map<string, PinnedFile & { owner: string; uploadName: string | null }>;
  /** Puts a file. @returns its id */
  putFile(owner?: string): string;
  putSchema(name: string, schema?: Partial<RecordSchema>): void;
  /** Makes an upload as the API server holds it, and waits until the gateway knows it. */
  putUpload(name: string, upload?: UploadParts): Promise<BatchUpload>;
}

export interface UploadParts {
  namespace?: string;
  uid?: string;
  createdBy?: string;
  createdAt?: string;
  spec?: object;
  status?: object;
}

export async function startUploadsGateway({
  databaseUrl,
  clock = systemClock,
  expiresAt = null,
}: {
  databaseUrl?: string;
  clock?: Clock;
  /** Epoch ms at which the tokens of all senders expire. */
  expiresAt?: number | null;
} = {}): Promise<UploadsGateway> {
  const api = await startKubeApiServer();
  let isAllowed: (spec: AccessSpec) => boolean = () => true;
  api.review('subjectaccessreviews', (spec: AccessSpec) => ({ allowed: isAllowed(spec) }));
  const parts = createGatewayParts(api, { clock });
  const { client, log, signal } = parts.deps;
  const uploads = createReflector({ client, log, type: BATCH_UPLOADS });
  const schemas = createReflector({ client, log, type: RECORD_SCHEMAS });
  const watching = [uploads.run(signal), schemas.run(signal)];
  await Promise.all([uploads.synced, schemas.synced]);
  for (const namespace of databaseUrl === undefined ? [] : [NAMESPACE, OTHER_NAMESPACE])
    putSecret(api, { namespace, name: 'batch-upload-database' }, { uri: databaseUrl! });
  const files: UploadsGateway['files'] = new Map();
  const deps = {
    ...parts.deps,
    config: testConfig([NAMESPACE, OTHER_NAMESPACE]),
    uploads,
    schemas,
    authenticate: async ({ headers }: FastifyRequest) => identityOf(String(headers['x-test-user']), { expiresAt }),
    authorizer: createAuthorizer({ client, clock }),
    files: {
      async pinFile(_deps: unknown, { id, identity }: { id: string; identity: Identity }) {
        const file = files.get(id);
        if (file?.owner !== identity.user) throw new Problem('not-found', { detail: `There is no file ${id}.` });
        return file;
      },
      async markRegistered(_deps: unknown, { id, uploadName }: { id: string; uploadName: string }) {
        const file = files.get(id)!;
        if (file.uploadName !== null && file.uploadName !== uploadName) {
          throw new Problem('conflict', { detail: `The file ${id} is loaded by ${file.uploadName}.` });
        }
        file.uploadName = uploadName;
        return { until: 'then' };
      },
      confirmMade: async () => true,
      async unmark(_deps: unknown, { id }: { id: string }) {
        files.get(id)!.uploadName = null;
      },
    },
  } as unknown as AppDeps;
  const app = await createApp(deps);
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as { port: number };
  const url = `http://127.0.0.1:${port}`;
  const readers = new Set<EventReader>();

  const send = (method: string, path: string, { user = 'alice', namespace = NAMESPACE, body, headers }: CallOptions) =>
    fetch(`${url}/v1/namespaces/${namespace}${path}`, {
      method,
      headers: {
        'x-test-user': user,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });

  return {
    api,
    app,
    deps,
    log,
    url,
    files,
    async call(method, path, options = {}) {
      const answer = await send(method, path, options);
      const text = await answer.text();
      const isJson = answer.headers.get('content-type')?.includes('json');
      return {
        status: answer.status,
        headers: Object.fromEntries(answer.headers),
        text,
        body: isJson && text !== '' ? JSON.parse(text) : undefined,
      };
    },
    async watch(path, options = {}) {
      const reader = new EventReader(await send('GET', path, options));
      readers.add(reader);
      return reader;
    },
    allow(decide) {
      isAllowed = decide;
    },
    end: () => parts.end('SIGTERM'),
    putFile(owner = 'alice') {
      const id = randomUUID();
      const fileName = '=HYPERLINK("x") <b>.csv';
      const key = `raw-uploads/${id}/${fileName}`;
      files.set(id, {
        id,
        bucket: 'files',
        key,
        fileName,
        size: 10,
        versionId: 'v1',
        eTag: 'e1',
        owner,
        uploadName: null,
      });
      return id;
    },
    putSchema(name, { metadata, ...rest } = {}) {
      const spec = {
        fields: [
          { name: 'k', type: 'string', constraints: { required: true } },
          { name: 'v', type: 'string', sensitive: true },
        ],
        fieldsMatch: 'equal',
        primaryKey: ['k'],
        target: { table: 'items', create: false, onDuplicate: 'Skip', columns: [{ name: 'k', field: 'k' }] },
      };
      api.put('recordschemas', { metadata: { ...metadata, name, namespace: NAMESPACE }, spec, ...rest });
    },
    async putUpload(name, { namespace = NAMESPACE, uid, createdBy, createdAt, spec, status } = {}) {
      const stored = api.put('batchuploads', {
        metadata: {
          name,
          namespace,
          ...(uid === undefined ? {} : { uid }),
          ...(createdAt === undefined ? {} : { creationTimestamp: createdAt }),
          ...(createdBy === undefined ? {} : { annotations: { 'batchupload.dev/created-by': createdBy } }),
        },
        spec: {
          source: { type: 'Manual', s3: { bucket: 'b', key: 'k.csv' } },
          schemaRef: { name: 'people' },
          ...spec,
        },
        ...(status === undefined ? {} : { status }),
      }) as unknown as BatchUpload;
      await waitUntilKnown(uploads, stored);
      return stored;
    },
    async [Symbol.asyncDispose]() {
      for (const reader of readers) reader.close();
      parts.end('the test is over');
      await app.close();
      await Promise.all(watching);
      await parts[Symbol.asyncDispose]();
      await api[Symbol.asyncDispose]();
    },
  };
}

async function waitUntilKnown(
  uploads: { get(key: string): BatchUpload | undefined },
  { metadata }: BatchUpload,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const look = () => {
    const known = uploads.get(`${metadata.namespace}/${metadata.name}`)?.metadata;
    if (Number(known?.resourceVersion ?? 0) >= Number(metadata.resourceVersion)) resolve();
    else setTimeout(look, 1);
  };
  look();
  await promise;
}
