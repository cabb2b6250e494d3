/** The `cleanup` command: removes the copies of an upload's file after the upload has ended. */
import { Fault } from '#common/faults.ts';
import { workBucket } from '#common/job-contract.ts';
import type { UploadRow } from '#ledger/types.ts';
import type { RunnerDeps } from './deps.ts';
import { createRetryOptions } from './storage/retry-options.ts';

/** @throws Fault UNK_RUNNING (retryable) while the upload is running, since its pods read the copy. */
export async function cleanUp(
  deps: Pick<RunnerDeps, 'store' | 'config' | 'signal' | 'log'>,
  { id, status, attempt, request }: UploadRow,
): Promise<void> {
  if (status === 'Planning' || status === 'Queued' || status === 'Processing') {
    throw new Fault({
      code: 'UNK_RUNNING',
      category: 'retryable',
      reason: 'StillRunning',
      message: `The upload is ${status}: the copies of its file are removed after its end.`,
    });
  }
  const removed = await deps.store.removeCopies(
    // The upload may be tried again from now on, and the next attempt makes a copy of its own.
    { bucket: workBucket(request.s3.bucket, request.work), uploadId: id, lastAttempt: attempt },
    createRetryOptions(deps),
  );
  deps.log.info({ removed }, 'copies of the file removed');
}
