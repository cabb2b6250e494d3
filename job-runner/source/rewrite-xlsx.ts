/** Rewrites the first sheet of a workbook as records; the sheet's rows without a cell become blank lines. */
import type { FileSchema } from '#api/file-schema.ts';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { Fault } from '#common/faults.ts';
import { matchHeader } from '#runner/csv/header.ts';
import { unquotedKind, type ValueKind } from '#runner/csv/typed-values.ts';
import { findWorkbookPart } from './package-parts.ts';
import type { Archive } from './platform.ts';
import { readXml } from './read-xml.ts';
import { createSheetReader, type SheetCell } from './sheet-reader.ts';
import { encodeText } from './transcode.ts';
import { notWorkbook, openWorkbook } from './workbook.ts';
import { formatRecord } from './write-csv.ts';

export interface XlsxOptions {
  schema: FileSchema;
  maxRecordBytes: number;
}

/** @throws Fault (permanent, reason FileDamaged, FormatNotSupported, HeaderMismatch, RecordTooLong) */
export async function* rewriteXlsx(
  archive: Archive,
  { schema, maxRecordBytes }: XlsxOptions,
): AsyncGenerator<Buffer, void, void> {
  const main = await findWorkbookPart(archive);
  if (main === undefined) throw notWorkbook();
  const workbook = await openWorkbook(archive, main);
  const columns = createColumns(schema, workbook.sheetNames);
  const writer = createRowWriter(columns);
  const document = createSheetReader({ workbook, maxRecordBytes, typeOf: columns.typeOf, onRow: writer.add });
  for await (const _ of readXml(archive.read(workbook.sheet), document)) {
    const text = writer.take();
    if (text !== '') yield encodeText(text);
  }
}

type Field = RecordSchemaSpec['fields'][number];

interface Columns {
  /** Finds the fields of the columns by the header. @throws Fault FILE_HEADER where the message can name other sheets */
  readHeader(header: readonly string[]): void;
  /** A column without a field, and every column of the header, is one of texts. */
  typeOf(column: number): Field['type'];
  /** Does a value of this kind stand in quotes? */
  isQuoted(column: number, kind: ValueKind): boolean;
}

function createColumns(schema: FileSchema, sheetNames: readonly string[]): Columns {
  const types: Field['type'][] = [];
  const unquoted: (ValueKind | null)[] = [];
  return {
    readHeader(header) {
      const result = matchHeader(header, schema);
      if (result.ok) {
        for (const [i, position] of result.match.positions.entries()) {
          if (position === -1) continue;
          types[position] = schema.fields[i]!.type;
          unquoted[position] = unquotedKind(schema.fields[i]!);
        }
      } else if (schema.fields.length > 0 && sheetNames.length > 1) {
        const names = sheetNames.slice(0, 10).map((name) => name.slice(0, 50));
        const sheets = `${names.join(', ')}${names.length < sheetNames.length ? ', …' : ''}`;
        throw new Fault({
          code: 'FILE_HEADER',
          category: 'permanent',
          reason: 'HeaderMismatch',
          message: `${result.message} The workbook has the sheets ${sheets}, and the first is loaded: where the records are on another, make that sheet the first.`,
        });
      }
    },
    typeOf: (column) => types[column] ?? 'string',
    isQuoted: (column, kind) => (unquoted[column] ?? kind) !== kind,
  };
}

/**
 * Writes rows in order, with blank lines for the rows between them. Each row is at least as wide as the first one:
 * cells at the end of a row are often absent.
 */
function createRowWriter(columns: Columns): { add(row: number, cells: SheetCell[]): void; take(): string } {
  let output = '';
  let lastRow = 0;
  let width = 0;

  return {
    add(row, cells) {
      while (cells.at(-1)?.text === '') cells.pop();
      if (cells.length === 0) return;
      const isHeader = width === 0;
      width ||= cells.length;
      while (cells.length < width) cells.push({ kind: 'text', text: '' });
      const texts = cells.map(({ text }) => text);
      const quoted = cells.map(({ kind }, i) => columns.isQuoted(i, kind));
      output += '\n'.repeat(row - lastRow - 1) + formatRecord(texts, quoted);
      lastRow = row;
      if (isHeader) columns.readHeader(texts);
    },
    take() {
      const text = output;
      output = '';
      return text;
    },
  };
}
