import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareDatetimes, compareTimes, isDate } from '#runner/processor/dates.ts';
import { quoteJson } from '#runner/processor/json.ts';
import { compareNumbers, integerToJson, numberToJson } from '#runner/processor/numbers.ts';
import { typeOf } from '#runner/processor/types.ts';
import type { FieldType } from '#runner/processor/value-type.ts';

const type = (name: FieldType, format = 'default') => typeOf({ name: 'f', type: name, format }, 'f');
const isValid = (name: FieldType, text: string, format?: string) => type(name, format).read(text) !== undefined;

describe('date', () => {
  test.each([
    ['2025-01-15', true],
    ['2024-02-29', true],
    ['2000-02-29', true],
    ['0001-01-01', true],
    ['9999-12-31', true],
    ['2025-12-31', true],
    ['2025-02-29', false],
    ['2025-02-30', false],
    ['1900-02-29', false],
    ['2100-02-29', false],
    ['2025-04-31', false],
    ['2025-06-31', false],
    ['2025-09-31', false],
    ['2025-11-31', false],
    ['2025-01-32', false],
    ['2025-13-01', false],
    ['2025-00-10', false],
    ['2025-01-00', false],
    ['0000-01-01', false],
    ['0000', false],
    ['2025-1-5', false],
    ['01/15/2025', false],
    ['2025-01-15T00:00:00', false],
    ['2025-01-15 ', false],
    [' 2025-01-15', false],
    ['2025-01-15\n', false],
    ['20250115', false],
    ['12025-01-15', false],
    ['-025-01-15', false],
    ['２０２５-01-15', false],
    ['today', false],
  ])('%j: %s', (text, valid) => {
    expect(isDate(text)).toBe(valid);
    expect(isValid('date', text)).toBe(valid);
  });

  test('as Date has it, for every day number of every month', () => {
    for (const year of [1, 4, 100, 400, 1582, 1900, 1999, 2000, 2023, 2024, 9999]) {
      for (let month = 0; month <= 13; month += 1) {
        for (let day = 0; day <= 32; day += 1) {
          const text = `${String(year).padStart(4, '0')}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`;
          const date = new Date(`${text}T00:00:00Z`);
          expect(isDate(text), text).toBe(!Number.isNaN(date.getTime()) && date.toISOString().startsWith(text));
        }
      }
    }
  });
});

describe('email', () => {
  test.each([
    ['a@b', true],
    ['john.doe@example.com', true],
    ['.a..b.@example.com', true],
    ["!#$%&'*+/=?^_`{|}~-@example.com", true],
    ['a@1.2', true],
    ['a@x-y.z', true],
    [`a@${'x'.repeat(63)}`, true],
    [`a@${'x'.repeat(63)}.${'y'.repeat(63)}`, true],
    [`${'x'.repeat(500)}@a`, true],
    [`a@${'x'.repeat(64)}`, false],
    [`a@b.${'x'.repeat(64)}`, false],
    ['nobody', false],
    ['@example.com', false],
    ['a@', false],
    ['a@b@c', false],
    ['a@b..c', false],
    ['a@b.', false],
    ['a@.b', false],
    ['a@-b', false],
    ['a@b-', false],
    ['a@b.-c', false],
    ['a@b_c', false],
    ['a b@c', false],
    [' a@b', false],
    ['a@b ', false],
    ['a@b\n', false],
    ['"a"@b', false],
    ['a(x)@b', false],
    ['a@[127.0.0.1]', false],
    ['jané@example.com', false],
    ['a@exämple.com', false],
  ])('%j: %s', (text, valid) => {
    expect(isValid('string', text, 'email')).toBe(valid);
  });
});

