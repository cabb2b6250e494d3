/** Rewrites the first sheet of a workbook as records; the sheet's rows without a cell become blank lines. */
import { numberText } from './cell-text.ts';
import type { Archive } from './platform.ts';
import { readXml } from './read-xml.ts';
import { formatFault, recordTooLong } from './source-format.ts';
import { encodeText } from './transcode.ts';
import { createTextReader, decodeEscapes, openWorkbook, type Workbook } from './workbook.ts';
import { formatRecord } from './write-csv.ts';

/** The format's own limits. */
const MAX_ROW = 1_048_576;
const MAX_COLUMN = 16_384;

export async function* rewriteXlsx(archive: Archive, maxRecordBytes: number): AsyncGenerator<Buffer, void, void> {
  const workbook = await openWorkbook(archive);
  const writer = createRowWriter();
  const reader = createSheetReader({ workbook, maxRecordBytes, onRow: writer.add });
  for await (const _ of readXml(archive.read(workbook.sheet), reader)) {
    const text = writer.take();
    if (text !== '') yield encodeText(text);
  }
}

/**
 * Writes rows in order, with blank lines for the rows between them. Each row is at least as wide as the first one:
 * cells at the end of a row are often absent.
 */
function createRowWriter(): { add(row: number, cells: string[]): void; take(): string } {
  let output = '';
  let lastRow = 0;
  let width = 0;
  return {
    add(row, cells) {
      while (cells.at(-1) === '') cells.pop();
      if (cells.length === 0) return;
      width ||= cells.length;
      while (cells.length < width) cells.push('');
      output += '\n'.repeat(row - lastRow - 1) + formatRecord(cells);
      lastRow = row;
    },
    take() {
      const text = output;
      output = '';
      return text;
    },
  };
}

interface Cell {
  column: number;
  type: string;
  style: number;
  text: string;
}

function createSheetReader({
  workbook,
  maxRecordBytes,
  onRow,
}: {
  workbook: Workbook;
  maxRecordBytes: number;
  onRow(row: number, cells: string[]): void;
}) {
  let row = 0;
  let cells: string[] = [];
  let length = 0;
  let cell: Cell | null = null;
  let inValue = false;
  const inline = createTextReader();

  function openRow(reference: string | undefined): void {
    const number = reference === undefined ? row + 1 : Number(reference);
    if (!(number > row && number <= MAX_ROW)) throw misplaced();
    row = number;
    cells = [];
    length = 0;
  }

  function closeCell({ column, text, ...how }: Cell): void {
    const value = cellText(text, how, workbook);
    length += value.length;
    if (length > maxRecordBytes) throw recordTooLong(row, maxRecordBytes);
    while (cells.length < column) cells.push('');
    cells[column] = value;
  }

  return {
    open(name: string, attributes: Record<string, string>) {
      if (name === 'row') openRow(attributes['r']);
      else if (name === 'c') {
        const { r, t = 'n', s = '0' } = attributes;
        cell = { column: r === undefined ? cells.length : columnOf(r), type: t, style: Number(s), text: '' };
      } else if (name === 'v') inValue = true;
      else inline.open(name);
    },
    text(text: string) {
      if (!cell || !(inValue || inline.reading)) return;
      cell.text += text;
      if (cell.text.length > maxRecordBytes) throw recordTooLong(row, maxRecordBytes);
    },
    close(name: string) {
      if (name === 'v') inValue = false;
      else if (name === 'c' && cell) {
        closeCell(cell);
        cell = null;
      } else if (name === 'row') onRow(row, cells);
      else inline.close(name);
    },
  };
}

/** The column of a cell with a name such as AB12, counted from 0. */
function columnOf(reference: string): number {
  let column = 0;
  for (const letter of /^[A-Z]{1,3}/.exec(reference)?.[0] ?? '') column = column * 26 + letter.charCodeAt(0) - 64;
  if (column === 0 || column > MAX_COLUMN) throw misplaced();
  return column - 1;
}

/** The text that a person sees in the cell; a formula gives the value that was last computed. */
function cellText(text: string, { type, style }: Pick<Cell, 'type' | 'style'>, workbook: Workbook): string {
  switch (type) {
    case 's': {
      if (text === '') return '';
      const shared = workbook.sharedStrings.get(Number(text));
      if (shared === undefined) throw misplaced();
      return shared;
    }
    case 'str':
    case 'inlineStr':
      return decodeEscapes(text);
    case 'b':
      return text === '' ? '' : text === '1' ? 'true' : 'false';
    case 'd':
      return text.replace(/T00:00:00(\.0+)?Z?$/, '');
    case 'e':
      // An error stays as it is shown, such as #N/A, since a blank would be loaded silently. A schema can name the
      // error in missingValues.
      return text;
    default:
      return numberText(text, workbook.styles[style] ?? { kind: 'plain' }, workbook.date1904);
  }
}

function misplaced() {
  return formatFault(
    'FileDamaged',
    'The workbook has a cell or a row where none may be: open it, save it again as .xlsx or CSV, and upload that.',
  );
}
