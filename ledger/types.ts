/** What the ledger holds, as the operator and the runner see it. Sizes are in bytes, counts are in records. */
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { DeclaredFormat, MatchedColumn, SourceFormat } from '#api/source-format.ts';
import type { ObjectIdentity } from '#s3/object-identity.ts';
import type { S3Location } from '#s3/s3-location.ts';

/**
 * State of an upload in the ledger:
 *
 * | status            | next                                   | who changes the status                           |
 * |-------------------|----------------------------------------|--------------------------------------------------|
 * | Planning          | Processing, Queued, Complete           | the plan pod, in the commit of the plan          |
 * | Planning          | Failed                                 | the plan pod or the operator                     |
 * | Planning          | Deleted                                | the operator                                     |
 * | Queued            | Processing, Complete, Failed, Deleted  | the operator                                     |
 * | Processing        | Complete, Deleted                      | the operator                                     |
 * | Processing        | Failed                                 | a pod or the operator                            |
 * | Failed            | Planning, Processing, Queued, Complete | the operator, for a greater spec.retryGeneration |
 * | Complete, Deleted | none                                   |                                                  |
 *
 * An upload in Planning has a plan only where its copy of the file is made anew: see retry-upload.ts.
 */
export type LedgerStatus = 'Planning' | 'Queued' | 'Processing' | 'Complete' | 'Failed' | 'Deleted';

/** The part of a BatchUpload's spec that the pods get. It never holds a credential. */
export interface UploadRequest {
  s3: S3Location;
  /** The largest number of records in a chunk. */
  chunkRecords: number;
  /** The declared part of the file's format; the rest is detected. */
  format?: DeclaredFormat;
  /** The place of the file's canonical copy, if the file needs one; absent: the bucket of the file. */
  work?: { s3: { bucket: string } };
  /** Absent: `Commit`. */
  mode?: 'Commit' | 'Validate';
  /** Is content loaded again that was loaded before? Absent: false. */
  reload?: boolean;
  /** Does the ledger keep the text of failed records? Absent: true. */
  storeRowData?: boolean;
  /** Only the audit uses the event. */
  event?: UploadEvent;
}

/** The event that announced a file. */
export interface UploadEvent {
  id?: string;
  /** ISO 8601. */
  time?: string;
  /** Name of the UploadSource that created the upload. */
  uploadSource?: string;
}

/** An upload as the operator opens it. */
export interface NewUpload {
  /** metadata.uid of the BatchUpload. */
  id: string;
  /** metadata.uid of the kube-system namespace. */
  clusterId: string;
  namespace: string;
  name: string;
  sourceType: string;
  request: UploadRequest;
  schema: RecordSchemaSpec;
}

/** A canonical copy of an upload's file. */
export interface WorkObject extends ObjectIdentity {
  /** Digest of the copy's bytes; null: an earlier release has made the copy. */
  digest: string | null;
}

/** The result of planning, which is written once. */
export interface Plan {
  execution: 'Inline' | 'Job';
  versionId: string | null;
  eTag: string;
  sizeBytes: number;
  /** Digest of the file's own bytes, also when it has a canonical copy. */
  digest: string;
  format: SourceFormat;
  /** The canonical copy that the chunks point into; null: the chunks point into the file itself. */
  work: WorkObject | null;
  /** The names of the file's columns in their order; null for an empty file. */
  header: string[] | null;
  /** What became of each column; null for an empty file. */
  columns: MatchedColumn[] | null;
  totalRecords: number;
  totalIndexes: number;
  chunks: PlannedChunk[];
}

/** An upload as a pod reads it before it starts. */
export interface UploadRow {
  id: string;
  namespace: string;
  name: string;
  status: LedgerStatus;
  attempt: number;
  request: UploadRequest;
  schema: RecordSchemaSpec;
  plan:
    | (Omit<Plan, 'chunks' | 'format' | 'columns'> & {
        totalChunks: number;
        /** Null: the upload was planned before the ledger kept the format, as CSV with commas. */
        format: SourceFormat | null;
      })
    | null;
}

export type PlannedUpload = UploadRow & { plan: NonNullable<UploadRow['plan']> };

/** Counts of records. `processed` is the sum of `succeeded`, `failed` and `duplicate`. */
export interface Counts {
  processed: number;
  succeeded: number;
  failed: number;
  duplicate: number;
  /** The records of `succeeded` that replaced a stored row. */
  updated: number;
}

/**
 * What the chunks of a plan point into: the object itself, a canonical copy that can be compared with one that is made anew, or a
 * copy of which an earlier release has kept no digest.
 */
