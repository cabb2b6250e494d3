/** The order of the files of an UploadSource. Pure. */
import type { UploadSource } from '#kube/custom-resources.ts';
import type { FilePosition } from '#ledger/types.ts';
import type { ObjectNotice } from './types.ts';

/**
 * The order of objects is that of their Last-Modified and their keys. An object that was fetched from an SFTP server has
 * the time of change and the name of its file there, since the times of the transfers say nothing of the files.
 */
export function positionOf(
  { spec }: UploadSource,
  { key, event }: Pick<ObjectNotice, 'key' | 'event'>,
  lastModified: number,
): FilePosition {
  if (!spec.sftp) return { time: new Date(lastModified), key };
  const changed = Date.parse(event?.time ?? '');
  return { time: new Date(Number.isNaN(changed) ? lastModified : changed), key: key.slice(key.lastIndexOf('/') + 1) };
}

/** Compares by time, then by the bytes of the keys, as S3 lists them. @returns a negative number when `a` comes first */
export function comparePositions(a: FilePosition, b: FilePosition): number {
  return a.time.getTime() - b.time.getTime() || Buffer.compare(Buffer.from(a.key), Buffer.from(b.key));
}

/** @returns the one that comes first; null where both are null. */
export function earlier(a: FilePosition | null, b: FilePosition | null): FilePosition | null {
  if (a === null || b === null) return a ?? b;
  return comparePositions(a, b) <= 0 ? a : b;
}
