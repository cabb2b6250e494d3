/** Turns errors of the S3 SDK into faults. */
import { HeadBucketCommand, type S3Client } from '@aws-sdk/client-s3';
import type { FaultCode } from '#common/fault-codes.ts';
import { Fault } from '#common/faults.ts';
import { networkCode } from '#common/network-code.ts';

interface S3Error {
  name?: string;
  Code?: string;
  $metadata?: { httpStatusCode?: number };
}

/**
 * Names what an error of the SDK means, and what a person can do about it. Asks the bucket's HEAD after some HTTP 404.
 */
export async function storageFault(
  error: unknown,
  client: S3Client,
  { bucket, key }: { bucket: string; key: string },
): Promise<Fault> {
  if (error instanceof Fault) return error;
  const { name = '', Code, $metadata } = (error ?? {}) as S3Error;
  const status = $metadata?.httpStatusCode;
  const code = Code ?? name;
  const permanent = (code: FaultCode, reason: string, message: string) =>
    new Fault({ code, category: 'permanent', reason, message, cause: error });
  if (status === 412) return sourceChanged({ bucket, key }, 'the plan');
  if (code === 'NoSuchBucket') return missingBucket(bucket, error);
  if (status === 404) {
    // An answer to HEAD has no body, so a missing bucket looks like a missing object.
    if (await bucketIsMissing(client, bucket, code)) return missingBucket(bucket, error);
    return permanent(
      'S3_NOT_FOUND',
      'ObjectNotFound',
      `The bucket ${bucket} has no object ${key}: put the file there and create the BatchUpload again, or correct spec.source.s3.key.`,
    );
  }
  if (status === 401 || status === 403 || name === 'CredentialsProviderError') {
    return permanent(
      'S3_ACCESS_DENIED',
      'StorageAccessDenied',
      `The storage refused access to bucket ${bucket}, object ${key}${status ? ` (HTTP ${status})` : ': there are no credentials'}. Check the keys in the Secret batch-upload-s3 (or spec.source.s3.credentialsSecretRef), and that they may read this object.`,
    );
  }
  if (status === 416) return sourceChanged({ bucket, key }, 'the plan');
  if (status !== undefined && status >= 400 && status < 500 && status !== 408 && status !== 429) {
    return permanent(
      'S3_REQUEST',
      'StorageError',
      `The storage answered HTTP ${status} (${code || 'no code'}) for bucket ${bucket}, object ${key}. Check both names; the storage's own log may say more.`,
    );
  }
  return new Fault({
    code: 'S3_UNAVAILABLE',
    category: 'retryable',
    reason: 'StorageUnavailable',
    message: `The storage cannot be reached or failed (${status ? `HTTP ${status}` : networkCode(error)}). Check that the storage runs, and the endpoint in its Secret.`,
    cause: error,
  });
}

async function bucketIsMissing(client: S3Client, bucket: string, code: string): Promise<boolean> {
  if (code === 'NoSuchKey') return false;
  try {
    await client.send(new HeadBucketCommand({ Bucket: bucket }), { abortSignal: AbortSignal.timeout(10_000) });
    return false;
  } catch (error) {
    return (error as S3Error).$metadata?.httpStatusCode === 404;
  }
}

function missingBucket(bucket: string, cause: unknown): Fault {
  return new Fault({
    code: 'S3_NO_BUCKET',
    category: 'permanent',
    reason: 'BucketNotFound',
    message: `The bucket ${bucket} does not exist at this endpoint: correct spec.source.s3.bucket, or the endpoint or region.`,
    cause,
  });
}

export function sourceChanged({ bucket, key }: { bucket: string; key: string }, since: string): Fault {
  return new Fault({
    code: 'S3_PRECONDITION',
    category: 'permanent',
    reason: 'SourceChanged',
    message: `The object ${key} of bucket ${bucket} is no longer the one of ${since}: it was replaced. Create a new BatchUpload for what is there now.`,
  });
}
