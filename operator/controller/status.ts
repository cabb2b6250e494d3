/**
 * Builds the whole status of an upload from the decision. Pure. The status never has more than 32 KiB: every text has a
 * limit in bytes, every list a limit in items, and the sum of all limits is below 32 KiB. Whoever may write into the database of an
 * upload may have altered the upload's row in the ledger: what the CRD would refuse of the row is cut or left out.
 */
import type { BatchUploadStatus } from '#api/batch-upload.gen.ts';
import {
  type Condition,
  type ConditionType,
  type ConditionUpdate,
  findCondition,
  isTrue,
  type Reason,
  setCondition,
} from '#api/conditions.ts';
import type { UploadExplanation } from '#api/explanation.ts';
import { canonicalJson } from '#common/canonical-json.ts';
import { dateTime, isoSeconds } from '#common/iso-seconds.ts';
import { count, cutText } from '#common/text.ts';
import type { BatchUpload } from '#kube/custom-resources.ts';
import type { ErrorSummary, UploadProgress } from '#ledger/types.ts';
import { columnsOf } from './columns-policy.ts';
import { showPace } from './pace-policy.ts';
import { averageRate, estimateCompletion, percent } from './progress-policy.ts';
import {
  CANCELLED_BEFORE,
  describeAdmission,
  describeCounts,
  describeMessage,
  describeQueued,
  describeStopping,
  describeWait,
  explainSuspended,
  findSuspended,
} from './status-message.ts';
import type { Decision, Observed, View } from './types.ts';

/** etcd takes objects of 1.5 MiB, but a list of ten thousand uploads has to pass through the API server. */
export const MAX_STATUS_BYTES = 32 * 1024;
const MESSAGE_BYTES = 1024;
const CONDITION_BYTES = 2048;
const ERROR_BYTES = 512;
const FORMAT_BYTES = 16;
const MAX_TOP_ERRORS = 10;

export type StatusInput = Pick<Observed, 'now' | 'upload' | 'jobs' | 'recordsPerSecond' | 'topErrors' | 'columns'> &
  Pick<Decision, 'view' | 'degraded'>;

export function buildStatus(input: StatusInput): BatchUploadStatus {
  const { upload, view, now } = input;
  const previous = upload.status ?? {};
  const generation = upload.metadata.generation ?? 0;
  const at = { now: isoSeconds(now), generation };
  let conditions: Condition[] = (previous.conditions ?? []).slice(0, 16);
  for (const update of describeConditions(input)) {
    const message = cutText(update.message, CONDITION_BYTES);
    conditions = setCondition(conditions, { ...update, message }, at);
  }
  const ended = view.kind === 'complete' || view.kind === 'failed';
  const jobs = describeJobs(input.jobs, ended);
  const common = {
    observedGeneration: generation,
    message: cutText(describeMessage(input), MESSAGE_BYTES),
    conditions,
    // Finished Jobs are deleted after a while; the status keeps the last counts of their pods.
    ...(jobs.length > 0 ? { jobs } : previous.jobs ? { jobs: previous.jobs } : {}),
  };
  if (view.kind === 'waiting') return { ...common, phase: 'Pending' };
  if (view.kind === 'cancelled') return { ...common, phase: 'Cancelled', completionTime: isoSeconds(now) };
  const startTime = previous.startTime ?? isoSeconds(now);
  const row = 'row' in view ? view.row : null;
  if (row === null) {
    const { recordsPerSecond: _rate, estimatedCompletionTime: _end, pace: _pace, ...before } = previous;
    const isAccepted = isTrue(previous, 'Accepted');
    return { ...before, ...common, phase: describePhase(view, previous), ...(isAccepted ? { startTime } : {}) };
  }
  return {
    ...common,
    phase: describePhase(view, previous),
    startTime,
    ...describeRow(row, input),
    ...(row.assignment?.pod ? { pod: cutText(row.assignment.pod, 253) } : {}),
    ...(ended ? { completionTime: dateTime(row.completedAt) ?? isoSeconds(now) } : {}),
  };
}

