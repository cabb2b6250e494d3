import type { SourceFormat } from '#api/source-format.ts';
import { workBucket, workKey } from '#common/job-contract.ts';
import type { UploadRow, WorkObject } from '#ledger/types.ts';
import { recordFormat } from '#ledger/uploads/record-format.ts';
import type { RunnerDeps } from '#runner/deps.ts';
import { createContentDigest } from '#runner/storage/content-digest.ts';
import type { WorkCopy } from '#runner/storage/file-store.ts';
import type { RetryOptions } from '#s3/retry.ts';

/** A copy that is digested while it is written. */
export interface DigestedCopy extends WorkCopy {
  finish(): Promise<WorkObject>;
}

/**
 * Begins the canonical copy of an upload's file. The ledger knows the bucket of the copy before the first byte is written.
 * @param key the ledger's content key, for the digest of the copy.
 */
export async function startCopy(
  { config, store, session }: RunnerDeps,
  { id, request, plan }: UploadRow,
  { format, retry, key }: { format: SourceFormat; retry: RetryOptions; key: Buffer },
): Promise<DigestedCopy> {
  const { attempt } = config;
  const bucket = workBucket(request.s3.bucket, request.work);
  // A plan that is kept has its format, and the place of its copies is known.
  if (!plan) await session.run((client) => recordFormat(client, { id, attempt }, { format, workBucket: bucket }));
  const copy = store.createCopy({ bucket, key: workKey(id, config) }, retry);
  const digest = createContentDigest(key);
  return {
    abort: () => copy.abort(),
    async write(piece) {
      digest.update(piece);
      await copy.write(piece);
    },
    finish: async () => ({ ...(await copy.finish()), digest: digest.digest() }),
  };
}
