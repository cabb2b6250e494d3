/** The calls of the bridge to S3. Each call has a time limit, and explains its errors to the owner of a source. */
import { HeadObjectCommand, ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3';
import { Fault } from '#common/faults.ts';
import { bareTag, bareVersion, callStorage as call, httpStatus, type ObjectPlace } from '#s3/call-storage.ts';

/** S3 lists no more keys in one page. */
const PAGE_KEYS = 1000;

/** One version of an object, as a HEAD request describes it. */
export interface ObjectVersion {
  /** Null in a bucket without versions. */
  versionId: string | null;
  /** Without quotes. */
  eTag: string;
  /** Bytes. */
  size: number;
  /** Wall clock, ms; whole seconds, since a HEAD answer has no fractions. */
  lastModified: number;
}

export interface ListedObject {
  key: string;
  eTag: string;
  size: number;
  /** Wall clock, ms; whole seconds, as in a HEAD answer. */
  lastModified: number;
}

export interface ListedPage {
  objects: ListedObject[];
  /** Null after the last page. */
  next: string | null;
}

/** Ends a call when the signal aborts, or when the storage has not answered for `seconds`. @throws Fault S3_* */
export async function callStorage<T>(
  s3: S3Client,
  place: ObjectPlace,
  options: { signal: AbortSignal; seconds?: number },
  send: (abortSignal: AbortSignal) => Promise<T>,
): Promise<T> {
  try {
    return await call(s3, place, options, send);
  } catch (error) {
    throw error instanceof Fault ? explain(error, place) : error;
  }
}

/** Finds the version `versionId`, or the latest version. Null when that version does not exist. @throws Fault */
export async function headVersion(
  s3: S3Client,
  place: ObjectPlace & { versionId: string | null },
  signal: AbortSignal,
): Promise<ObjectVersion | null> {
  const { bucket, key, versionId } = place;
  const command = new HeadObjectCommand({ Bucket: bucket, Key: key, ...(versionId ? { VersionId: versionId } : {}) });
  try {
    const head = await callStorage(s3, place, { signal }, (abortSignal) => s3.send(command, { abortSignal }));
    return {
      versionId: bareVersion(head.VersionId),
      eTag: bareTag(head.ETag),
      size: head.ContentLength ?? 0,
      lastModified: wholeSeconds(head.LastModified),
    };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    switch (httpStatus(error)) {
      // The storage answers 405 when the version is a delete marker.
      case 404:
      case 405:
        if (error.reason === 'BucketNotFound') throw error;
        return null;
      // The server refused the version id or the object key, or the access keys have expired: a HEAD answer has no body
      // to say which.
      case 400:
        if (versionId !== null) {
          // Some servers send a version id from a bucket without versions. Upload names must not depend on that id.
          const latest = await headVersion(s3, { bucket, key, versionId: null }, signal);
          return latest?.versionId === null ? latest : null;
        }
        if (!(await isListed(s3, place, signal))) return null;
        throw error;
      default:
        throw error;
    }
  }
}

async function isListed(s3: S3Client, place: ObjectPlace, signal: AbortSignal): Promise<boolean> {
  const command = new ListObjectsV2Command({ Bucket: place.bucket, Prefix: place.key, MaxKeys: 1 });
  const { Contents = [] } = await callStorage(s3, place, { signal }, (abortSignal) =>
    s3.send(command, { abortSignal }),
  );
  return Contents.some(({ Key }) => Key === place.key);
}

/** @throws Fault */
export async function listPage(
  s3: S3Client,
  { bucket, prefix, token }: { bucket: string; prefix: string; token: string | null },
  signal: AbortSignal,
): Promise<ListedPage> {
  const command = new ListObjectsV2Command({
    Bucket: bucket,
    MaxKeys: PAGE_KEYS,
    ...(prefix ? { Prefix: prefix } : {}),
    ...(token ? { ContinuationToken: token } : {}),
  });
  const place = { bucket, key: `${prefix}*` };
  const page = await callStorage(s3, place, { signal }, (abortSignal) => s3.send(command, { abortSignal }));
  if (page.IsTruncated && !page.NextContinuationToken) throw truncated(bucket);
  return {
    objects: (page.Contents ?? []).map(({ Key = '', ETag, Size = 0, LastModified }) => ({
      key: Key,
      eTag: bareTag(ETag),
      size: Size,
      lastModified: wholeSeconds(LastModified),
    })),
    next: page.IsTruncated ? page.NextContinuationToken! : null,
  };
}

/** If such a page counted as the last one, the remaining objects would silently never be loaded. */
function truncated(bucket: string): Fault {
  const message = `The storage cut the list of bucket ${bucket} and gave no continuation token, so that the other objects cannot be seen. Check that the storage supports ListObjectsV2.`;
  return new Fault({ code: 'S3_REQUEST', category: 'permanent', reason: 'StorageError', message });
}

function wholeSeconds(time: Date | undefined): number {
  return Math.floor((time?.getTime() ?? 0) / 1000) * 1000;
}

/** The texts of storageFault address the owner of a BatchUpload; these texts address the owner of an UploadSource. */
function explain(fault: Fault, { bucket, key }: ObjectPlace): Fault {
  const message = messageOf(fault, bucket, key);
  if (message === null) return fault;
  const { code, category, reason, cause } = fault;
  return new Fault({ code, category, reason, message, cause });
}

function messageOf({ reason }: Fault, bucket: string, key: string): string | null {
  switch (reason) {
    case 'BucketNotFound':
      return `The bucket ${bucket} does not exist at this endpoint. Correct spec.s3.bucket, or the endpoint or region.`;
    case 'StorageAccessDenied':
      return `The storage refused access to bucket ${bucket}, ${key}. Check the keys in the Secret batch-upload-s3 (or spec.s3.credentialsSecretRef): they must be allowed to list the bucket and to read its objects.`;
    case 'ObjectNotFound':
      return `The bucket ${bucket} has no object ${key}.`;
    case 'SourceChanged':
      return `The object ${key} of bucket ${bucket} was replaced while the bridge worked on it. The bridge does not move or delete the new object.`;
    default:
      return null;
  }
}
