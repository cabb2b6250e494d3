import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SeenKeys } from '#runner/load/seen-keys.ts';
import { RowBuffer } from '#runner/processor/row-buffer.ts';

const FORMATS = ['binary', 'text'] as const;

function rowsOf(format: (typeof FORMATS)[number], values: readonly (readonly (string | null)[])[]): RowBuffer {
  const rows = new RowBuffer(format);
  for (const [i, row] of values.entries()) {
    rows.startRow(row.length);
    for (const value of row) {
      if (value === null) rows.nullColumn();
      else rows.copyColumn(Buffer.from(value), 0, Buffer.byteLength(value));
    }
    rows.endRow(i + 2);
  }
  return rows;
}

describe.each(FORMATS)('the filter of keys, %s', (format) => {
  it('finds each row whose key came before, in the same chunk or an earlier one, whatever the other columns hold', () => {
    const rows = rowsOf(format, [
      ['a', 'x', '1'],
      ['b', 'y', '1'],
      ['a', 'z', '1'],
      ['a', 'x', '2'],
      ['b', 'x', '1'],
    ]);
    const seen = new SeenKeys([0, 2], 10);
    expect(seen.add(rows, { from: 0, to: 3 })).toEqual([2]);
    expect(seen.add(rows, { from: 3, to: 5 })).toEqual([4]);
  });

  it('finds the same rows as a set of keys', () => {
    const value = fc.oneof(fc.constant(null), fc.string({ maxLength: 9 }), fc.constantFrom('', 'a', 'b', '\t', '\\N'));
    fc.assert(
      fc.property(fc.array(fc.tuple(value, value, value), { maxLength: 200 }), fc.nat(200), (values, cut) => {
        const rows = rowsOf(format, values);
        const seen = new SeenKeys([0, 1], values.length);
        const middle = Math.min(cut, values.length);
        const found = [
          ...seen.add(rows, { from: 0, to: middle }),
          ...seen.add(rows, { from: middle, to: values.length }),
        ];
        const known = new Set<string>();
        const repeated = values.flatMap(([a, b], row) => {
          const key = JSON.stringify([a, b]);
          if (known.has(key)) return [row];
          known.add(key);
          return [];
        });
        expect(found).toEqual(repeated);
      }),
    );
  });
});

it('forgets when it is full, and goes on', () => {
  const keys = Array.from({ length: 2000 }, (_, i) => [`k${i}`]);
  const rows = rowsOf('binary', [...keys, ...keys.slice(-100), ['k0']]);
  const seen = new SeenKeys([0], 1);
  expect(seen.add(rows, { from: 0, to: 2000 })).toEqual([]);
  expect(seen.add(rows, { from: 2000, to: 2101 })).toEqual(Array.from({ length: 100 }, (_, i) => 2000 + i));
});
