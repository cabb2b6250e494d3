import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countKeys } from '#runner/csv/json-keys.ts';
import { type Fit, fitOf } from '#runner/processor/column-fit.ts';

/** The modifier of numeric(precision, scale), as PostgreSQL keeps it. */
const numeric = (precision: number, scale: number) => ({
  oid: 1700,
  modifier: ((precision << 16) | (scale & 0x7ff)) + 4,
});

describe('a number for a column with a scale', () => {
  it.each([
    ['1.23', 2, false],
    ['1.230', 2, false],
    ['1.239', 2, true],
    ['-0.005', 2, true],
    ['0.00000', 0, false],
    ['1e-3', 2, true],
    ['1e-3', 3, false],
    ['125e1', 0, false],
    ['12345', -2, true],
    ['12300', -2, false],
    ['not a number', 0, false],
    ['', 0, false],
  ])('%s with %i digits: loses %s', (text, scale, loses) => {
    expect(fitOf('number', numeric(10, scale))!.loses(text) !== null).toBe(loses);
  });

  it('loses nothing exactly when rounding leaves the number as it is', () => {
    fc.assert(
      fc.property(fc.integer({ min: -99_999, max: 99_999 }), fc.nat(5), fc.nat(5), (whole, digits, scale) => {
        const text = (whole / 10 ** digits).toFixed(digits);
        const isKept = Number((whole / 10 ** digits).toFixed(scale)) === whole / 10 ** digits;
        expect(fitOf('number', numeric(20, scale))!.loses(text) === null).toBe(isKept);
      }),
    );
  });

  it('a numeric without a scale keeps every number', () => {
    expect(fitOf('number', { oid: 1700, modifier: -1 })).toBeNull();
  });
});

