/** Copies and deletes exactly one version of an object. */
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
import { callStorage, headVersion, httpStatus, type ObjectPlace } from './storage-calls.ts';

export interface OneVersion extends ObjectPlace {
  versionId: string | null;
  /** Without quotes. */
  eTag: string;
}

/** One request can copy no more. */
const MAX_COPY_BYTES = 5 * 1024 ** 3;
/** At most 10,000 of them, so 5 TB, which is the largest object. */
const PART_BYTES = 512 * 1024 ** 2;
/** Copied inside the storage, without an answer until it is done. */
const COPY_SECONDS = 600;

export interface CopyOptions {
  size: number;
  signal: AbortSignal;
  /** For tests. */
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
  // A copy in one request takes these along; one in parts has to be told.
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
    // Parts without an object cost money until somebody removes them. Also when we are told to end.
    const command = new AbortMultipartUploadCommand({ ...target, UploadId });
    await s3.send(command, { abortSignal: AbortSignal.timeout(10_000) }).catch(() => undefined);
    throw error;
  }
}

/** Gone already is as good. A storage that knows no versions is told the ETag; some do not look at it. @throws Fault */
export async function deleteVersion(s3: S3Client, object: OneVersion, signal: AbortSignal): Promise<void> {
  const { bucket, key, versionId, eTag } = object;
  const which = versionId === null ? { IfMatch: `"${eTag}"` } : { VersionId: versionId };
  const command = new DeleteObjectCommand({ Bucket: bucket, Key: key, ...which });
  try {
    await callStorage(s3, object, { signal }, (abortSignal) => s3.send(command, { abortSignal }));
  } catch (error) {
    const status = httpStatus(error);
    if (status === 404) return;
    // What some servers answer of a version that is gone.
    if (status === 400 && versionId !== null && (await headVersion(s3, object, signal)) === null) return;
    throw error;
  }
}

/** A path, in which everything but the slashes is encoded. */
function copySource({ bucket, key, versionId }: OneVersion): string {
  const path = [bucket, ...key.split('/')].map(encodeURIComponent).join('/');
  return versionId === null ? path : `${path}?versionId=${encodeURIComponent(versionId)}`;
}

const versionOf = ({ versionId }: OneVersion) => (versionId === null ? {} : { VersionId: versionId });
