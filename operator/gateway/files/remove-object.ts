/** Removes all that the storage has of one file. */
import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import type { FileRow } from '#ledger/gateway/files.ts';
import { bareVersion } from '#s3/call-storage.ts';
import { headFile } from './check-object.ts';
import { abortMultipart, isMultipart, listParts } from './multipart.ts';
import type { OpenStorage } from './storage.ts';

/** A form can put the same key several times, and each time makes a version. */
const MAX_VERSIONS = 100;

/**
 * Deletes the object: in a bucket with versions each version itself, since a delete marker would keep them all. Aborts the
 * multipart upload.
 * @returns false when something is left, because it came while this was at work; the caller tries again later
 * @throws Fault S3_*
 */
export async function removeObject(storage: OpenStorage, file: FileRow): Promise<boolean> {
  if (isMultipart(file)) {
    await abortMultipart(storage, file);
    // A part that was on its way can arrive after the abort.
    if ((await listParts(storage, file, 0)) !== null) return false;
  }
  const { s3, send } = storage;
  const { bucket, key } = file;
  for (let count = 0; count < MAX_VERSIONS; count += 1) {
    const head = await headFile(storage, file);
    if (head === null) return true;
    const versionId = bareVersion(head.VersionId);
    const command = new DeleteObjectCommand({
      Bucket: bucket,
      Key: key,
      ...(versionId === null ? {} : { VersionId: versionId }),
    });
    await send(key, (abortSignal) => s3.send(command, { abortSignal }));
  }
  return false;
}
