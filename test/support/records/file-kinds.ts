/** Files of every kind, with the rows, the faults of records or the fault of the file that the runner must find. */
import { gzipSync, zstdCompressSync } from 'node:zlib';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { DeclaredFormat, SourceFormat } from '#api/source-format.ts';
import { workbook, zip } from './workbook.ts';

const FIELDS = ['id', 'name', 'zip', 'note'];
export const SCHEMA: RecordSchemaSpec = {
  fields: [
    { name: 'id', type: 'string' },
    { name: 'name', type: 'string', aliases: ['full name'], constraints: { required: true } },
    { name: 'zip', type: 'string', aliases: ['postcode'] },
    { name: 'note', type: 'string' },
  ],
  fieldsMatch: 'equal',
  primaryKey: ['id'],
  target: {
    table: 'people',
    create: false,
    onDuplicate: 'Skip',
    columns: [...FIELDS.map((field) => ({ name: field, field })), { name: 'row', system: 'rowNumber' as const }],
  },
};
/** A blank line stands between the second record and the third. Windows-1252 has every character of the file. */
const RECORDS = [
  ['0007', 'Zoë Müller', '01234', 'plain'],
  ['0008', 'Núñez, Ana', '00501', 'says "hi" | on;\ttwo\nlines'],
  ['0009', 'José', '', ''],
];
export const EXPECTED = [2, 3, 5].map((row, i) => [...RECORDS[i]!.map((text) => text || null), row]);

interface Style {
  delimiter?: string;
  end?: string;
  header?: string[];
  records?: string[][];
}