function describePhase(view: View, previous: BatchUploadStatus): NonNullable<BatchUploadStatus['phase']> {
  switch (view.kind) {
    case 'waiting':
      return 'Pending';
    case 'planning':
      return 'Planning';
    case 'queued':
    case 'waitingForTurn':
    case 'waitingForAdmission':
      return 'Queued';
    case 'processing':
      return 'Processing';
    case 'stopping':
      return view.row.plannedAt === null ? 'Planning' : 'Processing';
    case 'unobserved':
      return previous.phase ?? 'Pending';
    case 'complete':
      return 'Complete';
    case 'suspended':
      return 'Suspended';
    case 'cancelled':
      return 'Cancelled';
    case 'failed':
      return view.reason === 'Cancelled' ? 'Cancelled' : 'Failed';
    default:
      throw new Error(view satisfies never);
  }
}

function describeRow(row: UploadProgress, input: StatusInput): Partial<BatchUploadStatus> {
  const { sizeBytes, eTag, versionId, digest, totalRecords, totalChunks, totalIndexes, execution, counts } = row;
  const source = {
    ...(sizeBytes === null ? {} : { sizeBytes: whole(sizeBytes) }),
    ...(eTag === null ? {} : { eTag: cutText(eTag, 256) }),
    ...(versionId === null ? {} : { versionId: cutText(versionId, 1024) }),
    ...(digest === null ? {} : { digest: cutText(digest, 80) }),
    ...describeFormat(row),
  };
  if (totalRecords === null) return Object.keys(source).length > 0 ? { source } : {};
  const topErrors = describeErrors(input.topErrors);
  return {
    source,
    plan: {
      ...(execution === 'Inline' || execution === 'Job' ? { execution } : {}),
      records: whole(totalRecords),
      chunks: totalChunks ?? 0,
      indexes: totalIndexes ?? 0,
    },
    records: {
      total: whole(totalRecords),
      processed: whole(counts.processed),
      succeeded: whole(counts.succeeded),
      failed: whole(counts.failed),
      duplicate: whole(counts.duplicate),
      updated: whole(counts.updated),
    },
    parallelism: countSessions(input),
    progress: row.status === 'Complete' ? '100%' : percent(counts.processed, totalRecords),
    ...describeRate(row, input),
    ...(input.view.kind === 'processing' ? showPace(row) : {}),
    ...(topErrors.length > 0 ? { topErrors } : {}),
    ...(input.columns ?? columnsOf(input.upload.status ?? {})),
  };
}

function countSessions({ jobs, view }: StatusInput): number {
  if (view.kind === 'complete' || view.kind === 'failed') return 0;
  const sessions = [jobs.plan, jobs.process].map((job) => (job?.owned ? job.active * job.sessionsPerPod : 0));
  // A warm pod has one session.
  const warm = 'row' in view && view.row?.assignment?.state === 'Claimed' ? 1 : 0;
  return sessions.reduce((sum, each) => sum + each, warm);
}

function describeFormat({ format }: UploadProgress): NonNullable<BatchUploadStatus['source']> {
  const { type, compression, encoding, delimiter }: Record<string, unknown> = { ...format };
  const word = (name: string, value: unknown) =>
    typeof value === 'string' ? { [name]: cutText(value, FORMAT_BYTES) } : {};
  return {
    ...word('format', type),
    ...word('compression', compression),
    ...word('encoding', encoding),
    ...(typeof delimiter === 'string' && delimiter.length === 1 ? { delimiter } : {}),
  };
}

/** A number that an int64 holds, and JavaScript holds exactly. */
function whole(number: number): number {
  return Math.min(Math.max(Math.round(number), 0), Number.MAX_SAFE_INTEGER);
}

function describeRate(row: UploadProgress, { view, now, recordsPerSecond }: StatusInput): Partial<BatchUploadStatus> {
  if (view.kind === 'complete') {
    const rate = averageRate(row.counts.processed, row.startedAt ?? row.plannedAt, row.completedAt);
    return rate === null ? {} : { recordsPerSecond: whole(rate) };
  }
  if (view.kind !== 'processing' || recordsPerSecond === null) return {};
  const remaining = Math.max(0, (row.totalRecords ?? 0) - row.counts.processed);
  const end = estimateCompletion(now, remaining, recordsPerSecond);
  return {
    recordsPerSecond: whole(recordsPerSecond),
    ...(end === null ? {} : { estimatedCompletionTime: isoSeconds(end) }),
  };
}

