import { describe, expect, it } from 'vitest';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { Fault } from '#common/faults.ts';
import { openArchive } from '#runner/node/zip-archive.ts';
import { rewriteXlsx } from '#runner/source/rewrite-xlsx.ts';
import { type CellSpec, type WorkbookSpec, workbook, workbookParts, zip } from '#support/records/workbook.ts';
import { read } from '../csv/scan.ts';
import { collect, piecesOf } from './pieces.ts';

const archiveOf = (bytes: Buffer) =>
  openArchive((start, end) => piecesOf(bytes.subarray(start, end), [7, 100]), bytes.length);

const NO_FIELDS: RecordSchemaSpec = {
  fields: [],
  fieldsMatch: 'equal',
  primaryKey: [],
  target: { table: 't', create: false, onDuplicate: 'Skip', columns: [] },
};

const rewrite = async (bytes: Buffer, schema = NO_FIELDS) =>
  collect(rewriteXlsx(await archiveOf(bytes), { schema, maxRecordBytes: 1000 }));

async function readBytes(bytes: Buffer): Promise<(number | string)[][]> {
  const text = await rewrite(bytes);
  return read(text).map(({ row, fields }) => [row, ...fields]);
}
const readAll = (spec: WorkbookSpec) => readBytes(workbook(spec));

/** The workbook with one of its parts changed. */
function changed(spec: WorkbookSpec, part: string, change: (xml: string) => string): Buffer {
  const parts = workbookParts(spec);
  parts[part] = change(parts[part]!);
  return zip(parts);
}

describe('cells', () => {
  it.each<[string, CellSpec, string]>([
    ['a text', 'a,"b"\nc <&> é', 'a,"b"\nc <&> é'],
    ['a text of digits keeps its zeros', '00501', '00501'],
    ['spaces', '  a ', '  a '],
    ['a number', { v: '42' }, '42'],
    ['a number with a fraction', { v: '0.30000000000000004' }, '0.3'],
    ['true', { t: 'b', v: '1' }, 'true'],
    ['false', { t: 'b', v: '0' }, 'false'],
    ['a date', { s: 1, v: '45688' }, '2025-01-31'],
    ['a date and time', { s: 2, v: '45688.5' }, '2025-01-31T12:00:00'],
    ['a ZIP code', { s: 3, v: '501' }, '00501'],
    ['an ISO date', { t: 'd', v: '2025-01-31T00:00:00' }, '2025-01-31'],
    ['an error', { t: 'e', v: '#N/A' }, '#N/A'],
    ['a formula’s text', { t: 'str', xml: '<f>A1&amp;"x"</f>', v: 'ax' }, 'ax'],
    ['a formula’s number', { xml: '<f>1+1</f>', v: '2' }, '2'],
    ['a formula that was never computed', { xml: '<f>1+1</f>' }, ''],
    ['an inline text of several runs', { t: 'inlineStr', xml: '<is><r><t>a</t></r><r><t> b</t></r></is>' }, 'a b'],
    ['a reading aid is not text', { t: 'inlineStr', xml: '<is><t>山</t><rPh><t>やま</t></rPh></is>' }, '山'],
    ['what XML cannot hold', { t: 'inlineStr', xml: '<is><t>a_x000D_b_x005F_x</t></is>' }, 'a\rb_x'],
    ['an escape in the text of a formula', { t: 'str', v: 'a_x000D_\nb' }, 'a\r\nb'],
    ['no escape across two runs', { t: 'inlineStr', xml: '<is><r><t>_x00</t></r><r><t>0D_</t></r></is>' }, '_x000D_'],
    ['ends of lines, as XML says', { t: 'inlineStr', xml: '<is><t>a\r\nb\rc</t></is>' }, 'a\nb\nc'],
    ['a carriage return by its number', { t: 'inlineStr', xml: '<is><t>a&#13;&#10;b</t></is>' }, 'a\r\nb'],
    ['a shared formula', { xml: '<f t="shared" ref="B1:B9" si="0">1+1</f>', v: '2' }, '2'],
    ['a formula’s error', { t: 'e', xml: '<f>1/0</f>', v: '#DIV/0!' }, '#DIV/0!'],
    ['a formula’s true', { t: 'b', xml: '<f>TRUE()</f>', v: '1' }, 'true'],
    ['a style without a value', { s: 1 }, ''],
    ['an extension that looks like a value', { v: '1', xml: '<extLst><ext><v>2</v></ext></extLst>' }, '1'],
    ['a text element where none belongs', { v: '1', xml: '<t>2</t>' }, '1'],
    ['an element of another namespace', { v: '1', xml: '<v xmlns="urn:other">2</v>' }, '1'],
    ['a date and time to the millisecond', { s: 2, v: '45688.99999884' }, '2025-01-31T23:59:59.900'],
    ['a social security number', { s: 4, v: '12345678' }, '012-34-5678'],
    ['CDATA', { t: 'inlineStr', xml: '<is><t><![CDATA[<a>]]></t></is>' }, '<a>'],
    ['a style that is not there', { s: 9, v: '45688' }, '45688'],
    ['a shared text that is absent', { t: 's' }, ''],
  ])('%s', async (_name, cell, text) => {
    const spec = { rows: { 1: ['h', cell, 'end'] }, formats: ['yyyy-mm-dd', 22, '00000', '000-00-0000'] };
    expect(await readAll(spec)).toEqual([[1, 'h', text, 'end']]);
  });

  it('days from 1904', async () => {
    const spec = { rows: { 1: [{ s: 1, v: '44226' }] }, formats: [14], date1904: true };
    expect(await readAll(spec)).toEqual([[1, '2025-01-31']]);
  });

  it('shared texts with runs and aids', async () => {
    const bytes = changed({ rows: { 1: ['x', 'y'] } }, 'xl/sharedStrings.xml', (xml) =>
      xml.replace('<t xml:space="preserve">x</t>', '<r><t>a</t></r><r><t>é</t></r><rPh><t>no</t></rPh>'),
    );
    expect(await readBytes(bytes)).toEqual([[1, 'aé', 'y']]);
  });
});

