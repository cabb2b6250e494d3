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

describe('a text of many MB that is not UTF-8 throughout', () => {
  const MIB = 1024 * 1024;
  const latin1 = (text: string) => Buffer.from(text, 'latin1');
  const HEADER = Buffer.from('id,name\n');
  const STRAY = latin1('2,Caf\xe9s\n');
  const fill = (line: string, bytes: number) => Buffer.from(line.repeat(Math.ceil(bytes / Buffer.byteLength(line))));

  /** Opens the file in pieces of this size. @returns its encoding, and the bytes that were read beside the stream */
  async function read(bytes: Buffer, pieceBytes: number, compression: 'none' | 'gzip' = 'none') {
    let readAgain = 0;
    async function* inPieces(input: Buffer, onPiece: (length: number) => void) {
      for (let at = 0; at < input.length; at += pieceBytes) {
        const piece = input.subarray(at, at + pieceBytes);
        onPiece(piece.length);
        yield Buffer.from(piece);
      }
    }
    const stored = compression === 'gzip' ? gzipSync(bytes) : bytes;
    const { format } = await openFile({
      stream: inPieces(stored, () => undefined),
      readBytes: (start, end) =>
        inPieces(stored.subarray(start, end), (length) => {
          readAgain += length;
        }),
      sizeBytes: stored.length,
      key: 'file',
      declared: {},
      schema: schemaOf(),
      maxRecordBytes: 1000,
      platform: NODE_PLATFORM,
    });
    return { encoding: format.encoding, readAgain };
  }

  it.each(['none', 'gzip'] as const)(
    'is not read twice if its beginning is UTF-8 with a stray byte: %s',
    async (how) => {
      const bytes = Buffer.concat([HEADER, STRAY, fill('1,Zoë\n', 8 * MIB)]);
      expect(await read(bytes, MIB, how)).toEqual({ encoding: 'utf-8', readAgain: 0 });
    },
  );

  it('is read again until it is sure to be UTF-8, and no further', async () => {
    const bytes = Buffer.concat([HEADER, STRAY, fill('1,Zoe\n', 2 * MIB), fill('1,Zoë\n', 8 * MIB)]);
    expect(await read(bytes, 64 * 1024)).toEqual({ encoding: 'utf-8', readAgain: 2 * MIB + 64 * 1024 });
  });

  it('is read again to its end if it may be Windows-1252, whatever stands in its beginning', async () => {
    const bytes = Buffer.concat([HEADER, fill('1,Zoe\n', 8 * MIB), latin1('1,M\xfcller\n')]);
    bytes.set(STRAY, HEADER.length);
    expect(await read(bytes, MIB)).toEqual({ encoding: 'windows-1252', readAgain: bytes.length });
  });

  it.each([16 * 1024, 100_000, MIB])('has the same encoding however the storage cuts it: %i', async (pieceBytes) => {
    const late = Buffer.concat([HEADER, fill('1,Zoe\n', 64 * 1024), STRAY, fill('1,Zoe\n', MIB)]);
    expect(await read(late, pieceBytes)).toEqual({ encoding: 'utf-8', readAgain: 0 });
    const early = Buffer.concat([HEADER, fill('1,Zoe\n', 63 * 1024), STRAY, fill('1,Zoe\n', MIB)]);
    expect(await read(early, pieceBytes)).toEqual({ encoding: 'windows-1252', readAgain: early.length });
  });
});
