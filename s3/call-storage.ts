/** One call to the storage, with a time limit and an error that says what to do. */
import type { S3Client } from '@aws-sdk/client-s3';
import { Fault } from '#common/faults.ts';
import { storageFault } from './fault.ts';
import { createStallLimit } from './retry.ts';

const CALL_SECONDS = 20;

export interface ObjectPlace {
  bucket: string;
  key: string;
}

/** Ends a call when the signal aborts, or when the storage has not answered for `seconds`. @throws Fault S3_* */
export async function callStorage<T>(
  s3: S3Client,
  place: ObjectPlace,
  { signal, seconds = CALL_SECONDS }: { signal: AbortSignal; seconds?: number | undefined },
  call: (abortSignal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = createStallLimit({ signal, stallSeconds: seconds });
  try {
    limit.start();
    return await call(limit.signal);
  } catch (error) {
    signal.throwIfAborted();
    throw await storageFault(limit.explain(error), s3, place);
  } finally {
    limit.stop();
  }
}

export function httpStatus(error: unknown): number | undefined {
  const cause = error instanceof Fault ? error.cause : error;
  return (cause as { $metadata?: { httpStatusCode?: number } } | undefined)?.$metadata?.httpStatusCode;
}

/** The ETag without its quotes. */
export function bareTag(tag: string | undefined): string {
  return (tag ?? '').replace(/^W\//, '').replaceAll('"', '');
}

/** Null in a bucket without versions, where some servers send the text `null`. */
export function bareVersion(versionId: string | undefined): string | null {
  return versionId && versionId !== 'null' ? versionId : null;
}
