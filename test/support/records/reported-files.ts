/** Small files of kinds that people reported, with what must come of each. The fields are those of the header. */
import { gzipSync, zstdCompressSync } from 'node:zlib';
import iconv from 'iconv-lite';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { DeclaredFormat } from '#api/source-format.ts';
import { zip } from './workbook.ts';

type Field = RecordSchemaSpec['fields'][number];

export interface ReportedFile {
  name: string;
  body: Buffer | string;
  fields: (string | Field)[];
  format?: DeclaredFormat;
  fieldsMatch?: RecordSchemaSpec['fieldsMatch'];
  /** The rows of the table, ordered by the row number in the file, which is last. */
  rows?: (string | number | null)[][];
  errors?: [row: number, code: string][];
  /** The reason and message of a file that fails as a whole. */
  fails?: [reason: string, message: RegExp];
}

const latin1 = (text: string) => Buffer.from(text, 'latin1');
const CITY = ['id', 'city'];
const NAME = ['id', 'name'];
const NAMES = [
  ['1', 'Ann', 2],
  ['2', 'Bob', 3],
];
/** More than the part that detection looks at. */
const MANY = Array.from({ length: 20_000 }, (_, i) => `k${i},plain`).join('\n');

const ENCODINGS: ReportedFile[] = [
  {
    name: 'Windows-1251 without a declaration',
    body: iconv.encode('id;city\n1;Москва\n', 'windows-1251'),
    fields: CITY,
    fails: ['FormatNotSupported', /spec\.format\.encoding.*candidates: windows-1251/],
  },
  {
    name: 'Windows-1251, declared',
    body: iconv.encode('id;city\n1;Москва\n', 'windows-1251'),
    fields: CITY,
    format: { encoding: 'windows-1251' },
    rows: [['1', 'Москва', 2]],
  },
  {
    name: 'GBK without a declaration, in gzip',
    body: gzipSync(iconv.encode('id,city\n1,北京\n2,上海\n', 'gbk')),
    fields: CITY,
    fails: ['FormatNotSupported', /candidates: .*gbk/],
  },
  {
    name: 'GBK, declared, in a ZIP',
    body: zip({ 'a.csv': iconv.encode('id,city\n1,北京\n2,上海\n', 'gbk') }),
    fields: CITY,
    format: { encoding: 'gbk' },
    rows: [
      ['1', '北京', 2],
      ['2', '上海', 3],
    ],
  },
  {
    name: 'cp850 without a declaration',
    body: iconv.encode('id,name\n1,Müller\n2,Café\n', 'cp850'),
    fields: NAME,
    fails: ['FormatNotSupported', /candidates: .*cp850/],
  },
  {
    name: 'cp850, declared',
    body: iconv.encode('id,name\n1,Müller\n2,Café\n', 'cp850'),
    fields: NAME,
    format: { encoding: 'cp850' },
    rows: [
      ['1', 'Müller', 2],
      ['2', 'Café', 3],
    ],
  },
  {
    name: 'NDJSON in KOI8-R, declared',
    body: iconv.encode('{"id":"1","city":"Москва"}\n', 'koi8-r'),
    fields: CITY,
    format: { encoding: 'koi8-r' },
    rows: [['1', 'Москва', 1]],
  },
  {
    name: 'UTF-32',
    body: Buffer.from('fffe00006900000064000000', 'hex'),
    fields: NAME,
    fails: ['FormatNotSupported', /UTF-32/],
  },
  {
    name: 'a stray byte in the beginning of a UTF-8 file whose other characters come much later',
    body: Buffer.concat([
      latin1('id,name\nx,Caf\xe9\n'),
      Buffer.from(`${MANY.slice(0, 200_000).replace(/\n[^\n]*$/, '')}\ny,Zoë\nz,Noël`),
    ]),
    fields: [...NAME],
    errors: [[2, 'VAL_011']],
  },
  {
    name: 'a stray byte far behind the beginning',
    body: Buffer.concat([
      Buffer.from('id,name\n'),
      Buffer.from(`${MANY.slice(0, 200_000).replace(/\n[^\n]*$/, '')}\n`),
      latin1('x,Caf\xe9\n'),
    ]),
    fields: [...NAME],
    errors: [
      [
        MANY.slice(0, 200_000)
          .replace(/\n[^\n]*$/, '')
          .split('\n').length + 2,
        'VAL_011',
      ],
    ],
  },
];

