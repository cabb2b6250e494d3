import type { Dialect } from '#api/source-format.ts';
import { Fault } from '#common/faults.ts';

export const DELIMITERS = [',', ';', '\t', '|'] as const;

const ORDINARY: Omit<Dialect, 'delimiter'> = {
  quoteChar: '"',
  doubleQuote: true,
  escapeChar: '',
  commentChar: '',
  skipInitialSpace: false,
};

/** Adds the defaults of what is not declared. @throws Fault when two of the dialect's characters are the same. */
export function completeDialect(declared: Partial<Dialect> | undefined, delimiter: string): Dialect {
  const dialect = { ...ORDINARY, ...declared, delimiter: declared?.delimiter ?? delimiter };
  const { quoteChar, escapeChar, commentChar } = dialect;
  const characters = [dialect.delimiter, quoteChar, escapeChar, commentChar].filter(Boolean);
  if (new Set(characters).size === characters.length) return dialect;
  throw formatFault(
    'FormatMismatch',
    'spec.format.dialect gives one character two meanings: delimiter, quoteChar, escapeChar and commentChar must differ. Correct it in a new BatchUpload.',
  );
}

/** Does the scanner read this dialect? */
export function isOrdinary({ quoteChar, doubleQuote, escapeChar, commentChar, skipInitialSpace }: Dialect): boolean {
  return quoteChar === '"' && doubleQuote && escapeChar === '' && commentChar === '' && !skipInitialSpace;
}

/** The fault of a file whose bytes are not what spec.format declares. */
export function declaredOtherwise(what: string): Fault {
  return formatFault(
    'FormatMismatch',
    `spec.format declares ${what}. Create a BatchUpload that declares what the file is, or declares nothing.`,
  );
}

export type FormatReason =
  /** The object's bytes are not what spec.format declares. */
  | 'FormatMismatch'
  /** The runner does not read this format. */
  | 'FormatNotSupported'
  /** An archive, a workbook or a compressed stream is cut off or broken. */
  | 'FileDamaged';

/** A fault that only a person can mend. @param message says what happened and what to do. */
export function formatFault(reason: FormatReason, message: string, cause?: unknown): Fault {
  return new Fault({ code: 'FILE_FORMAT', category: 'permanent', reason, message, cause });
}

export function recordTooLong(rowNumber: number, maxRecordBytes: number): Fault {
  return new Fault({
    code: 'FILE_RECORD_TOO_LONG',
    category: 'permanent',
    reason: 'RecordTooLong',
    message: `The record in row ${rowNumber} is longer than ${maxRecordBytes} bytes. Split it, or check that the file's rows end with a newline and its quotes are closed.`,
  });
}