export type PointsInto = 'Object' | 'KnownCopy' | 'UnknownCopy';

/** One upload as the operator's progress query reads it. */
export interface UploadProgress {
  id: string;
  status: LedgerStatus;
  attempt: number;
  /** The spec.retryGeneration for which the upload was last tried again. */
  retryGeneration: number;
  execution: 'Inline' | 'Job' | null;
  sizeBytes: number | null;
  digest: string | null;
  eTag: string | null;
  versionId: string | null;
  format: SourceFormat | null;
  /** Bucket where copies of the file may lie under the upload's work prefix; null: there never was a copy. */
  workBucket: string | null;
  /** What the chunks of the plan point into; null: there is no plan. */
  pointsInto: PointsInto | null;
  totalRecords: number | null;
  totalChunks: number | null;
  totalIndexes: number | null;
  counts: Counts;
  validateOnly: boolean;
  /** Has the schema no key, so that every record is appended, and another load appends all records again? */
  appends: boolean;
  /** Does the ledger keep the keys of the upload's records until its end? See write-by-keys.ts. */
  keepsKeys: boolean;
  /**
   * The upload with the same content: a queued upload waits for it, or it has loaded the content before. Null: there is
   * none.
   */
  sameAs: { name: string; status: LedgerStatus; totalRecords: number; counts: Counts } | null;
  /** The number of committed chunks. */
  chunksDone: number;
  startedAt: Date | null;
  plannedAt: Date | null;
  completedAt: Date | null;
  failureReason: string | null;
  failureMessage: string | null;
  /** The pool of warm pods that this attempt is assigned to; null where none is. */
  assignment: Assignment | null;
  /** The time, in ms, since the count of the time for which pods work was brought up to date; null while none is counted. */
  activeForMs: number | null;
  /** The time for which pods have worked on this attempt, in ms, as far as it was counted. */
  activeMs: number;
  /** Why pods load more slowly than they could, and since when the first of them does; null: they do not. */
  pace: { reason: string; message: string; since: Date } | null;
}

/** What a pool of warm pods has made of an attempt of an upload; see uploads/assignments.ts. */
export interface Assignment {
  pool: string;
  state: 'Waiting' | 'Claimed' | 'Ended' | 'Returned';
  /** The last pod that has claimed the upload; null where none has. */
  pod: string | null;
}

/** A range of the file's records: bytes [startByte, endByte) of the file or of its canonical copy. */
export interface PlannedChunk {
  startByte: number;
  /** The chunk ends before this byte. */
  endByte: number;
  /** The row number that a person sees in a spreadsheet, where the header is row 1. */
  firstRowNumber: number;
  recordCount: number;
}

export interface Chunk extends PlannedChunk {
  number: number;
}

/** How many records of an upload or a chunk failed with a code. */
export interface ErrorSummary {
  code: string;
  count: number;
  /** The message of one of the records. It never holds a value. */
  message: string;
}

/** Identifies the owner of rows. */
export interface LedgerScope {
  /** metadata.uid of the kube-system namespace. */
  clusterId: string;
  namespace: string;
}

/** An object as a listing or a HEAD request describes it. */
export interface ArrivedObject {
  /** Name of the RecordSchema. The same object with another schema is another upload. */
  schemaName: string;
  bucket: string;
  key: string;
  /** The ETag without quotes. */
  eTag: string;
  size: number;
  /** Compared by whole seconds: a listing may be more precise than a HEAD request. */
  lastModified: Date;
}

/** The place of a file in the order of its UploadSource: first the earlier time, then the lesser key by its bytes. */
export interface FilePosition {
  time: Date;
  key: string;
}

/** A file that waits for BatchUploads of its UploadSource that were created before. */
export interface WaitingFile extends ArrivedObject {
  /** The name that the BatchUpload will have. */
  name: string;
  versionId: string | null;
  event: { id: string | null; time: string | null } | null;
  position: FilePosition;
}

/** What happens to an object once its upload is complete. */
export type AfterSuccess = { action: 'Delete' } | { action: 'Move'; prefix: string };

/** An object that became an upload. */
export interface Arrival extends ArrivedObject {
  /** Name of the BatchUpload. */
  name: string;
  /** Name of the UploadSource. */
  source: string;
  versionId: string | null;
  event: { id: string | null; time: string | null } | null;
  /** What the UploadSource asked for when the object arrived; null: the object stays. */
  afterSuccess: AfterSuccess | null;
  position: FilePosition;
}
