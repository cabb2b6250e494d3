/**
 * What the page asks of the record processor in the Web Worker, and what the Worker tells. Only the texts of faults are
 * for people; everything else is data, for which the page has its own words.
 */
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { DeclaredFormat, SourceFormat } from '#api/source-format.ts';
import type { ColumnType } from '#runner/processor/column-encoding.ts';

/** The fault of a file as a whole, with the job runner's own reason and message. */
export interface WholeFault {
  reason: string;
  message: string;
}

/** A fault of one record. */
export interface Fault {
  rowNumber: number;
  code: string;
  /** Null when the fault is of no single field. */
  field: string | null;
  message: string;
}

/** What a file is, found without a schema. */
export interface FileFacts {
  format: SourceFormat;
  /** The names as they are in the file; of NDJSON the keys of its first objects. Empty when the file is empty. */
  header: string[];
}

export interface CheckRequest {
  file: File;
  spec: RecordSchemaSpec;
  /**
   * The types of the target's columns, where they are known: a value that its column has no room for is a fault then.
   */
  columnTypes: ColumnType[] | null;
  /** With the columns as the person has mapped them. */
  declared: DeclaredFormat;
  /** At most this many decoded bytes are checked; null: all. */
  limitBytes: number | null;
}

/** A record as it will be stored, or a failed record as it stands in the file. Sensitive values are `***`. */
export interface ShownRow {
  rowNumber: number;
  /** The values by `fields`, each with 1,000 characters at most; null for no value. */
  values: (string | null)[];
  faults: Fault[];
}

export interface CodeSummary {
  code: string;
  /** Faults, of which a record may have several. */
  count: number;
  samples: Fault[];
}

/** Equal keys within the file. */
export interface RepeatedKeys {
  /** Valid records whose key an earlier record has. */
  records: number;
  firstRows: readonly number[];
  /** False when the file has more keys than the Worker remembers, so that there may be more. */
  complete: boolean;
}

/** A question that only the database answers. */
export type OpenQuestion =
  /** Is a record with this key stored already? */
  | 'storedKeys'
  /** Does the table refuse a record by a constraint, a foreign key, a trigger or a unique index? */
  | 'tableRules'
  /** Has each column room for the value? The types of the columns are not known. */
  | 'columnTypes';

export interface CheckSummary {
  format: SourceFormat;
  header: string[];
  records: number;
  failed: number;
  /** True when the check went to the end of the file. */
  complete: boolean;
  /** Decoded bytes. */
  bytesChecked: number;
  /** The most frequent first. */
  codes: CodeSummary[];
  /** Null when the schema has no key: each valid record is then added. */
  repeatedKeys: RepeatedKeys | null;
  open: OpenQuestion[];
}

export type CheckEvent =
  /** The first ten records. `fields` are the names of the schema's fields. */
  | { type: 'rows'; fields: string[]; rows: ShownRow[] }
  /** At most ten times a second. `bytesRead` and `sizeBytes` are of the file as it is stored. */
  | { type: 'progress'; bytesRead: number; sizeBytes: number; records: number; failed: number }
  | { type: 'done'; summary: CheckSummary }
  | { type: 'failed'; fault: WholeFault };

/** What is sent to the Worker. */
export type ToWorker =
  | { type: 'inspect'; file: File; declared: DeclaredFormat }
  | { type: 'check'; request: CheckRequest };

/** What the Worker sends. */
export type FromWorker = { type: 'inspected'; result: FileFacts | WholeFault } | CheckEvent;
