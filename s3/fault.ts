/** Turns errors of the S3 SDK into faults. */
import { GetObjectCommand, HeadBucketCommand, HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { FaultCode } from '#common/fault-codes.ts';
import { Fault } from '#common/faults.ts';
import { networkCode } from '#common/network-code.ts';

interface S3Error {
  name?: string;
  Code?: string;
  message?: string;
  /** The region of the bucket, in an answer to a request that went to another region. */
  Region?: string;
  $metadata?: { httpStatusCode?: number };
  $response?: { headers?: Record<string, string> };
}

/** Statuses whose cause only the body tells, and an answer to HEAD has no body. */
const NEEDS_CODE = new Set([301, 307, 400, 403]);

/** Codes for access keys that the storage does not know; some servers answer them with 404, as for a missing object. */
const UNKNOWN_KEY = new Set(['InvalidAccessKeyId', 'XAdminUserNotFound']);

/**
 * Names what an error of the SDK means, and what a person can do about it. Asks the bucket's HEAD after some HTTP 404.
 */
export async function storageFault(
  error: unknown,
  client: S3Client,
  { bucket, key }: { bucket: string; key: string },
): Promise<Fault> {
  if (error instanceof Fault) return error;
  const { name = '', $metadata } = (error ?? {}) as S3Error;
  const status = $metadata?.httpStatusCode;
  const answer = await withCode((error ?? {}) as S3Error, client, { bucket, key });
  const code = answer.Code ?? answer.name ?? '';
  if (code === 'InvalidObjectState') return archived(client, { bucket, key }, error);
  const known = explainCode(answer, code, { bucket, key }, error);
  if (known) return known;
  const permanent = (code: FaultCode, reason: string, message: string) =>
    new Fault({ code, category: 'permanent', reason, message, cause: error });
  if (status === 412) return sourceChanged({ bucket, key }, 'the plan', error);
  if (code === 'NoSuchBucket') return missingBucket(bucket, error);
  const isUnknownKey = UNKNOWN_KEY.has(code);
  if (status === 404 && !isUnknownKey) {
    // An answer to HEAD has no body, so a missing bucket looks like a missing object.
    if (await bucketIsMissing(client, bucket, code)) return missingBucket(bucket, error);
    return permanent(
      'S3_NOT_FOUND',
      'ObjectNotFound',
      `The bucket ${bucket} has no object ${key}: put the file there and create the BatchUpload again, or correct spec.source.s3.key.`,
    );
  }
  if (status === 401 || status === 403 || isUnknownKey || name === 'CredentialsProviderError') {
    return permanent(
      'S3_ACCESS_DENIED',
      'StorageAccessDenied',
      `The storage refused access to bucket ${bucket}, object ${key}${status ? ` (HTTP ${status})` : ': there are no credentials'}. Check the keys in the Secret batch-upload-s3 (or spec.source.s3.credentialsSecretRef), and that they may read this object.`,
    );
  }
  if (status === 416) return sourceChanged({ bucket, key }, 'the plan', error);
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

/** Asks for the first byte where the answer that is known has no error code. */
async function withCode(
  error: S3Error,
  client: S3Client,
  { bucket, key }: { bucket: string; key: string },
): Promise<S3Error> {
  const status = error.$metadata?.httpStatusCode ?? 0;
  if (!NEEDS_CODE.has(status) || error.Code !== undefined || key === '' || key.endsWith('*')) return error;
  try {
    const command = new GetObjectCommand({ Bucket: bucket, Key: key, Range: 'bytes=0-0' });
    const { Body } = await client.send(command, { abortSignal: AbortSignal.timeout(10_000) });
    (Body as { destroy?: () => void } | undefined)?.destroy?.();
    return error;
  } catch (asked) {
    return ((asked ?? {}) as S3Error).Code === undefined ? error : (asked as S3Error);
  }
}

/** The errors of which a person can mend the cause; null for every other one. */
function explainCode(
  { message = '', Region, $response }: S3Error,
  code: string,
  { bucket, key }: { bucket: string; key: string },
  cause: unknown,
): Fault | null {
  const object = `object ${key} of bucket ${bucket}`;
  const make = (category: 'permanent' | 'retryable', fault: FaultCode, reason: string, text: string) =>
    new Fault({ code: fault, category, reason, message: text, cause });
  if (code.startsWith('KMS.') || /\bkms:/i.test(message)) {
    const text = `The ${object} is encrypted by a key of KMS that is disabled, deleted, or not allowed for these access keys (${code}). Enable the key, or allow kms:Decrypt for the role of the Secret's access keys.`;
    return make('permanent', 'S3_ACCESS_DENIED', 'StorageAccessDenied', text);
  }
  if (code === 'InvalidRequest' && /server side encryption/i.test(message)) {
    const text = `The ${object} is encrypted by a key that only its sender has (SSE-C), so that no pod can read it. Copy it without SSE-C, or have it sent again.`;
    return make('permanent', 'S3_ACCESS_DENIED', 'StorageAccessDenied', text);
  }
  if (['ExpiredToken', 'TokenRefreshRequired', 'ExpiredTokenException'].includes(code)) {
    const text = `The session token in the storage Secret has expired (${code}). Renew AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN in the Secret; the next pod uses them.`;
    return make('retryable', 'S3_TOKEN_EXPIRED', 'StorageAccessDenied', text);
  }
  if (code === 'RequestTimeTooSkewed') {
    const text =
      'The storage refuses requests because its clock and that of the node differ by more than 15 minutes. Set the clock of the node (NTP).';
    return make('retryable', 'S3_UNAVAILABLE', 'StorageUnavailable', text);
  }
  if (REGION_CODES.has(code)) {
    const region =
      Region ?? $response?.headers?.['x-amz-bucket-region'] ?? /expecting '([a-z0-9-]+)'/.exec(message)?.[1];
    const where = region ? `is in the region ${region}` : 'is in another region';
    const text = `The bucket ${bucket} ${where}. Set spec.source.s3.region${region ? ` to ${region}` : ''}, or AWS_REGION in the storage Secret, and create the BatchUpload again.`;
    return make('permanent', 'S3_REGION', 'BucketInOtherRegion', text);
  }
  return null;
}

/**
 * An archived object is waited for while its restore is under way, which takes minutes to two days: pods try again until
 * their tries are used up. Nobody but its owner may begin a restore, which costs money.
 */
async function archived(client: S3Client, { bucket, key }: { bucket: string; key: string }, cause: unknown) {
  const make = (category: 'permanent' | 'retryable', message: string) =>
    new Fault({ code: 'S3_ARCHIVED', category, reason: 'ObjectArchived', message, cause });
  const object = `object ${key} of bucket ${bucket} is archived (Glacier or a tier of its kind)`;
  return (await isBeingRestored(client, { bucket, key }))
    ? make(
        'retryable',
        `The ${object}, and its restore is under way. The upload tries again for a while; if it fails before the restore has ended, raise spec.retryGeneration then.`,
      )
    : make(
        'permanent',
        `The ${object} and cannot be read. Restore it (aws s3api restore-object), wait until the restore has ended, and raise spec.retryGeneration, or load a copy in another storage class.`,
      );
}

/** An object that is archived answers HEAD like any other one, and says there whether it is being restored. */
async function isBeingRestored(client: S3Client, { bucket, key }: { bucket: string; key: string }): Promise<boolean> {
  try {
    const command = new HeadObjectCommand({ Bucket: bucket, Key: key });
    const { Restore = '' } = await client.send(command, { abortSignal: AbortSignal.timeout(10_000) });
    return /ongoing-request="true"/.test(Restore);
  } catch {
    return false;
  }
}

const REGION_CODES = new Set([
  'PermanentRedirect',
  'TemporaryRedirect',
  'AuthorizationHeaderMalformed',
  'IllegalLocationConstraintException',
]);

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

export function sourceChanged({ bucket, key }: { bucket: string; key: string }, since: string, cause?: unknown): Fault {
  return new Fault({
    code: 'S3_PRECONDITION',
    category: 'permanent',
    reason: 'SourceChanged',
    message: `The object ${key} of bucket ${bucket} is no longer the one of ${since}: it was replaced. Create a new BatchUpload for what is there now.`,
    cause,
  });
}
