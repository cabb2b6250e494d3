import fc from 'fast-check';
import { RE2JS } from 're2js';
import { expect, test } from 'vitest';
import { compilePattern } from '#runner/processor/pattern.ts';

const classes = ['0-9', 'A-Z0-9', 'a-zA-Z_ ', '1', 'ab', '0-9 A-F', '9-9'];
const quantifiers = ['', '+', '*', '{3}', '{2,}', '{1,4}', '{0,0}'];

test('the quick test of simple patterns says what RE2 says', () => {
  const pattern = fc
    .tuple(fc.constantFrom(...classes), fc.constantFrom(...quantifiers))
    .map(([characters, quantifier]) => `^[${characters}]${quantifier}$`);
  const unit = fc.constantFrom(
    '0',
    '1',
    '9',
    'A',
    'a',
    'b',
    'F',
    '_',
    ' ',
    '-',
    '^',
    ']',
    '\n',
    '\r',
    'é',
    '😀',
    '１',
    'ſ',
  );
  fc.assert(
    fc.property(pattern, fc.string({ unit, maxLength: 5 }), (text, value) => {
      const { test, testBytes } = compilePattern(text, 'p');
      const expected = RE2JS.compile(text).test(value);
      expect(test(value)).toBe(expected);
      const bytes = Buffer.from(value);
      if (bytes.length > 0) expect(testBytes!(bytes, 0, bytes.length)).toBe(expected);
    }),
    { numRuns: 3000 },
  );
});

test.each(['^[9-0]$', '^[a]{3,2}$', '^[', '^[a]{1001}$', '(?<=a)b', 'a\\1'])(
  '%s is refused, as RE2 refuses it',
  (text) => {
    expect(() => RE2JS.compile(text)).toThrow();
    expect(() => compilePattern(text, 'spec.p')).toThrow(/^spec\.p: is not an RE2 pattern/);
  },
);

test.each([
  ['^[0-9]+', '1x', true],
  ['[0-9]+$', 'x1', true],
  ['^[^0-9]+$', 'é', true],
  ['^[0-9]+|[a-z]$', '%a', true],
  ['^\\d+$', '１', false],
  ['(?i)^k$', '\u212a', true],
])('%s of %j: %s', (text, value, expected) => {
  expect(compilePattern(text, 'p').test(value)).toBe(expected);
  expect(compilePattern(text, 'p').testBytes).toBeNull();
});
