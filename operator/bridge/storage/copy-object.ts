/** Copies and deletes one exact version of an object. */
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  HeadObjectCommand,
  type S3Client,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { httpStatus, type ObjectPlace } from '#s3/call-storage.ts';
import { callStorage, headVersion } from './storage-calls.ts';

export interface OneVersion extends ObjectPlace {
  versionId: string | null;
  /** Without quotes. */
  eTag: string;
}

/** The largest object that S3 copies in one request. */
const MAX_COPY_BYTES = 5 * 1024 ** 3;
/** S3 allows 10,000 parts: with this size they hold 5 TB, the largest object. */
const PART_BYTES = 512 * 1024 ** 2;
/** The storage sends no answer until its copy is complete. */
const COPY_SECONDS = 600;

export interface CopyOptions {
  size: number;
  signal: AbortSignal;
  /** Smaller in tests, as are the parts. */
  maxCopyBytes?: number;
  partBytes?: number;
}

/** @throws Fault; SourceChanged when the object is no longer this version. */
export async function copyVersion(s3: S3Client, from: OneVersion, toKey: string, options: CopyOptions): Promise<void> {
  const { size, signal, maxCopyBytes = MAX_COPY_BYTES } = options;
  if (size > maxCopyBytes) return copyInParts(s3, from, toKey, options);
  const command = new CopyObjectCommand({
    Bucket: from.bucket,
    Key: toKey,
    CopySource: copySource(from),
    CopySourceIfMatch: `"${from.eTag}"`,
  });
  await callStorage(s3, from, { signal, seconds: COPY_SECONDS }, (abortSignal) => s3.send(command, { abortSignal }));
}

async function copyInParts(s3: S3Client, from: OneVersion, toKey: string, options: CopyOptions): Promise<void> {
  const { size, signal, partBytes = PART_BYTES } = options;
  const target = { Bucket: from.bucket, Key: toKey };
  const send = <T>(call: (abortSignal: AbortSignal) => Promise<T>) =>
    callStorage(s3, from, { signal, seconds: COPY_SECONDS }, call);
  const head = await send((abortSignal) =>
    s3.send(new HeadObjectCommand({ Bucket: from.bucket, Key: from.key, ...versionOf(from) }), { abortSignal }),
  );
  // A copy in one request keeps these headers; a copy in parts has to set them.
  const { ContentType, ContentEncoding, Metadata } = head;
  const described = {
    ...(ContentType ? { ContentType } : {}),
    ...(ContentEncoding ? { ContentEncoding } : {}),
    ...(Metadata ? { Metadata } : {}),
  };
  const { UploadId } = await send((abortSignal) =>
    s3.send(new CreateMultipartUploadCommand({ ...target, ...described }), { abortSignal }),
  );
  try {
    const Parts = [];
    for (let start = 0, PartNumber = 1; start < size; start += partBytes, PartNumber += 1) {
      const command = new UploadPartCopyCommand({
        ...target,
        UploadId,
        PartNumber,
        CopySource: copySource(from),
        CopySourceIfMatch: `"${from.eTag}"`,
        CopySourceRange: `bytes=${start}-${Math.min(start + partBytes, size) - 1}`,
      });
      const { CopyPartResult } = await send((abortSignal) => s3.send(command, { abortSignal }));
      Parts.push({ PartNumber, ETag: CopyPartResult?.ETag });
    }
    const command = new CompleteMultipartUploadCommand({ ...target, UploadId, MultipartUpload: { Parts } });
    await send((abortSignal) => s3.send(command, { abortSignal }));
  } catch (error) {
    // Parts of an unfinished upload cost money, so that they are removed even when the signal has aborted.
    const command = new AbortMultipartUploadCommand({ ...target, UploadId });
    await s3.send(command, { abortSignal: AbortSignal.timeout(10_000) }).catch(() => undefined);
    throw error;
  }
}

/**
 * A version that is already deleted counts as deleted. In a bucket without versions the deletion is conditional on the
 * ETag, which some servers ignore. @throws Fault
 */
export async function deleteVersion(s3: S3Client, object: OneVersion, signal: AbortSignal): Promise<void> {
  const { bucket, key, versionId, eTag } = object;
  const which = versionId === null ? { IfMatch: `"${eTag}"` } : { VersionId: versionId };
  const command = new DeleteObjectCommand({ Bucket: bucket, Key: key, ...which });
  try {
    await callStorage(s3, object, { signal }, (abortSignal) => s3.send(command, { abortSignal }));
  } catch (error) {
    const status = httpStatus(error);
    if (status === 404) return;
    // Some servers answer 400 for a version that does not exist.
    if (status === 400 && versionId !== null && (await headVersion(s3, object, signal)) === null) return;
    throw error;
  }
}

/** The header CopySource is a path in which everything but the slashes is encoded. */
function copySource({ bucket, key, versionId }: OneVersion): string {
  const path = [bucket, ...key.split('/')].map(encodeURIComponent).join('/');
  return versionId === null ? path : `${path}?versionId=${encodeURIComponent(versionId)}`;
}

const versionOf = ({ versionId }: OneVersion) => (versionId === null ? {} : { VersionId: versionId });