export function csv({ delimiter = ',', end = '\n', header = FIELDS, records = RECORDS }: Style = {}): string {
  const quote = (text: string) => (/[",;\t|\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const [a, b, c] = records.map((fields) => fields.map(quote).join(delimiter));
  return [header.join(delimiter), a, b, '', c, ''].join(end);
}

const ndjson = () => {
  const [a, b, c] = RECORDS.map((fields) =>
    JSON.stringify(Object.fromEntries(fields.map((text, i) => [FIELDS[i], text]))),
  );
  return `${a}\n${b}\n\n${c}\n`;
};

const utf16be = (text: string) => Buffer.from(`\ufeff${text}`, 'utf16le').swap16();
const latin1 = (text: string) => Buffer.from(text, 'latin1');
const withEuro = (text: string) => latin1(text.replace('plain', 'plain \x80'));

/** Two names are those of other fields, and the field `zip` stands beside a column of that name which is left out. */
const OTHERS = {
  header: ['note', 'id', 'zip', 'name', 'Remark'],
  records: RECORDS.map(([id, name, code, note]) => [id!, name!, 'left out', code!, note!]),
};
const COLUMNS = [
  { name: 'note', field: 'id' },
  { name: 'id', field: 'name' },
  { name: 'zip', ignore: true },
  { name: 'name', field: 'zip' },
  { name: ' Remark\u200b', field: 'note' },
];
const othersAsRows = () => ({ 1: OTHERS.header, 2: OTHERS.records[0]!, 3: OTHERS.records[1]!, 5: OTHERS.records[2]! });
function othersAsObjects(): string {
  const [a, b, c] = OTHERS.records.map((fields) =>
    JSON.stringify(Object.fromEntries(fields.map((text, i) => [OTHERS.header[i], text]))),
  );
  return `${a}\n${b}\n\n${c}\n`;
}

interface Kind {
  name: string;
  key?: string;
  body: Buffer | string;
  format?: DeclaredFormat;
  found: Partial<SourceFormat>;
  copied: boolean;
  expected?: unknown[][];
}

const expectedIn = (rows: number[]) => EXPECTED.map((record, i) => [...record.slice(0, -1), rows[i]]);

export const KINDS: Kind[] = [
  { name: 'UTF-8', body: csv(), found: { type: 'csv', encoding: 'utf-8', delimiter: ',' }, copied: false },
  { name: 'UTF-8 with a byte order mark', body: `\ufeff${csv()}`, found: { encoding: 'utf-8' }, copied: false },
  { name: 'CRLF', body: csv({ end: '\r\n' }), found: {}, copied: false },
  { name: 'CR alone', body: csv({ end: '\r' }), found: {}, copied: false },
  { name: 'no newline at the end', body: csv().trimEnd(), found: {}, copied: false },
  { name: 'semicolons', body: csv({ delimiter: ';' }), found: { delimiter: ';' }, copied: false },
  { name: 'tabs', body: csv({ delimiter: '\t' }), found: { delimiter: '\t' }, copied: false },
  { name: 'pipes', body: csv({ delimiter: '|' }), found: { delimiter: '|' }, copied: false },
  {
    name: 'another delimiter, declared',
    body: csv({ delimiter: '^' }),
    format: { dialect: { delimiter: '^' } },
    found: { delimiter: '^' },
    copied: false,
  },
  {
    name: 'header in another order, by aliases, in other letters',
    body: csv({
      header: ['Post Code', 'NOTE', 'Full_Name', 'ID'],
      records: RECORDS.map(([id, name, code, note]) => [code!, note!, name!, id!]),
    }),
    found: {},
    copied: false,
  },
  ...[
    { kind: 'CSV', type: 'csv' as const, body: csv(OTHERS) },
    { kind: 'a workbook', type: 'xlsx' as const, body: workbook({ rows: othersAsRows() }) },
    { kind: 'NDJSON', type: 'ndjson' as const, body: othersAsObjects() },
  ].map(({ kind, type, body }) => ({
    name: `columns by other names, in ${kind}`,
    body,
    format: { columns: COLUMNS },
    found: { type },
    copied: type !== 'csv',
    ...(type === 'ndjson' ? { expected: expectedIn([1, 2, 4]) } : {}),
  })),
  {
    name: 'columns without a name at the end',
    body: csv({ header: [...FIELDS, '', ''], records: RECORDS.map((fields) => [...fields, '', '']) }),
    found: {},
    copied: false,
  },
  { name: 'UTF-16 LE', body: Buffer.from(`\ufeff${csv()}`, 'utf16le'), found: { encoding: 'utf-16le' }, copied: true },
  {
    name: 'UTF-16 BE',
    body: utf16be(csv({ delimiter: '\t' })),
    found: { encoding: 'utf-16be', delimiter: '\t' },
    copied: true,
  },
  {
    name: 'UTF-16 without a mark, declared',
    body: Buffer.from(csv(), 'utf16le'),
    format: { encoding: 'utf-16le' },
    found: { encoding: 'utf-16le' },
    copied: true,
  },
  {
    name: 'Windows-1252',
    body: withEuro(csv({ delimiter: ';' })),
    found: { encoding: 'windows-1252', delimiter: ';' },
    copied: true,
    expected: EXPECTED.map((record, i) => (i === 0 ? record.with(3, 'plain €') : record)),
  },
  {
    name: 'Latin-1, declared',
    body: latin1(csv()),
    format: { encoding: 'iso-8859-1' },
    found: { encoding: 'iso-8859-1' },
    copied: true,
  },
  { name: 'gzip', key: 'x.csv.gz', body: gzipSync(csv()), found: { compression: 'gzip' }, copied: true },
  {
    name: 'gzip of several members',
    body: Buffer.concat([gzipSync(csv().slice(0, 40)), gzipSync(csv().slice(40))]),
    found: { compression: 'gzip' },
    copied: true,
  },
  { name: 'zstd', body: zstdCompressSync(csv()), found: { compression: 'zstd' }, copied: true },
  {
    name: 'zstd of several frames',
    body: Buffer.concat([zstdCompressSync(csv().slice(0, 40)), zstdCompressSync(csv().slice(40))]),
    found: { compression: 'zstd' },
    copied: true,
  },
  {
    name: 'ZIP with one file',
    body: zip({ 'folder/': '', 'folder/people.csv': csv(), '__MACOSX/folder/._people.csv': 'x' }),
    found: { compression: 'zip' },
    copied: true,
  },
  { name: 'ZIP, stored', body: zip({ 'people.csv': csv() }, 0), found: { compression: 'zip' }, copied: true },
  {
    name: 'Windows-1252 with semicolons, in gzip',
    body: gzipSync(latin1(csv({ delimiter: ';', end: '\r\n' }))),
    found: { compression: 'gzip', encoding: 'windows-1252', delimiter: ';' },
    copied: true,
  },
  {
    name: 'XLSX',
    body: workbook({ rows: { 1: FIELDS, 2: RECORDS[0]!, 3: RECORDS[1]!, 5: RECORDS[2]!.slice(0, 2) } }),
    found: { type: 'xlsx', compression: 'none', encoding: null, delimiter: null },
    copied: true,
  },
  {
    name: 'NDJSON',
    body: ndjson(),
    found: { type: 'ndjson', encoding: 'utf-8', delimiter: null },
    copied: true,
    expected: expectedIn([1, 2, 4]),
  },
  {
    name: 'NDJSON in zstd',
    body: zstdCompressSync(ndjson()),
    found: { type: 'ndjson', compression: 'zstd' },
    copied: true,
    expected: expectedIn([1, 2, 4]),
  },
  {
    name: 'single quotes, backslashes, comments and spaces, declared',
    body: [
      'id; name; zip; note',
      "0007; 'Zoë Müller'; 01234; plain",
      "0008; 'Núñez, Ana'; 00501; 'says \"hi\" | on\\;\ttwo\nlines'",
      '# somebody wrote this',
      '0009; José; ;',
    ].join('\n'),
    format: {
      dialect: {
        delimiter: ';',
        quoteChar: "'",
        doubleQuote: false,
        escapeChar: '\\',
        commentChar: '#',
        skipInitialSpace: true,
      },
    },
    found: { type: 'csv', delimiter: ';', chunkDelimiter: ',' },
    copied: true,
  },
];

const ok = (id: string) => `${id},n,z,t`;
const header = FIELDS.join(',');
const file = (...lines: string[]) => `${[header, ...lines].join('\n')}\n`;
const raw = (...parts: (string | number[])[]) =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part))));

