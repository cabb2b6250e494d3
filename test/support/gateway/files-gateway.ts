/**
 * The API of the gateway on a real PostgreSQL and a real S3 server. Who sends a request is what the header x-test-user or
 * the token says, and everybody may create uploads.
 */
import { S3Client } from '@aws-sdk/client-s3';
import type { FastifyRequest } from 'fastify';
import type pg from 'pg';
import { systemClock } from '#common/clock.ts';
import { createKubeClient } from '#kube/client.ts';
import type { BatchUpload } from '#kube/custom-resources.ts';
import type { GatewayConfig } from '#operator/config/gateway-config.ts';
import { type AppDeps, createApp } from '#operator/gateway/app.ts';
import type { CorsState } from '#operator/gateway/files/check-storage.ts';
import type { FileAnswer } from '#operator/gateway/files/file-schemas.ts';
import { createGatewayMetrics } from '#operator/gateway/model/metrics.ts';
import type { FileLimits, GatewayApp, Identity } from '#operator/gateway/model/types.ts';
import { Databases } from '#operator/tenancy/databases.ts';
import { createSecretReader, createStorageClients } from '#operator/tenancy/storage-clients.ts';
import { type KubeApiServer, startKubeApiServer } from '#support/cluster/kube-api-server.ts';
import { createLedgerDatabase, withClient } from '#support/database/database.ts';
import type { Postgres } from '#support/database/postgres.ts';
import { createRecordingLog } from '#support/process/recording-log.ts';
import type { S3Server } from '#support/storage/s3-server.ts';

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
  const secret: FilesGateway['secret'] = (namespace, name, data) => {
    const encoded = Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]);
    api.put('secrets', { metadata: { name, namespace }, data: Object.fromEntries(encoded) });
  };
  secret(NAMESPACE, 'batch-upload-database', { uri: databaseUrl });
  secret(NAMESPACE, 'batch-upload-s3', {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_REGION: region,
    AWS_ENDPOINT_URL_S3: endpoint,
  });
  const client = createKubeClient({ access: api.access, userAgent: 'batch-upload-gateway' });
  const log = createRecordingLog();
  const clock = systemClock;
  const databases = new Databases({ client, program: 'gateway', clock, log, tickMs: 1000 });
  const secrets = createSecretReader({ client, program: 'gateway', clock });
  const storage = createStorageClients({ secrets, clock, allowedEndpoints: [] });
  const stop = new AbortController();
  const uploads: FilesGateway['uploads'] = new Map();
  const deps = {
    config: {
      namespaces: [NAMESPACE],
      fileStorage: new Map([['*', { bucket: BUCKET, prefix: 'raw-uploads', publicEndpoint: null }]]),
      allowedOrigins: [],
      extraDatabaseSecrets: [],
      extraS3Secrets: [],
      rateLimit: { perSecond: 10_000, burst: 10_000 },
      ...config,
    } as unknown as GatewayConfig,
    client,
    clusterId: 'cluster',
    uploads,
    schemas: new Map(),
    databases,
    secrets,
    storage,
    clock,
    log,
    metrics: createGatewayMetrics(),
    ending: stop.signal,
    signal: stop.signal,
    authenticate: async ({ headers }: FastifyRequest): Promise<Identity> => ({
      user: headers.authorization?.replace('Bearer ', '') ?? String(headers['x-test-user']),
      groups: [],
      proof: 'TokenReview',
      namespace: null,
      expiresAt: null,
    }),
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
    log,
    s3,
    secret,
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
      stop.abort(new Error('the test is over'));
      await app.close();
      storage.close();
      await databases.close();
      await client.close();
      s3.destroy();
      await api[Symbol.asyncDispose]();
    },
  };
}