describe('rows', () => {
  it('have the numbers of the sheet; rows without a value are blank lines', async () => {
    const rows = { 3: ['a', 'b'], 4: ['1', '2'], 6: [null, ''], 9: [null, '3'] };
    expect(await readAll({ rows })).toEqual([
      [3, 'a', 'b'],
      [4, '1', '2'],
      [9, '', '3'],
    ]);
  });

  it('are as wide as the first; cells that are absent are blank', async () => {
    const rows = { 1: ['a', 'b', 'c', '', null], 2: ['1'], 3: [null, null, '3'], 4: ['1', '2', '3', '4'] };
    expect(await readAll({ rows })).toEqual([
      [1, 'a', 'b', 'c'],
      [2, '1', '', ''],
      [3, '', '', '3'],
      [4, '1', '2', '3', '4'],
    ]);
  });

  it('without numbers follow each other', async () => {
    const bytes = changed({ rows: { 1: ['a', 'b'], 2: ['1', '2'] } }, 'xl/worksheets/sheet1.xml', (xml) =>
      xml.replaceAll(/ r="[A-Z]*\d"/g, ''),
    );
    expect(await readBytes(bytes)).toEqual([
      [1, 'a', 'b'],
      [2, '1', '2'],
    ]);
  });

  it('with a prefix for every name', async () => {
    const bytes = changed({ rows: { 1: ['a'] } }, 'xl/worksheets/sheet1.xml', (xml) =>
      xml.replaceAll(/<(\/?)/g, '<$1x:').replace('xmlns=', 'xmlns:x='),
    );
    expect(await readBytes(bytes)).toEqual([[1, 'a']]);
  });

  it('many of them', async () => {
    const rows = Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [i + 1, [`k${i}`, { v: String(i) }]]));
    const found = await readAll({ rows });
    expect(found).toHaveLength(3000);
    expect(found[2999]).toEqual([3000, 'k2999', '2999']);
  });
});

describe('the first sheet that is shown', () => {
  it('is the first of the workbook’s list', async () => {
    expect(await readAll({ rows: { 1: ['a'] }, before: {} })).toEqual([[1, 'other']]);
  });

  it.each(['hidden', 'veryHidden'])('is not one that is %s', async (state) => {
    expect(await readAll({ rows: { 1: ['a'] }, before: { state } })).toEqual([[1, 'a']]);
  });
});

