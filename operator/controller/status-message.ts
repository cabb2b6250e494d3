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
      return describeProcessing(view.row);
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

export function describeProcessing({ chunksDone, totalChunks, totalRecords, counts }: UploadProgress): string {
  const done = `${n(chunksDone)} of ${count(totalChunks ?? 0, 'chunk')} done`;
  const waiting = (totalRecords ?? 0) - counts.processed;
  if (chunksDone !== totalChunks || waiting === 0) return `${done}.`;
  return `${done}; ${count(waiting, 'record')} waited for records of other chunks and ${waiting === 1 ? 'is' : 'are'} tried again.`;
}

export function describeQueued({ sameAs }: UploadProgress): string {
  return `The BatchUpload ${sameAs?.name} is loading the same content. When that upload is complete, this one has nothing to do; if that upload fails, this one goes on.`;
}

export function describeCounts({ counts, totalRecords, sameAs, validateOnly }: UploadProgress): string {
  const total = totalRecords ?? 0;
  if (sameAs)
    return `The BatchUpload ${sameAs.name} has loaded the same content already (${countRecords(sameAs.totalRecords, sameAs.counts)}), nothing was done. To load it again create a BatchUpload with spec.reload: true.`;
  return validateOnly ? `Nothing was written. ${validated(total, counts)}.` : `${countRecords(total, counts)}.`;
}

function countRecords(total: number, { succeeded, updated, failed, duplicate }: Counts): string {
  const replaced = updated > 0 ? ` (${n(updated)} updated)` : '';
  return `${count(total, 'record')}: ${n(succeeded)} succeeded${replaced}, ${n(failed)} failed, ${n(duplicate)} duplicate`;
}

function validated(total: number, { succeeded, updated, failed, duplicate }: Counts): string {
  return `${count(total, 'record')}: ${n(succeeded - updated)} would be inserted, ${n(updated)} updated, ${n(failed)} failed, ${n(duplicate)} duplicate`;
}

const n = (value: number) => value.toLocaleString('en');
