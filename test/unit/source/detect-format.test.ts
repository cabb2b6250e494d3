import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { DeclaredFormat } from '#api/source-format.ts';
import { detectContainer, detectContent, findEncoding, SAMPLE_BYTES } from '#runner/source/detect-format.ts';
import { evidenceOf, guessEncoding } from '#runner/source/guess-encoding.ts';
import { workbook, zip } from '#support/records/workbook.ts';
import { schemaOf } from './schema.ts';

const NONE: DeclaredFormat = {};

describe('container', () => {
  const table: [name: string, head: Buffer, found: string][] = [
    ['text', Buffer.from('id,name\n'), 'none'],
    ['one byte', Buffer.from('P'), 'none'],
    ['gzip', gzipSync('x'), 'gzip'],
    ['zstd', zstdCompressSync('x'), 'zstd'],
    ['ZIP', zip({ a: 'x' }), 'workbook or zip'],
    ['zstd behind a skippable frame', Buffer.from('502a4d1804000000', 'hex'), 'zstd'],
    ['an empty ZIP', zip({}), 'workbook or zip'],
    ['workbook', workbook({ rows: {} }), 'workbook or zip'],
  ];
  it.each(table)('%s', (_name, head, found) => {
    expect(detectContainer(head, NONE)).toBe(found);
  });

  it.each<[string, Buffer, DeclaredFormat]>([
    ['gzip', gzipSync('x'), { compression: 'gzip' }],
    ['zstd', zstdCompressSync('x'), { compression: 'zstd' }],
    ['zip', zip({ a: 'x' }), { compression: 'zip' }],
    ['zip of a CSV', zip({ a: 'x' }), { compression: 'zip', type: 'csv' }],
    ['xlsx', workbook({ rows: {} }), { type: 'xlsx' }],
    ['xlsx, none', workbook({ rows: {} }), { type: 'xlsx', compression: 'none' }],
    ['none', Buffer.from('x'), { compression: 'none' }],
    ['none of an xlsx that is found', workbook({ rows: {} }), { compression: 'none' }],
  ])('a declaration that fits: %s', (_name, head, declared) => {
    expect(() => detectContainer(head, declared)).not.toThrow();
  });

  it.each<[string, Buffer, DeclaredFormat, RegExp]>([
    [
      'gzip, but text',
      Buffer.from('x,y'),
      { compression: 'gzip' },
      /compression gzip, but the object is not compressed/,
    ],
    [
      'none, but gzip',
      gzipSync('x'),
      { compression: 'none' },
      /compression none, but the object is compressed by gzip/,
    ],
    ['zstd, but ZIP', zip({ a: 'x' }), { compression: 'zstd' }, /compression zstd, but the object is a ZIP/],
    ['xlsx, but text', Buffer.from('x,y'), { type: 'xlsx' }, /type xlsx, but the object is not compressed/],
    ['none and csv, but ZIP', zip({ a: 'x' }), { compression: 'none', type: 'csv' }, /the object is a ZIP/],
  ])('a declaration that the bytes contradict: %s', (_name, head, declared, message) => {
    expect(() => detectContainer(head, declared)).toThrow(message);
  });

  it.each([
    ['.xls or a password', Buffer.from('d0cf11e0a1b11ae1', 'hex'), /save it as \.xlsx or CSV/],
    ['bzip2', Buffer.from('BZh91AY&SY'), /gzip or zstd/],
    ['xz', Buffer.from('fd377a585a0000', 'hex'), /gzip or zstd/],
    ['7z', Buffer.from('377abcaf271c', 'hex'), /ZIP with one file/],
    ['RAR', Buffer.from('526172211a0700', 'hex'), /ZIP with one file/],
    ['PDF', Buffer.from('%PDF-1.7'), /CSV/],
    ['Parquet', Buffer.from('PAR1\x15\x04'), /CSV or NDJSON/],
    ['Avro', Buffer.from('Obj\x01\x04\x14avro.codec'), /Avro file.*CSV or NDJSON/],
    ['HTML', Buffer.from('\n<!DOCTYPE html>\n<html>'), /HTML page.*login page/],
    ['a table of HTML that is named .xls', Buffer.from('<table border="1"><tr>'), /HTML page/],
    ['XML', Buffer.from('<?xml version="1.0"?>\n<a/>'), /XML file.*CSV or NDJSON/],
    ['X12', Buffer.from('ISA*00*          *00*'), /EDI interchange \(X12\)/],
    ['EDIFACT', Buffer.from("UNA:+.? '\nUNB+UNOA:1"), /EDI interchange \(EDIFACT\)/],
    ['HL7', Buffer.from('MSH|^~\\&|A|B'), /HL7/],
    ['a Concordance load file', Buffer.from('þidþ\x14þnameþ\n'), /Concordance/],
    ['a Concordance load file in Latin-1', Buffer.from('\xfeid\xfe\x14\xfename\xfe\n', 'latin1'), /Concordance/],
    ['PGP', Buffer.from('-----BEGIN PGP MESSAGE-----\n'), /decrypt it/],
    ['a dump of PostgreSQL', Buffer.from('PGDMP\x01'), /pg_restore/],
    ['SQLite', Buffer.from('SQLite format 3\0'), /SQLite/],
  ])('%s is refused, and the message says what to do', (_name, head, message) => {
    expect(() => detectContainer(head, NONE)).toThrow(message);
  });
});

