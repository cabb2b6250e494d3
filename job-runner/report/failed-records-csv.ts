/** Rows of CSV, and the file of failed records. Pure. */
import { splitRecord, withoutLineEnd } from '#runner/csv/split.ts';
import type { PreparedRecord } from '#runner/records/prepare-records.ts';

export function formatCsvRow(cells: readonly (string | number)[], delimiter = ','): string {
  return `${cells.map((cell) => formatCell(String(cell), delimiter)).join(delimiter)}\n`;
}

function formatCell(text: string, delimiter: string): string {
  return text.includes(delimiter) || /["\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const NUMBER = /^[+-]?(?:[0-9]+(?:[.,][0-9]+)*[.,]?|[.,][0-9]+)(?:[eE][+-]?[0-9]+)?$/;

/** A spreadsheet would compute a cell that begins so; an apostrophe before the cell makes the cell a text. Numbers stay as they are. */
export function neutralize(text: string): string {
  return /^[=+\-@\t\r]/.test(text) && !NUMBER.test(text) ? `'${text}` : text;
}

/**
 * Writes failed records with the columns of their file and three more: `_row`, `_code` and `_message`. Values of sensitive fields
 * stay as they are: the file is the sender's own, who cannot correct a masked value.
 */
export interface FailedRecordsFormat {
  header(): Buffer;
  record(record: PreparedRecord): Buffer;
}

export interface FailedRecordsOptions {
  header: readonly string[];
  /** Between the fields of the canonical records. */
  chunkDelimiter: string;
  /** Between the fields that are written: the file's own. */
  delimiter: string;
  /** Does a value that a spreadsheet would compute stay as it is? Default: no. */
  keepsFormulas?: boolean;
  /** Writes the typed values of a record as texts; absent for a file without such values. */
  toTexts?(record: Buffer, fields: readonly string[]): string[];
}

export function createFailedRecordsFormat({
  header,
  chunkDelimiter,
  delimiter,
  keepsFormulas = false,
  toTexts = (_record, fields) => [...fields],
}: FailedRecordsOptions): FailedRecordsFormat {
  // Bytes that are no text must stay what they are, so that rows are built from a view of which every character is a byte.
  const view = (text: string) => Buffer.from(text).toString('latin1');
  const safe = keepsFormulas ? (text: string) => text : neutralize;
  const write = (cells: readonly (string | number)[]) => Buffer.from(formatCsvRow(cells, delimiter), 'latin1');
  return {
    header: () => write([...header.map((name) => view(safe(name))), '_row', '_code', '_message']),
    record({ bytes, rowNumber, faults }) {
      const { fields } = splitRecord(withoutLineEnd(bytes!.toString('latin1')), chunkDelimiter);
      const own = fitTo(header.length, toTexts(bytes!, fields), delimiter).map(safe);
      const message = faults.map((fault) => fault.message).join('; ');
      return write([...own, rowNumber, faults[0]!.code, view(message)]);
    },
  };
}

/** Fields beyond the last column are joined to the last one, so that nothing of the record is lost. */
function fitTo(columns: number, fields: readonly string[], delimiter: string): string[] {
  if (fields.length <= columns) return [...fields, ...new Array<string>(columns - fields.length).fill('')];
  return [...fields.slice(0, columns - 1), fields.slice(columns - 1).join(delimiter)];
}
