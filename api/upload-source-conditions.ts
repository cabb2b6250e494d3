/**
 * Conditions of an UploadSource, for programs. Every reason that the bridge gives for an UploadSource is in this file;
 * a reason that an upload has too (Secrets, schema, database) has the same name. The comments of the reasons are the
 * reference page of the docs.
 */
import { REASONS } from './conditions.ts';
import type { UploadSourceStatus } from './upload-source.gen.ts';

export type SourceCondition = NonNullable<UploadSourceStatus['conditions']>[number];
export type SourceConditionType = SourceCondition['type'];

/** The condition types of an UploadSource, in the order of its status. */
export const SOURCE_CONDITION_TYPES: readonly SourceConditionType[] = ['Accepted', 'Ready', 'Degraded', 'Waiting'];

export const SOURCE_REASONS = {
  // Accepted = False: something that the spec names is missing or cannot be used, and the message says what to do.
  /** The namespace is not in the chart's list uploads.namespaces. */
  NamespaceNotEnabled: REASONS.NamespaceNotEnabled,
  /** The UploadSource names a Secret that is not in the chart's list of Secrets. */
  SecretNotAllowed: REASONS.SecretNotAllowed,
  /** The UploadSource names a server to which the access keys of its Secret may not be sent. */
  EndpointNotAllowed: REASONS.EndpointNotAllowed,
  /** A Secret that the UploadSource names does not exist. */
  SecretMissing: REASONS.SecretMissing,
  /** A Secret exists, but its content cannot be used. */
  SecretInvalid: REASONS.SecretInvalid,
  /**
   * A RecordSchema of spec.schemas does not exist. Files of the other schemas are loaded nevertheless, so that Degraded
   * = True uses this reason too.
   */
  SchemaNotFound: REASONS.SchemaNotFound,
  /** A pattern of the spec is not a valid RE2 expression. */
  PatternInvalid: 'PatternInvalid',
  // Accepted = True
  /** Everything that the spec names can be used. */
  Accepted: REASONS.Accepted,

  // Ready = False: no file is noticed; the UploadSource goes on by itself when the cause is mended. The reasons of the
  // ledger, the storage and the API server stand in Degraded = True while files are noticed nevertheless.
  /** The UploadSource is not accepted; the message is that of Accepted. */
  NotAccepted: REASONS.NotAccepted,
  /** The field spec.suspend is true. */
  Suspended: 'Suspended',
  /** Another UploadSource has received from the same queue, or tries to before this one. */
  QueueTaken: 'QueueTaken',
  /** The queue does not exist. */
  QueueNotFound: 'QueueNotFound',
  /** The queue refused the credentials, or they lack a right. */
  QueueAccessDenied: 'QueueAccessDenied',
  /** The queue cannot be reached or failed. */
  QueueUnavailable: 'QueueUnavailable',
  /** The bucket does not exist. */
  BucketNotFound: 'BucketNotFound',
  /** The bucket is in another region than the UploadSource or its Secret says. */
  BucketInOtherRegion: 'BucketInOtherRegion',
  /** The object storage refused the credentials, or they lack a right. */
  StorageAccessDenied: 'StorageAccessDenied',
  /** The object storage cannot be reached or failed. */
  StorageUnavailable: 'StorageUnavailable',
  /** The SSH server has another key than knownHosts says, or a key that knownHosts revokes. */
  HostKeyMismatch: 'HostKeyMismatch',
  /** The entry knownHosts of the Secret does not name the SSH server. */
  HostKeyUnknown: 'HostKeyUnknown',
  /** The SSH server refused the password or the key. */
  AccessDenied: 'AccessDenied',
  /** The SSH server cannot be reached. */
  HostUnreachable: 'HostUnreachable',
  /** The connection to the SSH server was lost. */
  ConnectionLost: 'ConnectionLost',
  /** The SSH server accepts connections but does not answer. */
  NoAnswer: 'NoAnswer',
  /** The server speaks no SSH or no SFTP that the bridge supports. */
  ProtocolNotSupported: 'ProtocolNotSupported',
  /** The folder on the SFTP server does not exist. */
  DirectoryNotFound: 'DirectoryNotFound',
  /** The folder has so many entries that the bridge reads only the first ones. */
  DirectoryTooLarge: 'DirectoryTooLarge',
  /** The SFTP server does not permit the user to list the folder, or to read or move a file. */
  PermissionDenied: 'PermissionDenied',
  /** The SFTP server failed without an explanation. */
  ServerError: 'ServerError',
  /**
   * PostgreSQL cannot be reached or is overloaded. Without the ledger the bridge does not know what it created before,
   * so that it creates nothing.
   */
  DatabaseUnavailable: REASONS.DatabaseUnavailable,
  /** PostgreSQL refused the credentials, or the role lacks a right in the ledger. */
  DatabaseAccessDenied: REASONS.DatabaseAccessDenied,
  /** PostgreSQL refused a statement for another cause, which the message names by its SQLSTATE. */
  DatabaseError: REASONS.DatabaseError,
  /** A connection pooler stands between the bridge and PostgreSQL, and the bridge needs sessions of its own. */
  PoolerNotSupported: REASONS.PoolerNotSupported,
  /** The ledger's schema is missing or of an earlier version; the message says who has to migrate the ledger. */
  MigrationRequired: REASONS.MigrationRequired,
  // Ready = Unknown
  /** The bridge has only just started the UploadSource. */
  Starting: 'Starting',
  // Ready = True
  /** The bridge receives events, or lists the prefix or the folder. */
  Watching: 'Watching',

  // Degraded = True
  /** Some files cannot be handled and are tried again; status.recentFailing lists them. */
  FilesFailing: 'FilesFailing',
  /** Loaded objects cannot be deleted or moved as spec.afterSuccess asks. */
  AfterSuccessFailing: 'AfterSuccessFailing',
  /**
   * A BatchUpload of a Serial UploadSource has failed or was cancelled, and holds the files behind it; the message says
   * how they go on. Waiting uses this reason too.
   */
  FeedHeld: 'FeedHeld',
  /** The bridge cannot list the BatchUploads of the UploadSource, so that no file has its turn. */
  UploadsNotListed: 'UploadsNotListed',
  // Degraded = False
  /** Nothing hinders the UploadSource. */
  AsExpected: REASONS.AsExpected,

  // Waiting = True: files wait for their turn. Only UploadSources with concurrencyPolicy Serial or maxActiveUploads have
  // this condition. It is Unknown, with the reason of Ready, while the UploadSource does nothing or has only just started,
  // and with the reason of Degraded if the first look at the waiting files fails then.
  /** The BatchUploads that have not ended are as many as are allowed. */
  UploadsActive: 'UploadsActive',
  /** A file that is older than the waiting ones is not ready yet, and comes first. */
  OlderFileNotReady: 'OlderFileNotReady',
  /** The next file has its turn, and its BatchUpload is being created. */
  NextIsCreated: 'NextIsCreated',
  // Waiting = False
  /** No file waits. */
  NothingWaits: 'NothingWaits',
} as const;

