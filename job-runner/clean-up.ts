/** After an upload's end: removes the copies of its file. */
import { workBucket } from '#runner/contract.ts';
import { Fault } from '#runner/errors.ts';
import type { UploadRow } from '#runner/ledger/types.ts';
import type { ProcessDeps } from '#runner/process.ts';
import { removeWorkCopies } from '#runner/source/work-copy.ts';
import { createRetryOptions } from '#runner/storage/s3.ts';

/** @throws Fault when the upload is still running: its pods read the copy. */
export async function cleanUp(
  deps: Pick<ProcessDeps, 's3' | 'config' | 'signal' | 'log'>,
  { id, status, request }: UploadRow,
): Promise<void> {
  if (status === 'Planning' || status === 'Processing') {
    throw new Fault({
      code: 'UNK_RUNNING',
      category: 'retryable',
      reason: 'StillRunning',
      message: `The upload is ${status}: the copies of its file are removed after its end.`,
    });
  }
  const removed = await removeWorkCopies(
    deps.s3,
    { bucket: workBucket(request.s3.bucket, request.work), uploadId: id },
    createRetryOptions(deps),
  );
  deps.log.info({ removed }, 'copies of the file removed');
}
