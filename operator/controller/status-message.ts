/** The texts of a status. Pure. */
import type { UploadExplanation } from '#api/explanation.ts';
import { KUEUE } from '#api/labels.ts';
import { count } from '#common/text.ts';
import type { Counts, UploadProgress } from '#ledger/types.ts';
import { connectionsOf, OPERATOR_CONNECTIONS } from '#operator/config/upload-limits.ts';
import { neededKind } from './job-policy.ts';
import { sayPace } from './pace-policy.ts';
import type { Wait } from './queue/turn-policy.ts';
import type { Decision, JobView, Observed, View } from './types.ts';

const WAITS_FOR_POD = 'Waiting for a warm pod, which loads small uploads one after the other.';

/** The message of the status: the most important fact at the moment. */
export function describeMessage(
  input: Pick<Observed, 'upload' | 'jobs'> & Pick<Decision, 'view' | 'degraded'>,
): string {
  const { view, degraded, upload } = input;
  // What hindered the work on an ended upload no longer matters, and nothing would take the text away later.
  if (degraded && view.kind !== 'complete' && view.kind !== 'failed') return degraded.message;
  const suspended = findSuspended(input);
  if (suspended) return suspended.message;
  switch (view.kind) {
    case 'waiting':
      return view.why.message;
    case 'unobserved':
      return upload.status?.message ?? '';
    case 'planning':
      return view.row.assignment?.state === 'Waiting' ? WAITS_FOR_POD : 'Reading the file once to find its records.';
    case 'queued':
      return describeQueued(view.row);
    case 'processing':
      return view.row.assignment?.state === 'Waiting' ? WAITS_FOR_POD : describeProcessing(view.row);
    case 'waitingForTurn':
      return describeWait(view.wait);
    case 'waitingForAdmission':
      return describeAdmission(view.job);
    case 'suspended':
      return explainSuspended(view).message;
    case 'cancelled':
      return CANCELLED_BEFORE;
    case 'stopping':
      return describeStopping(view.row);
    case 'complete':
      return describeCounts(view.row);
    case 'failed':
      return view.message;
    default:
      throw new Error(view satisfies never);
  }
}

const SCOPES = { cluster: 'this cluster', namespace: 'this namespace', database: 'this database' } as const;
const UNITS = { maxActiveUploads: 'upload', maxParallelism: 'session', maxConnections: 'connection' } as const;

export function describeWait({ scope, limit, max, used, ahead, operatorUsers }: Wait): string {
  // No other upload makes room by its end here: somebody has to raise the limit.
  if (operatorUsers !== undefined)
    return `The upload waits for its turn: ${SCOPES[scope]} has room for at most ${count(max, 'connection')} (the chart's uploads.limits, ${limit}), and the operator itself needs ${OPERATOR_CONNECTIONS} for each of ${count(operatorUsers, 'user')} by whom it is connected. Raise the limit to at least ${OPERATOR_CONNECTIONS * operatorUsers + connectionsOf(1, null)}, or let the Secrets of several namespaces name the same user.`;
  const before =
    ahead === 0
      ? 'No upload is before this one'
      : `${count(ahead, 'upload')} ${ahead === 1 ? 'is' : 'are'} before this one`;
  return `The upload waits for its turn: ${n(used)} of at most ${count(max, UNITS[limit])} of ${SCOPES[scope]} are in use (the chart's uploads.limits, ${limit}). ${before}.`;
}

/** The operator has no right to read what Kueue says of the Job, and its users have. */
export function describeAdmission({ name, uid, queue }: JobView): string {
  return `The Job ${name} waits in the queue ${queue} of Kueue, and has no pods until Kueue admits the Job. Loaded records stay loaded. What Kueue waits for is said by: kubectl describe workloads.kueue.x-k8s.io -l ${KUEUE.jobUid}=${uid}.`;
}

export const CANCELLED_BEFORE = 'The upload was cancelled before it was accepted. Nothing was loaded.';

export function describeStopping({ failureReason }: UploadProgress): string {
  return `The upload ${failureReason === 'Cancelled' ? 'is cancelled' : 'has failed'}, its pods are ending.`;
}

export function explainSuspended({
  endingPods,
}: Pick<Extract<View, { kind: 'suspended' }>, 'endingPods'>): UploadExplanation {
  const ending =
    endingPods > 0 ? ` ${count(endingPods, 'pod')} of it ${endingPods === 1 ? 'is' : 'are'} still ending.` : '';
  return {
    reason: 'Suspended',
    message: `The upload is suspended (spec.suspend: true).${ending} It goes on where it was when spec.suspend is false again.`,
  };
}

/** Explains why nothing moves when the upload is suspended, or something has suspended its Job; else null. */
export function findSuspended({
  view,
  jobs,
}: Pick<Observed, 'jobs'> & Pick<Decision, 'view'>): UploadExplanation | null {
  if (view.kind === 'suspended') return explainSuspended(view);
  if (view.kind !== 'planning' && view.kind !== 'processing') return null;
  const job = jobs[neededKind(view.row)];
  if (!job?.suspended) return null;
  return {
    reason: 'JobSuspended',
    message: `The Job ${job.name} is suspended, so that it has no pods: a person, or a program that queues Jobs, has set its spec.suspend. The upload goes on where it was when the Job is resumed: kubectl patch job ${job.name} --type merge -p '{"spec":{"suspend":false}}'.`,
  };
}

export function describeProcessing(row: UploadProgress): string {
  const { chunksDone, totalChunks, totalRecords, counts } = row;
  const done = `${n(chunksDone)} of ${count(totalChunks ?? 0, 'chunk')} done`;
  const waiting = (totalRecords ?? 0) - counts.processed;
  if (chunksDone !== totalChunks || waiting === 0) return `${done}.${sayPace(row)}`;
  return `${done}; ${count(waiting, 'record')} waited for records of other chunks and ${waiting === 1 ? 'is' : 'are'} tried again.${sayPace(row)}`;
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
