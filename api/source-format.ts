/** The format of a file, as declared in a BatchUpload's `spec.format` and as found. */

export type SourceType = 'csv' | 'ndjson' | 'xlsx';
export type Compression = 'none' | 'gzip' | 'zip' | 'zstd';
export type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252' | 'iso-8859-1';

/** The dialect of a CSV file, in the words of the Frictionless Table Dialect. Every character is ASCII. */
export interface Dialect {
  delimiter: string;
  /** The quote character; empty when the file has no quoting. */
  quoteChar: string;
  /** True when a quote inside a quoted field is written twice. */
  doubleQuote: boolean;
  /**
   * The character that makes the next character stand for itself, inside quotes and outside; empty when there is none.
   */
  escapeChar: string;
  /** A line that begins with this character is no record but counts as a row; empty when there is no such character. */
  commentChar: string;
  /** True when spaces before a field are not part of the field. */
  skipInitialSpace: boolean;
}

/**
 * The declared format, spec.format. An absent type, compression or encoding is detected; an absent part of the dialect
 * is the ordinary one.
 */
export interface DeclaredFormat {
  type?: SourceType;
  compression?: Compression;
  encoding?: Encoding;
  dialect?: Partial<Dialect>;
}

/** The format that was found in the file; the ledger keeps it. */
export interface SourceFormat {
  type: SourceType;
  compression: Compression;
  /** Null for a workbook. */
  encoding: Encoding | null;
  /** Null unless the file is a CSV. */
  delimiter: string | null;
  /** The delimiter of the bytes to which the chunks point. */
  chunkDelimiter: string;
  /**
   * True when quotes in the bytes to which the chunks point tell texts from values that the file types. Absent for a
   * CSV, and where a release before this one has planned the upload.
   */
  typedValues?: boolean;
  /** Fields of the schema that no object of an NDJSON file has; absent: there are none, or the format is another one. */
  absentFields?: string[];
}
