/** Says what is wrong with the canonical copy into which the chunks of a plan point. Pure. */
import { Fault } from '#common/faults.ts';
import type { Plan, PlannedUpload, WorkObject } from '#ledger/types.ts';
import { sourceChanged } from '#s3/fault.ts';
import { isSame, type ObjectIdentity } from '#s3/object-identity.ts';

/** @throws Fault S3_PRECONDITION (permanent, reason SourceChanged) when the object is no longer the one of the plan */
export function checkSource(
  identity: ObjectIdentity,
  { eTag, versionId, sizeBytes }: Pick<PlannedUpload['plan'], 'eTag' | 'versionId' | 'sizeBytes'>,
): void {
  if (!isSame(identity, { ...identity, eTag, versionId, sizeBytes })) throw sourceChanged(identity, 'the plan');
}

/**
 * @returns the new copy.
 * @throws Fault S3_PRECONDITION (permanent, reason SourceChanged) when the bytes of the object are not those of the plan;
 * S3_COPY_DIFFERS (permanent, reason CopyDiffers) when those of the copy are not
 */
export function checkCopy(
  { identity, digest, work }: Pick<Plan, 'digest' | 'work'> & { identity: ObjectIdentity },
  kept: PlannedUpload['plan'],
): WorkObject {
  if (digest !== kept.digest) throw sourceChanged(identity, 'the plan');
  if (work?.digest && work.digest === kept.work?.digest && work.sizeBytes === kept.work.sizeBytes) return work;
  throw new Fault({
    code: 'S3_COPY_DIFFERS',
    category: 'permanent',
    reason: 'CopyDiffers',
    message:
      'A part of this file is loaded from a copy in plain CSV, and this release of BatchUpload does not make the same copy of the same file, so that nothing tells which records are left. Raise spec.retryGeneration where the release runs that has planned the upload (the chart that was installed then), or remove the records of this upload from the table and load the file by another BatchUpload with spec.reload: true.',
  });
}

/** @returns S3_COPY_GONE for a fault that says that the storage has no such copy; every other error as it is. */
export function explainGone(error: unknown, { bucket, key }: ObjectIdentity): unknown {
  if (!(error instanceof Fault) || error.code !== 'S3_NOT_FOUND') return error;
  return new Fault({
    code: 'S3_COPY_GONE',
    category: 'permanent',
    reason: 'CopyGone',
    message: `The file is loaded from a copy in plain CSV, which something has removed: ${key} in bucket ${bucket}. Let no rule of the bucket remove what is younger than a load takes, and raise spec.retryGeneration: the copy is made again.`,
    cause: error,
  });
}