describe('a datetime for a column without a zone', () => {
  const { convert, loses } = fitOf('datetime', { oid: 1114, modifier: -1 })!;

  it('becomes the same moment in UTC', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date('0002-01-01'), max: new Date('9998-12-31'), noInvalidDate: true }),
        fc.integer({ min: -14 * 60, max: 14 * 60 }),
        (date, offset) => {
          const second = new Date(Math.floor(date.getTime() / 1000) * 1000);
          const local = new Date(second.getTime() + offset * 60_000).toISOString().slice(0, 19);
          const two = (n: number) => String(n).padStart(2, '0');
          const minutes = Math.abs(offset);
          const zone = `${offset < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
          expect(convert!(`${local}.5${zone}`)).toBe(`${second.toISOString().slice(0, 19)}.5`);
        },
      ),
    );
  });

  it('stays as it is when it has no offset', () => {
    for (const text of ['2025-01-31T12:00:00Z', '2025-01-31T12:00:00', '2025-01-31T12:00:00.123']) {
      expect(convert!(text)).toBe(text);
      expect(loses(text)).toBeNull();
    }
  });
});

/** Each column has its oid and modifier, texts that it would alter, and texts that it keeps. */
const TEXTS: [column: string, oid: number, modifier: number, lossy: string[], kept: string[]][] = [
  [
    ...(['timestamp', 1114, -1] as const),
    [
      ...['2025-01-31 12:00:00+02', '12:00-05:30', '2025-01-31T12:00:00.5+0200', '2025-01-31 12:00 Europe/Berlin'],
      ...['2025-01-31 12:00 EST', '12:00:00 PM PST', 'Fri Jan 31 12:00:00 2025 CET', '2025-06-30 23:59:60', 'now'],
      ...['today 12:00', '04:05:06-08 2024-01-08', '04:05:06 2024-01-08 PST', '04:05:06 -08 2024-01-08'],
      ...['04:05:06 2024-01-08 -08', '04:05:06 2024-01-08+02', '10:15 Jan-08-2024 -05:30'],
    ],
    [
      ...['2025-01-31', '31-01-2025 12:00', '2025-01-31 12:00:00', '2025-01-31 12:00 PM', 'infinity'],
      ...['2025-01-31 12:00:00 UTC', '2025-01-31T12:00:00Z', 'Fri Jan 31 12:00:00 2025', '0044-03-15 12:00 BC'],
      ...['2025-01-31 12:00:00.1234567', '2025-01-31 12:60:00', '04:05:06 2024-01-08', '10:15 08-01-2024'],
      ...['10:15:00 Jan-08-2024', '10:15 08-Jan-2024', '10:15 PM 2024-Jan-08', '04:05:06.789 2024-01-08 BC'],
    ],
  ],
  [
    'date',
    1082,
    -1,
    ['2025-01-31 12:00', '2025-01-31T00:00:00', '20250131T120000', 'Today'],
    ['2025-01-31', 'Jan 31, 2025'],
  ],
  [
    'time',
    1083,
    -1,
    ['2025-01-31 12:00', '12:00 EST', 'Jan 31 12:00'],
    ['12:00', '12:00:00.5', '24:00:00', '12:00 PM'],
  ],
  ['timetz', 1266, -1, ['2025-01-31 12:00+02'], ['12:00+02', '12:00:00-05:30']],
  ['timestamptz', 1184, -1, ['yesterday', '2025-06-30 23:59:60Z'], ['2025-01-31 12:00 EST']],
  ['interval(0)', 1186, 0x7fff0000, ['PT1.5S', '1.5 seconds', '00:00:01.5'], ['1.5 days', '00:00:01.0', '1 day']],
  ['oid', 26, -1, ['-1', ' -05'], ['1', '-0', '4294967295']],
  ['varchar(3)', 1043, 7, ['abc ', 'äöü  '], ['abc', 'äö ', '', 'abcd ', 'abc\t']],
  [
    'jsonb',
    3802,
    -1,
    ['{"a":1,"a":2}', '[{"a":{"b":1,"b":1}}]', '{"a":{"b":1,"\\u0062":2}}', '["{",{"a":":","b":[{}],"a":2}]'],
    ['{"a":1,"b":{"a":2}}', '[{"a":1},{"a":2}]', '{', '":"', '{"a":1,"a":2', '}}:', ':{:', '{"\\x":1,"":2}'],
  ],
  [
    'varchar(3)[]',
    1015,
    7,
    ['{"abc ",x}', '{abc\\ ,x}', '{\\a\\b\\c\\ }', '[1:2]={x,"abc "}'],
    [
      '{abc ,x}',
      '{"ab ","\\"a"}',
      '{DE,NULL , null}',
      '[1:2][0:1]={{DE,FR},{a,b}}',
      '{\\a\\b\\c}',
      '{ab\\  ,abc\\\\ }',
    ],
  ],
  ['date[]', 1182, -1, ['[0:1]={2024-01-01,"2024-01-01 12:00"}'], ['[0:1]={2024-01-01,2024-01-02}', '{NULL}']],
  ['numeric(10,2)[]', 1231, ((10 << 16) | 2) + 4, ['{1.2,{1.239}}'], ['{1.23,NULL,NaN}', '[0:1]={1.5,2.5}']],
  ['timestamp[]', 1115, -1, ['{"2025-01-31 12:00+02"}'], ['{"2025-01-31 12:00",2025-01-31}']],
  ['tsrange', 3908, -1, ['["2025-01-31 12:00+02",)'], ['[2025-01-31,2025-02-28 12:00)', 'empty']],
  ['datemultirange', 4535, -1, ['{[2025-01-31,"2025-02-28 12:00")}'], ['{[2025-01-31,2025-02-28)}']],
];

it.each(TEXTS)('a text for a column %s', (_column, oid, modifier, lossy, kept) => {
  const { loses } = fitOf('string', { oid, modifier })!;
  for (const text of lossy) expect(loses(text), text).not.toBeNull();
  for (const text of kept) expect(loses(text), text).toBeNull();
});

it.each(['object', 'array', 'any'] as const)('a key twice in a field of type %s is lost in jsonb alone', (field) => {
  const text = '[{"a":1,"a":2}]';
  expect(fitOf(field, { oid: 3802, modifier: -1 })!.loses(text)).toContain('a key twice');
  for (const oid of [25, 114]) expect(fitOf(field, { oid, modifier: -1 })).toBeNull();
});

it('looks through texts of any length', () => {
  for (const text of [`"${'a'.repeat(12_000_000)}"`, `"${'\\\\n'.repeat(6_000_000)}"`]) {
    expect(fitOf('string', { oid: 3802, modifier: -1 })!.loses(`{"a":${text},"b":1}`)).toBeNull();
    expect(countKeys(`{"a":${text},"b":1}`)).toBe(2);
  }
  expect(fitOf('string', { oid: 1015, modifier: 7 })!.loses(`{"${'a'.repeat(12_000_000)}"}`)).toBeNull();
});

describe('a number for a floating-point column', () => {
  const column = (oid: number, isKey = false) => fitOf('number', { oid, modifier: -1 }, { isKey })!;
  const isAltered = (fit: Fit, text: string) => {
    const bytes = Buffer.from(text);
    return !fit.isKept!(bytes, 0, bytes.length) && fit.loses(text) !== null;
  };

  it.each([
    [
      'real',
      700,
      false,
      ['16777217', '1.23456789', '-0.123456789', '1234567.89', '644.0278930664061', '1048576.11'],
      [
        ...['0.1', '52.520008', '3.4e38', '100000', '0.100000001'],
        ...['644.0278930664062', '74.55581665039062', '1048576.12', '-1048576.12'],
      ],
    ],
    [
      'double precision',
      701,
      false,
      ['9007199254740993', '123456789012345678.0'],
      ['0.1', '2.33333333333333333', '1e300', '0.10000000000000001'],
    ],
    [
      'double precision as key',
      701,
      true,
      ['2.33333333333333333', '9007199254740993'],
      ['0.1', '0.10000000000000001', '5e-324', '-1.5', '0.00', '255278378607829.62'],
    ],
  ] as const)('%s', (_column, oid, isKey, altered, kept) => {
    for (const text of altered) expect(isAltered(column(oid, isKey), text), text).toBe(true);
    for (const text of kept) expect(isAltered(column(oid, isKey), text), text).toBe(false);
  });

  it('every number that the type has is kept as programs write it, and no number with other digits', () => {
    fc.assert(
      fc.property(
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.integer({ min: 15, max: 21 }),
        (value, digits) => {
          for (const text of [String(value), value.toPrecision(digits)])
            expect(isAltered(column(701, true), text)).toBe(false);
          const single = Math.fround(value);
          if (Number.isFinite(single) && single !== 0)
            expect(isAltered(column(700), single.toPrecision(9))).toBe(false);
        },
      ),
    );
    fc.assert(
      fc.property(fc.bigInt({ min: 2n ** 53n, max: 2n ** 80n }), (value) => {
        expect(isAltered(column(701), String(value))).toBe(BigInt(Number(value)) !== value);
      }),
    );
  });

  it('the shortest text of every number is kept, of a real also its text as a double', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.constantFrom(1, 100, 1000, 1e6, 1e15),
        (fraction, factor) => {
          const value = fraction * factor;
          expect(isAltered(column(701, true), String(value))).toBe(false);
          const single = Math.fround(value);
          if (single !== 0) expect(isAltered(column(700), String(single)), String(single)).toBe(false);
          const digits = String(value)
            .replace(/e.*|\D/g, '')
            .replace(/^0+/, '').length;
          if (digits === 17 && single !== 0 && single !== value)
            expect(isAltered(column(700), String(value))).toBe(true);
        },
      ),
      { numRuns: 5000 },
    );
  });

  it('says nothing of a number that PostgreSQL refuses', () => {
    for (const text of ['1e400', '1e-400', 'NaN', 'x']) expect(column(701, true).loses(text)).toBeNull();
    expect(column(700).loses('1e39')).toBeNull();
  });
});

it('a fraction of more digits than a microsecond fails a key alone', () => {
  const text = '2025-01-31T12:00:00.1234567Z';
  for (const oid of [1114, 1184]) {
    expect(fitOf('datetime', { oid, modifier: -1 })?.loses(text) ?? null).toBeNull();
    expect(fitOf('datetime', { oid, modifier: -1 }, { isKey: true })!.loses(text)).toContain('6 digits');
    expect(fitOf('datetime', { oid, modifier: -1 }, { isKey: true })!.loses(text.replace('7Z', '0Z'))).toBeNull();
  }
});
