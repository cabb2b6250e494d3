/** A workbook is found by its relations, and its elements by their paths and namespaces. */
import { describe, expect, it } from 'vitest';
import { openArchive } from '#runner/node/zip-archive.ts';
import { rewriteXlsx } from '#runner/source/rewrite-xlsx.ts';
import { workbookParts, zip } from '#support/records/workbook.ts';
import { read } from '../csv/scan.ts';
import { collect, piecesOf } from './pieces.ts';
import { schemaOf } from './schema.ts';

type Parts = Record<string, string | Uint8Array>;

async function readParts(parts: Parts) {
  const bytes = zip(parts);
  const archive = await openArchive((start, end) => piecesOf(bytes.subarray(start, end)), bytes.length);
  const text = await collect(rewriteXlsx(archive, { schema: schemaOf(), maxRecordBytes: 1000 }));
  return read(text).map(({ fields }) => fields);
}

const SPEC = { rows: { 1: ['id', 'name'], 2: ['1', { s: 1, v: '44000.5' }] }, formats: ['0.00'] };
const EXPECTED = [
  ['id', 'name'],
  ['1', '44000.5'],
];

const renamed = (rename: (name: string) => string): Parts =>
  Object.fromEntries(Object.entries(workbookParts(SPEC)).map(([name, body]) => [rename(name), body]));

function changed(part: string, change: (xml: string) => string): Parts {
  const parts = workbookParts(SPEC);
  return { ...parts, [part]: change(parts[part]!) };
}

const SHEET = 'xl/worksheets/sheet1.xml';
const TYPES = 'http://schemas.openxmlformats.org/package/2006/content-types';
const typed = (contentType: string) =>
  changed(
    '[Content_Types].xml',
    () => `<Types xmlns="${TYPES}"><Override PartName="/XL/workbook.xml" ContentType="${contentType}"/></Types>`,
  );

