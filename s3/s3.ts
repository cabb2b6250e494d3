/** Objects of S3: what is there, and its bytes as ranges that are taken up again where they broke and never mix two versions. */
import type { Readable } from 'node:stream';
import {
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import { Fault } from '#common/faults.ts';
import type { RunnerConfig } from '#common/job-contract.ts';
import type { Logger } from '#common/log.ts';
import { networkCode, waitBackoff } from '#ledger/connection/postgres.ts';
import type { UploadRequest } from '#ledger/types.ts';
import { createRangeHandler, RangeBody, type RangeOptions } from './http-range.ts';
import type { ObjectIdentity } from './object-identity.ts';

/** Makes the client of an upload. Credentials and what the spec leaves out come from the SDK's own environment. */
export function createS3Client(request: UploadRequest['s3'], env: NodeJS.ProcessEnv): S3Client {
  const endpoint = request.endpoint ?? (env['AWS_ENDPOINT_URL_S3'] || undefined);
  const config: S3ClientConfig = {
    region: request.region ?? (env['AWS_REGION'] || 'us-east-1'),
    forcePathStyle: request.forcePathStyle ?? endpoint !== undefined,
    // Retries are ours: a stream that breaks in the middle is resumed, which the SDK cannot do.
    maxAttempts: 1,
    // Servers that are not AWS do not all know the newer checksums.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    ...(endpoint ? { endpoint } : {}),
  };
  const client = new S3Client(config);
  client.config.requestHandler = createRangeHandler(client.config.requestHandler);
  return client;
}

/** Tries of a read before the pod gives up, however long they took. */
const MIN_TRIES = 5;

export interface RetryOptions {
  signal: AbortSignal;
  /** Give up with the last fault after this long without progress, but not before {@link MIN_TRIES}. */
  retrySeconds: number;
  /** An answer or a body of which no byte comes for so long is broken. */
  stallSeconds: number;
  onRetry?: (fault: Fault, attempt: number) => void;
}

/** Of a pod, as its environment says; every retry is in its log. @param onRetry told of each, for who counts them */
export function createRetryOptions(
  { config, signal, log }: { config: RunnerConfig; signal: AbortSignal; log: Logger },
  onRetry: () => void = () => {},
): RetryOptions {
  return {
    signal,
    retrySeconds: config.retrySeconds,
    stallSeconds: config.stallSeconds,
    onRetry(fault, attempt) {
      onRetry();
      log.warn({ code: fault.code, attempt }, 'storage fault, trying again');
    },
  };
}

/** Reads the object's identity. @throws Fault S3_* */
export async function headObject(
  client: S3Client,
  request: UploadRequest['s3'],
  retry: RetryOptions,
): Promise<ObjectIdentity> {
  const head = await withRetries(retry, async () => {
    const limit = createStallLimit(retry);
    try {
      limit.start();
      return await client.send(
        new HeadObjectCommand({ Bucket: request.bucket, Key: request.key, VersionId: request.versionId }),
        { abortSignal: limit.signal },
      );
    } catch (error) {
      throw await storageFault(limit.explain(error), client, request);
    } finally {
      limit.stop();
    }
  });
  const versionId = head.VersionId && head.VersionId !== 'null' ? head.VersionId : null;
  if (request.eTag && bareTag(request.eTag) !== bareTag(head.ETag ?? ''))
    throw sourceChanged(request, 'spec.source.s3.eTag');
  return {
    bucket: request.bucket,
    key: request.key,
    eTag: head.ETag ?? '',
    versionId,
    sizeBytes: head.ContentLength ?? 0,
  };
}

/**
 * Fills `into` with the bytes of the object from `start` on. A lost or silent connection is taken up
 * again at the byte where it broke, for `retrySeconds` without a new byte.
 * @param onBytes told how many bytes are there, whenever some have come
 * @throws Fault S3_PRECONDITION (permanent, reason SourceChanged) when the object is no longer the one of `identity`.
 */
export async function readInto(
  client: S3Client,
  identity: ObjectIdentity,
  { start, into, onBytes }: { start: number; into: Buffer; onBytes: (filled: number) => void },
  retry: RetryOptions,
): Promise<void> {
  let filled = 0;
  let attempt = 0;
  let lastProgress = Date.now();
  while (filled < into.length) {
    const limit = createStallLimit(retry);
    try {
      limit.start();
      const body = await openRange(client, identity, { start: start + filled, end: start + into.length }, limit.signal);
      const before = filled;
      await fillFrom(body, into.subarray(before), (more) => {
        limit.start();
        attempt = 0;
        lastProgress = Date.now();
        filled = before + more;
        onBytes(filled);
      });
      if (filled < into.length) throw new Error('the body ended early');
    } catch (error) {
      retry.signal.throwIfAborted();
      const fault = await storageFault(limit.explain(error), client, identity);
      attempt += 1;
      const spent = Date.now() - lastProgress;
      if (!fault.retryable || (attempt >= MIN_TRIES && spent > retry.retrySeconds * 1000)) throw fault;
      retry.onRetry?.(fault, attempt);
      await waitBackoff(attempt, retry.signal);
    } finally {
      limit.stop();
    }
  }
}

async function fillFrom(body: Readable, into: Buffer, onBytes: (filled: number) => void): Promise<void> {
  try {
    if (body instanceof RangeBody) {
      if (body.length > into.length) throw rangeIgnored();
      await body.fill(into, onBytes);
      return;
    }
    let filled = 0;
    for await (const piece of body as AsyncIterable<Buffer>) {
      if (piece.length > into.length - filled) throw rangeIgnored();
      filled += piece.copy(into, filled);
      onBytes(filled);
    }
  } finally {
    body.destroy();
  }
}

/**
 * Ends a request when nothing has come for `stallSeconds`: a connection that was lost on the way, or that a proxy keeps
 * open, never says so.
 */
export function createStallLimit({ signal, stallSeconds }: Pick<RetryOptions, 'signal' | 'stallSeconds'>) {
  const stalled = new AbortController();
  const limitMs = stallSeconds * 1000;
  let timer: NodeJS.Timeout | undefined;
  let waitingSince = 0;
  // One timer that looks: to set one and to clear it again for every piece of a file is a tenth of what reading it costs.
  const watch = (ms: number) => {
    timer = setTimeout(() => {
      timer = undefined;
      const left = waitingSince + limitMs - performance.now();
      if (left <= 0) stalled.abort();
      else watch(left);
    }, ms).unref();
  };
  return {
    signal: AbortSignal.any([signal, stalled.signal]),
    /** Waits for the next bytes from now on. */
    start() {
      waitingSince = performance.now();
      if (!timer) watch(limitMs);
    },
    stop() {
      clearTimeout(timer);
      timer = undefined;
    },
    /** The SDK only says that it was told to stop. */
    explain: (error: unknown) => (stalled.signal.aborted ? new Error('timeout', { cause: error }) : error),
  };
}

async function openRange(
  client: S3Client,
  { bucket, key, eTag, versionId }: ObjectIdentity,
  { start, end }: { start: number; end: number },
  signal: AbortSignal,
): Promise<Readable> {
  const options: RangeOptions = { abortSignal: signal, asRange: true };
  const answer = await client.send(
    new GetObjectCommand({
      Bucket: bucket,
      Key: key,
      VersionId: versionId ?? undefined,
      IfMatch: eTag || undefined,
      Range: `bytes=${start}-${end - 1}`,
    }),
    options,
  );
  if (!answer.Body) throw new Error('the answer has no body');
  return answer.Body as Readable;
}

export async function withRetries<T>(retry: RetryOptions, work: () => Promise<T>): Promise<T> {
  const since = Date.now();
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      const fault = error as Fault;
      retry.signal.throwIfAborted();
      const spent = Date.now() - since;
      if (!fault.retryable || (attempt >= MIN_TRIES && spent > retry.retrySeconds * 1000)) throw fault;
      retry.onRetry?.(fault, attempt);
      await waitBackoff(attempt, retry.signal);
    }
  }
}

