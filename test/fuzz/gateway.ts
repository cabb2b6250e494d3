/** The API of the gateway with a sender who may do everything, on a real PostgreSQL, a real S3 server and an API server in memory. */
import { randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { systemClock } from '#common/clock.ts';
import { createKubeClient } from '#kube/client.ts';
import { BATCH_UPLOADS, RECORD_SCHEMAS } from '#kube/custom-resources.ts';
import { createReflector } from '#kube/reflector.ts';
import { readGatewayConfig } from '#operator/config/gateway-config.ts';
import { type AppDeps, createApp } from '#operator/gateway/app.ts';
import { Problem } from '#operator/gateway/http/problem.ts';
import { createGatewayMetrics } from '#operator/gateway/model/metrics.ts';
import type { Identity } from '#operator/gateway/model/types.ts';
import { Databases } from '#operator/tenancy/databases.ts';
import { createSecretReader, createStorageClients } from '#operator/tenancy/storage-clients.ts';
import { startKubeApiServer } from '#support/cluster/kube-api-server.ts';
import { itemsSchema, schemaManifest, uploadManifest } from '#support/cluster/manifests.ts';
import { createLedgerDatabase } from '#support/database/database.ts';
import { startPostgres } from '#support/database/postgres.ts';
import { createRecordingLog } from '#support/process/recording-log.ts';
import { startS3Server } from '#support/storage/s3-server.ts';

const NAMESPACE = 'n';
const BUCKET = 'files';

export interface FuzzedGateway extends AsyncDisposable {
  url: string;
  /** The token of the only sender. */
  token: string;
  log: ReturnType<typeof createRecordingLog>;
}

export async function startFuzzedGateway(): Promise<FuzzedGateway> {
  const cleanup = new AsyncDisposableStack();
  const stop = new AbortController();
  const [postgres, s3] = [cleanup.use(await startPostgres()), cleanup.use(await startS3Server())];
  const api = cleanup.use(await startKubeApiServer());
  await makeObjects(api, { databaseUrl: await createLedgerDatabase(postgres), s3 });
  const token = randomBytes(24).toString('hex');
  const log = createRecordingLog();
  const client = createKubeClient({ access: api.access, userAgent: 'test' });
  cleanup.defer(() => client.close());
  const shared = { client, program: 'gateway' as const, clock: systemClock };
  const reflectors = {
    uploads: createReflector({ client, log, type: BATCH_UPLOADS }),
    schemas: createReflector({ client, log, type: RECORD_SCHEMAS }),
  };
  const watches = Object.values(reflectors).map((reflector) => reflector.run(stop.signal));
  cleanup.defer(() => Promise.all(watches).then(() => undefined));
  await Promise.all(Object.values(reflectors).map(({ synced }) => synced));
  const secrets = createSecretReader(shared);
  const deps = {
    ...shared,
    ...reflectors,
    config: readGatewayConfig({
      BATCH_UPLOAD_NAMESPACES: NAMESPACE,
      BATCH_UPLOAD_GATEWAY_STORAGE: JSON.stringify({ '*': { bucket: BUCKET } }),
      BATCH_UPLOAD_GATEWAY_REQUESTS_PER_SECOND: '100000',
      BATCH_UPLOAD_GATEWAY_REQUEST_BURST: '100000',
    }),
    clusterId: 'cluster',
    databases: new Databases({ ...shared, log, tickMs: 1000 }),
    secrets,
    storage: createStorageClients({ secrets, clock: systemClock, allowedEndpoints: [] }),
    log,
    metrics: createGatewayMetrics(),
    ending: stop.signal,
    signal: stop.signal,
    authenticate: async ({ headers }: { headers: IncomingHttpHeaders }) => identify(headers, token),
    authorizer: { authorize: async () => 'All' as const },
  } satisfies AppDeps;
  cleanup.defer(() => deps.databases.close());
  const app = await createApp(deps);
  cleanup.defer(() => app.close());
  cleanup.defer(() => stop.abort(new Error('the run is over')));
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  return { url, token, log, [Symbol.asyncDispose]: () => cleanup.disposeAsync() };
}

/** The Secrets, a bucket, a schema and an upload that has failed. */
async function makeObjects(
  api: Awaited<ReturnType<typeof startKubeApiServer>>,
  { databaseUrl, s3 }: { databaseUrl: string; s3: Awaited<ReturnType<typeof startS3Server>> },
): Promise<void> {
  const { endpoint, region, accessKeyId, secretAccessKey } = s3;
  const secret = (name: string, data: Record<string, string>) => {
    const encoded = Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]);
    api.put('secrets', { metadata: { namespace: NAMESPACE, name }, data: Object.fromEntries(encoded) });
  };
  secret('batch-upload-database', { uri: databaseUrl });
  secret('batch-upload-s3', {
    AWS_ENDPOINT_URL_S3: endpoint,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
  });
  api.put('recordschemas', schemaManifest(NAMESPACE, 'people', itemsSchema('people')));
  const source = { type: 'API' as const, s3: { bucket: BUCKET, key: 'people.csv' } };
  const upload = uploadManifest(NAMESPACE, 'people-1', { source, schemaRef: { name: 'people' } });
  const failed = {
    type: 'Failed',
    status: 'True',
    reason: 'Test',
    message: '',
    lastTransitionTime: '2026-01-01T00:00:00Z',
  };
  api.put('batchuploads', { ...upload, status: { phase: 'Failed', conditions: [failed] } });
  const client = new S3Client({
    endpoint,
    region,
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
  });
  await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  client.destroy();
}

function identify({ authorization }: IncomingHttpHeaders, token: string): Identity {
  if (authorization !== `Bearer ${token}`) {
    const headers = { 'www-authenticate': 'Bearer' };
    throw new Problem('unauthenticated', { detail: 'This is not the token of the test.', headers });
  }
  return { user: 'tester', groups: [], proof: 'TokenReview', namespace: null, expiresAt: null };
}