describe('is read', () => {
  const root = Object.fromEntries(
    Object.entries(workbookParts(SPEC)).map(([name, body]) => [
      name.replace(/^xl\//, ''),
      body.replaceAll('"xl/workbook.xml"', '"workbook.xml"').replaceAll('/xl/', '/'),
    ]),
  );
  const strict = Object.fromEntries(
    Object.entries(workbookParts(SPEC)).map(([name, body]) => [
      name,
      body
        .replaceAll(
          'http://schemas.openxmlformats.org/spreadsheetml/2006/main',
          'http://purl.oclc.org/ooxml/spreadsheetml/main',
        )
        .replaceAll(
          'http://schemas.openxmlformats.org/officeDocument/2006/relationships',
          'http://purl.oclc.org/ooxml/officeDocument/relationships',
        ),
    ]),
  );
  const utf16 = (body: string) => Buffer.from(`\ufeff${body}`, 'utf16le');

  it.each<[string, Parts]>([
    ['with parts at the root', root],
    ['with names in upper case', renamed((name) => name.toUpperCase())],
    ['with names in lower case', renamed((name) => name.toLowerCase())],
    ['in the strict flavour', strict],
    [
      'with an escaped name',
      changed('xl/_rels/workbook.xml.rels', (xml) => xml.replace('worksheets/sheet1', 'worksheets/%73heet1')),
    ],
    ['in UTF-16', { ...workbookParts(SPEC), [SHEET]: utf16(workbookParts(SPEC)[SHEET]!) }],
    [
      'with the content type of a workbook',
      typed('application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml'),
    ],
    [
      'with the content type of a template',
      typed('application/vnd.openxmlformats-officedocument.spreadsheetml.template.main+xml'),
    ],
    ['with the content type of one with macros', typed('application/vnd.ms-excel.sheet.macroEnabled.main+xml')],
    [
      'with formats of conditions, which are not those of cells',
      changed('xl/styles.xml', (xml) =>
        xml.replace('</styleSheet>', '<dxfs><dxf><numFmt numFmtId="200" formatCode="yyyy"/></dxf></dxfs></styleSheet>'),
      ),
    ],
    [
      'with rows, cells and sheets in extensions, which are not those of the sheet',
      changed(SHEET, (xml) =>
        xml
          .replace(
            '<sheetData>',
            '<extLst><ext><sheetData><row r="1"><c r="A1"><v>9</v></c></row></sheetData></ext></extLst><sheetData>',
          )
          .replace(
            '</sheetData></worksheet>',
            '</sheetData><x:sheetData xmlns:x="urn:x"><x:row r="9"/></x:sheetData></worksheet>',
          ),
      ),
    ],
    [
      'with merged cells, hidden rows and columns',
      changed(SHEET, (xml) =>
        xml
          .replace('<sheetData>', '<cols><col min="2" max="2" hidden="1"/></cols><sheetData>')
          .replace('<row r="2"', '<row r="2" hidden="1"')
          .replace('</worksheet>', '<mergeCells><mergeCell ref="A1:B1"/></mergeCells></worksheet>'),
      ),
    ],
    [
      'with another name for a namespace',
      changed('xl/workbook.xml', (xml) => xml.replaceAll('r:id', 'rel:id').replace('xmlns:r=', 'xmlns:rel=')),
    ],
    [
      'with an attribute that only looks like the id of a relation',
      changed('xl/workbook.xml', (xml) => xml.replace('<sheet ', '<sheet xmlns:o="urn:o" o:id="r2" ')),
    ],
    [
      'with a link to another place',
      changed('xl/_rels/workbook.xml.rels', (xml) =>
        xml.replace(
          '<Relationship ',
          '<Relationship Id="r1" Type="x/worksheet" Target="http://example.org/a.xml" TargetMode="External"/><Relationship ',
        ),
      ),
    ],
  ])('%s', async (_name, parts) => {
    expect(await readParts(parts)).toEqual(EXPECTED);
  });

  it('with a prefix that is not declared', async () => {
    const parts = changed(SHEET, (xml) => xml.replace('<row r="2"', '<row r="2" x14ac:dyDescent="0.25"'));
    expect(await readParts(parts)).toEqual(EXPECTED);
  });

  it('without the table of strings, where no cell needs a string', async () => {
    const rows = {
      1: [
        { t: 'str', v: 'id' },
        { t: 'inlineStr', xml: '<is><t>name</t></is>' },
      ],
      2: [{ v: '1' }, { v: '2' }],
    };
    const { 'xl/sharedStrings.xml': _strings, ...parts } = workbookParts({ rows });
    expect(await readParts(parts)).toEqual([
      ['id', 'name'],
      ['1', '2'],
    ]);
  });
});

describe('is refused', () => {
  it.each<[string, Parts, RegExp]>([
    [
      'a document of another program',
      typed('application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml'),
      /office document, but no \.xlsx/,
    ],
    [
      'a part that is no workbook',
      changed('xl/workbook.xml', () => '<document xmlns="urn:word"/>'),
      /office document, but no \.xlsx/,
    ],
    ['a binary workbook', typed('application/vnd.ms-excel.sheet.binary.macroEnabled.main'), /\.xlsb/],
    [
      'a sheet of another namespace',
      changed(SHEET, (xml) => xml.replace(/xmlns="[^"]*"/, 'xmlns="urn:other"')),
      /not what its name says/,
    ],
    ['a string without the table', renamed((name) => name.replace('sharedStrings', 'other')), /where none may be/],
    ['elements without end', changed(SHEET, () => `<a>`.repeat(300)), /well-formed/],
  ])('%s', async (_name, parts, message) => {
    await expect(readParts(parts)).rejects.toThrow(message);
  });

  it('a text of more than 32 MiB without end', async () => {
    const text = 'x'.repeat(33 * 1024 * 1024);
    await expect(readParts(changed(SHEET, (xml) => xml.replace('<sheetData>', `<!--${text}`)))).rejects.toThrow(
      /32 MiB/,
    );
  });

  it('a header that does not fit names the sheets', async () => {
    const parts = workbookParts({ ...SPEC, before: {} });
    await expect(readParts(parts)).rejects.toMatchObject({
      code: 'FILE_HEADER',
      reason: 'HeaderMismatch',
      message: expect.stringMatching(/has the sheets B, A, and the first is loaded/),
    });
  });
});
