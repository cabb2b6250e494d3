/** What kind of file an object is: as declared in a BatchUpload's `spec.format`, and as found. */

export type SourceType = 'csv' | 'ndjson' | 'xlsx';
export type Compression = 'none' | 'gzip' | 'zip' | 'zstd';
export type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252' | 'iso-8859-1';

/** How a CSV is written, in the words of the Frictionless Table Dialect. Every character is one of ASCII. */
export interface Dialect {
  delimiter: string;
  /** Empty: the file has no quoting. */
  quoteChar: string;
  /** A quote inside a quoted field is written twice. */
  doubleQuote: boolean;
  /** The character after it stands for itself, inside quotes and outside; empty: none. */
  escapeChar: string;
  /** A line that begins with it is no record, but a row; empty: none. */
  commentChar: string;
  /** Spaces before a field are not part of it. */
  skipInitialSpace: boolean;
}

/** spec.format; what is absent is detected, or the ordinary dialect's. */
export interface DeclaredFormat {
  type?: SourceType;
  compression?: Compression;
  encoding?: Encoding;
  dialect?: Partial<Dialect>;
}

/** What was found; kept in the ledger. */
export interface SourceFormat {
  type: SourceType;
  compression: Compression;
  /** Null for a workbook. */
  encoding: Encoding | null;
  /** Null unless the file is a CSV. */
  delimiter: string | null;
  /** Of the bytes that chunks point into. */
  chunkDelimiter: string;
}
