import type { S3Server } from '#support/storage/s3-server.ts';
import type { KubeApiServer } from './kube-api-server.ts';

/** Puts a Secret whose entries are these texts or bytes. */
export function putSecret(
  api: KubeApiServer,
  { namespace, name }: { namespace: string; name: string },
  data: Record<string, string | Buffer>,
): void {
  const encoded = Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]);
  api.put('secrets', { metadata: { name, namespace }, data: Object.fromEntries(encoded) });
}

/** Puts the Secrets of a namespace's database and storage. */
export function putNamespaceSecrets(
  api: KubeApiServer,
  namespace: string,
  { databaseUrl, storage }: { databaseUrl: string; storage: S3Server },
): void {
  putSecret(api, { namespace, name: 'batch-upload-database' }, { uri: databaseUrl });
  putSecret(
    api,
    { namespace, name: 'batch-upload-s3' },
    {
      AWS_ACCESS_KEY_ID: storage.accessKeyId,
      AWS_SECRET_ACCESS_KEY: storage.secretAccessKey,
      AWS_REGION: storage.region,
      AWS_ENDPOINT_URL_S3: storage.endpoint,
    },
  );
}