function describeErrors(errors: readonly ErrorSummary[]): NonNullable<BatchUploadStatus['topErrors']> {
  return errors.slice(0, MAX_TOP_ERRORS).map(({ code, count: n, message }) => ({
    code: cutText(code, 64),
    count: whole(n),
    ...(message ? { message: cutText(message, ERROR_BYTES) } : {}),
  }));
}

/** The status of an ended upload leaves out pods that are still ending: nothing would correct their number later. */
function describeJobs(jobs: Observed['jobs'], ended: boolean): NonNullable<BatchUploadStatus['jobs']> {
  return [jobs.plan, jobs.process]
    .filter((job) => job !== null)
    .filter(({ owned }) => owned)
    .map(({ name, kind, active, succeeded, failed }) =>
      ended ? { name, kind, failed } : { name, kind, active, succeeded, failed },
    );
}

const NOT_FINISHED = { reason: 'NotFinished', message: 'The upload is not finished.' } as const;
const NOT_ACCEPTED = { reason: 'NotAccepted', message: 'The upload is not accepted yet.' } as const;
const FINISHED = { reason: 'Finished', message: 'The upload has ended.' } as const;
const CANCELLED = { reason: 'Cancelled', message: CANCELLED_BEFORE } as const;

function describeConditions(input: StatusInput): ConditionUpdate[] {
  const { view, degraded, upload } = input;
  const health = describeHealth(degraded);
  const suspended = findSuspended(input);
  switch (view.kind) {
    case 'waiting':
      return [
        ...describeUnaccepted(view.why),
        update('Progressing', 'False', NOT_ACCEPTED),
        health,
        ...describeSuspended(null, upload),
      ];
    case 'cancelled':
      return [
        update('Accepted', 'False', CANCELLED),
        update('Planned', 'False', { reason: 'NotPlanned', message: 'The upload ended before there was a plan.' }),
        update('Progressing', 'False', FINISHED),
        describeHealth(null),
        ...describeSuspended(null, upload),
        update('Complete', 'False', CANCELLED),
        update('Failed', 'True', CANCELLED),
      ];
    case 'suspended':
      if (view.row !== null) return describeRowConditions(view as RowView, { health, suspended, upload });
      return [
        ...(isTrue(upload.status, 'Accepted') ? [] : describeUnaccepted(suspended!)),
        update('Progressing', 'False', suspended!),
        health,
        ...describeSuspended(suspended, upload),
      ];
    case 'unobserved':
      // The other conditions keep what was known, with the generation for which it was known.
      return [
        update(
          'Progressing',
          'Unknown',
          degraded ?? { reason: 'DatabaseUnavailable', message: 'The ledger cannot be read.' },
        ),
        health,
      ];
    default:
      return describeRowConditions(view, { health, suspended, upload });
  }
}

function describeRowConditions(
  view: RowView,
  { health, suspended, upload }: { health: ConditionUpdate; suspended: UploadExplanation | null; upload: BatchUpload },
): ConditionUpdate[] {
  return [
    update('Accepted', 'True', {
      reason: 'Accepted',
      message: 'Database, schema and target are in order; the schema is pinned.',
    }),
    describePlanned(view.row),
    suspended ? update('Progressing', 'False', suspended) : describeProgressing(view),
    // A problem with the pods of an ended upload no longer matters.
    view.kind === 'complete' || view.kind === 'failed' ? describeHealth(null) : health,
    ...describeSuspended(suspended, upload),
    ...describeEnd(view),
  ];
}

function describeUnaccepted(why: UploadExplanation): ConditionUpdate[] {
  return [
    update('Accepted', 'False', why),
    update('Planned', 'False', NOT_ACCEPTED),
    update('Complete', 'False', NOT_FINISHED),
    update('Failed', 'False', NOT_FINISHED),
  ];
}

