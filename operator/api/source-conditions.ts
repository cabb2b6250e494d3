/**
 * Conditions of an UploadSource: for programs. Every reason that the bridge gives of a source is in this file; what it has
 * in common with an upload (Secrets, schema, database) is named as there.
 */
import { REASONS } from './conditions.ts';
import type { UploadSourceStatus } from './upload-source.gen.ts';

export type SourceCondition = NonNullable<UploadSourceStatus['conditions']>[number];
export type SourceConditionType = SourceCondition['type'];

/** In the order in which they are shown. */
export const SOURCE_CONDITION_TYPES: readonly SourceConditionType[] = ['Accepted', 'Ready', 'Degraded'];

export const SOURCE_REASONS = {
  // Accepted = False: what the spec names is not there or can't be used; each message says what to do.
  NamespaceNotEnabled: REASONS.NamespaceNotEnabled,
  SecretNotAllowed: REASONS.SecretNotAllowed,
  SecretMissing: REASONS.SecretMissing,
  SecretInvalid: REASONS.SecretInvalid,
  /** A RecordSchema of `schemas` is not there. Files of the others are taken all the same: also of Degraded. */
  SchemaNotFound: REASONS.SchemaNotFound,
  /** A pattern of the spec is no RE2 expression. */
  PatternInvalid: 'PatternInvalid',
  // Accepted = True
  Accepted: REASONS.Accepted,

  // Ready = False: nothing is seen; each goes on by itself when it is mended.
  /** Not accepted; the message is that of Accepted. */
  NotAccepted: REASONS.NotAccepted,
  /** spec.suspend */
  Suspended: 'Suspended',
  /** An older source has this queue. */
  QueueTaken: 'QueueTaken',
  /** The queue is not there. */
  QueueNotFound: 'QueueNotFound',
  QueueAccessDenied: 'QueueAccessDenied',
  QueueUnavailable: 'QueueUnavailable',
  BucketNotFound: 'BucketNotFound',
  StorageAccessDenied: 'StorageAccessDenied',
  StorageUnavailable: 'StorageUnavailable',
  /** The SSH server can't be reached. */
  ServerUnavailable: 'ServerUnavailable',
  /** The server has another key than knownHosts says. */
  HostKeyMismatch: 'HostKeyMismatch',
  /** knownHosts does not name the server. */
  HostKeyUnknown: 'HostKeyUnknown',
  /** The server refused the password or the key. */
  AuthenticationFailed: 'AuthenticationFailed',
  FolderNotFound: 'FolderNotFound',
  /** The server does not let the user list the folder. Also of Degraded, where a file can't be read or moved. */
  FolderAccessDenied: 'FolderAccessDenied',
  // The ledger: without it nobody knows what was made before, so nothing is made.
  DatabaseUnavailable: REASONS.DatabaseUnavailable,
  DatabaseAccessDenied: REASONS.DatabaseAccessDenied,
  DatabaseError: REASONS.DatabaseError,
  PoolerNotSupported: REASONS.PoolerNotSupported,
  MigrationRequired: REASONS.MigrationRequired,
  // Ready = True
  /** Events are taken, or the prefix or the folder is listed. */
  Watching: 'Watching',

  // Degraded = True
  /** Some files can't be handled and are tried again; see status.recentFailing. */
  FilesFailing: 'FilesFailing',
  /** Messages that can't be understood were put aside lately. */
  EventsRejected: 'EventsRejected',
  /** What was to be done with a file after it was fetched, or loaded, can't be done. */
  AfterSuccessFailing: 'AfterSuccessFailing',
  // Degraded = False
  AsExpected: REASONS.AsExpected,
} as const;

export type SourceReason = keyof typeof SOURCE_REASONS;

/** Why a file that was told of makes no upload; in status.recentIgnored and in metrics. */
export const IGNORED_REASONS = {
  /** Another bucket than spec.s3.bucket. */
  OtherBucket: 'OtherBucket',
  /** The key does not begin with spec.s3.prefix. */
  OtherPrefix: 'OtherPrefix',
  /** spec.filter does not want it. */
  Filtered: 'Filtered',
  /** No entry of spec.schemas fits. */
  NoSchemaFits: 'NoSchemaFits',
  /** It is not there any more. */
  ObjectNotFound: 'ObjectNotFound',
  /** A name that stands for a folder. */
  Folder: 'Folder',
  /** A key or file name that can't be used, such as one with a control character. */
  NameRefused: 'NameRefused',
} as const;

export type IgnoredReason = keyof typeof IGNORED_REASONS;
