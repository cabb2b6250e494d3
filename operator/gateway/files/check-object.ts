/** Looks whether what was put is what was declared. */
import { HeadObjectCommand, type HeadObjectCommandOutput } from '@aws-sdk/client-s3';
import { Fault } from '#common/faults.ts';
import type { FileRow } from '#ledger/gateway/files.ts';
import { Problem } from '#operator/gateway/http/problem.ts';
import { bareTag, bareVersion, httpStatus } from '#s3/call-storage.ts';
import { compareChecksum } from './checksums.ts';
import { isMultipart, listParts } from './multipart.ts';
import type { OpenStorage } from './storage.ts';

/** The version of an object that a registration loads. */
export interface ObjectVersion {
  /** Bytes. */
  size: number;
  /** Null in a bucket without versions. */
  versionId: string | null;
  /** Without quotes. */
  eTag: string;
}

/** @returns null when there is no object. @throws Fault S3_* */
export async function headFile(
  { s3, send }: OpenStorage,
  { bucket, key }: Pick<FileRow, 'bucket' | 'key'>,
): Promise<HeadObjectCommandOutput | null> {
  const command = new HeadObjectCommand({ Bucket: bucket, Key: key, ChecksumMode: 'ENABLED' });
  try {
    return await send(key, (abortSignal) => s3.send(command, { abortSignal }));
  } catch (error) {
    if (error instanceof Fault && error.reason !== 'BucketNotFound' && httpStatus(error) === 404) return null;
    throw error;
  }
}

/** @throws Problem conflict when the object is not the declared one; Fault S3_* */
export async function checkObject(storage: OpenStorage, file: FileRow): Promise<ObjectVersion> {
  const head = await headFile(storage, file);
  if (head === null) throw new Problem('conflict', { detail: await explainAbsent(storage, file) });
  const { ContentLength: size = 0 } = head;
  const differs = compareSize(file, size) ?? compareChecksum(file.checksum, head);
  if (differs === null) return { size, versionId: bareVersion(head.VersionId), eTag: bareTag(head.ETag) };
  throw new Problem('conflict', {
    detail: `The object of the file ${file.id} is not the declared one: ${differs}. Delete the file, ask for a new place and put the file there.`,
  });
}

function compareSize({ size: declared, sizeIsLimit }: FileRow, size: number): string | null {
  if (!sizeIsLimit) return size === declared ? null : `it has ${size} bytes, and ${declared} were declared`;
  return size >= 1 && size <= declared ? null : `it has ${size} bytes, and 1 to ${declared} are allowed`;
}

async function explainAbsent(storage: OpenStorage, file: FileRow): Promise<string> {
  const { id } = file;
  if (!isMultipart(file)) {
    return `The file ${id} is not in the storage: it was never put, or its PUT was cut or refused. Put it whole with the URL and the headers of its place, or ask for a new place when they have expired.`;
  }
  if ((await listParts(storage, file, 0)) === null) {
    return `The file ${id} is not in the storage, and its parts do not exist any more: they were aborted there. Ask for a new place and put the file again.`;
  }
  return `The file ${id} is not in the storage: its parts were not put together. Put all parts and complete the file (POST …/files/${id}/complete).`;
}
