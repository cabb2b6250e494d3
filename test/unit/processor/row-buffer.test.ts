import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RowBuffer } from '#runner/processor/row-buffer.ts';
import { decodeRows } from './run-record.ts';

const value = fc.option(fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\0', '')));

test('rows come back as they were written, by bytes or by text, also some of them and with their numbers', () => {
  fc.assert(
    fc.property(fc.array(fc.array(value, { minLength: 2, maxLength: 4 })), fc.boolean(), (rows, byBytes) => {
      const out = new RowBuffer();
      for (const [i, row] of rows.entries()) {
        for (const text of row) {
          const bytes = Buffer.from(text ?? '');
          if (text === null) out.null();
          else if (byBytes) out.copy(bytes, 0, bytes.length);
          else out.text(text);
          out.endColumn();
        }
        out.endRow(i + 2);
      }
      expect(decodeRows(out.all())).toEqual(rows);
      const middle = rows.length >> 1;
      const all = [...rows.keys()];
      for (const chosen of [all.slice(middle), all.slice(0, middle), all.filter((i) => i % 3 !== 1), []]) {
        expect(decodeRows(out.select(chosen))).toEqual(chosen.map((i) => rows[i]));
        expect(decodeRows(out.selectWithRowNumbers(chosen))).toEqual(chosen.map((i) => [...rows[i]!, String(i + 2)]));
      }
      out.clear();
      expect([out.rows, out.length, out.all().length]).toEqual([0, 0, 0]);
    }),
  );
});

test('JSON strings of any length', () => {
  const texts = fc.array(fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\0', '')));
  const write = (text: string) => {
    const out = new RowBuffer();
    const bytes = Buffer.from(text);
    out.raw(Buffer.from('"'));
    out.json(bytes, 0, bytes.length);
    out.raw(Buffer.from('"'));
    out.endColumn();
    out.endRow(1);
    return JSON.parse(decodeRows(out.all())[0]![0]!);
  };
  fc.assert(
    fc.property(texts, (all) => {
      for (const text of all) expect(write(text)).toBe(text);
    }),
  );
  for (const text of ['x'.repeat(5_000_000), '"\n\\'.repeat(300_000)]) expect(write(text) === text).toBe(true);
});
