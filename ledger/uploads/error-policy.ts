/** Checks whether more records have failed than the upload allows. */
import type { BatchUploadSpec } from '#api/batch-upload.gen.ts';
import type { UploadExplanation } from '#api/explanation.ts';
import { count } from '#common/text.ts';
import { DUPLICATE_CODE } from '#ledger/errors/duplicate-code.ts';
import type { ErrorSummary, UploadProgress } from '#ledger/types.ts';

/**
 * Null while the limits are kept. The percentage is of all records of the file, not of those processed so far: one bad
 * record of the first ten does not stop a big file, and a limit that is exceeded stays exceeded.
 */
export function findTooManyFailed(
  policy: BatchUploadSpec['errorPolicy'],
  { counts, totalRecords, validateOnly }: Pick<UploadProgress, 'counts' | 'totalRecords' | 'validateOnly'>,
  topErrors: readonly ErrorSummary[],
): UploadExplanation | null {
  const { failed } = counts;
  const { maxFailedRecords: records, maxFailedPercent: percent } = policy ?? {};
  const total = totalRecords ?? 0;
  const limit =
    records !== undefined && failed > records
      ? `maxFailedRecords (${records.toLocaleString('en')})`
      : percent !== undefined && failed * 100 > total * percent
        ? `maxFailedPercent (${percent})`
        : null;
  if (limit === null) return null;
  // When duplicates are counted apart from failed records, their code is in the list but explains no failed record.
  const top = topErrors.find(({ code }) => code !== DUPLICATE_CODE || counts.duplicate === 0);
  const often = top ? ` Most frequent is ${top.code} (${top.count.toLocaleString('en')}): ${top.message}.` : '';
  const next = validateOnly
    ? 'Nothing was written. Correct the file or raise the limit, and create another BatchUpload.'
    : 'What was loaded until then stays. Raise the limit and then spec.retryGeneration to go on, or correct the file and create another BatchUpload: records that are stored already are found again by their key.';
  return {
    reason: 'TooManyFailedRecords',
    message: `${failed.toLocaleString('en')} of ${count(total, 'record')} failed, more than spec.errorPolicy.${limit} allows.${often} ${next}`,
  };
}
