/** After an upload's end: removes the copies of its file. */
import { workBucket } from '#runner/contract.ts';
import { Fault } from '#runner/errors.ts';
import type { UploadRow } from '#runner/ledger/types.ts';
import type { ProcessDeps } from '#runner/process.ts';
import { removeWorkCopies } from '#runner/source/work-copy.ts';

/** @throws Fault when the upload is still running: its pods read the copy. */
export async function cleanUp(
  { s3, config, signal, log }: Pick<ProcessDeps, 's3' | 'config' | 'signal' | 'log'>,
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
    s3,
    { bucket: workBucket(request.s3.bucket, request.work), uploadId: id },
    {
      signal,
      retrySeconds: config.retrySeconds,
      stallSeconds: config.stallSeconds,
      onRetry: (fault, attempt) => log.warn({ code: fault.code, attempt }, 'storage fault, trying again'),
    },
  );
  log.info({ removed }, 'copies of the file removed');
}