const END_MARKS: ReportedFile[] = [
  {
    name: 'the end mark of DOS on a line of its own',
    body: 'id,name\r\n1,Ann\r\n2,Bob\r\n\x1a',
    fields: NAME,
    rows: NAMES,
  },
  { name: 'end marks behind the last value', body: 'id,name\n1,Ann\n2,Bob\x1a\x1a', fields: NAME, rows: NAMES },
  { name: 'an end mark in a file of one column', body: 'id\n1\n\x1a', fields: ['id'], rows: [['1', 2]] },
  {
    name: 'an end mark in gzip and with semicolons',
    body: gzipSync('id;name\n1;Ann\n2;Bob\n\x1a'),
    fields: NAME,
    rows: NAMES,
  },
  { name: 'an end mark of NDJSON', body: '{"id":"1","name":"Ann"}\n\x1a', fields: NAME, rows: [['1', 'Ann', 1]] },
  {
    name: 'the same character elsewhere',
    body: 'id,name\n\x1a1,A\x1ann\n2,Bob\x1a\n',
    fields: NAME,
    rows: [
      ['\x1a1', 'A\x1ann', 2],
      ['2', 'Bob\x1a', 3],
    ],
  },
];

const JSON_FILES: ReportedFile[] = [
  {
    name: 'NDJSON with a key twice',
    body: '{"id":"1","name":"first","name":"second"}\n{"id":"2","name":"ok"}\n',
    fields: NAME,
    rows: [['2', 'ok', 2]],
    errors: [[1, 'VAL_010']],
  },
  {
    name: 'objects right behind each other',
    body: '{"id":1,"name":"Ann"}{"id":2,"name":"Bob"}',
    fields: NAME,
    rows: [
      ['1', 'Ann', 1],
      ['2', 'Bob', 2],
    ],
  },
  {
    name: 'a sequence of RFC 7464',
    body: '\x1e{"id":1,"name":"Ann"}\n\x1e{"id":2,"name":"Bob"}\n',
    fields: NAME,
    rows: [
      ['1', 'Ann', 1],
      ['2', 'Bob', 2],
    ],
  },
  {
    name: 'objects over several lines',
    body: '{\n  "id": 1,\n  "name": "Ann"\n}\n',
    fields: NAME,
    fails: ['FormatNotSupported', /over several lines.*jq -c/],
  },
];

const HEADERS: ReportedFile[] = [
  {
    name: 'names that differ in an underscore',
    body: 'id,Q1_1,Q11\n1,yes,no\n',
    fields: ['id', 'Q1_1', 'Q11'],
    rows: [['1', 'yes', 'no', 2]],
  },
  {
    name: 'keys that differ in an underscore',
    body: '{"id":"1","Q1_1":"yes","Q11":"no"}',
    fields: ['id', 'Q1_1', 'Q11'],
    rows: [['1', 'yes', 'no', 1]],
  },
  {
    name: 'names that differ in letter case',
    body: 'id,A,a\n1,1,2\n',
    fields: ['id', 'A', 'a'],
    rows: [['1', '1', '2', 2]],
  },
  {
    name: 'names that differ in a space',
    body: 'start end,"start\nend",d\na,b,c\n',
    fields: ['start end', 'start\nend', 'd'],
    rows: [['a', 'b', 'c', 2]],
  },
  {
    name: 'names of symbols',
    body: 'id,+,-,#,_\n1,a,b,c,d\n',
    fields: ['id', '+', '-', '#', '_'],
    rows: [['1', 'a', 'b', 'c', 'd', 2]],
  },
  { name: 'characters that nobody sees', body: 'id,\u200bname\u200b\n1,Ann\n2,Bob\n', fields: NAME, rows: NAMES },
  {
    name: 'sep=;',
    body: 'sep=;\r\nid;name\r\n1;Ann\r\n2;Bob\r\n',
    fields: NAME,
    rows: [
      ['1', 'Ann', 3],
      ['2', 'Bob', 4],
    ],
  },
  {
    name: 'a space before quotes',
    body: '"id", "name"\n"1", "Doe, Jane"\n',
    fields: NAME,
    fails: ['HeaderMismatch', /skipInitialSpace: true/],
  },
  {
    name: 'a space behind quotes',
    body: '"id" ,name\n1,x\n',
    fields: NAME,
    fails: ['HeaderMismatch', /behind a quote.*remove the spaces/],
  },
  {
    name: 'a long header with the fields at its end',
    body: `${Array.from({ length: 20_000 }, (_, i) => `rs${i}`).join(';')};id;name\n${';'.repeat(20_000)}1;Ann\n${';'.repeat(20_000)}2;Bob\n`,
    fields: NAME,
    fieldsMatch: 'subset',
    rows: NAMES,
  },
];

