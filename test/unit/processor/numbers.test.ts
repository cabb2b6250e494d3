/** Tests how a file may write numbers: decimalChar, groupChar, bareNumber. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { typeOf } from '#runner/processor/types.ts';
import type { Field } from '#runner/processor/value-type.ts';

type Style = Pick<Field, 'decimalChar' | 'groupChar' | 'bareNumber'>;

const read = (type: 'integer' | 'number', style: Style, text: string) =>
  typeOf({ name: 'f', type, ...style }, 'f').read(text);

const GERMAN: Style = { decimalChar: ',', groupChar: '.' };
const ENGLISH: Style = { groupChar: ',' };
const SWISS: Style = { groupChar: '’' };
const UNITS: Style = { bareNumber: false };

describe('number', () => {
  test.each<[style: Style, text: string, value: string | undefined]>([
    [{ decimalChar: ',' }, '12,5', '12.5'],
    [{ decimalChar: ',' }, '-,5e3', '-.5e3'],
    [{ decimalChar: ',' }, '12', '12'],
    [{ decimalChar: ',' }, '12.5', undefined],
    [{ decimalChar: ',' }, '1,2,3', undefined],
    [{ decimalChar: ',' }, '1.234,5', undefined],
    [GERMAN, '1.234,56', '1234.56'],
    [GERMAN, '-1.234.567', '-1234567'],
    [GERMAN, '1234,56', '1234.56'],
    [GERMAN, '1.5', undefined],
    [GERMAN, '12.34', undefined],
    [GERMAN, '1234.567', undefined],
    [GERMAN, '.123', undefined],
    [GERMAN, '1.', undefined],
    [GERMAN, '1..234', undefined],
    [GERMAN, '1,234.567', undefined],
    [GERMAN, '1,234,567', undefined],
    [GERMAN, '1.234e3', undefined],
    [ENGLISH, '1,234.56', '1234.56'],
    [ENGLISH, '1,5', undefined],
    [ENGLISH, '1.234,567', undefined],
    [ENGLISH, '0,123', '0123'],
    [SWISS, '1’234’567.05', '1234567.05'],
    [{ groupChar: '\u202f', decimalChar: ',' }, '1\u202f234,5', '1234.5'],
    [UNITS, '95%', '95'],
    [UNITS, '€95', '95'],
    [UNITS, 'EUR 95.50', '95.50'],
    [UNITS, '95.50 EUR', '95.50'],
    [UNITS, '12 kr.', '12'],
    [UNITS, 'Fr. 12', '12'],
    [UNITS, '-$5', '-5'],
    [UNITS, '$-5', '-5'],
    [UNITS, '$ +5', '+5'],
    [UNITS, '- 5', '-5'],
    [UNITS, '5e3 kg', '5e3'],
    [UNITS, '7', '7'],
    // A text that may mean another number is no number.
    [UNITS, '$.50', undefined],
    [UNITS, 'Fr.5', undefined],
    [UNITS, '-$-5', undefined],
    [UNITS, '(5)', undefined],
    [UNITS, '5-', undefined],
    [UNITS, '5 −', undefined],
    [UNITS, '−5', undefined],
    [UNITS, '–5', undefined],
    [UNITS, 'US-$ 5', undefined],
    [UNITS, '5 m2', undefined],
    [UNITS, '1/2', undefined],
    [UNITS, '½ 5', undefined],
    [UNITS, '５5', undefined],
    [UNITS, '1,5', undefined],
    [UNITS, '%', undefined],
    [UNITS, `${' '.repeat(33)}5`, undefined],
    [UNITS, `5${' '.repeat(33)}`, undefined],
    [{ ...GERMAN, ...UNITS }, '1.234,56 €', '1234.56'],
    [{ ...GERMAN, ...UNITS }, '€ -1.234', '-1234'],
    [{ ...GERMAN, ...UNITS }, '1.5 €', undefined],
    [{}, '95%', undefined],
  ])('%j reads %j as %s', (style, text, value) => {
    expect(read('number', style, text)).toBe(value);
  });
});

describe('integer', () => {
  test.each<[style: Style, text: string, value: string | undefined]>([
    [{ groupChar: '.' }, '1.234', '1234'],
    [{ groupChar: '.' }, '1.23', undefined],
    [{ groupChar: ',' }, '-12,345,678', '-12345678'],
    [{ groupChar: ' ' }, '1 234', '1234'],
    [{ groupChar: ',' }, '1,234.0', undefined],
    [UNITS, '95%', '95'],
    [UNITS, '.5', undefined],
    [UNITS, ',5', undefined],
    [UNITS, '9.5%', undefined],
    [UNITS, '1,234', undefined],
    [{ groupChar: ',', bareNumber: false }, 'US$ 1,234', '1234'],
  ])('%j reads %j as %s', (style, text, value) => {
    expect(read('integer', style, text)).toBe(value);
  });
});

test.each<[locale: string, style: Style]>([
  ['en-US', ENGLISH],
  ['de-DE', GERMAN],
  ['fr-FR', { groupChar: '\u202f', decimalChar: ',' }],
])('numbers as %s writes them come back', (locale, style) => {
  const format = new Intl.NumberFormat(locale, { maximumFractionDigits: 6 });
  const { read, expectation } = typeOf({ name: 'f', type: 'number', ...style }, 'f');
  fc.assert(
    fc.property(fc.integer({ min: -1e9, max: 1e9 }), fc.nat(6), (n, scale) => {
      const number = n / 10 ** scale;
      expect(Number(read(format.format(number)))).toBe(number);
    }),
  );
  expect(expectation).toBe(`a number such as ${format.format(1234.5)}`);
});

test.each<[style: Style, text: string, length: number | undefined]>([
  [ENGLISH, `1${',000'.repeat(300_000)}`, 900_001],
  [ENGLISH, `1${',000'.repeat(300_000)},`, undefined],
  [ENGLISH, ','.repeat(300_000), undefined],
  [GERMAN, `1${','.repeat(300_000)}`, undefined],
  [UNITS, '9'.repeat(300_000), 300_000],
  [UNITS, `${'x'.repeat(300_000)}5`, undefined],
  [UNITS, `5${'x'.repeat(300_000)}`, undefined],
  [UNITS, `5${' 5'.repeat(300_000)}`, undefined],
])('long texts take linear time (%#)', (style, text, length) => {
  expect(read('number', style, text)?.length).toBe(length);
});

test('what is read is a plain number, or nothing', () => {
  const unit = fc.constantFrom('1', '23', '456', '.', ',', '-', '+', ' ', '€', 'e', '(', '%');
  const text = fc.array(unit, { minLength: 1, maxLength: 8 }).map((parts) => parts.join(''));
  const style = fc.record({
    decimalChar: fc.constantFrom('.', ','),
    groupChar: fc.constantFrom(undefined, ' ', '.', ','),
    bareNumber: fc.boolean(),
  });
  fc.assert(
    fc.property(style, text, ({ decimalChar, groupChar, bareNumber }, written) => {
      fc.pre(decimalChar !== groupChar);
      const value = read('number', { decimalChar, bareNumber, ...(groupChar ? { groupChar } : {}) }, written);
      if (value === undefined) return;
      expect(value).toMatch(/^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?$/);
      // No digit is lost, and no sign.
      expect(value.replace(/[^0-9-]/g, '')).toBe(written.replace(/[^0-9-]/g, ''));
      if (bareNumber) expect(written).toMatch(/^[0-9+\-., e]+$/);
    }),
    { numRuns: 5000 },
  );
});