test.each<[FieldType, string, boolean]>([
  ['integer', '0', true],
  ['integer', '007', true],
  ['integer', '+5', true],
  ['integer', '-5', true],
  ['integer', '123456789012345678901234567890', true],
  ['integer', '1.0', false],
  ['integer', '1e3', false],
  ['integer', '1,000', false],
  ['integer', '0x1f', false],
  ['integer', '١٢', false],
  ['integer', '１２', false],
  ['integer', ' 1', false],
  ['integer', '1 ', false],
  ['integer', '1\n', false],
  ['integer', '-', false],
  ['integer', '--1', false],
  ['number', '12.5', true],
  ['number', '-12.5e-3', true],
  ['number', '1E+6', true],
  ['number', '.5', true],
  ['number', '5.', true],
  ['number', '5.e3', true],
  ['number', '.', false],
  ['number', '1,5', false],
  ['number', '1.2.3', false],
  ['number', '1e', false],
  ['number', '1e5.5', false],
  ['number', 'NaN', false],
  ['number', 'Infinity', false],
  ['number', '$5', false],
  ['number', '5%', false],
  ['boolean', 'true', true],
  ['boolean', 'True', true],
  ['boolean', 'TRUE', true],
  ['boolean', '1', true],
  ['boolean', 'false', true],
  ['boolean', 'False', true],
  ['boolean', 'FALSE', true],
  ['boolean', '0', true],
  ['boolean', 'tRUE', false],
  ['boolean', 'yes', false],
  ['boolean', '2', false],
  ['datetime', '2025-01-31T12:00:00Z', true],
  ['datetime', '2025-01-31T12:00:00', true],
  ['datetime', '2025-01-31T23:59:59.123456+05:30', true],
  ['datetime', '2024-02-29T00:00:00-14:00', true],
  ['datetime', '2025-02-29T12:00:00Z', false],
  ['datetime', '0000-01-01T12:00:00Z', false],
  ['datetime', '2025-01-31T24:00:00Z', false],
  ['datetime', '2025-01-31T12:60:00Z', false],
  ['datetime', '2025-01-31T12:00:60Z', false],
  ['datetime', '2025-01-31T12:00Z', false],
  ['datetime', '2025-01-31 12:00:00', true],
  ['datetime', '2025-01-31T12:00:00.Z', false],
  ['datetime', '2025-01-31T12:00:00+15:00', false],
  ['datetime', '2025-01-31T12:00:00z', false],
  ['datetime', '2025-01-31', false],
  ['datetime', '2025-01-31T12:00:00.1234567891Z', false],
  ['time', '00:00:00', true],
  ['time', '23:59:59', true],
  ['time', '24:00:00', false],
  ['time', '12:60:00', false],
  ['time', '12:00:60', false],
  ['time', '12:00', false],
  ['time', '1:00:00', false],
  ['time', '12:00:00Z', false],
  ['time', '12:00:00.5', true],
  ['time', '12:00:00.', false],
  ['time', '23:59:59.999999', true],
  ['time', '23:59:59.9999999', false],
  ['year', '2025', true],
  ['year', '0001', true],
  ['year', '0000', false],
  ['year', '25', false],
  ['year', '-0044', false],
  ['year', '20255', false],
  ['yearmonth', '2025-12', true],
  ['yearmonth', '2025-13', false],
  ['yearmonth', '2025-00', false],
  ['yearmonth', '0000-01', false],
  ['yearmonth', '2025-1', false],
  ['yearmonth', '2025-01-01', false],
  ['duration', 'P1Y2M10DT2H30M5.25S', true],
  ['duration', 'P1M', true],
  ['duration', 'PT1M', true],
  ['duration', 'P2W', true],
  ['duration', 'P0D', true],
  ['duration', 'P', false],
  ['duration', 'PT', false],
  ['duration', 'P1YT', false],
  ['duration', 'P1D2M', false],
  ['duration', 'P1W2D', false],
  ['duration', 'P1.5D', false],
  ['duration', 'PT1.S', false],
  ['duration', '-P1D', false],
  ['duration', 'P-1D', false],
  ['duration', '1Y', false],
  ['duration', 'P123456789D', false],
  ['object', '{}', true],
  ['object', ' {"a":{"b":[1,2,{"c":null}]}}\n', true],
  ['object', '[]', false],
  ['object', 'null', false],
  ['object', '"a"', false],
  ['object', "{'a':1}", false],
  ['object', '{"a":1,}', false],
  ['object', '{"a":1} {"b":2}', false],
  ['object', '{"a":"\\u00e9\\ud83d\\ude00\\\\u0000"}', true],
  ['object', '{"a":"\\u0000"}', false],
  ['object', '{"a":"\\\\\\u0000"}', false],
  ['object', '{"a":"\\ud83d"}', false],
  ['object', '{"a":"\\ude00\\ud83d"}', false],
  ['object', '{"\\uD83D":1}', false],
  ['array', '[]', true],
  ['array', '["[[", {"a":"]"}]', true],
  ['array', '{}', false],
  ['array', '1', false],
  ['array', '[NaN]', false],
  ['array', `${'['.repeat(100)}${']'.repeat(100)}`, true],
  ['array', `${'['.repeat(101)}${']'.repeat(101)}`, false],
  ['array', `[${'{},'.repeat(200)}{}]`, true],
  ['any', 'anything "at" all', true],
  ['string', 'anything "at" all', true],
])('%s %j: %s', (name, text, valid) => {
  expect(isValid(name, text)).toBe(valid);
});

