import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { DeclaredFormat } from '#api/source-format.ts';
import { NODE_PLATFORM } from '#runner/node/platform.ts';
import { openFile } from '#runner/source/open-file.ts';
import { workbook, zip } from '#support/records/workbook.ts';
import { collect, piecesOf } from './pieces.ts';
import { schemaOf } from './schema.ts';

const CSV = 'id,name\n1,a\n';
const XLSX = workbook({ rows: { 1: ['id', 'name'], 2: ['1', 'a'] } });

const open = (bytes: Buffer, declared: DeclaredFormat = {}) =>
  openFile({
    stream: piecesOf(bytes, [3]),
    readBytes: (start, end) => piecesOf(bytes.subarray(start, end)),
    sizeBytes: bytes.length,
    key: 'file',
    declared,
    schema: schemaOf(),
    maxRecordBytes: 1000,
    platform: NODE_PLATFORM,
  });

it.each<[string, Buffer, DeclaredFormat]>([
  ['xlsx', XLSX, { type: 'xlsx', compression: 'none' }],
  ['zip of a CSV', zip({ 'a.csv': CSV }), { type: 'csv', compression: 'zip', encoding: 'utf-8' }],
  ['gzip of a CSV', gzipSync(CSV), { type: 'csv', compression: 'gzip' }],
])('declared as what it is: %s', async (_name, bytes, declared) => {
  expect((await collect((await open(bytes, declared)).bytes)).toString()).toBe(CSV);
});

describe('refused', () => {
  it.each<[string, Buffer, DeclaredFormat, RegExp]>([
    ['a workbook declared as CSV', XLSX, { type: 'csv' }, /type csv, but the object is a workbook/],
    ['a workbook declared as ZIP', XLSX, { compression: 'zip' }, /compression zip, but the object is a workbook/],
    [
      'a ZIP declared as workbook',
      zip({ 'a.csv': CSV }),
      { type: 'xlsx' },
      /type xlsx, but the object is another archive/,
    ],
    [
      'a ZIP declared as nothing',
      zip({ 'a.csv': CSV }),
      { compression: 'none' },
      /compression none, but the object is a ZIP/,
    ],
    [
      'another office document',
      zip({ '[Content_Types].xml': '', 'word/document.xml': '' }),
      {},
      /save it as \.xlsx or CSV/,
    ],
    ['an OpenDocument sheet', zip({ mimetype: 'x', 'content.xml': '' }), {}, /save it as \.xlsx or CSV/],
    ['a workbook in a ZIP', zip({ 'a.xlsx': XLSX }), {}, /packed twice/],
    ['a workbook in gzip', gzipSync(XLSX), {}, /packed twice/],
    [
      'many files',
      zip(Object.fromEntries(Array.from({ length: 7 }, (_, i) => [`${i}.csv`, CSV]))),
      {},
      /7 files \(0\.csv.*…\)/,
    ],
  ])('%s', async (_name, bytes, declared, message) => {
    await expect(open(bytes, declared)).rejects.toThrow(message);
  });
});

it('an object of no bytes is an empty CSV, whatever is declared', async () => {
  const { bytes, rewritten } = await open(Buffer.alloc(0), { compression: 'gzip', type: 'xlsx' });
  expect([(await collect(bytes)).length, rewritten]).toEqual([0, false]);
});
