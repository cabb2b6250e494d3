/** The format of a file, as declared in a BatchUpload's `spec.format` and as found. */

export type SourceType = 'csv' | 'ndjson' | 'xlsx';
export type Compression = 'none' | 'gzip' | 'zip' | 'zstd';

/** Every encoding of the Encoding Standard by its name there, then Latin-1 and Latin-5, then the code pages of DOS. */
export const ENCODINGS = [
  'utf-8',
  'utf-16le',
  'utf-16be',
  'windows-1250',
  'windows-1251',
  'windows-1252',
  'windows-1253',
  'windows-1254',
  'windows-1255',
  'windows-1256',
  'windows-1257',
  'windows-1258',
  'windows-874',
  'iso-8859-2',
  'iso-8859-3',
  'iso-8859-4',
  'iso-8859-5',
  'iso-8859-6',
  'iso-8859-7',
  'iso-8859-8',
  'iso-8859-8-i',
  'iso-8859-10',
  'iso-8859-13',
  'iso-8859-14',
  'iso-8859-15',
  'iso-8859-16',
  'koi8-r',
  'koi8-u',
  'macintosh',
  'x-mac-cyrillic',
  'ibm866',
  'gbk',
  'gb18030',
  'big5',
  'euc-jp',
  'iso-2022-jp',
  'shift_jis',
  'euc-kr',
  'iso-8859-1',
  'iso-8859-9',
  'cp437',
  'cp720',
  'cp737',
  'cp775',
  'cp850',
  'cp852',
  'cp855',
  'cp857',
  'cp858',
  'cp860',
  'cp861',
  'cp862',
  'cp863',
  'cp864',
  'cp865',
  'cp866',
  'cp869',
] as const;
export type Encoding = (typeof ENCODINGS)[number];

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
  columns?: ColumnMapping[];
}

/** A mapping says what a column of the file is: a field of the schema, or nothing that is loaded. */
export interface ColumnMapping {
  /** The column's name in the file's header, or a key of NDJSON objects. */
  name: string;
  /** Absent: the column is left out, and `ignore` is true. */
  field?: string;
  ignore?: boolean;
}

/** What became of a column of the file, or of a key of its objects: it is a field, or nothing is loaded from it. */
export interface MatchedColumn {
  /** The name as the file has it. */
  name: string;
  field?: string;
  ignored?: true;
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