test.each<[FieldType, text: string, sql: string, json: string, cel: unknown]>([
  ['string', 'a "b"\n', 'a "b"\n', '"a \\"b\\"\\n"', 'a "b"\n'],
  ['integer', '007', '007', '7', 7n],
  ['integer', '-000', '-000', '0', 0n],
  ['number', '.50', '.50', '0.50', 0.5],
  ['boolean', 'TRUE', 'true', 'true', true],
  ['boolean', '0', 'false', 'false', false],
  ['date', '2025-01-15', '2025-01-15', '"2025-01-15"', '2025-01-15'],
  ['datetime', '2025-01-15T00:00:00Z', '2025-01-15T00:00:00Z', '"2025-01-15T00:00:00Z"', '2025-01-15T00:00:00Z'],
  ['time', '14:05:09', '14:05:09', '"14:05:09"', '14:05:09'],
  ['year', '0044', '0044', '44', 44n],
  ['yearmonth', '2025-01', '2025-01', '"2025-01"', '2025-01'],
  ['duration', 'PT1H', 'PT1H', '"PT1H"', 'PT1H'],
  ['object', '{"a": [1]}', '{"a": [1]}', '{"a": [1]}', '{"a": [1]}'],
  ['array', '[1, "é"]', '[1, "é"]', '[1, "é"]', '[1, "é"]'],
  ['any', 'a "b"', 'a "b"', '"a \\"b\\""', 'a "b"'],
])('%s %j to SQL, JSON and CEL', (name, text, sql, json, cel) => {
  const { read, toJson, toCel } = type(name);
  const value = read(text)!;
  expect([value, toJson(value), toCel(value)]).toEqual([sql, json, cel]);
});

test.each(['9223372036854775808', '-9223372036854775809', '9'.repeat(1000)])(
  'an integer that CEL does not have is no value of an expression: %s',
  (text) => {
    expect(() => type('integer').toCel(text)).toThrow(RangeError);
  },
);

test('the integers that CEL has at its ends', () => {
  expect(type('integer').toCel('9223372036854775807')).toBe(9223372036854775807n);
  expect(type('integer').toCel('-0009223372036854775808')).toBe(-9223372036854775808n);
});

