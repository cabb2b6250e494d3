/**
 * Conditions of a BatchUpload, for programs. Every reason that the operator gives is in this file; the reasons of an
 * UploadSource are in upload-source-conditions.ts. The comments of the reasons are the reference page of the docs.
 */
import type { BatchUploadStatus } from './batch-upload.gen.ts';

export type Condition = NonNullable<BatchUploadStatus['conditions']>[number];
export type ConditionType = Condition['type'];
export type ConditionStatus = Condition['status'];

/**
 * Reasons, grouped by the condition that they belong to. The Failed condition can also carry the reason of a fault of
 * the job runner, such as ObjectNotFound or SourceChanged, which comes through the ledger.
 */
export const REASONS = {
  // Accepted = False: the upload waits, and the message says what to do. The reasons of the namespace, the Secrets and
  // the database also stand in Degraded = True and Progressing = Unknown of an accepted upload whose ledger cannot be
  // read.
  /** The namespace is not in the chart's list uploads.namespaces. */
  NamespaceNotEnabled: 'NamespaceNotEnabled',
  /**
   * The operator cannot list Jobs and pods in the namespace: its Role is missing, or the operator has only just
   * started.
   */
  NamespaceNotReady: 'NamespaceNotReady',
  /** The upload names a Secret that is not in the chart's list of Secrets. */
  SecretNotAllowed: 'SecretNotAllowed',
  /**
   * spec.podTemplate names a service account that is not in the chart's list of service accounts. Degraded = True has this
   * reason where the upload was accepted before and needs another Job.
   */
  ServiceAccountNotAllowed: 'ServiceAccountNotAllowed',
  /** The upload names a storage server to which the access keys of its Secret may not be sent. */
  EndpointNotAllowed: 'EndpointNotAllowed',
  /** A Secret that the upload needs does not exist. */
  SecretMissing: 'SecretMissing',
  /** A Secret exists, but its content cannot be used. */
  SecretInvalid: 'SecretInvalid',
  /** The RecordSchema that the upload names does not exist. */
  SchemaNotFound: 'SchemaNotFound',
  /** The RecordSchema cannot be compiled. */
  SchemaInvalid: 'SchemaInvalid',
  /** spec.format.columns names a field that the RecordSchema does not have, or a field or a column twice. */
  ColumnsInvalid: 'ColumnsInvalid',
  /** PostgreSQL cannot be reached or is overloaded. */
  DatabaseUnavailable: 'DatabaseUnavailable',
  /** PostgreSQL refused the credentials, or the role lacks a right. */
  DatabaseAccessDenied: 'DatabaseAccessDenied',
  /** PostgreSQL refused a statement for another cause, which the message names by its SQLSTATE. */
  DatabaseError: 'DatabaseError',
  /** A connection pooler stands between the operator and PostgreSQL, and the operator needs sessions of its own. */
  PoolerNotSupported: 'PoolerNotSupported',
  /** The ledger's schema is missing or of an earlier version; the message says who has to migrate the ledger. */
  MigrationRequired: 'MigrationRequired',
  /**
   * A name of the target is not the load's to use: the table has the name of a temporary table of the pods, or lies in the
   * ledger's schema, a column has the name of one of PostgreSQL's own, or a name is longer than PostgreSQL allows.
   */
  TargetNameTaken: 'TargetNameTaken',
  /** The target table does not exist. */
  TargetTableMissing: 'TargetTableMissing',
  /** The RecordSchema's target.create is true, but the role may not create a table in that schema. */
  TargetCreateDenied: 'TargetCreateDenied',
  /** The target table lacks a column that the RecordSchema fills. */
  TargetColumnMissing: 'TargetColumnMissing',
  /** A column of the target table is NOT NULL, has no default, and is not filled by the RecordSchema. */
  TargetColumnRequired: 'TargetColumnRequired',
  /**
   * The target table has no unique index on exactly the key columns that is valid, complete, not deferrable and without
   * the words WITHOUT OVERLAPS.
   */
  TargetKeyMissing: 'TargetKeyMissing',
  /** The role lacks a right on the target table. */
  TargetAccessDenied: 'TargetAccessDenied',
  /**
   * The target table stores rows otherwise than they are sent, or finds duplicates otherwise than a load counts them: by a
   * rule, row-level security, tables that inherit from it, an identity column that cannot be replaced, or an index.
   * The table has this reason, too, if it or a partition is UNLOGGED or a foreign table, where a committed row is not safe,
   * and if its rows may be replaced while it is published without a replica identity.
   */
  TargetNotSupported: 'TargetNotSupported',
  /** The type of a column of the target table would lose a part of the values without an error. */
  TargetTypeLossy: 'TargetTypeLossy',
  /**
   * The role may not see how far replicas are behind, so that spec.target.protect.maxReplicaLagSeconds cannot be kept.
   * Degraded = True has this reason where the role has lost the right since, and the pods wait.
   */
  ReplicaLagUnknown: 'ReplicaLagUnknown',
  /**
   * The server does not tell how much WAL it writes, so that spec.target.protect cannot be kept. Degraded = True has this
   * reason where this is so since the upload was accepted, and the pods wait.
   */
  WalRateUnknown: 'WalRateUnknown',
  /** The role's transactions are read-only by a setting, or the server is a standby. */
  DatabaseReadOnly: 'DatabaseReadOnly',
  // Accepted = True
  /** The database, the schema and the target table are in order, and the upload's schema is pinned in the ledger. */
  Accepted: 'Accepted',

  // Planned = False
  /** The upload is not accepted yet. Progressing = False uses this reason too. */
  NotAccepted: 'NotAccepted',
  /** A pod reads the file to find its records. Progressing = True uses this reason too. */
  Planning: 'Planning',
  /** The upload ended before a plan was made. */
  NotPlanned: 'NotPlanned',
  // Planned = True
  /** The file is divided into chunks, and the number of its records is known. */
  Planned: 'Planned',

  // Progressing = True
  /** Pods load the chunks of the plan. */
  Processing: 'Processing',
  // Progressing = False
  /** Another upload loads the same content, and this upload waits for the end of the other. */
  Queued: 'Queued',
  /** A limit of the chart has no room for the upload, which waits for its turn. */
  LimitReached: 'LimitReached',
  /** The Job of the upload waits in a queue of Kueue, which gives the Job pods when there is quota for them. */
  AdmissionPending: 'AdmissionPending',
  /** The ledger has failed the upload, and its Jobs are ending. */
  Stopping: 'Stopping',
  /** The upload has ended. */
  Finished: 'Finished',

  // Degraded = True: the upload goes on by itself when the cause is mended.
  /** The image of a pod cannot be pulled. */
  ImagePullFailed: 'ImagePullFailed',
  /** No node can run a pod of the upload. */
  Unschedulable: 'Unschedulable',
  /**
   * The container of a pod cannot start: a Secret lacks a key, a volume is missing, or a security rule forbids the
   * container.
   */
  PodCannotStart: 'PodCannotStart',
  /**
   * The Job controller of Kubernetes creates no pods: a quota, an admission rule or a missing service account forbids
   * them.
   */
  PodsNotCreated: 'PodsNotCreated',
  /** A pod that was deleted does not end; its node is probably lost. */
  PodNotTerminating: 'PodNotTerminating',
  /** Pods of the upload fail again and again, and Kubernetes still tries. */
  PodsFailing: 'PodsFailing',
  /** Something evicts or deletes the pods of the upload before their work is done. */
  PodsDisrupted: 'PodsDisrupted',
  /** A pod whose work has ended is kept running by another container that something has added to the pod. */
  PodNotEnding: 'PodNotEnding',
  /** The sessions of the pods wait for a lock of another session or of a prepared transaction, or for a synchronous standby. */
  SessionsWaiting: 'SessionsWaiting',
  /** The namespace of the upload is being deleted, so that no pod can be made. */
  NamespaceTerminating: 'NamespaceTerminating',
  /** Something other than the operator deletes the Jobs of the upload. */
  JobDeleted: 'JobDeleted',
  /** Something other than the operator has changed the parallelism of the upload's Job. */
  ParallelismChanged: 'ParallelismChanged',
  /** The Job of the upload does not say with which limits of spec.target.protect its pods were started. */
  LimitsUnknown: 'LimitsUnknown',
  /** The CRD in the cluster is older than the operator and refuses a part of the status. */
  CrdOutdated: 'CrdOutdated',
  /** The API server cannot be reached, or refuses a request of the operator. */
  ApiServerError: 'ApiServerError',
  /** The database or the API server has not answered the operator for a while; the operator still waits. */
  SlowAnswer: 'SlowAnswer',
  /** The operator met an error that it does not know; its log has the details. */
  OperatorError: 'OperatorError',
  /**
   * The API server refused to create a Job: a quota, an admission rule, a missing right or a value of spec.podTemplate
   * forbids the Job.
   */
  JobRefused: 'JobRefused',
  /** A Job with the name that the upload needs belongs to something else. */
  JobNameTaken: 'JobNameTaken',
  /** The database that the Secret names now has no ledger row of this upload. */
  LedgerRowMissing: 'LedgerRowMissing',
  // Suspended = True, and Progressing = False with the same reason
  /** spec.suspend is true. Accepted = False has this reason, too, where the upload was not accepted before. */
  Suspended: 'Suspended',
  /** Something other than spec.suspend has suspended the Job of the upload. */
  JobSuspended: 'JobSuspended',
  // Suspended = False
  /** The upload was suspended and goes on. */
  Resumed: 'Resumed',

  // Degraded = False
  /** Nothing hinders the upload. */
  AsExpected: 'AsExpected',

  // Complete = True
  /** Every chunk is loaded. */
  Completed: 'Completed',
  /** The upload in mode Validate has checked every record and written nothing. */
  Validated: 'Validated',
  /** Another upload has loaded the same content already, and this upload did nothing. */
  AlreadyLoaded: 'AlreadyLoaded',

  // Complete = False and Failed = False
  /** The upload has not ended yet. */
  NotFinished: 'NotFinished',
  // Failed = False
  /** The upload had failed and is tried again. */
  Retried: 'Retried',
  /** The upload is complete. */
  NotFailed: 'NotFailed',

  // Failed = True, and Complete = False with the same reason
  /** spec.cancel has ended the upload. Accepted = False has this reason, too, where the upload was not accepted before. */
  Cancelled: 'Cancelled',
  /** Pods have worked on the upload for longer than spec.activeDeadlineSeconds allows. */
  DeadlineExceeded: 'DeadlineExceeded',
  /** More records failed than spec.errorPolicy allows. */
  TooManyFailedRecords: 'TooManyFailedRecords',
  /**
   * The schema has no primaryKey, and an upload of the same content ended after it had appended a part of the records,
   * which would be appended again.
   */
  PartlyLoaded: 'PartlyLoaded',
  /** The container of a pod ended with an unknown exit code and left no message. */
  PodFailed: 'PodFailed',
  /** A pod was killed because it used more memory than its limit. */
  OutOfMemory: 'OutOfMemory',
  /** A part of the upload was retried as often as allowed. */
  BackoffLimitExceeded: 'BackoffLimitExceeded',
  /** The ledger closed the upload as deleted although the BatchUpload exists. */
  LedgerClosed: 'LedgerClosed',
} as const;

export type Reason = keyof typeof REASONS;

/** A condition of a BatchUpload or of an UploadSource. */
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
 * Sets a condition and keeps the order of the others; the time of its last transition changes only with its status.
 * @param at.now the time as ISO 8601 with whole seconds.
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

/** Has the upload ended? Only a retry changes an ended upload. */
export function isFinished(status: BatchUploadStatus | undefined): boolean {
  return isTrue(status, 'Complete') || isTrue(status, 'Failed');
}
