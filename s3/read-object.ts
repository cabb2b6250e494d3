/**
 * Reads objects of S3: their identity, and ranges of their bytes. A range that breaks is resumed, always in the same
 * version.
 */
import type { Readable } from 'node:stream';
import { GetObjectCommand, HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { Fault } from '#common/faults.ts';
import { waitBackoff } from '#common/wait-backoff.ts';
import { bareTag, bareVersion } from './call-storage.ts';
import { sourceChanged, storageFault } from './fault.ts';
import { RangeBody, type RangeOptions } from './http-range.ts';
import type { ObjectIdentity } from './object-identity.ts';
import { createStallLimit, MIN_TRIES, type RetryOptions, withRetries } from './retry.ts';
import type { S3Location } from './s3-location.ts';

/** Reads the object's identity. @throws Fault S3_* */
export async function headObject(client: S3Client, request: S3Location, retry: RetryOptions): Promise<ObjectIdentity> {
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
  const versionId = bareVersion(head.VersionId);
  if (request.eTag && bareTag(request.eTag) !== bareTag(head.ETag)) throw sourceChanged(request, 'spec.source.s3.eTag');
  return {
    bucket: request.bucket,
    key: request.key,
    eTag: head.ETag ?? '',
    versionId,
    sizeBytes: head.ContentLength ?? 0,
  };
}

/**
 * Fills `into` with the bytes of the object from `start` on. After a lost or silent connection the reading is resumed
 * at the byte where it broke, until `retrySeconds` have passed without a new byte.
 * @param onBytes called with the number of bytes in `into` whenever some have arrived.
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

function rangeIgnored(): Fault {
  return new Fault({
    code: 'S3_RANGE',
    category: 'permanent',
    reason: 'StorageError',
    message:
      'The storage answered a request for a part of the object with more than that part. Files are read by ranges (HTTP Range): use a storage, or a proxy before it, that knows them.',
  });
}
