import type { ObjectIdentity } from '#s3/object-identity.ts';
import type { RetryOptions } from '#s3/retry.ts';
import type { S3Location } from '#s3/s3-location.ts';

export interface WorkPlace {
  bucket: string;
  key: string;
}

/** The copies of an upload's file that no pod needs any more. */
export interface EndedCopies {
  bucket: string;
  uploadId: string;
  /** The last attempt that has ended. A pod may be making the copy of a later one. */
  lastAttempt: number;
}

export interface WorkCopy {
  /** Adds the next bytes, and waits when the storage takes bytes more slowly. @throws Fault */
  write(piece: Buffer): Promise<void>;
  /** Completes the copy, and returns when it exists. @throws Fault */
  finish(): Promise<ObjectIdentity>;
  /** Aborts an unfinished copy. Safe to call at any time. */
  abort(): Promise<void>;
}

/** Where the files of uploads lie: S3 for a pod, also the disk of this machine for the command line. */
export interface FileStore {
  /** Reads which version of the file exists now. @throws Fault */
  head(location: S3Location, retry: RetryOptions): Promise<ObjectIdentity>;
  /**
   * Fills `into` with the file's bytes from `start` on.
   * @param range.onBytes called with the number of bytes in `into` whenever some have arrived.
   * @throws Fault (permanent, reason SourceChanged) when the file is no longer the one of `identity`.
   */
  readInto(
    identity: ObjectIdentity,
    range: { start: number; into: Buffer; onBytes: (filled: number) => void },
    retry: RetryOptions,
  ): Promise<void>;
  /** Begins a canonical copy of a file into whose own bytes chunks cannot point. */
  createCopy(place: WorkPlace, retry: RetryOptions): WorkCopy;
  /**
   * Removes every copy, finished or not, of an upload's attempts up to `lastAttempt`.
   * @returns the number of removed objects.
   * @throws Fault
   */
  removeCopies(copies: EndedCopies, retry: RetryOptions): Promise<number>;
}
