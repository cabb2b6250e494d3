/** The texts of a status. Pure. */
import { count } from '#common/text.ts';
import type { Counts, UploadProgress } from '#ledger/types.ts';
import type { Decision, Observed } from './types.ts';

/** The message of the status: the most important fact at the moment. */
export function describeMessage({
  view,
  degraded,
  upload,
}: Pick<Observed, 'upload'> & Pick<Decision, 'view' | 'degraded'>): string {
  if (degraded) return degraded.message;
  switch (view.kind) {
    case 'waiting':
      return view.why.message;
    case 'unobserved':
      return upload.status?.message ?? '';
    case 'planning':
      return 'Reading the file once to find its records.';
    case 'queued':
      return describeQueued(view.row);
    case 'processing':
      return `${(view.row.chunksDone).toLocaleString('en')} of ${count(view.row.totalChunks ?? 0, 'chunk')} done.`;
    case 'stopping':
      return 'The upload has failed, its pods are ending.';
    case 'complete':
      return describeCounts(view.row);
    case 'failed':
      return view.message;
    default:
      throw new Error(view satisfies never);
  }
}

export function describeQueued({ sameAs, appends }: UploadProgress): string {
  const early = appends ? ' before it has loaded a record' : '';
  return `The BatchUpload ${sameAs?.name} is loading the same content. When that upload is complete, this one has nothing to do; if that upload fails${early}, this one goes on.`;
}

export function describeCounts({ counts, totalRecords, sameAs, validateOnly, appends }: UploadProgress): string {
  const total = totalRecords ?? 0;
  if (sameAs)
    return `The BatchUpload ${sameAs.name} has loaded the same content already (${countRecords(sameAs.totalRecords, sameAs.counts)}), nothing was done. To load it again create a BatchUpload with spec.reload: true.${appends ? APPENDED_AGAIN : ''}`;
  return validateOnly ? `Nothing was written. ${validated(total, counts)}.` : `${countRecords(total, counts)}.`;
}

const APPENDED_AGAIN = ' As its schema has no primaryKey, every record is then in the table once more.';

function countRecords(total: number, { succeeded, updated, failed, duplicate }: Counts): string {
  const replaced = updated > 0 ? ` (${n(updated)} updated)` : '';
  return `${count(total, 'record')}: ${n(succeeded)} succeeded${replaced}, ${n(failed)} failed, ${n(duplicate)} duplicate`;
}

function validated(total: number, { succeeded, updated, failed, duplicate }: Counts): string {
  return `${count(total, 'record')}: ${n(succeeded - updated)} would be inserted, ${n(updated)} updated, ${n(failed)} failed, ${n(duplicate)} duplicate`;
}

const n = (value: number) => value.toLocaleString('en');
