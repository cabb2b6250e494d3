/**
 * What the gateway answers, as far as the page reads it. A unit test compares these types with those of the gateway's
 * endpoints, so that a change there does not compile here.
 */
import type { Phase } from './phases.ts';

export interface SessionNamespace {
  name: string;
  mayUpload: boolean;
  mayList: boolean;
  mayReadErrors: boolean;
}

/** Who is signed in, and what the person may do. */
export interface Session {
  /** The name in Kubernetes, such as `oidc:alice`. */
  user: string;
  displayName: string;
  /** The value of the header X-CSRF-Token. */
  csrf: string;
  /** ISO 8601. */
  expiresAt: string;
  namespaces: SessionNamespace[];
}

export interface RecordCounts {
  total?: number;
  processed?: number;
  succeeded?: number;
  updated?: number;
  failed?: number;
  duplicate?: number;
}

export interface Condition {
  type: string;
  status: string;
  reason: string;
  message: string;
  lastTransitionTime: string;
}

export interface CodeCount {
  code: string;
  count: number;
  message?: string;
}

/** A column of the file as it was matched; neither field nor ignored stands for a column that nothing is loaded from. */
export interface MatchedColumn {
  name: string;
  field?: string;
  ignored?: boolean;
}

export interface Upload {
  name: string;
  namespace: string;
  uid: string;
  schema: string;
  file: { id?: string; name: string; bucket: string; key: string; sizeBytes?: number };
  sourceType: 'Manual' | 'API' | 'UI' | 'FTP' | 'S3Event';
  mode: 'Commit' | 'Validate';
  phase: Phase;
  message?: string;
  records?: RecordCounts;
  progress?: string;
  recordsPerSecond?: number;
  estimatedCompletionTime?: string;
  topErrors?: CodeCount[];
  columns?: MatchedColumn[];
  /** The further columns of the file, which `columns` has no room for. */
  columnsOmitted?: number;
  conditions: Condition[];
  retryGeneration: number;
  createdBy?: string;
  createdAt: string;
  startedAt?: string;
  completedAt?: string;
  deletedAt?: string;
}

export interface UploadPage {
  items: Upload[];
  nextCursor?: string;
  /** A watch with this id tells what has changed since the page. */
  lastEventId: string;
}

export interface ErrorCounts {
  failed: number;
  codes: CodeCount[];
}

export interface RecordFault {
  code: string;
  field?: string;
  message: string;
}

export interface FailedRecord {
  /** The row in the file; the header is row 1. */
  row: number;
  faults: RecordFault[];
  /** The record as a line of CSV with commas, with sensitive values masked. */
  data?: string;
}

export interface FailedRecordPage {
  items: FailedRecord[];
  nextAfter?: number;
}

export interface SchemaName {
  name: string;
  ready: boolean;
  message?: string;
}

export interface SchemaField {
  name: string;
  title?: string;
  description?: string;
  type: string;
  format?: string;
  decimalChar?: string;
  groupChar?: string;
  bareNumber?: boolean;
  trueValues?: string[];
  falseValues?: string[];
  required: boolean;
  constraints?: {
    enum?: string[];
    pattern?: string;
    minLength?: number;
    maxLength?: number;
    minimum?: string;
    maximum?: string;
    exclusiveMinimum?: string;
    exclusiveMaximum?: string;
  };
  missingValues?: string[];
  aliases?: string[];
  sensitive: boolean;
}

export interface Schema extends SchemaName {
  fields: SchemaField[];
  fieldsMatch: string;
  missingValues?: string[];
  primaryKey: string[];
  onDuplicate: string;
  rules: { code: string; message: string }[];
}
