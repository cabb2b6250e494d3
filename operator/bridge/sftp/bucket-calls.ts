/** Requests of one S3 bucket with retries, and with faults that say what to do. */
import type { S3Client } from '@aws-sdk/client-s3';
import { Fault } from '#common/faults.ts';
import { storageFault } from '#s3/fault.ts';
import { createStallLimit, type RetryOptions, withRetries } from '#s3/retry.ts';

/** The header that makes a write fail when the key has an object already. */
export interface WriteCondition {
  IfNoneMatch?: string;
}

export interface BucketCalls {
  readonly s3: S3Client;
  readonly bucket: string;
  /** `stalls` multiplies the silence that is allowed. @throws Fault S3_* */
  send<T>(key: string, work: (abortSignal: AbortSignal) => Promise<T>, stalls?: number): Promise<T>;
  /** Writes unless the object exists already and `replace` is false. @returns false when nothing was written */
  sendNew(
    object: { key: string; replace: boolean },
    write: (condition: WriteCondition, abortSignal: AbortSignal) => Promise<unknown>,
  ): Promise<boolean>;
}

/** The storage is silent while a part is sent, so a part may take four times as long as a silence of a read. */
export const STALLS_PER_PART = 4;

export function createBucketCalls(s3: S3Client, bucket: string, retry: RetryOptions): BucketCalls {
  async function send<T>(key: string, work: (abortSignal: AbortSignal) => Promise<T>, stalls = 1): Promise<T> {
    return withRetries(retry, async () => {
      const limit = createStallLimit({ ...retry, stallSeconds: retry.stallSeconds * stalls });
      try {
        limit.start();
        return await work(limit.signal);
      } catch (error) {
        const fault = damagedInTransfer(error) ?? (await storageFault(limit.explain(error), s3, { bucket, key }));
        throw fault.retryable || fault.code === 'S3_NOT_FOUND' ? fault : refused(fault, bucket, key);
      } finally {
        limit.stop();
      }
    });
  }

  async function sendNew(
    { key, replace }: { key: string; replace: boolean },
    write: (condition: WriteCondition, abortSignal: AbortSignal) => Promise<unknown>,
  ): Promise<boolean> {
    let condition: WriteCondition = replace ? {} : { IfNoneMatch: '*' };
    return send(
      key,
      async (abortSignal) => {
        try {
          await write(condition, abortSignal);
          return true;
        } catch (error) {
          if (condition.IfNoneMatch && statusOf(error) === 412) return false;
          // The server knows no conditional writes: a rare second version is better than no upload.
          if (!condition.IfNoneMatch || statusOf(error) !== 501) throw error;
          condition = {};
          await write(condition, abortSignal);
          return true;
        }
      },
      STALLS_PER_PART,
    );
  }

  return { s3, bucket, send, sendNew };
}

function statusOf(error: unknown): number | undefined {
  return (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
}

/** The bytes do not match the checksum that was sent with them, so they are sent again. */
function damagedInTransfer(error: unknown): Fault | null {
  if ((error as { name?: string }).name !== 'BadDigest') return null;
  return new Fault({
    code: 'S3_UNAVAILABLE',
    category: 'retryable',
    reason: 'StorageUnavailable',
    message: 'The bytes were damaged on their way to the storage; they are sent again.',
    cause: error,
  });
}

function refused(fault: Fault, bucket: string, key: string): Fault {
  return new Fault({
    code: 'S3_WRITE',
    category: 'permanent',
    reason: fault.reason,
    message: `The storage refuses the remote file as ${key} in bucket ${bucket}: ${(fault.cause as { name?: string } | undefined)?.name ?? fault.code}. Let the UploadSource's storage keys read and write in this bucket (spec.s3.bucket), and list and abort multipart uploads.`,
    cause: fault,
  });
}
