/** Tests which bytes the kernel accepts as text. It checks each record, since the chunk holds one that is no text. */
import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { schemaOf } from '../processor/schema.ts';
import { createComparison } from './both.ts';

/** The record holds the bytes in a column that the schema does not read, so that it is valid whatever they are. */
const schema = schemaOf({}, { fieldsMatch: 'subset' });
const both = createComparison({ schema, header: ['other', 'k'], encodings: ['text'] });

const SPOILT = Buffer.from('\xff,spoilt\n', 'latin1');
const KEY = Buffer.from(',k\n');

/** Expects the kernel to take the records of all values that are text, and no others. */
function expectTextAlone(values: readonly Buffer[]): void {
  const { rows, taken } = both(Buffer.concat([SPOILT, ...values.flatMap((value) => [value, KEY])]));
  expect(rows.rows).toBe(values.length + 1);
  expect(taken).toBe(values.filter((value) => isUtf8(value) && !value.includes(0)).length);
}

/** False for a byte that separates fields or records, or is a quote. */
const isPlain = (byte: number) => ![0x0a, 0x0d, 0x22, 0x2c].includes(byte);
const BYTES = Array.from({ length: 256 }, (_, byte) => byte).filter(isPlain);
/** The edges of all ranges in The Unicode Standard, table 3-7. */
const EDGES = [
  ...[0x00, 0x01, 0x61, 0x7f, 0x80, 0x81, 0x8f, 0x90, 0x91, 0x9f, 0xa0, 0xa1, 0xbf, 0xc0, 0xc1, 0xc2, 0xc3, 0xdf, 0xe0],
  ...[0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf8, 0xfc, 0xfe, 0xff],
];

describe('alone in its field', () => {
  test('every byte', () => expectTextAlone(BYTES.map((byte) => Buffer.of(byte))));

  test('every two bytes', () =>
    expectTextAlone(BYTES.flatMap((first) => BYTES.map((second) => Buffer.of(first, second)))));

  test('three bytes at the edges of the ranges, and every second one behind those that limit it', () => {
    expectTextAlone(EDGES.flatMap((a) => EDGES.flatMap((b) => EDGES.map((c) => Buffer.of(a, b, c)))));
    expectTextAlone([0xe0, 0xe1, 0xed, 0xee].flatMap((a) => BYTES.map((b) => Buffer.of(a, b, 0x80))));
  });

  test('four bytes at the edges of the ranges, and every second one behind those that limit it', () => {
    const [leads, others] = [
      EDGES.filter((byte) => byte >= 0xed),
      EDGES.filter((byte) => byte >= 0x7f && byte <= 0xc2),
    ];
    expectTextAlone(
      leads.flatMap((a) => others.flatMap((b) => others.flatMap((c) => others.map((d) => Buffer.of(a, b, c, d))))),
    );
    expectTextAlone([0xf0, 0xf1, 0xf4].flatMap((a) => BYTES.map((b) => Buffer.of(a, b, 0x80, 0xbf))));
  });

  test('any four bytes', () => {
    const byte = fc.oneof(fc.constantFrom(...EDGES), fc.constantFrom(...BYTES));
    const values = fc.array(
      fc.array(byte, { minLength: 4, maxLength: 4 }).map((bytes) => Buffer.from(bytes)),
      { minLength: 500, maxLength: 500 },
    );
    fc.assert(fc.property(values, expectTextAlone), { numRuns: 20 });
  });
});

test('at every place among the sixteen bytes that are asked at once, and cut off where the record ends', () => {
  const sequences = [
    '',
    '\0',
    '\xc3\xa9',
    '\xe6\xbc\xa2',
    '\xf0\x9f\x98\x80',
    '\xc3',
    '\xe6\xbc',
    '\xf0\x9f\x98',
    '\xed\xa0\x80',
    '\x80',
  ];
  const values: Buffer[] = [];
  for (let before = 0; before <= 34; before += 1)
    for (const after of [0, 1, 2, 3, 13, 14, 15, 16, 17])
      for (const sequence of sequences)
        values.push(Buffer.from(`${'a'.repeat(before)}${sequence}${'b'.repeat(after)}`, 'latin1'));
  expectTextAlone(values);
});

test('the bytes of the record alone: what is cut off at its end is not completed by those of the next one', () => {
  const single = createComparison({ schema: schemaOf({}), encodings: ['text'] });
  for (const cut of ['\xc3', '\xe6\xbc', '\xf0\x9f\x98', '\xf0\x9f']) {
    for (const end of ['\n', '\r\n', '\r']) {
      const file = Buffer.from(
        ['a', cut, '\xa9', '\xa2', '\x80', 'é', 'z'].map((value) => value + end).join(''),
        'latin1',
      );
      const { rows, failed } = single(file);
      expect([rows.rows, failed.length]).toEqual([2, 5]);
    }
  }
});
