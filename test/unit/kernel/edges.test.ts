/** At each limit of the kernel, and on both sides of the limit, the kernel's rows are those of the processor. */
import { describe, expect, test } from 'vitest';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { LAYOUT } from '#runner/kernel/kernel.gen.ts';
import { createRowKernel } from '#runner/kernel/row-kernel.ts';
import { createChunkPreparer } from '#runner/load/prepare-chunk.ts';
import { type Encoding, uuidBytes } from '#runner/processor/column-encoding.ts';
import { compileSchema } from '#runner/processor/process-record.ts';
import { RowBuffer } from '#runner/processor/row-buffer.ts';
import { decodeBinaryRows } from '../processor/run-record.ts';
import { schemaOf } from '../processor/schema.ts';
import { createComparison, encodingsOf, OIDS, type TypeName, UPLOAD } from './both.ts';

type Fields = Parameters<typeof schemaOf>[0];
type Rest = Parameters<typeof schemaOf>[1];

/** Compares chunks of a schema whose columns have these types. */
function comparisonOf(types: TypeName[], fields: Fields, rest?: Rest) {
  const schema = schemaOf(fields, rest);
  return createComparison({ schema, encodings: encodingsOf(schema, types) });
}

/** Two columns: one for the key, and one for a JSON object. */
const keyAndJson = (json: NonNullable<RecordSchemaSpec['target']['columns'][number]['json']>): Rest => ({
  columns: [
    { name: 'k', field: 'k' },
    { name: 'j', json },
  ],
});

const TEXTS = schemaOf({ v: {} });
const textComparison = () => comparisonOf(['text', 'text'], { v: {} });

/** Makes `count` numbered lines of `k,v`; each line has `length` bytes with its end. */
function linesOf(count: number, length: number, end = '\n'): string {
  return Array.from({ length: count }, (_, i) => `${i},`.padEnd(length - end.length, 'x') + end).join('');
}

const { WINDOW_BYTES, MOST_ROWS, MOST_LEVELS, MOST_COLUMNS, EXTERNAL_ROOM } = LAYOUT;

describe('a column that cuts blanks behind its last character', () => {
  const types = [
    { oid: OIDS.text, modifier: -1 },
    // The modifier counts four bytes more than the three characters.
    { oid: OIDS.varchar, modifier: 7 },
  ];
  const compare = createComparison({ schema: TEXTS, encodings: encodingsOf(TEXTS, types), baseTypes: types });

  test('the kernel takes every text that is not cut', () => {
    const { failed, taken } = compare('a,abc\nb,ab \nc,\nd,abcdef\ne,äöü\nf,   \n');
    expect(failed).toEqual([]);
    expect(taken).toBe(6);
  });

  test('a text with a blank behind the place fails, and a text of longer characters is looked at', () => {
    const { failed, taken } = compare('a,abc \nb,"abc  "\nc,äö \nd,äöü \ne,x\n');
    expect(failed.map(({ rowNumber, faults }) => [rowNumber, faults[0]!.code])).toEqual([
      [2, 'DB_001'],
      [3, 'DB_001'],
      [5, 'DB_001'],
    ]);
    expect(taken).toBe(1);
  });
});

