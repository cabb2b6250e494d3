/** What the ledger holds, as the operator and the runner see it. Sizes in bytes, counts in records. */
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { DeclaredFormat, SourceFormat } from '#api/source-format.ts';
import type { ObjectIdentity } from '#s3/object-identity.ts';
import type { S3Location } from '#s3/s3-location.ts';

/**
 * State of an upload in the ledger:
 *
 * | status     | next                                            | who moves it                                |
 * |------------|-------------------------------------------------|---------------------------------------------|
 * | Planning   | Processing, Queued, Complete, Failed, Deleted   | the plan pod (its commit); plan pod or operator; operator |
 * | Queued     | Processing, Complete, Failed, Deleted           | operator                                    |
 * | Processing | Complete, Failed, Deleted                       | operator; a pod or operator; operator       |
 * | Failed     | Planning, Processing, Queued, Complete          | operator, for a greater spec.retryGeneration |
 * | Complete, Deleted | -                                        |                                             |
 */
export type LedgerStatus = 'Planning' | 'Queued' | 'Processing' | 'Complete' | 'Failed' | 'Deleted';

/** The part of a BatchUpload's spec that crosses to the pods; never a credential. */
export interface UploadRequest {
  s3: S3Location;
  chunkRecords: number;
  /** What the file is said to be; the rest is detected. */
  format?: DeclaredFormat;
  /** Where its canonical copy goes, if it needs one; default: the source's bucket. */
  work?: { s3: { bucket: string } };
  /** Absent: Commit. */
  mode?: 'Commit' | 'Validate';
  /** Load also what was loaded before; absent: false. */
  reload?: boolean;
  /** Absent: true. */
  storeRowData?: boolean;
  /** What told of the file; for the audit alone. */
  event?: UploadEvent;
}

/** Time in ISO 8601; `uploadSource` is the name of the UploadSource that created the upload. */
export interface UploadEvent {
  id?: string;
  time?: string;
  uploadSource?: string;
}

/** An upload as it is opened by the operator. */
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

/** What planning found; written once. */
export interface Plan {
  execution: 'Inline' | 'Job';
  versionId: string | null;
  eTag: string;
  sizeBytes: number;
  /** Of the source's bytes, also when there is a copy. */
  digest: string;
  format: SourceFormat;
  /** The canonical copy that chunks point into; null: they point into the source. */
  work: ObjectIdentity | null;
  /** Names in the order of the file's columns; null for an empty file. */
  header: string[] | null;
  totalRecords: number;
  totalIndexes: number;
  chunks: PlannedChunk[];
}

export interface PlannedChunk {
  startByte: number;
  /** Exclusive. */
  endByte: number;
  /** As a person sees it in a spreadsheet: the header is row 1. */
  firstRowNumber: number;
  recordCount: number;
}

export interface Chunk extends PlannedChunk {
  number: number;
}

/** What a pod reads before it starts. */
export interface UploadRow {
  id: string;
  namespace: string;
  name: string;
  status: LedgerStatus;
  attempt: number;
  request: UploadRequest;
  schema: RecordSchemaSpec;
  plan:
    | (Omit<Plan, 'chunks' | 'format'> & {
        totalChunks: number /** Null: planned before it was kept, as CSV with commas. */;
        format: SourceFormat | null;
      })
    | null;
}

export type PlannedUpload = UploadRow & { plan: NonNullable<UploadRow['plan']> };

export interface Counts {
  processed: number;
  succeeded: number;
  failed: number;
  duplicate: number;
  /** A part of succeeded. */
  updated: number;
}

/** One upload in the operator's progress query. */
export interface UploadProgress {
  id: string;
  status: LedgerStatus;
  attempt: number;
  /** The spec.retryGeneration for which it was last tried again. */
  retryGeneration: number;
  execution: 'Inline' | 'Job' | null;
  sizeBytes: number | null;
  digest: string | null;
  eTag: string | null;
  versionId: string | null;
  format: SourceFormat | null;
  /** Copies of the file may lie there under the upload's work prefix; null: there never was one. */
  workBucket: string | null;
  totalRecords: number | null;
  totalChunks: number | null;
  totalIndexes: number | null;
  counts: Counts;
  validateOnly: boolean;
  /** The keys of its records are kept in the ledger until its end; see write-by-keys.ts. */
  keepsKeys: boolean;
  /** The upload with the same content that a queued one waits for, or that had loaded it; else null. */
  sameAs: { name: string; status: LedgerStatus; totalRecords: number; counts: Counts } | null;
  /** Chunks whose work is committed. */
  chunksDone: number;
  startedAt: Date | null;
  plannedAt: Date | null;
  completedAt: Date | null;
  failureReason: string | null;
  failureMessage: string | null;
}

export interface ErrorSummary {
  code: string;
  count: number;
  /** A sample; never a value. */
  message: string;
}

/** Whose rows: of a cluster (metadata.uid of the kube-system namespace) and a namespace. */
export interface LedgerScope {
  clusterId: string;
  namespace: string;
}

/** An object as a list or its head tells of it. */
export interface ArrivedObject {
  /** Of the RecordSchema: the same object with another schema is another upload. */
  schemaName: string;
  bucket: string;
  key: string;
  /** Without quotes. */
  eTag: string;
  size: number;
  /** Compared by whole seconds: a list may say more than a head. */
  lastModified: Date;
}

/** What is to be done with an object once its upload is complete. */
export type AfterSuccess = { action: 'Delete' } | { action: 'Move'; prefix: string };

/** An object that became an upload. */
export interface Arrival extends ArrivedObject {
  /** Of the BatchUpload. */
  name: string;
  /** Name of the UploadSource. */
  source: string;
  versionId: string | null;
  event: { id: string | null; time: string | null } | null;
  /** As its source said when the object arrived; null: nothing is to be done. */
  afterSuccess: AfterSuccess | null;
}
