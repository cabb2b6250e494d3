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

  // Ready = False: nothing is seen; each goes on by itself when it is mended. Those of the ledger, of storage and of the API
  // server are of Degraded where files are seen all the same.
  /** Not accepted; the message is that of Accepted. */
  NotAccepted: REASONS.NotAccepted,
  /** spec.suspend */
  Suspended: 'Suspended',
  /** An older source has this queue. */
  QueueTaken: 'QueueTaken',
  QueueNotFound: 'QueueNotFound',
  QueueAccessDenied: 'QueueAccessDenied',
  QueueUnavailable: 'QueueUnavailable',
  BucketNotFound: 'BucketNotFound',
  StorageAccessDenied: 'StorageAccessDenied',
  StorageUnavailable: 'StorageUnavailable',
  /** The SSH server has another key than knownHosts says, or one that is revoked there. */
  HostKeyMismatch: 'HostKeyMismatch',
  /** knownHosts does not name the SSH server. */
  HostKeyUnknown: 'HostKeyUnknown',
  /** The SSH server refused the password or the key. */
  AccessDenied: 'AccessDenied',
  HostUnreachable: 'HostUnreachable',
  ConnectionLost: 'ConnectionLost',
  /** The SSH server lets in and then says nothing. */
  NoAnswer: 'NoAnswer',
  /** No SSH or no SFTP there that the bridge speaks. */
  ProtocolNotSupported: 'ProtocolNotSupported',
  DirectoryNotFound: 'DirectoryNotFound',
  /** Only the first entries of the folder are looked at. */
  DirectoryTooLarge: 'DirectoryTooLarge',
  /** The SSH server does not let the user list the folder, or read or move a file. */
  PermissionDenied: 'PermissionDenied',
  /** The SSH server failed in a way that it did not explain. */
  ServerError: 'ServerError',
  // The ledger: without it nobody knows what was made before, so nothing is made.
  DatabaseUnavailable: REASONS.DatabaseUnavailable,
  DatabaseAccessDenied: REASONS.DatabaseAccessDenied,
  DatabaseError: REASONS.DatabaseError,
  PoolerNotSupported: REASONS.PoolerNotSupported,
  MigrationRequired: REASONS.MigrationRequired,
  // Ready = Unknown
  /** It has only just been started. */
  Starting: 'Starting',
  // Ready = True
  /** Events are taken, or the prefix or the folder is listed. */
  Watching: 'Watching',

  // Degraded = True
  /** Some files can't be handled and are tried again; see status.recentFailing. */
  FilesFailing: 'FilesFailing',
  /** What was to be done with objects after they were loaded can't be done. */
  AfterSuccessFailing: 'AfterSuccessFailing',
  // Degraded = False
  AsExpected: REASONS.AsExpected,
} as const;

export type SourceReason = keyof typeof SOURCE_REASONS;

/** Why something that was told of makes no upload; in status.recentIgnored and in metrics. Not tried again. */
export const IGNORED_REASONS = {
  /** Another bucket than spec.s3.bucket. */
  OtherBucket: 'OtherBucket',
  /** The key does not begin with spec.s3.prefix. */
  OtherPrefix: 'OtherPrefix',
  /** spec.filter does not want it, or it is the product's own. */
  Filtered: 'Filtered',
  /** No entry of spec.schemas fits. */
  NoSchemaFits: 'NoSchemaFits',
  /** A key that stands for a folder. */
  Folder: 'Folder',
  /** It is not there any more. */
  ObjectNotFound: 'ObjectNotFound',
  /** Another version took its place before it had settled. */
  Replaced: 'Replaced',
  /** No object can have the key that an event tells of. */
  KeyInvalid: 'KeyInvalid',
  /** A file on an SFTP server whose name can't be asked for. */
  NameNotSupported: 'NameNotSupported',
  // Events that are not about an arrival.
  ObjectRemoved: 'ObjectRemoved',
  ObjectRestored: 'ObjectRestored',
  ObjectReplicated: 'ObjectReplicated',
  /** Storage tries out whether events get through. */
  TestEvent: 'TestEvent',
  OtherEvent: 'OtherEvent',
  /** Put aside in the ledger: batch_upload_rejected_events. */
  EventNotUnderstood: 'EventNotUnderstood',
} as const;

export type IgnoredReason = keyof typeof IGNORED_REASONS;

/** Why a file or an event is not handled yet; in status.recentFailing. Besides those of Ready above. */
export const FAILING_REASONS = {
  /** No failure: it has not been left alone for spec.settleSeconds yet. */
  Settling: 'Settling',
  /** Until it is put aside; see IGNORED_REASONS. */
  EventNotUnderstood: 'EventNotUnderstood',
  /** The API server refused the BatchUpload: something in spec.template. */
  UploadRefused: 'UploadRefused',
  QuotaExceeded: 'QuotaExceeded',
  /** The API server does not let the bridge create it. */
  Forbidden: 'Forbidden',
  NamespaceNotFound: 'NamespaceNotFound',
  ApiServerUnavailable: 'ApiServerUnavailable',
  /** A file on an SFTP server changed while it was fetched. */
  FileChanged: 'FileChanged',
  FileNotFound: 'FileNotFound',
  /** A fetched file is an upload, and could not be moved, renamed or deleted. */
  AfterFetchFailed: 'AfterFetchFailed',
  /** Where a loaded object was to be moved is itself watched, or no key. */
  MoveRefused: 'MoveRefused',
} as const;

export type FailingReason = keyof typeof FAILING_REASONS;