const VALUES: ReportedFile[] = [
  {
    name: 'blanks around values',
    body: 'id,n,d,b\n1, 42,2025-01-31 ,true\n2,42 , 2025-01-31,true \n',
    fields: ['id', { name: 'n', type: 'integer' }, { name: 'd', type: 'date' }, { name: 'b', type: 'boolean' }],
    rows: [
      ['1', '42', '2025-01-31', 'true', 2],
      ['2', '42', '2025-01-31', 'true', 3],
    ],
  },
  {
    name: 'datetimes as PostgreSQL writes them',
    body: 'id,t\n1,2000-01-01 12:00:00\n2,2025-01-31 12:00:00+00\n3,2025-01-31 12:00:00.123-05:30\n4,2025-01-31 12:00:00 +00\n',
    fields: ['id', { name: 't', type: 'datetime' }],
    rows: [
      ['1', '2000-01-01T12:00:00', 2],
      ['2', '2025-01-31T12:00:00+00:00', 3],
      ['3', '2025-01-31T12:00:00.123-05:30', 4],
    ],
    errors: [[5, 'VAL_006']],
  },
  {
    name: 'a date with a time',
    body: 'id,d\n1,01/15/2025 12:00:00 AM\n2,12/31/2024 11:59:59 PM\n',
    fields: ['id', { name: 'd', type: 'date', format: '%m/%d/%Y %I:%M:%S %p' }],
    rows: [
      ['1', '2025-01-15', 2],
      ['2', '2024-12-31', 3],
    ],
  },
  {
    name: 'a text as a formula',
    body: 'id,name\n1,="00501"\n="2",ok\n3,="a\n4,="a"b\n5,="a,b"\n',
    fields: NAME,
    rows: [
      ['1', '00501', 2],
      ['2', 'ok', 3],
    ],
    errors: [
      [4, 'VAL_012'],
      [5, 'VAL_012'],
      [6, 'VAL_012'],
    ],
  },
  {
    name: 'apostrophes and spaces that do not break between groups of digits',
    body: "id;n;m\n1;1'234.50;1 234\n2;1’234.50;1\u202f234\n3;1;1\u00a0234\n",
    fields: ['id', { name: 'n', type: 'number', groupChar: "'" }, { name: 'm', type: 'integer', groupChar: ' ' }],
    rows: [
      ['1', '1234.50', '1234', 2],
      ['2', '1234.50', '1234', 3],
      ['3', '1', '1234', 4],
    ],
  },
  {
    name: 'an escaped N',
    body: 'id\tname\n1\t\\N\n2\tN\n3\tx\\\ty\n',
    fields: NAME,
    format: { dialect: { delimiter: '\t', quoteChar: '', escapeChar: '\\' } },
    rows: [
      ['1', null, 2],
      ['2', 'N', 3],
      ['3', 'x\ty', 4],
    ],
  },
  {
    name: 'a whole number with a point',
    body: 'id,n\n1,5.0\n',
    fields: ['id', { name: 'n', type: 'integer' }],
    errors: [[2, 'VAL_005']],
  },
];

const CSV = 'id,name\n1,Ann\n2,Bob\n';
const CONTAINERS: ReportedFile[] = [
  {
    name: 'system files in a ZIP',
    body: zip({ 'data.csv': CSV, 'desktop.ini': 'x', '._data.csv': 'x', 'Thumbs.db': 'x' }),
    fields: NAME,
    rows: NAMES,
  },
  {
    name: 'zstd behind a skippable frame',
    body: Buffer.concat([Buffer.from('502a4d18040000006d657461', 'hex'), zstdCompressSync(CSV)]),
    fields: NAME,
    rows: NAMES,
  },
  {
    name: 'a tar archive in gzip',
    body: gzipSync(Buffer.concat([Buffer.alloc(257, 'a'), Buffer.from('ustar'), Buffer.alloc(250)])),
    fields: NAME,
    fails: ['FormatNotSupported', /tar archive/],
  },
  {
    name: 'a login page',
    body: '<!DOCTYPE html>\n<html></html>\n',
    fields: NAME,
    fails: ['FormatNotSupported', /HTML page/],
  },
  { name: 'a tail of NUL', body: `${CSV}${'\0'.repeat(4096)}`, fields: NAME, fails: ['FileDamaged', /4096 NUL bytes/] },
  {
    name: 'two characters between fields',
    body: 'id||name\n1||Ann\n',
    fields: NAME,
    fails: ['FormatNotSupported', /separated by \|\|/],
  },
  {
    name: 'fixed width',
    body: 'id   name      \n00001Ann       \n',
    fields: NAME,
    fails: ['FormatNotSupported', /fixed width/],
  },
  { name: 'X12', body: 'ISA*00*          *00*', fields: NAME, fails: ['FormatNotSupported', /X12/] },
];

export const REPORTED_FILES: ReportedFile[] = [
  ...ENCODINGS,
  ...END_MARKS,
  ...JSON_FILES,
  ...HEADERS,
  ...VALUES,
  ...CONTAINERS,
];