describe('what cannot be read says what to do', () => {
  const spec: WorkbookSpec = { rows: { 1: ['a', 'b'], 2: ['1', '2'] } };
  const reason = (bytes: Buffer) =>
    readBytes(bytes).then(
      () => null,
      (error: Fault) => error.reason,
    );

  it.each<[string, string, (xml: string) => string, string]>([
    ['XML that is cut off', 'xl/worksheets/sheet1.xml', (xml) => xml.slice(0, -20), 'FileDamaged'],
    ['a row twice', 'xl/worksheets/sheet1.xml', (xml) => xml.replace('<row r="2"', '<row r="1"'), 'FileDamaged'],
    [
      'a row beyond the last',
      'xl/worksheets/sheet1.xml',
      (xml) => xml.replace('<row r="2"', '<row r="1048577"'),
      'FileDamaged',
    ],
    ['a column beyond the last', 'xl/worksheets/sheet1.xml', (xml) => xml.replace('"B2"', '"XFE2"'), 'FileDamaged'],
    [
      'a shared text that is not there',
      'xl/worksheets/sheet1.xml',
      (xml) => xml.replace('<v>3<', '<v>4<'),
      'FileDamaged',
    ],
    [
      'a sheet that is not there',
      'xl/_rels/workbook.xml.rels',
      (xml) => xml.replace('sheet1', 'sheet9'),
      'FileDamaged',
    ],
    ['no sheet', 'xl/workbook.xml', (xml) => xml.replace(/<sheets>.*<\/sheets>/, '<sheets/>'), 'FormatNotSupported'],
    ['a binary workbook', '_rels/.rels', (xml) => xml.replace('workbook.xml', 'workbook.bin'), 'FormatNotSupported'],
    [
      'a text of more than the limit',
      'xl/sharedStrings.xml',
      (xml) => xml.replace('>b<', `>${'x'.repeat(1001)}<`),
      'RecordTooLong',
    ],
  ])('%s', async (_name, part, change, expected) => {
    expect(await reason(changed(spec, part, change))).toBe(expected);
  });

  it('an entity of its own is not taken', async () => {
    const bomb = '<!DOCTYPE sst [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>';
    const bytes = changed(spec, 'xl/sharedStrings.xml', (xml) => bomb + xml.replace('>b<', '>&b;<'));
    expect(await reason(bytes)).toBe('FileDamaged');
  });
});

describe('an archive', () => {
  const readMember = async (bytes: Buffer) => {
    const archive = await archiveOf(bytes);
    return (await collect(archive.read(archive.members[0]!))).toString();
  };

  it('whose bytes are not those of its checksum is broken', async () => {
    const bytes = zip({ a: 'some text' }, 0);
    expect(await readMember(bytes)).toBe('some text');
    bytes[bytes.indexOf('some')]! += 1;
    await expect(readMember(bytes)).rejects.toMatchObject({ reason: 'FileDamaged' });
  });

  it('larger than what is read of its end at once', async () => {
    const text = Array.from({ length: 200_000 }, (_, i) => `${i},`).join('');
    expect(await readMember(zip({ a: text }, 0))).toBe(text);
  });

  it.each<[string, number, number, RegExp]>([
    ['a password', 6, 1, /password/],
    ['another method', 8, 12, /another method/],
  ])('with %s is refused', async (_name, offset, value, message) => {
    const bytes = zip({ a: 'text' });
    const entry = bytes.indexOf(Buffer.from('PK\x01\x02'));
    bytes[entry + offset + 2] = value;
    await expect(readMember(bytes)).rejects.toThrow(message);
  });

  it('a fault of the storage stays what it is', async () => {
    const fault = new Fault({ code: 'S3_UNAVAILABLE', category: 'retryable', message: 'away' });
    const bytes = zip({ a: 'x'.repeat(400_000), b: 'y' }, 0);
    const archive = await openArchive(async function* (start, end) {
      yield bytes.subarray(start, Math.min(end, start + 1000));
      if (end < bytes.length && end - start > 1000) throw fault;
      yield bytes.subarray(start + 1000, end);
    }, bytes.length);
    await expect(collect(archive.read(archive.members[0]!))).rejects.toBe(fault);
  });
});