/** The condition appears when the upload is suspended for the first time. */
function describeSuspended(suspended: UploadExplanation | null, { status }: BatchUpload): ConditionUpdate[] {
  if (suspended) return [update('Suspended', 'True', suspended)];
  const resumed = { reason: 'Resumed', message: 'The upload goes on.' };
  return findCondition(status, 'Suspended') ? [update('Suspended', 'False', resumed)] : [];
}

function describeHealth(degraded: UploadExplanation | null): ConditionUpdate {
  return degraded
    ? update('Degraded', 'True', degraded)
    : update('Degraded', 'False', { reason: 'AsExpected', message: 'Nothing hinders the upload.' });
}

function describePlanned(row: UploadProgress): ConditionUpdate {
  if (row.plannedAt !== null) {
    return update('Planned', 'True', {
      reason: 'Planned',
      message: `${count(row.totalRecords ?? 0, 'record')} in ${count(row.totalChunks ?? 0, 'chunk')}.`,
    });
  }
  return row.status === 'Planning'
    ? update('Planned', 'False', { reason: 'Planning', message: 'The file is being read.' })
    : update('Planned', 'False', { reason: 'NotPlanned', message: 'The upload ended before there was a plan.' });
}

type RowView = Exclude<Extract<View, { row: unknown }>, { kind: 'suspended' }> | SuspendedView;
type SuspendedView = Extract<View, { kind: 'suspended' }> & { row: UploadProgress };

function describeProgressing(view: RowView): ConditionUpdate {
  switch (view.kind) {
    case 'planning':
      return update('Progressing', 'True', { reason: 'Planning', message: 'The file is being read.' });
    case 'queued':
      return update('Progressing', 'False', { reason: 'Queued', message: describeQueued(view.row) });
    case 'processing':
      return update('Progressing', 'True', { reason: 'Processing', message: 'Chunks are being loaded.' });
    case 'waitingForTurn':
      return update('Progressing', 'False', { reason: 'LimitReached', message: describeWait(view.wait) });
    case 'waitingForAdmission':
      return update('Progressing', 'False', { reason: 'AdmissionPending', message: describeAdmission(view.job) });
    case 'suspended':
      return update('Progressing', 'False', explainSuspended(view));
    case 'stopping':
      return update('Progressing', 'False', { reason: 'Stopping', message: describeStopping(view.row) });
    case 'complete':
    case 'failed':
      return update('Progressing', 'False', FINISHED);
    default:
      throw new Error(view satisfies never);
  }
}

function describeEnd(view: RowView): ConditionUpdate[] {
  switch (view.kind) {
    case 'complete':
      return [
        update('Complete', 'True', { reason: completeReason(view.row), message: describeCounts(view.row) }),
        update('Failed', 'False', { reason: 'NotFailed', message: 'The upload is complete.' }),
      ];
    case 'failed':
      return [
        update('Complete', 'False', { reason: view.reason, message: 'The upload failed.' }),
        update('Failed', 'True', { reason: view.reason, message: view.message }),
      ];
    default:
      return [update('Complete', 'False', NOT_FINISHED), update('Failed', 'False', describeAttempt(view.row))];
  }
}

function describeAttempt({ attempt, retryGeneration }: UploadProgress): UploadExplanation {
  return retryGeneration === 0
    ? NOT_FINISHED
    : { reason: 'Retried', message: `The upload had failed and is tried again, attempt ${attempt}.` };
}

function completeReason({ sameAs, validateOnly }: UploadProgress): Reason {
  if (sameAs) return 'AlreadyLoaded';
  return validateOnly ? 'Validated' : 'Completed';
}

function update(
  type: ConditionType,
  status: ConditionUpdate['status'],
  { reason, message }: { reason: string; message: string },
): ConditionUpdate {
  return { type, status, reason, message };
}

/** Are the two statuses equal as JSON, whatever the order of their keys? */
export function sameStatus(a: BatchUploadStatus | undefined, b: BatchUploadStatus): boolean {
  return a !== undefined && canonicalJson(a) === canonicalJson(b);
}
