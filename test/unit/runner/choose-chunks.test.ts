import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Chunk } from '#runner/ledger/types.ts';
import { chooseHelp, chooseOwn } from '#runner/load/choose-chunks.ts';

const MIB = 1024 * 1024;

function chunksOf(numbers: readonly number[], bytes: number): Chunk[] {
  return numbers.map((number) => ({
    number,
    startByte: number * bytes,
    endByte: (number + 1) * bytes,
    firstRowNumber: number * 1000 + 1,
    recordCount: 1000,
  }));
}

const numbersOf = (chunks: readonly Chunk[]) => chunks.map(({ number }) => number);
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

describe('the chunks of an own index', () => {
  it('go by runs without a gap, from the front', () => {
    expect(numbersOf(chooseOwn(chunksOf([3, 4, 7, 8, 9], MIB), false))).toEqual([3, 4]);
  });
  it('come to none in the end', () => {
    expect(chooseOwn([], false)).toEqual([]);
  });
  it('are taken from behind where another pod is at them', () => {
    expect(chooseOwn(chunksOf(range(0, 40), MIB), true).at(-1)!.number).toBe(39);
  });
  it('are taken to the last even so, since the other one may be dead', () => {
    expect(numbersOf(chooseOwn(chunksOf([3, 4], MIB), true))).toEqual([3, 4]);
  });
});

describe('help', () => {
  it('takes the second half of the longest run, without the one that may be under way', () => {
    expect(numbersOf(chooseHelp(chunksOf([0, 1, 2, ...range(10, 20)], MIB), false))).toEqual(range(16, 20));
  });
  it('does not come for what is under way', () => {
    expect(chooseHelp(chunksOf(range(0, 3), MIB), false)).toEqual([]);
    expect(chooseHelp(chunksOf([8, 9], 5 * MIB), false)).toEqual([]);
  });
  it('takes an end of one run, of several pods not all the same', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat(60)),
        fc.integer({ min: 1, max: 6 * MIB }),
        fc.boolean(),
        (numbers, bytes, met) => {
          const pending = chunksOf(
            [...numbers].sort((a, b) => a - b),
            bytes,
          );
          const chosen = numbersOf(chooseHelp(pending, met));
          if (chosen.length === 0) return;
          expect(chosen).toEqual(range(chosen[0]!, chosen.at(-1)! + 1));
          expect(numbersOf(pending)).toEqual(expect.arrayContaining([...chosen, chosen[0]! - 1]));
          expect(numbers).not.toContain(chosen.at(-1)! + 1);
        },
      ),
    );
    const ends = new Set(Array.from({ length: 50 }, () => chooseHelp(chunksOf(range(0, 100), MIB), true).length));
    expect(ends.size).toBeGreaterThan(5);
  });
});
