import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RowBuffer } from '#runner/processor/row-buffer.ts';
import { decodeBinaryRows, decodeRows } from './run-record.ts';

const value = fc.option(fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\0', '')));
const table = fc
  .integer({ min: 1, max: 5 })
  .chain((columns) => fc.array(fc.array(value, { minLength: columns, maxLength: columns })));

/** Writes one row for each array, with row numbers from 2. */
function writeRows(out: RowBuffer, rows: readonly (string | null)[][], byBytes: boolean): void {
  for (const [i, row] of rows.entries()) {
    out.startRow(row.length);
    for (const text of row) {
      const bytes = Buffer.from(text ?? '');
      if (text === null) out.nullColumn();
      else if (byBytes) out.copyColumn(bytes, 0, bytes.length);
      else {
        out.startColumn();
        out.text(text);
        out.endColumn();
      }
    }
    out.endRow(i + 2);
  }
}

const asText = (rows: (Buffer | null)[][]) =>
  rows.map((row) => row.map((bytes) => (bytes === null ? null : bytes.toString())));

/** The texts of rows whose last column is the row number, as a bigint in the binary format. */
const numbered = (rows: (Buffer | null)[][]) =>
  rows.map((row) => [...asText([row.slice(0, -1)])[0]!, String(row.at(-1)!.readBigInt64BE())]);

test.each([
  ['text', decodeRows, decodeRows],
  [
    'binary',
    (parts: Buffer[]) => asText(decodeBinaryRows(parts)),
    (parts: Buffer[]) => numbered(decodeBinaryRows(parts)),
  ],
] as const)(
  '%s: rows come back as they were written, by bytes or by text, also some of them and with their numbers',
  (format, decode, decodeNumbered) => {
    fc.assert(
      fc.property(table, fc.boolean(), fc.array(fc.boolean()), (rows, byBytes, wanted) => {
        const out = new RowBuffer(format);
        writeRows(out, rows, byBytes);
        expect(decode(out.all())).toEqual(rows);
        const middle = rows.length >> 1;
        const all = [...rows.keys()];
        const columns = [...(rows[0] ?? []).keys()].filter((column) => wanted[column]);
        for (const chosen of [all.slice(middle), all.slice(0, middle), all.filter((i) => i % 3 !== 1), []]) {
          expect(decode(out.select(chosen))).toEqual(chosen.map((i) => rows[i]));
          expect(decodeNumbered(out.selectWithRowNumbers(chosen))).toEqual(
            chosen.map((i) => [...rows[i]!, String(i + 2)]),
          );
          expect(decodeNumbered(out.selectColumns(chosen, columns))).toEqual(
            chosen.map((i) => [...columns.map((column) => rows[i]![column]), String(i + 2)]),
          );
        }
        out.clear();
        expect([out.rows, out.length, decode(out.all())]).toEqual([0, 0, []]);
      }),
    );
  },
);

test('more rows with gaps between them than a function may have arguments', () => {
  const out = new RowBuffer('binary');
  for (let i = 0; i < 400_000; i += 1) {
    out.startRow(1);
    out.int32Column(i);
    out.endRow(i);
  }
  const even = Array.from({ length: 200_000 }, (_, i) => 2 * i);
  const rows = decodeBinaryRows(out.select(even));
  expect([rows.length, rows.at(-1)![0]!.readInt32BE()]).toEqual([200_000, 399_998]);
});

test('row numbers of more than 32 bits', () => {
  for (const number of [1, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
    const out = new RowBuffer('binary');
    out.startRow(1);
    out.nullColumn();
    out.endRow(number);
    expect(numbered(decodeBinaryRows(out.selectWithRowNumbers([0])))).toEqual([[null, String(number)]]);
  }
});

test.each(['text', 'binary'] as const)('%s: JSON strings of any length', (format) => {
  const texts = fc.array(fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\0', '')));
  const write = (text: string) => {
    const out = new RowBuffer(format);
    const bytes = Buffer.from(text);
    out.startRow(1);
    out.startColumn();
    out.raw(Buffer.from('"'));
    out.json(bytes, 0, bytes.length);
    out.raw(Buffer.from('"'));
    out.endColumn();
    out.endRow(1);
    const parts = out.all();
    return JSON.parse(format === 'text' ? decodeRows(parts)[0]![0]! : decodeBinaryRows(parts)[0]![0]!.toString());
  };
  fc.assert(
    fc.property(texts, (all) => {
      for (const text of all) expect(write(text)).toBe(text);
    }),
  );
  for (const text of ['x'.repeat(5_000_000), '"\n\\'.repeat(300_000)]) expect(write(text) === text).toBe(true);
});