describe('the window', () => {
  /** Makes lines whose last record ends `offset` bytes behind the window's end, or before the end if negative. */
  const endingAt = (offset: number, last: string) => {
    const before = linesOf(Math.floor(WINDOW_BYTES / 1024) - 1, 1024);
    return `${before}${'k,'.padEnd(WINDOW_BYTES + offset - before.length - last.length, 'y')}${last}`;
  };

  test.each(
    ['\n', '\r\n', '\r', '"', '"\n', '""'].flatMap((last) =>
      [-2, -1, 0, 1, 2].map((offset) => [last, offset] as const),
    ),
  )('a record whose last bytes are %j ends %i bytes behind it', (last, offset) => {
    const quoted = last.startsWith('"');
    const first = quoted ? endingAt(offset, last).replace('k,', 'k,"') : endingAt(offset, last);
    const rest = last === '"' ? '\nb,c\n' : last === '""' ? 'z"\nb,c\n' : 'b,c\n';
    const { rows, failed, taken } = textComparison()(first.replace('k,"y', 'k,"') + rest);
    expect(failed).toEqual([]);
    expect(taken).toBe(rows.rows);
  });

  test.each([
    ['plain', `a,${'x'.repeat(30)}\n`],
    ['quoted', `"a","${'x'.repeat(29)}"\r\n`],
    ['with doubled quotes', `"a","""x""""${'x'.repeat(23)}"\n`],
    ['with characters of three bytes', `a,${'漢'.repeat(9)}\r`],
    ['with what JSON escapes', `a,\\\t"${'x'.repeat(17)}\n`.replace('"', '')],
  ])('records that straddle it at every byte: %s', (_name, line) => {
    const both = comparisonOf(['text', 'jsonb'], { v: {} }, keyAndJson([{ path: 'v', field: 'v' }]));
    for (let i = 0; i <= Buffer.byteLength(line); i += 1) {
      const filler = `k,${'f'.repeat(WINDOW_BYTES / 2 - 64)}\n`;
      const { rows, taken } = both(`${filler}${'f'.repeat(64 - i)}${filler}${line.repeat(12)}`);
      expect([rows.rows, taken]).toEqual([14, line.endsWith('\r') ? 13 : 14]);
    }
  });

  test('is moved as often as a chunk is long', () => {
    for (const length of [37, 1000, 65_536]) {
      const { rows, taken } = textComparison()(linesOf(Math.ceil(1_000_000 / length), length));
      expect(taken).toBe(rows.rows);
    }
  });

  test('a record that is longer is left, and those around it are taken', () => {
    for (const more of [-1, 0, 1, 2, 100_000]) {
      const long = `k,${'y'.repeat(WINDOW_BYTES - 3 + more)}\n`;
      const { rows, taken } = textComparison()(linesOf(5, 40) + long + linesOf(5, 40) + long + long + linesOf(3, 40));
      expect([rows.rows, taken]).toEqual([16, more > 0 ? 13 : 16]);
    }
  });

  test('a quote that never closes within it', () => {
    const long = `k,"${'y,\n'.repeat(WINDOW_BYTES / 2)}"\n`;
    const { rows, taken } = textComparison()(linesOf(5, 40) + long + linesOf(5, 40));
    expect([rows.rows, taken]).toEqual([11, 10]);
  });

  test('the last record without an end of its line is left, whatever stands behind it in the memory', () => {
    const both = textComparison();
    for (const last of ['c,d', 'c,"d"', 'c,"d""', 'c,"d', 'c,', 'c', '"', 'c,d\r', 'c,"d"\r', ',']) {
      // These bytes stay in the window, behind the bytes of the next chunk.
      both(`c,d\n${'"\n'.repeat(40)}`);
      const { taken } = both(`a,b\n${last}`);
      expect(taken).toBe(1);
    }
  });
});

