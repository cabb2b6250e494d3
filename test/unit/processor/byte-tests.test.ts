/** The quick tests of bytes agree with the full tests of text: the full tests accept all that the quick ones accept. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mayBeBlank } from '#runner/processor/byte-tests.ts';
import { compileField } from '#runner/processor/check-field.ts';
import type { Field } from '#runner/processor/value-type.ts';

const compile = (field: Partial<Field>) =>
  compileField({ name: 'f', type: 'string', ...field }, { path: 'f', required: false, missingValues: [] });

/** The answers of the quick test and of the full test for a text that is not blank. */
function answers(field: Partial<Field>, text: string): { bytes: boolean; text: boolean } {
  const check = compile(field);
  const faults: Parameters<typeof check.read>[1] = [];
  // A word that means "no value" is no value, so the quick test must not accept its bytes.
  const value = check.read(check.present(text), faults);
  const bytes = Buffer.from(text);
  return {
    bytes: check.acceptsBytes(bytes, 0, bytes.length),
    // After a quick test the bytes themselves are loaded, so they must be the value.
    text: value === text && faults.length === 0,
  };
}

const FIELDS: Partial<Field>[] = [
  {},
  { format: 'email' },
  { type: 'date' },
  { type: 'datetime' },
  { type: 'integer' },
  { type: 'number' },
  { type: 'number', decimalChar: ',', groupChar: '.', bareNumber: false },
  { type: 'integer', groupChar: ',', bareNumber: false },
  { type: 'boolean' },
  { type: 'boolean', trueValues: ['a'], falseValues: ['b', '0'] },
  { type: 'date', format: '%d-%m-%Y' },
  { type: 'date', format: '%Y-%m-%d' },
  { type: 'year' },
  { type: 'any' },
  { format: 'uri' },
  { constraints: { enum: ['a', 'ab', 'é'] } },
  { constraints: { minLength: 2, maxLength: 4 } },
  { constraints: { pattern: '^[A-F0-9]{2,4}$' } },
  { constraints: { pattern: 'a' } },
  { type: 'integer', constraints: { minimum: '10' } },
  { type: 'date', constraints: { maximum: '2025-01-01' } },
  { missingValues: ['NA', '-'] },
];

const parts = [
  'a',
  'b',
  'A',
  'F',
  '0',
  '9',
  '-',
  '.',
  '@',
  '+',
  'é',
  '😀',
  'NA',
  ',',
  '1.234',
  '€ ',
  '2024-02-29',
  '2023-02-29',
  '1900-02-29',
];
const text = fc
  .oneof(
    fc.array(fc.constantFrom(...parts), { minLength: 1, maxLength: 8 }).map((each) => each.join('')),
    fc.tuple(fc.nat(9999), fc.nat(19), fc.nat(39)).map(([year, month, day]) => {
      const pad = (n: number, length: number) => String(n).padStart(length, '0');
      return `${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)}`;
    }),
    fc.emailAddress(),
    fc.string({ unit: 'grapheme', minLength: 1 }),
  )
  .filter((each) => each.trim() !== '');

test.each(FIELDS)('%j', (field) => {
  fc.assert(
    fc.property(text, (value) => {
      const { bytes, text: accepted } = answers(field, value);
      if (bytes) expect(accepted, value).toBe(true);
    }),
    { numRuns: 1500 },
  );
});

describe('bytes decide the frequent values', () => {
  test.each<[Partial<Field>, string]>([
    [{}, 'Zoë'],
    [{ format: 'email' }, 'jane.doe+x@mail.example.org'],
    [{ type: 'date' }, '2024-02-29'],
    [{ type: 'integer' }, '007'],
    [{ constraints: { enum: ['a', 'ab', 'é'] } }, 'é'],
    [{ constraints: { minLength: 2, maxLength: 4 } }, 'é😀'],
    [{ type: 'integer', constraints: { pattern: '^[0-9]+$' } }, '12'],
    [{ missingValues: ['NA'] }, 'Nancy'],
  ])('%j %j', (field, value) => {
    expect(answers(field, value)).toEqual({ bytes: true, text: true });
  });
});

test('a text that is blank begins with a byte that may be blank', () => {
  for (let code = 0; code <= 0xffff; code += 1) {
    const char = String.fromCharCode(code);
    if (char.trim() === '') expect(mayBeBlank(Buffer.from(char)[0]!)).toBe(true);
  }
});