describe('JSON', () => {
  test.each([
    ['0', '0'],
    ['000', '0'],
    ['-0', '0'],
    ['+5', '5'],
    ['-05', '-5'],
    ['123456789012345678901234567890', '123456789012345678901234567890'],
  ])('integer %s is %s', (text, json) => {
    expect(integerToJson(text)).toBe(json);
  });

  test.each([
    ['5.', '5'],
    ['.5', '0.5'],
    ['-.5e3', '-0.5e3'],
    ['+007.50', '7.50'],
    ['0.1000000000000000055511151231257827', '0.1000000000000000055511151231257827'],
    ['1E+6', '1E+6'],
    ['00', '0'],
  ])('number %s is %s', (text, json) => {
    expect(numberToJson(text)).toBe(json);
  });

  test('every number that is valid becomes the same number, as JSON knows numbers', () => {
    const digits = fc.stringMatching(/^[0-9]{1,12}$/);
    const text = fc
      .tuple(fc.constantFrom('', '+', '-'), digits, fc.option(digits), fc.option(fc.integer({ min: -9, max: 9 })))
      .map(([sign, whole, fraction, exponent]) =>
        [sign, whole, fraction === null ? '' : `.${fraction}`, exponent === null ? '' : `e${exponent}`].join(''),
      );
    fc.assert(
      fc.property(text, (number) => {
        expect(isValid('number', number)).toBe(true);
        expect(JSON.parse(numberToJson(number))).toBe(Number(number));
      }),
    );
  });

  test('every text comes back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(JSON.parse(quoteJson(text))).toBe(text);
      }),
    );
    for (let code = 0; code < 0x100; code += 1) {
      const text = `a${String.fromCharCode(code)}b`;
      expect(JSON.parse(quoteJson(text))).toBe(text);
    }
  });
});

describe('order', () => {
  test.each([
    ['9007199254740993', '9007199254740992', 1],
    ['-9007199254740993', '-9007199254740992', -1],
    ['0.1', '0.10000000000000000001', -1],
    ['1e400', '1e401', -1],
    ['1e-400', '0', 1],
    ['-1e-400', '0', -1],
    ['100', '1e2', 0],
    ['00.0100', '1e-2', 0],
    ['-0', '+0.00', 0],
    ['9', '10', -1],
    ['-9', '-10', 1],
    ['-1', '1', -1],
    ['-31', '-31', 0],
    ['1.5', '1.45', 1],
    ['5.', '.5', 1],
  ])('numbers %s and %s: %d', (a, b, expected) => {
    expect(Math.sign(compareNumbers(a, b))).toBe(expected);
    // The test subtracts from 0, since toBe distinguishes -0 from 0.
    expect(Math.sign(compareNumbers(b, a))).toBe(0 - expected);
  });

  test('numbers as BigInt has them, and as doubles have them where those are exact', () => {
    fc.assert(
      fc.property(fc.bigInt(), fc.bigInt(), (a, b) => {
        expect(Math.sign(compareNumbers(String(a), String(b)))).toBe(a < b ? -1 : a > b ? 1 : 0);
      }),
    );
    fc.assert(
      fc.property(fc.integer(), fc.integer(), fc.nat(10), (a, b, scale) => {
        const sign = Math.sign(compareNumbers(String(a / 2 ** scale), String(b / 2 ** scale)));
        expect(sign).toBe(Math.sign(a - b));
      }),
    );
  });

  test.each([
    ['2025-01-01T00:00:00', '2025-01-01T00:00:00Z', 0],
    ['2025-01-01T02:00:00+02:00', '2025-01-01T00:00:00Z', 0],
    ['2025-01-01T00:00:00-05:00', '2025-01-01T00:00:00Z', 1],
    ['2025-01-01T00:00:00.0009Z', '2025-01-01T00:00:00.000Z', 1],
    ['2025-01-01T00:00:00.10Z', '2025-01-01T00:00:00.1Z', 0],
    ['2025-01-01T00:00:00.9Z', '2025-01-01T00:00:01Z', -1],
    ['0050-01-01T00:00:00Z', '1950-01-01T00:00:00Z', -1],
  ])('datetimes %s and %s: %d', (a, b, expected) => {
    expect(Math.sign(compareDatetimes(a, b))).toBe(expected);
    expect(Math.sign(compareDatetimes(b, a)) + expected).toBe(0);
  });

  test.each([
    ['14:05:09', '14:05:10', -1],
    ['14:05:09', '14:05:09.0', 0],
    ['14:05:09.5', '14:05:09.50', 0],
    ['14:05:09.5', '14:05:09.45', 1],
    ['14:05:09.9', '14:05:10', -1],
  ])('times %s and %s: %d', (a, b, expected) => {
    expect(Math.sign(compareTimes(a, b))).toBe(expected);
    expect(Math.sign(compareTimes(b, a)) + expected).toBe(0);
  });

  test('a datetime without a zone is UTC wherever it is compared', () => {
    const before = process.env['TZ'];
    try {
      for (const zone of ['America/New_York', 'Asia/Tokyo', 'UTC']) {
        process.env['TZ'] = zone;
        expect(compareDatetimes('2025-01-01T00:00:00', '2025-01-01T00:00:00Z')).toBe(0);
      }
    } finally {
      if (before === undefined) delete process.env['TZ'];
      else process.env['TZ'] = before;
    }
  });
});