const sampleOf = (bytes: Buffer | string, key = 'file') => ({ bytes: Buffer.from(bytes), complete: true, key });
/** Detects the content of a file that is as short as its sample. */
function detect(bytes: Buffer | string, declared = NONE, key?: string) {
  const sample = sampleOf(bytes, key);
  const encoding = findEncoding(sample, declared) ?? guessEncoding(evidenceOf(sample.bytes));
  return detectContent(sample, declared, schemaOf(), encoding);
}

describe('encoding', () => {
  const latin1 = (text: string) => Buffer.from(text, 'latin1');
  it.each<[string, Buffer | string, string, DeclaredFormat?]>([
    ['ASCII', 'id,name\n', 'utf-8'],
    ['nothing', '', 'utf-8'],
    ['UTF-8', 'id,name\n1,Zoë', 'utf-8'],
    ['a UTF-8 mark', '\ufeffid,name', 'utf-8'],
    ['a UTF-16 LE mark', Buffer.from('\ufeffid,name', 'utf16le'), 'utf-16le'],
    ['a UTF-16 BE mark', Buffer.from('\ufeffid,name', 'utf16le').swap16(), 'utf-16be'],
    ['Windows-1252', latin1('id,name\n1,Zoë M\xfcller\n'), 'windows-1252'],
    ['Windows-1252 alone beyond ASCII', latin1('id,name\n1,\x80'), 'windows-1252'],
    ['UTF-8 with one stray byte', Buffer.concat([Buffer.from('id,name\n1,Zoë\n2,é\n3,'), latin1('\xe9')]), 'utf-8'],
    ['Latin-1, declared', latin1('id,name\n1,Zoë'), 'iso-8859-1', { encoding: 'iso-8859-1' }],
    ['declared although all is UTF-8', 'id,name\n1,Zoë', 'windows-1252', { encoding: 'windows-1252' }],
    ['UTF-8 declared, with a wrong byte', latin1('id,name\n1,\xe9'), 'utf-8', { encoding: 'utf-8' }],
    ['UTF-16 without a mark, declared', Buffer.from('id,name', 'utf16le'), 'utf-16le', { encoding: 'utf-16le' }],
    ['a few NULs', 'id,name\n1,a\0b\n2,\0\n', 'utf-8'],
  ])('%s', (_name, bytes, encoding, declared = NONE) => {
    expect(detect(bytes, declared).encoding).toBe(encoding);
  });

  it.each(['é', '€', '😀'])('a sample that ends within %s is UTF-8', (char) => {
    const whole = Buffer.from(`id,name\n1,${char}`);
    for (let cut = 1; cut < Buffer.byteLength(char); cut += 1) {
      const sample = { bytes: whole.subarray(0, -cut), complete: false, key: 'file' };
      expect(detectContent(sample, NONE, schemaOf()).encoding).toBe('utf-8');
    }
    // A character that the end of the file cuts off is a mistake.
    expect(detect(whole.subarray(0, -1)).encoding).toBe('utf-8');
  });

  it.each<[string, Buffer, RegExp, DeclaredFormat?]>([
    ['UTF-16 without a mark', Buffer.from('id,name\n1,2\n', 'utf16le'), /Declare spec\.format\.encoding utf-16le or/],
    ['Russian in UTF-16 LE without a mark', Buffer.from('id;имя\n1;Москва Москва Москва\n', 'utf16le'), /utf-16le or/],
    ['Chinese in UTF-16 BE without a mark', Buffer.from('id;名\r\n1;北京\r\n', 'utf16le').swap16(), /utf-16le or/],
    ['a tar archive', Buffer.concat([Buffer.alloc(257, 'a'), Buffer.from('ustar')]), /tar archive.*alone/],
    ['a tail of NUL', Buffer.concat([Buffer.from('id,name\n1,a\n'), Buffer.alloc(4096)]), /ends with 4096 NUL bytes/],
    ['two characters between fields', Buffer.from('id||name\n1||a\n'), /separated by \|\|/],
    ['fixed width', Buffer.from('id   name      \n00001Ann       \n'), /aligned by spaces \(fixed width\)/],
    ['UTF-32 LE', Buffer.from('fffe000069000000', 'hex'), /UTF-32/],
    ['UTF-32 BE', Buffer.from('0000feff00000069', 'hex'), /UTF-32/],
    ['UTF-32 without a mark', Buffer.from('690000006400000030000000', 'hex'), /UTF-32/],
    ['no text', Buffer.from(Array.from({ length: 999 }, (_, i) => 1 + (i % 255))), /not text/],
    [
      'another mark than declared',
      Buffer.from('\ufeffid'),
      /declares encoding utf-16le.*mark of utf-8/,
      { encoding: 'utf-16le' },
    ],
    ['packed twice', gzipSync('x'), /packed twice/],
    ['a PDF in an archive', Buffer.from('%PDF-1'), /file is a PDF/],
  ])('%s is refused', (_name, bytes, message, declared = NONE) => {
    expect(() => detect(bytes, declared)).toThrow(message);
  });
});