interface S3Error {
  name?: string;
  Code?: string;
  $metadata?: { httpStatusCode?: number };
}

/** What an error of the SDK means and what a person can do about it. */
export async function storageFault(
  error: unknown,
  client: S3Client,
  { bucket, key }: { bucket: string; key: string },
): Promise<Fault> {
  if (error instanceof Fault) return error;
  const { name = '', Code, $metadata } = (error ?? {}) as S3Error;
  const status = $metadata?.httpStatusCode;
  const code = Code ?? name;
  const permanent = (suffix: string, reason: string, message: string) =>
    new Fault({ code: `S3_${suffix}`, category: 'permanent', reason, message, cause: error });
  if (status === 412) return sourceChanged({ bucket, key }, 'the plan');
  if (code === 'NoSuchBucket') return missingBucket(bucket, error);
  if (status === 404) {
    // HEAD has no body, so that a missing bucket looks like a missing object.
    if (await bucketIsMissing(client, bucket, code)) return missingBucket(bucket, error);
    return permanent(
      'NOT_FOUND',
      'ObjectNotFound',
      `The bucket ${bucket} has no object ${key}: put the file there and create the BatchUpload again, or correct spec.source.s3.key.`,
    );
  }
  if (status === 401 || status === 403 || name === 'CredentialsProviderError') {
    return permanent(
      'ACCESS_DENIED',
      'StorageAccessDenied',
      `The storage refused access to bucket ${bucket}, object ${key}${status ? ` (HTTP ${status})` : ': there are no credentials'}. Check the keys in the Secret batch-upload-s3 (or spec.source.s3.credentialsSecretRef), and that they may read this object.`,
    );
  }
  if (status === 416) return sourceChanged({ bucket, key }, 'the plan');
  if (status !== undefined && status >= 400 && status < 500 && status !== 408 && status !== 429) {
    return permanent(
      'REQUEST',
      'StorageError',
      `The storage answered HTTP ${status} (${code || 'no code'}) for bucket ${bucket}, object ${key}.`,
    );
  }
  return new Fault({
    code: 'S3_UNAVAILABLE',
    category: 'retryable',
    reason: 'StorageUnavailable',
    message: `The storage cannot be reached or failed (${status ? `HTTP ${status}` : networkCode(error)}).`,
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

function sourceChanged({ bucket, key }: { bucket: string; key: string }, since: string): Fault {
  return new Fault({
    code: 'S3_PRECONDITION',
    category: 'permanent',
    reason: 'SourceChanged',
    message: `The object ${key} of bucket ${bucket} is no longer the one of ${since}: it was replaced. Create a new BatchUpload for what is there now.`,
  });
}

function rangeIgnored(): Fault {
  return new Fault({
    code: 'S3_RANGE',
    category: 'permanent',
    reason: 'StorageError',
    message:
      'The storage answered a request for a part of the object with more than that part. Files are read by ranges (HTTP Range): use a storage, or a proxy before it, that knows them.',
  });
}

function bareTag(tag: string): string {
  return tag.replace(/^W\//, '').replaceAll('"', '');
}