/** A field may be as long as a record: 16 MiB. A check that is not linear would exceed the test's time limit. */
describe('long texts', () => {
  const long = 300_000;
  test.each<[FieldType, string, string, boolean]>([
    ['number', 'default', `${'9'.repeat(long)}x`, false],
    ['number', 'default', `.${'9'.repeat(long)}x`, false],
    ['number', 'default', '9'.repeat(long), true],
    ['integer', 'default', `${'9'.repeat(long)}x`, false],
    ['datetime', 'default', `2025-01-01T00:00:00.${'1'.repeat(long)}x`, false],
    ['string', 'email', 'a'.repeat(long), false],
    ['string', 'email', `a@${'a.'.repeat(long)}-`, false],
    ['string', 'email', `a@${'a-'.repeat(long)}`, false],
    ['string', 'email', `a@${'a.'.repeat(long * 10)}-`, false],
    ['string', 'email', `a@${'a.'.repeat(long * 10)}a`, true],
    ['string', 'uri', `a:${'%20'.repeat(long)}`, true],
    ['string', 'uri', `a://${':1'.repeat(long)}`, false],
    ['string', 'uri', `a://[${':1'.repeat(long)}]/`, false],
    ['string', 'uri', `${'a'.repeat(long)}`, false],
    ['string', 'uuid', 'a-'.repeat(long), false],
    ['string', 'binary', 'QUJD'.repeat(long), true],
    ['string', 'binary', `${'QUJD'.repeat(long)}=`, false],
    ['date', 'default', '2025-01-01'.repeat(long), false],
    ['date', '%d %B %Y', '1'.repeat(long), false],
    ['time', 'default', '12:'.repeat(long), false],
    ['datetime', '%Y-%m-%d %H:%M:%S.%f', `2025-01-01 00:00:00.${'1'.repeat(long)}`, false],
    ['year', 'default', '2'.repeat(long), false],
    ['yearmonth', 'default', '2025-01'.repeat(long), false],
    ['duration', 'default', `P${'1'.repeat(long)}Y`, false],
    ['duration', 'default', `P${'1Y'.repeat(long)}`, false],
    ['boolean', 'default', 'true'.repeat(long), false],
    ['object', 'default', `{"a":"${'\\u00e9'.repeat(long / 2)}"}`, true],
    ['object', 'default', `{"a":"${'\\ud83d\\ude00'.repeat(long / 4)}\\u0000"}`, false],
    ['object', 'default', `{"a":"${'x'.repeat(long * 10)}"}`, false],
    ['array', 'default', '['.repeat(long * 10), false],
    ['array', 'default', `[${'{},'.repeat(long)}{}]`, true],
  ])('%s %s', (name, format, text, valid) => {
    expect(isValid(name, text, format)).toBe(valid);
  });

  test('order', () => {
    expect(compareNumbers(`${'9'.repeat(long)}`, `1${'0'.repeat(long)}`)).toBe(-1);
    expect(compareNumbers(`0.${'0'.repeat(long)}1${'0'.repeat(long)}`, '0')).toBe(1);
    expect(compareNumbers(`${'10'.repeat(long)}1`, '5')).toBe(1);
  });
});
