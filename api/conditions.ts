/** Conditions of a BatchUpload: for programs. Every reason that the operator gives is in this file; those of the bridge are in upload-source-conditions.ts. */
import type { BatchUploadStatus } from './batch-upload.gen.ts';

export type Condition = NonNullable<BatchUploadStatus['conditions']>[number];
export type ConditionType = Condition['type'];
export type ConditionStatus = Condition['status'];

/** In the order in which they are shown. */
export const CONDITION_TYPES: readonly ConditionType[] = [
  'Accepted',
  'Planned',
  'Progressing',
  'Degraded',
  'Complete',
  'Failed',
];

/**
 * Reasons, by the condition they belong to. A Failed condition can also carry a reason of the job runner (its faults,
 * such as ObjectNotFound or SourceChanged), which comes through the ledger.
 */
export const REASONS = {
  // Accepted = False: the upload waits; each message says what to do.
  /** The namespace is not in the chart's list. */
  NamespaceNotEnabled: 'NamespaceNotEnabled',
  /** The operator can't list Jobs and pods in the namespace: its Role is missing, or it has only just started. */
  NamespaceNotReady: 'NamespaceNotReady',
  /** The upload names a Secret that is not in the chart's list. */
  SecretNotAllowed: 'SecretNotAllowed',
  /** A Secret is not there. Also of Degraded, while an accepted upload runs. */
  SecretMissing: 'SecretMissing',
  /** A Secret is there but can't be used. Also of Degraded. */
  SecretInvalid: 'SecretInvalid',
  /** The RecordSchema is not there. */
  SchemaNotFound: 'SchemaNotFound',
  /** The RecordSchema can't be compiled. */
  SchemaInvalid: 'SchemaInvalid',
  /** PostgreSQL can't be reached. Also of Degraded. */
  DatabaseUnavailable: 'DatabaseUnavailable',
  /** PostgreSQL refused the credentials, or a right in the ledger is missing. Also of Degraded. */
  DatabaseAccessDenied: 'DatabaseAccessDenied',
  /** PostgreSQL refused something else. */
  DatabaseError: 'DatabaseError',
  /** Between us and PostgreSQL is a pooler: sessions are not ours. */
  PoolerNotSupported: 'PoolerNotSupported',
  /** The ledger's schema is not there, and the role may not make it. */
  MigrationRequired: 'MigrationRequired',
  /** A temporary table of the pods has the target's name, and the target's schema is not named. */
  TargetNameTaken: 'TargetNameTaken',
  TargetTableMissing: 'TargetTableMissing',
  /** `target.create` is true, and the role may not create a table there. */
  TargetCreateDenied: 'TargetCreateDenied',
  TargetColumnMissing: 'TargetColumnMissing',
  /** A column is NOT NULL, has no default, and gets nothing from the schema. */
  TargetColumnRequired: 'TargetColumnRequired',
  /** No unique index on exactly the key columns that is valid, complete and not deferrable. */
  TargetKeyMissing: 'TargetKeyMissing',
  TargetAccessDenied: 'TargetAccessDenied',
  // Accepted = True
  Accepted: 'Accepted',

  // Planned
  /** False: not accepted yet. Also of Progressing. */
  NotAccepted: 'NotAccepted',
  /** False; also of Progressing = True. */
  Planning: 'Planning',
  /** True. */
  Planned: 'Planned',
  /** False: ended before a plan was made. */
  NotPlanned: 'NotPlanned',

  // Progressing
  Processing: 'Processing',
  /** False: another upload loads the same content; this one waits for its end. */
  Queued: 'Queued',
  /** False: the ledger has failed the upload, its Jobs are ending. */
  Stopping: 'Stopping',
  /** False: ended. */
  Finished: 'Finished',

  // Degraded = True: the upload goes on by itself when this is mended.
  /** A pod's image can't be pulled. */
  ImagePullFailed: 'ImagePullFailed',
  /** No node takes a pod. */
  Unschedulable: 'Unschedulable',
  /** A pod's container can't be made: a Secret's key, a volume, a security rule. */
  PodCannotStart: 'PodCannotStart',
  /** The Job controller makes no pods: quota, admission, a missing service account. */
  PodsNotCreated: 'PodsNotCreated',
  /** A pod that was deleted does not end: its node is probably lost. */
  PodNotTerminating: 'PodNotTerminating',
  /** The API server refused a Job: quota, admission, rights. */
  JobRefused: 'JobRefused',
  /** A Job of this name belongs to something else. */
  JobNameTaken: 'JobNameTaken',
  /** The database that the Secret names now has no ledger row of this upload. */
  LedgerRowMissing: 'LedgerRowMissing',
  // Degraded = False
  AsExpected: 'AsExpected',

  // Complete and Failed
  /** Complete = True: every chunk is done. */
  Completed: 'Completed',
  /** Complete = True: in mode Validate; nothing was written. */
  Validated: 'Validated',
  /** Complete = True: another upload has loaded the same content; this one did nothing. */
  AlreadyLoaded: 'AlreadyLoaded',
  /** False of both while the upload is not at its end. */
  NotFinished: 'NotFinished',
  /** Failed = False of an upload that had failed and is tried again. */
  Retried: 'Retried',
  /** Failed = False of a complete upload. */
  NotFailed: 'NotFailed',
  /** Failed: more records failed than spec.errorPolicy allows. */
  TooManyFailedRecords: 'TooManyFailedRecords',
  /** Failed: a pod's container ended with a code of its own and said nothing. */
  PodFailed: 'PodFailed',
  /** Failed: a pod was ended for using more memory than its limit. */
  OutOfMemory: 'OutOfMemory',
  /** Failed: an index was retried as often as allowed. */
  BackoffLimitExceeded: 'BackoffLimitExceeded',
  /** Failed: the ledger's row was closed as deleted while the resource was there. */
  LedgerClosed: 'LedgerClosed',
} as const;

export type Reason = keyof typeof REASONS;

/** A condition of any kind of ours. */
export interface AnyCondition<T extends string> {
  type: T;
  status: ConditionStatus;
  observedGeneration?: number;
  lastTransitionTime: string;
  reason: string;
  message: string;
}

export interface ConditionUpdate<T extends string = ConditionType> {
  type: T;
  status: ConditionStatus;
  reason: string;
  message: string;
}

/**
 * Sets a condition; the time of its last transition changes only with its status.
 * @param at.now ISO 8601 with seconds.
 */
export function setCondition<T extends string>(
  conditions: readonly AnyCondition<T>[],
  update: ConditionUpdate<T>,
  at: { now: string; generation: number },
): AnyCondition<T>[] {
  const previous = conditions.find(({ type }) => type === update.type);
  const lastTransitionTime = previous?.status === update.status ? previous.lastTransitionTime : at.now;
  const next = { ...update, observedGeneration: at.generation, lastTransitionTime };
  if (!previous) return [...conditions, next];
  return conditions.map((condition) => (condition === previous ? next : condition));
}

export function findCondition(status: BatchUploadStatus | undefined, type: ConditionType): Condition | undefined {
  return status?.conditions?.find((condition) => condition.type === type);
}

export function isTrue(status: BatchUploadStatus | undefined, type: ConditionType): boolean {
  return findCondition(status, type)?.status === 'True';
}

/** Nothing changes any more. */
export function isFinished(status: BatchUploadStatus | undefined): boolean {
  return isTrue(status, 'Complete') || isTrue(status, 'Failed');
}
