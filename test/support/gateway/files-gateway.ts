/**
 * The API of the gateway on a real PostgreSQL and a real S3 server. Who sends a request is what the header x-test-user or
 * the token says, and everybody may create uploads.
 */
import { S3Client } from '@aws-sdk/client-s3';
import type { FastifyRequest } from 'fastify';
import type pg from 'pg';
import type { BatchUpload } from '#kube/custom-resources.ts';
import type { GatewayConfig } from '#operator/config/gateway-config.ts';
import { type AppDeps, createApp } from '#operator/gateway/app.ts';
import type { CorsState } from '#operator/gateway/files/check-storage.ts';
import type { FileAnswer } from '#operator/gateway/files/file-schemas.ts';
import type { FileLimits, GatewayApp } from '#operator/gateway/model/types.ts';
import { type KubeApiServer, startKubeApiServer } from '#support/cluster/kube-api-server.ts';
import { putNamespaceSecrets, putSecret } from '#support/cluster/secret.ts';
import { createLedgerDatabase, withClient } from '#support/database/database.ts';
import type { Postgres } from '#support/database/postgres.ts';
import type { createRecordingLog } from '#support/process/recording-log.ts';
import type { S3Server } from '#support/storage/s3-server.ts';
import { createGatewayParts, identityOf, testConfig } from './gateway-parts.ts';

export const NAMESPACE = 'n';
export const BUCKET = 'files';
export const ALICE = { user: 'alice' };

/** The fields of every answer, of which each answer has some. */
export interface Answer extends Required<FileAnswer> {
  detail: string;
  eTag: string;
  versionId: string | null;
  parts: { number: number; url: string; headers: Record<string, string>; size: number; eTag: string }[];
  next: number | null;
  pages: CorsState;
}

export interface FilesGateway extends AsyncDisposable {
  deps: AppDeps;
  api: KubeApiServer;
  app: GatewayApp;
  /** The uploads that the gateway knows by its watch, by namespace/name; a test puts them here. */
  uploads: Map<string, BatchUpload>;
  log: ReturnType<typeof createRecordingLog>;
  s3: S3Client;
  /** Sends a request below /v1/namespaces/{namespace}. */
  call(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    options?: { user?: string; namespace?: string; body?: object },
  ): Promise<{ status: number; headers: Record<string, unknown>; body: Answer }>;
  /** Runs statements on the database of the namespace. */
  sql<T>(work: (client: pg.Client) => Promise<T>): Promise<T>;
  secret(namespace: string, name: string, data: Record<string, string>): void;
  databaseUrl: string;
}

export async function startFilesGateway({
  postgres,
  storage: server,
  config = {},
  fileLimits,
}: {
  postgres: Postgres;
  storage: S3Server;
  config?: Partial<GatewayConfig>;
  fileLimits?: FileLimits;
}): Promise<FilesGateway> {
  const { endpoint, region, accessKeyId, secretAccessKey } = server;
  const api = await startKubeApiServer();
  const databaseUrl = await createLedgerDatabase(postgres);
  putNamespaceSecrets(api, NAMESPACE, { databaseUrl, storage: server });
  const parts = createGatewayParts(api);
  const uploads: FilesGateway['uploads'] = new Map();
  const deps = {
    ...parts.deps,
    config: { ...testConfig([NAMESPACE], BUCKET), ...config },
    uploads,
    schemas: new Map(),
    authenticate: async ({ headers }: FastifyRequest) =>
      identityOf(headers.authorization?.replace('Bearer ', '') ?? String(headers['x-test-user'])),
    authorizer: { authorize: async () => 'All' as const },
    ...(fileLimits ? { fileLimits } : {}),
  } as unknown as AppDeps;
  const app = await createApp(deps);
  const s3 = new S3Client({ endpoint, region, forcePathStyle: true, credentials: { accessKeyId, secretAccessKey } });

  return {
    deps,
    api,
    app,
    uploads,
    log: parts.deps.log,
    s3,
    secret: (namespace, name, data) => putSecret(api, { namespace, name }, data),
    databaseUrl,
    async call(method, path, { user = ALICE.user, namespace = NAMESPACE, body } = {}) {
      const answer = await app.inject({
        method,
        url: `/v1/namespaces/${namespace}${path}`,
        headers: { 'x-test-user': user },
        ...(body ? { payload: body } : {}),
      });
      return {
        status: answer.statusCode,
        headers: answer.headers,
        body: JSON.parse(answer.body || '{}'),
      };
    },
    sql: (work) => withClient(databaseUrl, work),
    async [Symbol.asyncDispose]() {
      parts.end('the test is over');
      await app.close();
      await parts[Symbol.asyncDispose]();
      s3.destroy();
      await api[Symbol.asyncDispose]();
    },
  };
}
