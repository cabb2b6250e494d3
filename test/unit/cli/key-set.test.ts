import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hashBytes, type KeyHash, KeySet } from '#runner/record-processor.ts';

function hashOf(...texts: string[]): KeyHash {
  const hash = { high: 0, low: 0 };
  for (const text of texts) hashBytes(Buffer.from(text), 0, Buffer.byteLength(text), hash);
  return hash;
}

test('a set of hashes says what a set of texts says', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ maxLength: 4 }), { maxLength: 3000 }), (texts) => {
      const set = new KeySet();
      const oracle = new Set<string>();
      for (const text of texts) {
        expect(set.add(hashOf(text))).toBe(!oracle.has(text));
        oracle.add(text);
      }
      expect(set.size).toBe(oracle.size);
    }),
    { numRuns: 50 },
  );
});

test('a hundred thousand numbers are all different', () => {
  const set = new KeySet();
  for (let i = 0; i < 100_000; i += 1) expect(set.add(hashOf(String(i)))).toBe(true);
  expect(set.add(hashOf('99999'))).toBe(false);
});

test('where a range ends matters', () => {
  expect(hashOf('ab', 'c')).not.toEqual(hashOf('a', 'bc'));
  expect(hashOf('a', '')).not.toEqual(hashOf('a'));
});

test('the hash of zeros is a member like others', () => {
  const set = new KeySet();
  expect([set.add({ high: 0, low: 0 }), set.add({ high: 0, low: 0 })]).toEqual([true, false]);
});
