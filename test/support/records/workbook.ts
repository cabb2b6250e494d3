/** Makes workbooks and archives by hand, so that a test decides every byte that matters. */
import { strToU8, type Zippable, zipSync } from 'fflate';

/** A cell's type, style and value as they stand in the XML; a text is a shared string, null an absent cell. */
export type CellSpec = string | null | { t?: string; s?: number; v?: string; xml?: string };

export interface WorkbookSpec {
  /** The rows by their number; rows may be missing. */
  rows: Record<number, CellSpec[]>;
  /** Format codes of the styles 1, 2, …; a number is the id of a format that needs no code. */
  formats?: (string | number)[];
  date1904?: boolean;
  /** Adds a sheet before the sheet with the rows. */
  before?: { state?: string };
}

const MAIN = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main';
const OFFICE = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
const PACKAGE = 'http://schemas.openxmlformats.org/package/2006/relationships';

export function workbookParts(spec: WorkbookSpec): Record<string, string> {
  const strings: string[] = [];
  const sheetData = Object.entries(spec.rows)
    .map(
      ([row, cells]) => `<row r="${row}">${cells.map((cell, i) => cellXml(cell, i, { row, strings })).join('')}</row>`,
    )
    .join('');
  const formats = spec.formats ?? [];
  const sheet = (data: string) => `<worksheet xmlns="${MAIN}"><sheetData>${data}</sheetData></worksheet>`;
  const relation = (id: string, type: string, target: string) =>
    `<Relationship Id="${id}" Type="${OFFICE}/${type}" Target="${target}"/>`;
  const relations = (...all: string[]) => `<Relationships xmlns="${PACKAGE}">${all.join('')}</Relationships>`;
  return {
    '[Content_Types].xml': '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
    '_rels/.rels': relations(relation('r', 'officeDocument', 'xl/workbook.xml')),
    'xl/workbook.xml': `<workbook xmlns="${MAIN}" xmlns:r="${OFFICE}"><workbookPr${spec.date1904 ? ' date1904="1"' : ''}/><sheets>${
      spec.before
        ? `<sheet name="B" sheetId="2" ${spec.before.state ? `state="${spec.before.state}" ` : ''}r:id="r2"/>`
        : ''
    }<sheet name="A" sheetId="1" r:id="r1"/></sheets></workbook>`,
    'xl/_rels/workbook.xml.rels': relations(
      relation('r1', 'worksheet', 'worksheets/sheet1.xml'),
      relation('r2', 'worksheet', '/xl/worksheets/sheet2.xml'),
      relation('r3', 'styles', 'styles.xml'),
      relation('r4', 'sharedStrings', 'sharedStrings.xml'),
    ),
    'xl/worksheets/sheet1.xml': sheet(sheetData),
    'xl/worksheets/sheet2.xml': sheet('<row r="1"><c t="inlineStr"><is><t>other</t></is></c></row>'),
    'xl/styles.xml': `<styleSheet xmlns="${MAIN}"><numFmts>${formats
      .map((code, i) =>
        typeof code === 'string' ? `<numFmt numFmtId="${200 + i}" formatCode="${xmlText(code)}"/>` : '',
      )
      .join('')}</numFmts><cellStyleXfs><xf numFmtId="22"/></cellStyleXfs><cellXfs><xf numFmtId="0"/>${formats
      .map((code, i) => `<xf numFmtId="${typeof code === 'string' ? 200 + i : code}"/>`)
      .join('')}</cellXfs></styleSheet>`,
    'xl/sharedStrings.xml': `<sst xmlns="${MAIN}">${strings.join('')}</sst>`,
  };
}

export function workbook(spec: WorkbookSpec): Buffer {
  return zip(workbookParts(spec));
}

/** @param options of one file; `level` 0 stores it. */
export function zip(files: Record<string, string | Uint8Array>, level: 0 | 6 = 6): Buffer {
  const entries = Object.entries(files).map(([name, body]): [string, Zippable[string]] => [
    name,
    [typeof body === 'string' ? strToU8(body) : body, { level }],
  ]);
  return Buffer.from(zipSync(Object.fromEntries(entries)));
}

export function columnName(index: number): string {
  const letter = String.fromCharCode(65 + (index % 26));
  return index < 26 ? letter : columnName(Math.floor(index / 26) - 1) + letter;
}

function cellXml(cell: CellSpec, column: number, { row, strings }: { row: string; strings: string[] }): string {
  if (cell === null) return '';
  const r = `r="${columnName(column)}${row}"`;
  if (typeof cell === 'string') {
    strings.push(`<si><t xml:space="preserve">${xmlText(cell)}</t></si>`);
    return `<c ${r} t="s"><v>${strings.length - 1}</v></c>`;
  }
  const { t, s, v, xml } = cell;
  const value = v === undefined ? '' : `<v>${xmlText(v)}</v>`;
  return `<c ${r}${s === undefined ? '' : ` s="${s}"`}${t ? ` t="${t}"` : ''}>${xml ?? ''}${value}</c>`;
}

function xmlText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
