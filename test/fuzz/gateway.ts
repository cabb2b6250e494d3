/** The API of the gateway with a sender who may do everything, on a real PostgreSQL, a real S3 server and an API server in memory. */
import { randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { BATCH_UPLOADS, RECORD_SCHEMAS } from '#kube/custom-resources.ts';
import { createReflector } from '#kube/reflector.ts';
import { type AppDeps, createApp } from '#operator/gateway/app.ts';
import { Problem } from '#operator/gateway/http/problem.ts';
import type { Identity } from '#operator/gateway/model/types.ts';
import { startKubeApiServer } from '#support/cluster/kube-api-server.ts';
import { itemsSchema, schemaManifest, uploadManifest } from '#support/cluster/manifests.ts';
import { putNamespaceSecrets } from '#support/cluster/secret.ts';
import { createLedgerDatabase } from '#support/database/database.ts';
import { startPostgres } from '#support/database/postgres.ts';
import { createGatewayParts, identityOf, testConfig } from '#support/gateway/gateway-parts.ts';
import type { createRecordingLog } from '#support/process/recording-log.ts';
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
  const [postgres, s3] = [cleanup.use(await startPostgres()), cleanup.use(await startS3Server())];
  const api = cleanup.use(await startKubeApiServer());
  await makeObjects(api, { databaseUrl: await createLedgerDatabase(postgres), s3 });
  const token = randomBytes(24).toString('hex');
  const parts = cleanup.use(createGatewayParts(api));
  const { client, log, signal } = parts.deps;
  const reflectors = {
    uploads: createReflector({ client, log, type: BATCH_UPLOADS }),
    schemas: createReflector({ client, log, type: RECORD_SCHEMAS }),
  };
  const watches = Object.values(reflectors).map((reflector) => reflector.run(signal));
  cleanup.defer(() => Promise.all(watches).then(() => undefined));
  await Promise.all(Object.values(reflectors).map(({ synced }) => synced));
  const deps = {
    ...parts.deps,
    ...reflectors,
    config: testConfig([NAMESPACE], BUCKET),
    authenticate: async ({ headers }: { headers: IncomingHttpHeaders }) => identify(headers, token),
    authorizer: { authorize: async () => 'All' as const },
  } satisfies AppDeps;
  const app = await createApp(deps);
  cleanup.defer(() => app.close());
  cleanup.defer(() => parts.end('the run is over'));
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  return { url, token, log, [Symbol.asyncDispose]: () => cleanup.disposeAsync() };
}

/** The Secrets, a bucket, a schema and an upload that has failed. */
async function makeObjects(
  api: Awaited<ReturnType<typeof startKubeApiServer>>,
  { databaseUrl, s3 }: { databaseUrl: string; s3: Awaited<ReturnType<typeof startS3Server>> },
): Promise<void> {
  const { endpoint, region, accessKeyId, secretAccessKey } = s3;
  putNamespaceSecrets(api, NAMESPACE, { databaseUrl, storage: s3 });
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
  return identityOf('tester');
}
