/** Reads the rows of a sheet. Source: ECMA-376 part 1, 18.3.1. */
import { stringElements, xstringElement } from './cell-string.ts';
import { type CellValue, type FieldType, isoValue, numberValue } from './cell-text.ts';
import { SHEET_NAMESPACES } from './namespaces.ts';
import { elements, type XmlDocument } from './read-xml.ts';
import { formatFault, recordTooLong } from './source-format.ts';
import { isTrue, type Workbook } from './workbook.ts';

/** The format's own limits. */
const MAX_ROW = 1_048_576;
const MAX_COLUMN = 16_384;

export type SheetCell = CellValue;

export interface SheetReaderOptions {
  workbook: Workbook;
  maxRecordBytes: number;
  /** The type of a column's field. */
  typeOf(column: number): FieldType;
  onRow(row: number, cells: SheetCell[]): void;
}

const BLANK: SheetCell = { kind: 'text', text: '' };

/** @returns the document to read; every element that it does not name is skipped */
export function createSheetReader({ workbook, maxRecordBytes, typeOf, onRow }: SheetReaderOptions): XmlDocument {
  let row = 0;
  let cells: SheetCell[] = [];
  let length = 0;
  let column = 0;
  let type = '';
  let style = 0;
  let content = '';

  const addText = (text: string) => {
    content += text;
    if (content.length > maxRecordBytes) throw tooLong();
  };
  const tooLong = () => recordTooLong(row, maxRecordBytes);
  const limit = { characters: maxRecordBytes, fault: tooLong };
  const c = {
    open({ r, t, s }: Record<string, { value: string }>) {
      column = r === undefined ? cells.length : columnOf(r.value);
      type = t?.value ?? 'n';
      style = s === undefined ? 0 : Number(s.value);
      content = '';
    },
    close() {
      const value = content === '' ? BLANK : readCell(content, { type, style, fieldType: typeOf(column) }, workbook);
      length += value.text.length;
      if (length > maxRecordBytes) throw tooLong();
      while (cells.length < column) cells.push(BLANK);
      cells[column] = value;
    },
    children: elements({
      v: xstringElement(addText, limit),
      is: { children: stringElements(addText, limit) },
    }),
  };
  const rowElement = {
    open({ r }: Record<string, { value: string }>) {
      const number = r === undefined ? row + 1 : Number(r.value);
      if (!(number > row && number <= MAX_ROW)) throw misplaced();
      row = number;
      cells = [];
      length = 0;
    },
    close: () => onRow(row, cells),
    children: elements({ c }),
  };
  return {
    namespaces: SHEET_NAMESPACES,
    root: 'worksheet',
    element: { children: elements({ sheetData: { children: elements({ row: rowElement }) } }) },
  };
}

/** The column of a cell with a name such as AB12, counted from 0. */
function columnOf(reference: string): number {
  let column = 0;
  for (const letter of /^[A-Z]{1,3}/.exec(reference)?.[0] ?? '') column = column * 26 + letter.charCodeAt(0) - 64;
  if (column === 0 || column > MAX_COLUMN) throw misplaced();
  return column - 1;
}

/** The value of a cell; a formula gives the value that was last computed. */
function readCell(
  content: string,
  { type, style, fieldType }: { type: string; style: number; fieldType: FieldType },
  { sharedStrings, styles, date1904 }: Workbook,
): SheetCell {
  switch (type) {
    case 's': {
      const text = sharedStrings.get(Number(content));
      if (text === undefined) throw misplaced();
      return { kind: 'text', text };
    }
    case 'str':
    case 'inlineStr':
      return { kind: 'text', text: content };
    case 'b':
      return { kind: 'boolean', text: isTrue(content) ? 'true' : 'false' };
    case 'd':
      return isoValue(content, fieldType);
    case 'e':
      // An error stays as it is shown, such as #N/A, since a blank would be loaded silently. A schema can name the
      // error in missingValues.
      return { kind: 'text', text: content };
    default:
      return numberValue(content, { style: styles[style] ?? { kind: 'plain' }, date1904, type: fieldType });
  }
}

function misplaced() {
  return formatFault(
    'FileDamaged',
    'The workbook has a cell or a row where none may be: open it, save it again as .xlsx or CSV, and upload that.',
  );
}
