/** The calls of the gateway to the storage of a namespace. Each explains its errors to the sender of a request. */
import type { S3Client } from '@aws-sdk/client-s3';
import { Fault } from '#common/faults.ts';
import type { FileStorage, GatewayConfig } from '#operator/config/gateway-config.ts';
import { Problem } from '#operator/gateway/http/problem.ts';
import type { GatewayDeps } from '#operator/gateway/model/types.ts';
import { callStorage } from '#s3/call-storage.ts';

export interface StoragePlace {
  namespace: string;
  bucket: string;
}

export interface OpenStorage {
  s3: S3Client;
  bucket: string;
  /** Sends one request about the key. @param seconds Time for an answer; 20 when absent. @throws Fault S3_* */
  send<T>(key: string, call: (abortSignal: AbortSignal) => Promise<T>, seconds?: number): Promise<T>;
}

export type StorageDeps = Pick<GatewayDeps, 'storage' | 'signal'>;

/** @throws Problem unprocessable when the gateway takes no files for the namespace */
export function fileStorageOf({ fileStorage }: Pick<GatewayConfig, 'fileStorage'>, namespace: string): FileStorage {
  const found = fileStorage.get(namespace) ?? fileStorage.get('*');
  if (found !== undefined) return found;
  throw new Problem('unprocessable', {
    detail: `The gateway takes no files for the namespace ${namespace}, since no bucket is named for it. Ask the gateway's administrator to add the namespace to the chart's value gateway.storage.`,
  });
}

/** @throws Problem unavailable for everything that is wrong with the storage or its Secret; KubeError */
export async function withStorage<T>(
  { storage, signal }: StorageDeps,
  place: StoragePlace,
  work: (storage: OpenStorage) => Promise<T>,
): Promise<T> {
  const { namespace, bucket } = place;
  const spec = { bucket, prefix: '' };
  try {
    const s3 = await storage.open(namespace, spec, signal);
    return await work({
      s3,
      bucket,
      send: (key, call, seconds) => callStorage(s3, { bucket, key }, { signal, seconds }, call),
    });
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    if (error.reason === 'StorageAccessDenied') storage.distrust(namespace, spec);
    throw new Problem('unavailable', {
      detail: `${explain(error, place)} Nothing was lost; send the request again then.`,
      ...(error.category === 'retryable' ? { retryAfterSeconds: 5 } : {}),
      cause: error,
    });
  }
}

/** The texts of a fault address the owner of a BatchUpload. */
function explain({ code, reason, message, cause }: Fault, { namespace, bucket }: StoragePlace): string {
  if (code === 'S3_TOKEN_EXPIRED') return message;
  if ((cause as { name?: string } | undefined)?.name === 'CredentialsProviderError') {
    return `There are no access keys for the storage of the namespace ${namespace}: the Secret batch-upload-s3 there is missing or has none, and the gateway's pod has no identity of a cloud. Its administrator must add them: kubectl -n ${namespace} create secret generic batch-upload-s3 --from-literal=AWS_ACCESS_KEY_ID=… --from-literal=AWS_SECRET_ACCESS_KEY=….`;
  }
  switch (reason) {
    case 'BucketNotFound':
      return `The bucket ${bucket}, where the gateway keeps the files of the namespace ${namespace}, does not exist. Its administrator must create it, or correct the chart's value gateway.storage or the endpoint in the Secret batch-upload-s3.`;
    case 'BucketInOtherRegion':
      return `The bucket ${bucket} is in another region. The administrator of the namespace ${namespace} must set AWS_REGION in the Secret batch-upload-s3 to it.`;
    case 'StorageAccessDenied':
      return `The storage refused the access keys of the namespace ${namespace} for the bucket ${bucket}. Its administrator must check the Secret batch-upload-s3: the keys must be allowed to list the bucket (s3:ListBucket) and to read, write and delete its objects (s3:GetObject, s3:PutObject, s3:AbortMultipartUpload, s3:ListMultipartUploadParts, s3:DeleteObject, s3:DeleteObjectVersion).`;
    case 'StorageUnavailable':
      return `The storage of the namespace ${namespace} cannot be reached or failed. Its administrator must check that it runs, and the endpoint in the Secret batch-upload-s3.`;
    default:
      return message;
  }
}