/** Files with records that fail: the rows and codes of these records, and the keys of the records that are loaded. */
export const RECORD_FAULTS: [
  name: string,
  body: Buffer | string,
  errors: [row: number, code: string][],
  loaded: string[],
  format?: DeclaredFormat,
][] = [
  ['a stray quote', file(ok('a'), 'b,5" pipe,z,t', ok('c')), [[3, 'VAL_012']], ['a', 'c']],
  [
    'a stray quote, semicolons',
    file(ok('a'), 'b,"n" x,z,t', ok('c')).replaceAll(',', ';'),
    [[3, 'VAL_012']],
    ['a', 'c'],
  ],
  [
    'a stray quote in UTF-16',
    Buffer.from(`\ufeff${file('b,5" pipe,z,t', ok('c'))}`, 'utf16le'),
    [[2, 'VAL_012']],
    ['c'],
  ],
  [
    'too few and too many fields',
    file('a,n', ok('b'), 'c,n,z,t,x'),
    [
      [2, 'VAL_010'],
      [4, 'VAL_010'],
    ],
    ['b'],
  ],
  [
    'a byte that is not UTF-8',
    raw(file(ok('a'), 'é,ü,z,t'), 'b,', [0xe9], ',z,t\n', ok('c')),
    [[4, 'VAL_011']],
    ['a', 'é', 'c'],
  ],
  ['a NUL', file(ok('a'), 'b,\0,z,t', ok('c')), [[3, 'VAL_011']], ['a', 'c']],
  [
    'half a character of UTF-16',
    Buffer.from(`\ufeff${file('b,\ud83d,z,t', ok('c'))}`, 'utf16le'),
    [[2, 'VAL_011']],
    ['c'],
  ],
  ['a NUL in UTF-16', Buffer.from(`\ufeff${file('b,\0,z,t', ok('c'))}`, 'utf16le'), [[2, 'VAL_011']], ['c']],
  [
    'UTF-16 that ends within a character',
    Buffer.from(`\ufeff${file(ok('a'))}b,n,z,t`, 'utf16le').subarray(0, -1),
    [[3, 'VAL_011']],
    ['a'],
  ],
  [
    'NDJSON: no JSON, no object, an unknown key, bytes that are not UTF-8, a required field missing',
    raw(
      '{"id":"a","name":"n"}\n{"id":"b","name"\n[1]\n{"id":"c","name":"n","colour":"red"}\n{"id":"',
      [0xff],
      '","name":"n"}\n{"id":"d"}\n{"id":"e","name":"n"}',
    ),
    [
      [2, 'VAL_012'],
      [3, 'VAL_012'],
      [4, 'VAL_010'],
      [5, 'VAL_011'],
      [6, 'VAL_001'],
    ],
    ['a', 'e'],
  ],
  [
    'XLSX: a cell beyond the header',
    workbook({ rows: { 1: FIELDS, 2: ['a', 'n', 'z', 't', 'x'], 3: ['b', 'n'] } }),
    [[2, 'VAL_010']],
    ['b'],
  ],
  [
    'a stray quote of a declared dialect',
    file(ok('a'), "b,O'Brien,z,t", ok('c')),
    [[3, 'VAL_012']],
    ['a', 'c'],
    { dialect: { quoteChar: "'" } },
  ],
];

const parts = { 'a.csv': csv(), 'b.csv': csv() };

/** Files that fail as a whole until a person mends them. */
export const FILE_FAULTS: [
  name: string,
  body: Buffer | string,
  reason: string,
  message: RegExp,
  format?: DeclaredFormat,
][] = [
  ['a ZIP with two files', zip(parts), 'FormatNotSupported', /holds 2 files \(a\.csv, b\.csv\)/],
  ['a ZIP with none', zip({ 'folder/': '' }), 'FormatNotSupported', /holds no file/],
  ['an old workbook', Buffer.from('d0cf11e0a1b11ae1', 'hex'), 'FormatNotSupported', /save it as \.xlsx or CSV/],
  ['gzip in ZIP', zip({ 'a.csv.gz': gzipSync(csv()) }), 'FormatNotSupported', /packed twice/],
  ['gzip that is cut off', gzipSync(csv()).subarray(0, -12), 'FileDamaged', /cut off or broken.*gzip -t/],
  ['a ZIP that is cut off', zip({ 'a.csv': csv() }).subarray(0, -30), 'FileDamaged', /cut off or broken/],
  ['UTF-16 without a mark', Buffer.from(csv(), 'utf16le'), 'FormatNotSupported', /Declare spec\.format\.encoding/],
  ['a JSON array', '[{"id":"a"}]', 'FormatNotSupported', /one object a line/],
  [
    'declared gzip that is none',
    csv(),
    'FormatMismatch',
    /compression gzip.*is not compressed/,
    { compression: 'gzip' },
  ],
  ['a quote that never closes, in gzip', gzipSync('id,name,zip,note\na,"n,z,t\n'), 'UnterminatedQuote', /row 2/],
  ['a header that does not fit, in UTF-16', Buffer.from('\ufeffid,colour\n', 'utf16le'), 'HeaderMismatch', /colour/],
];