export type SourceReason = keyof typeof SOURCE_REASONS;

/**
 * Why a notice of an object makes no upload, in status.recentIgnored and in metrics. An ignored notice is not tried
 * again.
 */
export const IGNORED_REASONS = {
  /** The object is in another bucket than spec.s3.bucket. */
  OtherBucket: 'OtherBucket',
  /** The key does not begin with spec.s3.prefix. */
  OtherPrefix: 'OtherPrefix',
  /** The field spec.filter excludes the object, or the object is a file of the product itself. */
  Filtered: 'Filtered',
  /** No entry of spec.schemas fits the key. */
  NoSchemaFits: 'NoSchemaFits',
  /** The key stands for a folder. */
  Folder: 'Folder',
  /** The object does not exist any more. */
  ObjectNotFound: 'ObjectNotFound',
  /** A newer version has replaced the object. */
  Replaced: 'Replaced',
  /** The UploadSource is Serial, and a newer file was loaded before this one. The file is never loaded. */
  OutOfOrder: 'OutOfOrder',
  /** The event names a key that no object can have. */
  KeyInvalid: 'KeyInvalid',
  /** The file on the SFTP server has a name that the bridge cannot request. */
  NameNotSupported: 'NameNotSupported',
  /** The event says that an object was removed. */
  ObjectRemoved: 'ObjectRemoved',
  /** The event says that an archived object was restored; the object arrived earlier. */
  ObjectRestored: 'ObjectRestored',
  /** The event is about the replication of an object. */
  ObjectReplicated: 'ObjectReplicated',
  /** The object storage sent a test event. */
  TestEvent: 'TestEvent',
  /** The event is not about the arrival of an object. */
  OtherEvent: 'OtherEvent',
  /** The bridge does not understand the event and keeps it in the ledger's table batch_upload_rejected_events. */
  EventNotUnderstood: 'EventNotUnderstood',
} as const;

export type IgnoredReason = keyof typeof IGNORED_REASONS;

/**
 * Why a file or an event is not handled yet, in status.recentFailing. The reasons of Ready above can stand there too.
 */
export const FAILING_REASONS = {
  /** The file has not been unchanged for spec.settleSeconds yet, which is no failure. */
  Settling: 'Settling',
  /** The bridge does not understand the event; after several tries the event is ignored. */
  EventNotUnderstood: 'EventNotUnderstood',
  /** The API server refused the BatchUpload because of something in spec.template. */
  UploadRefused: 'UploadRefused',
  /** A quota of the namespace allows no more BatchUploads. */
  QuotaExceeded: 'QuotaExceeded',
  /** The API server does not permit the bridge to create the BatchUpload. */
  Forbidden: 'Forbidden',
  /** The namespace, or the kind BatchUpload, does not exist. */
  NamespaceNotFound: 'NamespaceNotFound',
  /** The API server cannot be reached or failed. */
  ApiServerUnavailable: 'ApiServerUnavailable',
  /** The file on the SFTP server changed while the bridge fetched it. */
  FileChanged: 'FileChanged',
  /** The file on the SFTP server does not exist any more. */
  FileNotFound: 'FileNotFound',
  /** The file was fetched and its BatchUpload exists, but the file could not be moved, renamed or deleted. */
  AfterFetchFailed: 'AfterFetchFailed',
  /** A loaded object cannot be moved: the new place is watched by the UploadSource, or the new key is no valid key. */
  MoveRefused: 'MoveRefused',
} as const;

export type FailingReason = keyof typeof FAILING_REASONS;