describe('lengths of fields around the sixteen bytes that are taken at once', () => {
  const types: TypeName[] = ['text', 'text', 'jsonb', 'json'];
  const both = comparisonOf(
    types,
    { v: {} },
    {
      columns: [
        { name: 'k', field: 'k' },
        { name: 'v', field: 'v' },
        { name: 'j', json: ['k', 'v'].map((field) => ({ path: field, field })) },
        {
          name: 'o',
          json: [
            { path: 'in.k', field: 'k' },
            { path: 'in.v', field: 'v' },
          ],
        },
      ],
    },
  );
  const LENGTHS = [1, 2, 7, 8, 9, 14, 15, 16, 17, 18, 30, 31, 32, 33, 34, 47, 48, 49, 64, 65];

  test.each(['x', '\\', '\t', '\u0001', '\u001f', ' ', '"', ',', '\n', 'é', '😀', '\u007f'])(
    '%j at every place',
    (char) => {
      const lines: string[] = [];
      for (const length of LENGTHS) {
        for (let at = 0; at < length; at += 1) {
          const value = `${'a'.repeat(at)}${char}${'b'.repeat(length - at - 1)}`;
          const quoted = `"${value.replaceAll('"', '""')}"`;
          const plain = /[",\n]/.test(char) ? quoted : value;
          lines.push(`${plain},${quoted}\n`, `${'k'.repeat(length)},${plain}\r\n`, `${quoted},${plain}\n`);
        }
      }
      const { rows, failed, taken } = both(lines.join(''));
      expect(failed.length + rows.rows).toBe(lines.length);
      // A field that holds only a space is blank, and so is no key.
      expect(lines.length - taken).toBeLessThan(6);
    },
  );

  test('every character of one byte, and all of them', () => {
    const chars = Array.from({ length: 127 }, (_, i) => String.fromCharCode(i + 1));
    const quote = (value: string) => `"${value.replaceAll('"', '""')}"`;
    const lines = chars.flatMap((char) => [
      `k,${quote(char)}\n`,
      `k,${quote(`a${char}`)}\n`,
      `k,${quote(`${char}a`)}\n`,
    ]);
    const { rows, failed } = both(`${lines.join('')}k,${quote(chars.join(''))}\n`);
    expect([rows.rows, failed]).toEqual([lines.length + 1, []]);
  });
});

describe('the room for rows', () => {
  test('more rows than a run has room for', () => {
    for (const count of [MOST_ROWS - 1, MOST_ROWS, MOST_ROWS + 1, 2 * MOST_ROWS, 3 * MOST_ROWS + 7]) {
      const { rows, taken } = textComparison()(linesOf(count, 9));
      expect([rows.rows, taken]).toEqual([count, count]);
    }
  });

  test('rows that are much longer than their records', () => {
    const both = comparisonOf(
      ['text', 'jsonb', 'jsonb'],
      { v: {} },
      {
        columns: [
          { name: 'k', field: 'k' },
          ...['a', 'b'].map((name) => ({ name, json: ['x', 'y', 'z'].map((path) => ({ path, field: 'v' })) })),
        ],
      },
    );
    // A row takes up to 36 times the bytes of its field, so the longest rows have no room in the kernel's memory.
    for (const [length, count] of [
      [1000, 50],
      [15_000, 3],
      [19_000, 3],
      [21_000, 2],
    ] as const) {
      const { rows, taken } = both(`k,v${'\u0001'.repeat(length)}\n`.repeat(count));
      expect([length, rows.rows, taken]).toEqual([length, count, length > 20_000 ? 0 : count]);
    }
    const mixed = [10, 21_000, 100, 9_000, 19_500, 60_000, 1].map((length) => `k,v${'\u0001'.repeat(length)}\n`);
    expect(both(mixed.join('')).taken).toBe(5);
  });

  test('constants and prefixes are counted too', () => {
    const name = 'n'.repeat(5000);
    const both = comparisonOf(
      ['text', 'jsonb', 'uuid', 'int8'],
      { v: {}, w: { type: 'integer' } },
      {
        columns: [
          { name: 'k', field: 'k' },
          {
            name: 'j',
            json: [
              { path: `${name}.${name}.v`, field: 'v' },
              { path: `${name}.w`, field: 'w' },
            ],
          },
          { name: 'u', system: 'uploadId' },
          { name: 'n', system: 'rowNumber' },
        ],
      },
    );
    const { rows, taken } = both('k,v,7\nk,,\n'.repeat(400));
    expect([rows.rows, taken]).toEqual([800, 800]);
  });
});

describe("what is not the kernel's own", () => {
  const both = comparisonOf(
    ['text', 'text', 'jsonb', 'int8'],
    { v: {} },
    {
      rules: [{ rule: "v != 'bad'", message: 'is bad', code: 'BIZ_1' }],
      columns: [
        { name: 'k', field: 'k' },
        { name: 'x', value: 'v' },
        {
          name: 'j',
          json: [
            { path: 'a.b', value: 'v' },
            { path: 'a.c', field: 'v' },
            { path: 'n', value: "v == '5' ? 5 : 0" },
          ],
        },
        { name: 'n', system: 'rowNumber' },
      ],
    },
  );

  test('columns and members of all lengths around their room', () => {
    const lengths = [-40, -20, -10, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 100].map((more) => EXTERNAL_ROOM + more);
    const { rows, taken } = both(lengths.map((length) => `k,${'v'.repeat(length)}\n`).join(''));
    expect(rows.rows).toBe(lengths.length);
    expect(taken).toBeGreaterThan(2);
    expect(taken).toBeLessThan(9);
  });

  test('a column that is too long for it leaves nothing behind in the next row', () => {
    const { rows, failed } = both(`a,1\nb,${'v'.repeat(EXTERNAL_ROOM)}\nc,\nd,5\ne,bad\nf,${'v'.repeat(99)}\n`);
    expect(decodeBinaryRows(rows.all()).map(([key]) => key!.toString())).toEqual(['a', 'b', 'c', 'd', 'f']);
    expect(failed.map(({ rowNumber }) => rowNumber)).toEqual([6]);
  });

  test('row numbers go on through runs, records that were left, and blank lines', () => {
    const file = ['a,1', '', 'b,bad', 'c,2', 'malformed "', 'd,"3"', '', '', 'e,4'].map((line) => `${line}\n`).join('');
    const { rows } = both(file.repeat(300), 1000);
    expect(rows.rowNumber(rows.rows - 1)).toBe(1000 + 300 * 9 - 1);
  });

  test('an expression that cannot be computed fails its record alone', () => {
    const int = comparisonOf(
      ['text', 'text'],
      { v: {} },
      {
        columns: [
          { name: 'k', field: 'k' },
          { name: 'x', value: 'int(v) + 1' },
        ],
      },
    );
    const { failed, taken } = int('a,1\nb,x\nc,2\nd,\ne,"3"\n');
    expect(failed.map(({ rowNumber }) => rowNumber)).toEqual([3, 5]);
    expect(taken).toBe(3);
  });

  test('uuids of version 7 differ in all rows, and lie where they belong', () => {
    const schema = schemaOf(
      { v: { type: 'integer' } },
      {
        columns: [
          { name: 'k', field: 'k' },
          { name: 'u', system: 'uuid' },
          { name: 't', system: 'uuid' },
          { name: 'v', field: 'v' },
        ],
      },
    );
    const encodings = encodingsOf(schema, ['text', 'uuid', 'text', 'int4']);
    const rows = prepareRows(schema, encodings, 'a,1\nb,x\nc,-2\nd,\ne,"3"\nf,0000000000004\n');
    const decoded = decodeBinaryRows(rows.all());
    expect(decoded.map(([key]) => key!.toString())).toEqual(['a', 'c', 'd', 'e', 'f']);
    expect(decoded.map((row) => row[3]?.readInt32BE() ?? null)).toEqual([1, -2, null, 3, 4]);
    const binary = decoded.map((row) => row[1]!.toString('hex'));
    const texts = decoded.map((row) => row[2]!.toString());
    for (const hex of binary) expect(hex).toMatch(/^[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$/);
    for (const each of texts)
      expect(each).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(new Set([...binary, ...texts]).size).toBe(10);
    expect(binary).toEqual([...binary].sort());
  });
});

function prepareRows(schema: RecordSchemaSpec, encodings: Encoding[], file: string): RowBuffer {
  const header = schema.fields.map(({ name }) => name);
  const preparer = createChunkPreparer({ schema, header, uploadId: UPLOAD, storeRowData: false, encodings });
  const bytes = Buffer.from(file);
  const rows = new RowBuffer('binary');
  const failed = { buffer: new RowBuffer(), add: () => {} };
  const recordCount = file.trimEnd().split('\n').length;
  preparer.prepare({ number: 0, startByte: 0, endByte: bytes.length, firstRowNumber: 2, recordCount }, bytes, {
    rows,
    failed,
  });
  return rows;
}

describe('JSON objects in each other', () => {
  const nested = (levels: number, name: string) => `${'n.'.repeat(levels)}${name}`;

  test.each([1, 2, 3, 62, 63, 64, 65, 100])('%i of them', (levels) => {
    const both = comparisonOf(
      ['text', 'jsonb'],
      { v: {}, w: {} },
      keyAndJson([
        { path: nested(levels, 'v'), field: 'v' },
        { path: nested(levels >> 1, 'w'), field: 'w' },
      ]),
    );
    const { rows, taken } = both('a,1,2\nb,,2\nc,1,\nd,,\n'.repeat(10));
    expect([rows.rows, taken]).toEqual([40, levels < MOST_LEVELS ? 40 : 0]);
  });

  test('one that would be empty is left out with its name, wherever it stands and whatever it is in', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const both = comparisonOf(['text', 'json', 'jsonb', 'json'], Object.fromEntries(names.map((name) => [name, {}])), {
      columns: [
        { name: 'k', field: 'k' },
        {
          name: 'j',
          json: ['x.a', 'x.y.b', 'x.y.z.c', 'x.u.d', 'e', 'v.w.f'].map((path, i) => ({ path, field: names[i]! })),
        },
        {
          name: 'l',
          json: ['p.q.r.a', 'p.q.s.b', 'p.t.c', 'p.u.v.d', 'p.w', 'z.f'].map((path, i) => ({ path, field: names[i]! })),
        },
        { name: 'none', json: [] },
      ],
    });
    const lines = Array.from({ length: 64 }, (_, bits) =>
      ['k', ...names.map((name, i) => ((bits >> i) & 1 ? name : ''))].join(','),
    );
    const { rows, taken } = both(`${lines.join('\n')}\n`);
    expect([rows.rows, taken]).toEqual([64, 64]);
  });

  test('members of expressions among them', () => {
    const both = comparisonOf(
      ['text', 'jsonb'],
      { v: {}, w: { type: 'integer' } },
      keyAndJson([
        { path: 'a.b', value: 'v' },
        { path: 'a.c', field: 'w' },
        { path: 'd.e', value: 'v == null ? null : size(v)' },
        { path: 'f', field: 'v' },
      ]),
    );
    const { rows, taken } = both('k,x,1\nk,,2\nk,y,\nk,,\nk,z,0\nk,z,007\nk,z,-1\nk,z,9\n');
    expect([rows.rows, taken]).toEqual([8, 7]);
  });
});

describe('values at the limits of their types', () => {
  test.each<[TypeName, number]>([
    ['int2', 15],
    ['int4', 31],
    ['int8', 63],
    ['numeric', 63],
    ['float8', 63],
    ['text', 63],
  ])('whole numbers into %s', (type, bits) => {
    const both = comparisonOf(
      ['text', type, 'jsonb'],
      { v: { type: 'integer' } },
      {
        columns: [
          { name: 'k', field: 'k' },
          { name: 'v', field: 'v' },
          { name: 'j', json: [{ path: 'v', field: 'v' }] },
        ],
      },
    );
    const edges = [
      0n,
      1n,
      9n,
      10n,
      99_999n,
      999_999_999n,
      1_000_000_000n,
      2n ** 15n,
      2n ** 31n,
      2n ** 32n,
      2n ** 33n,
      10n ** 10n,
      2n ** BigInt(bits),
    ];
    const texts = edges.flatMap((edge) =>
      [-2n, -1n, 0n, 1n].flatMap((more) =>
        [edge + more, -edge - more].flatMap((value) => {
          const digits = String(value).replace('-', '');
          return ['', '0', '00000'].flatMap((zeros) => ['', '-', '+'].map((sign) => `${sign}${zeros}${digits}`));
        }),
      ),
    );
    const others = ['1 1', '1 -', '1.0', '1:', '1/', '1e3', '٣', '12345678:', '-', '+', '0'.repeat(30), '9'.repeat(30)];
    const { failed, taken } = both([...texts, ...others].map((each) => `k,${each}\n`).join(''));
    expect(failed.length).toBeGreaterThanOrEqual(others.length - 2);
    expect(taken).toBeGreaterThan(30);
  });

  test.each<[TypeName, number]>([
    ['int2', 2 ** 15],
    ['int4', 2 ** 31],
    ['int8', 2 ** 40],
    ['text', 2 ** 31],
  ])('row numbers into %s', (type, limit) => {
    const both = comparisonOf(
      ['text', type],
      {},
      {
        columns: [
          { name: 'k', field: 'k' },
          { name: 'n', system: 'rowNumber' },
        ],
      },
    );
    const { rows, failed } = both('k\n'.repeat(30), limit - 10);
    expect(rows.rows).toBe(type.startsWith('int') && type !== 'int8' ? 10 : 30);
    expect(rows.rows + failed.length).toBe(30);
  });

  test('every day of some years, those around them, and what is no day', () => {
    const both = comparisonOf(
      ['date', 'text'],
      { v: {} },
      {
        fields: [
          { name: 'k', type: 'date' },
          { name: 'v', type: 'date', constraints: { required: true } },
        ],
      },
    );
    const two = (n: number) => String(n).padStart(2, '0');
    let taken = 0;
    for (const year of [
      '0000',
      '0001',
      '0004',
      '0100',
      '0400',
      '1582',
      '1900',
      '1999',
      '2000',
      '2001',
      '2024',
      '2100',
      '9999',
    ]) {
      const days: string[] = [];
      for (let month = 0; month <= 13; month += 1)
        for (let day = 0; day <= 32; day += 1) days.push(`${year}-${two(month)}-${two(day)}`);
      taken += both(days.map((day) => `${day},${day}\n`).join('')).taken;
    }
    expect(taken).toBe(12 * 365 + 4);
    // At each place of the date stands each byte that is a neighbour of the digits or of the dash.
    const day = '2024-12-31';
    const spoilt = [...day].flatMap((_, i) =>
      ['/', ':', ',', '.', '-', '0', '9'].map((char) => day.slice(0, i) + char + day.slice(i + 1)),
    );
    both([...spoilt, `${day}0`, day.slice(0, 9), `0${day}`].map((each) => `"${each}",${day}\n`).join(''));
  });
});

describe('tests of a field at their limits', () => {
  test.each<[string, Fields[string], string[]]>([
    [
      'lengths in characters',
      { constraints: { minLength: 2, maxLength: 4 } },
      ['a', 'ab', 'abcd', 'abcde', 'é', 'éé', '😀'.repeat(4), '漢'.repeat(5)],
    ],
    ['at least', { constraints: { minLength: 3 } }, ['ab', 'abc', '漢', 'é😀', '漢漢漢']],
    ['at most none', { constraints: { maxLength: 0 } }, ['', 'a', ' ']],
    [
      'a class',
      { constraints: { pattern: '^[A-F0-9_]{2,4}$' } },
      ['A', 'AF', 'AF09', 'AF09_', 'AG', 'a_', '__', 'é', '@A', '[A', '/A', ':A', 'A\n'],
    ],
    ['a class with spaces', { constraints: { pattern: '^[a ]*$' } }, ['a a', ' a', '  ', ' ', 'b']],
    ['a class of one', { constraints: { pattern: '^[a-c]$' } }, ['a', 'c', 'd', 'ab', '`']],
    [
      'words',
      { constraints: { enum: ['a', 'ab', 'é', ' x', 'a"b', ''] } },
      ['a', 'ab', 'é', 'e', ' x', 'x', 'abc', 'a"b', 'b'],
    ],
    ['words for no value', { missingValues: ['NA', '-', 'é'] }, ['NA', 'N', 'NAN', '-', '--', 'é', 'e', 'ab', ' NA']],
    [
      'words for no value that are required',
      { missingValues: ['NA'], constraints: { required: true } },
      ['NA', 'N', 'NAN', '', ' '],
    ],
    [
      'addresses',
      { format: 'email' },
      [
        ...[
          'a@b',
          'a@b.c',
          '@b',
          'a@',
          'a',
          'a@b.',
          'a@.b',
          'a@b..c',
          'a@-b',
          'a@b-',
          'a@b-c',
          'a@b.-c',
          'a@b_c',
          'é@b',
          'a@é',
        ],
        ...[62, 63, 64].flatMap((n) => [`a@${'x'.repeat(n)}`, `a@${'x'.repeat(n)}.y`, `a@y.${'x'.repeat(n)}`]),
        ...['a@b@c', "!#$%&'*+/=?^_`{|}~-.@x", 'a b@c', 'a@b ', ' a@b', 'a@1'],
      ],
    ],
  ])('%s', (_name, field, values) => {
    const both = comparisonOf(['text', 'text'], { v: field });
    const quote = (value: string) => `"${value.replaceAll('"', '""')}"`;
    const { taken } = both(
      values.flatMap((value) => [`k,${quote(value)}\n`, ...(/["\n]/.test(value) ? [] : [`k,${value}\n`])]).join(''),
    );
    expect(taken).toBeGreaterThan(0);
  });

  test('every character with which a blank field may begin, alone and with others', () => {
    const both = comparisonOf(['text', 'text'], { v: { constraints: { required: true } } });
    const chars: string[] = [];
    for (let code = 1; code <= 0xffff; code += 1) {
      const char = String.fromCharCode(code);
      if (char.trim() === '' || code < 0x180) chars.push(char);
    }
    const values = chars.flatMap((char) => [
      char,
      ` ${char}`,
      `${char} `,
      `${char}a`,
      `\t${char}${char}\t`,
      `${char}é`,
    ]);
    const { failed } = both(values.map((value) => `k,"${value.replaceAll('"', '""')}"\n`).join(''));
    expect(failed.length).toBeGreaterThan(80);
  });
});

describe('schemas that are too large', () => {
  const kernelOf = (schema: RecordSchemaSpec, header: string[]) => {
    const encodings: Encoding[] = schema.target.columns.map(() => 'text');
    const { parts } = compileSchema(schema, header, { encodings });
    return createRowKernel({ ...parts, delimiter: 0x2c, context: { uploadId: UPLOAD }, uploadId: uuidBytes(UPLOAD) });
  };
  const wide = (columns: number) => ['k', 'v', ...Array.from({ length: columns - 2 }, (_, i) => `c${i}`)];

  test.each([MOST_COLUMNS - 1, MOST_COLUMNS, MOST_COLUMNS + 1])('a file of %i columns', (columns) => {
    const schema = { ...TEXTS, fieldsMatch: 'subset' as const };
    expect(kernelOf(schema, wide(columns)) === null).toBe(columns > MOST_COLUMNS);
    const both = createComparison({ schema, header: wide(columns), encodings: ['text', 'text'] });
    const line = (last: string) => `${['a', 'b'].join(',')}${',"c"'.repeat(columns - 3)},${last}\n`;
    const { rows, failed, taken } = both(['', 'd', 'd,', 'd,e', '"""d"""'].map(line).join('') + line('').slice(4));
    expect([rows.rows, failed.length, taken]).toEqual([4, 2, columns > MOST_COLUMNS ? 0 : 3]);
  });

  test.each([100, 4000, 12_000])('%i words that a field may be', (count) => {
    const words = Array.from({ length: count }, (_, i) => `word ${i}`);
    const schema = schemaOf({ v: { constraints: { enum: words } } });
    expect(kernelOf(schema, ['k', 'v']) === null).toBe(count > 3000);
    const both = createComparison({ schema, encodings: ['text', 'text'] });
    const { rows, failed } = both(`k,word 0\nk,word\nk,${words.at(-1)}\nk,"word 99"\n`);
    expect([rows.rows, failed.length]).toEqual([3, 1]);
  });

  test('more calls back than rows have room for', () => {
    const expressions = Array.from({ length: 200 }, (_, i) => ({ name: `c${i}`, value: 'v' }));
    const schema = schemaOf({ v: {} }, { columns: [{ name: 'k', field: 'k' }, ...expressions] });
    const both = createComparison({ schema, encodings: schema.target.columns.map(() => 'text') });
    expect(both('a,1\nb,2\n'.repeat(20)).taken).toBe(0);
  });
});

describe('many records that are left', () => {
  const both = comparisonOf(['text', 'int4'], { v: { type: 'integer' } });
  const ordinary = (count: number) => 'a,1\n'.repeat(count);

  test.each([1, 15, 16, 17, 18, 40])('%i of them, then ordinary ones', (count) => {
    for (const left of ['a,x\n', 'a,-1\n', '"a"b,1\n', '\n', 'a,1,\n', '\r\n', 'a\n']) {
      both(left.repeat(count) + ordinary(50));
      both(ordinary(5) + left.repeat(count) + ordinary(5) + left.repeat(count) + ordinary(50));
      both((left + ordinary(1)).repeat(count) + left.repeat(count));
    }
  });
});

describe('bytes that are no text', () => {
  // Lines, quoted newlines that reach over every place, and characters of several bytes.
  const files = [
    linesOf(1500, 31),
    linesOf(1500, 31, '\r'),
    `${'k,"x\n\ny\n"\n'.repeat(3000)}`,
    'k,żółć\r\n'.repeat(3000),
  ];

  test('at the start and at the end of a chunk, and around every place where it may be cut', () => {
    const both = textComparison();
    for (const file of files.map((text) => Buffer.from(text))) {
      for (const at of [0, 8190, 8191, 8192, 8193, 8200, 8230, 16_400, file.length - 2]) {
        for (const byte of [0x00, 0xff]) {
          const bytes = Buffer.from(file);
          bytes[at] = byte;
          expect(both(bytes).failed.length).toBeGreaterThan(0);
        }
      }
    }
  });

  test('in every tenth record, and in all of them', () => {
    const both = textComparison();
    const line = (i: number, every: number) => (i % every === 0 ? `${i},\0\n` : `${i},${'x'.repeat(40)}\n`);
    for (const every of [1, 2, 10, 500]) both(Array.from({ length: 3000 }, (_, i) => line(i, every)).join(''));
  });
});

describe('one chunk after the other', () => {
  test('in a buffer that is used again, with other bytes at the same places', () => {
    const both = comparisonOf(['text', 'jsonb'], { v: {} }, keyAndJson([{ path: 'v', field: 'v' }]));
    const buffer = Buffer.alloc(300_000);
    const files = [
      linesOf(7000, 40),
      linesOf(7000, 40).replaceAll('x', 'y'),
      linesOf(10, 40),
      `${linesOf(3, 40)}"a","b""c"`,
      `${linesOf(100, 40)}a,"`,
      linesOf(7000, 40).replaceAll('xx,', '"","'),
      'a,b\n',
      `${'"a","x""y"\n'.repeat(9000)}a,b`,
      `${'"b","""""y"\n'.repeat(9000)}a,b\n`,
    ];
    let rowNumber = 2;
    for (const file of [...files, ...files.reverse()]) {
      const length = buffer.write(file);
      const { positions } = both(buffer.subarray(0, length), rowNumber);
      rowNumber += positions.length;
    }
  });

  test('of which one is empty, or all blank', () => {
    const both = textComparison();
    for (const file of ['a,b\n', '', '\n\r\n\r', 'c,d\n', '\n'.repeat(100), 'e,f']) both(file);
  });

  test('when one had other records than were planned', () => {
    const schema = TEXTS;
    const options = { schema, header: ['k', 'v'], uploadId: UPLOAD, storeRowData: false };
    const preparer = createChunkPreparer({ ...options, encodings: ['text', 'text'] });
    const prepare = (file: string, recordCount: number) => {
      const bytes = Buffer.from(file);
      const rows = new RowBuffer('binary');
      const failed = { buffer: new RowBuffer(), add: () => {} };
      const chunk = { number: 0, startByte: 0, endByte: bytes.length, firstRowNumber: 2, recordCount };
      preparer.prepare(chunk, bytes, { rows, failed });
      return decodeBinaryRows(rows.all()).map((row) => row.join(','));
    };
    expect(() => prepare('a,b\nc,d\n', 1)).toThrow('Chunk 0 has more than 1 records, the plan says 1.');
    expect(prepare('e,f\ng,h\n', 2)).toEqual(['e,f', 'g,h']);
    expect(() => prepare('a,b\nc,d\n', 3)).toThrow('Chunk 0 has 2 records, the plan says 3.');
    expect(prepare('i,j\nk,l\n', 2)).toEqual(['i,j', 'k,l']);
  });
});