describe('type', () => {
  it.each<[string, string, string, DeclaredFormat?, string?]>([
    ['a table', 'id,name\n', 'csv'],
    ['an object a line', '{"id":1}\n{"id":2}\n', 'ndjson'],
    ['after blank lines and a mark', '\ufeff\n\n {"id":1}\n', 'ndjson'],
    ['a first line that is broken, by the key', '{"id":\n{"id":2}', 'ndjson', NONE, 'a/b.jsonl.gz'],
    ['a brace in a header', '{id},name\n', 'csv'],
    ['objects behind each other', '{"id":1}{"id":2}', 'ndjson'],
    ['a sequence of RFC 7464', '\x1e{"id":1}\n\x1e{"id":2}\n', 'ndjson'],
    ['declared', '{id},name\n', 'csv', { type: 'csv' }],
    ['a dialect is declared', '{"id"},name\n', 'csv', { dialect: { delimiter: ',' } }],
  ])('%s', (_name, text, type, declared = NONE, key = 'file') => {
    expect(detect(text, declared, key).type).toBe(type);
  });

  it('an object longer than the sample', () => {
    const bytes = Buffer.from(`{"id":"${'x'.repeat(SAMPLE_BYTES)}`);
    expect(detectContent({ bytes, complete: false, key: 'file' }, NONE, schemaOf()).type).toBe('ndjson');
  });

  it('an array is refused, a table declared as NDJSON too', () => {
    expect(() => detect('[\n{"id":1}]')).toThrow(/one object a line/);
    expect(() => detect('[{"id":1}]', { type: 'ndjson' })).toThrow(/one JSON array.*jq -c/);
    expect(() => detect('{\n  "id": 1\n}\n')).toThrow(/over several lines.*jq -c/);
    expect(() => detect('{\n  "id": 1\n}\n', { type: 'ndjson' })).toThrow(/over several lines/);
    expect(() => detect('id,name\n', { type: 'ndjson' })).toThrow(/first line of the file is not a JSON object/);
  });
});

it.each([
  ['id|name|x||y\n', '|'],
  ['id,,name\n', ','],
  ['id;;name\n', ';'],
  ['id,name  of\n', ','],
  ['<id>,name\n', ','],
  ['ISAAC,id,name\n', ','],
])('a table that only looks like another format: %j', (text, delimiter) => {
  expect(detect(text)).toMatchObject({ type: 'csv', dialect: { delimiter } });
});

describe('delimiter', () => {
  const delimiterOf = (text: string, declared = NONE, key?: string) => {
    const found = detect(text, declared, key);
    return found.type === 'csv' && found.dialect.delimiter;
  };

  it.each<[string, string, string, DeclaredFormat?, string?]>([
    [',', 'id,name\n', ','],
    [';', 'id;name\n', ';'],
    ['tab', 'id\tname\n', '\t'],
    ['|', 'id|name\n', '|'],
    ['other characters are more frequent', 'id;"a,b,c,d";name,x,y\n', ';'],
    ['by aliases and in other letters', 'NAME|I D\n', '|'],
    ['a header in quotes with a newline', '"full\n name";id\n', ';'],
    ['after blank lines', '\n\r\nid;name\n', ';'],
    ['one column', 'id\n', ','],
    ['no field at all', 'a;b;c\n', ','],
    ['one column of a .tsv', 'id\n', '\t', NONE, 'x.TSV.gz'],
    ['the key is wrong', 'id,name\n', ',', NONE, 'x.tsv'],
    ['another quote character', "'id';'name;'\n", ';', { dialect: { quoteChar: "'" } }],
    ['declared', 'id,name\n', ';', { dialect: { delimiter: ';' } }],
  ])('%s', (_name, text, delimiter, declared = NONE, key = 'file') => {
    expect(delimiterOf(text, declared, key)).toBe(delimiter);
  });

  it('a header that is longer than the sample, with the fields at its end', () => {
    const names = Array.from({ length: 20_000 }, (_, i) => `rs${i}`);
    const bytes = Buffer.from(`${names.join(';')};id;name\n`);
    const sample = { bytes: bytes.subarray(0, SAMPLE_BYTES), complete: false, key: 'file' };
    const found = detectContent(sample, NONE, schemaOf());
    expect(found).toMatchObject({ type: 'csv', dialect: { delimiter: ';' } });
  });

  it('one character with two meanings is refused', () => {
    expect(() => detect('id', { dialect: { delimiter: '#', commentChar: '#' } })).toThrow(/must differ/);
    expect(() => detect('id', { dialect: { delimiter: '"' } })).toThrow(/must differ/);
  });
});
