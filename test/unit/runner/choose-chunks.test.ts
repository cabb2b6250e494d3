import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PendingRun } from '#ledger/chunks/chunks.ts';
import { chooseHelp, chooseOwn } from '#runner/load/choose-chunks.ts';

const MIB = 1024 * 1024;

/** Makes runs [first, end) of chunks that all have the same size. */
const runsOf = (bytes: number, ...ranges: [first: number, end: number][]): PendingRun[] =>
  ranges.map(([first, end]) => ({ first, end, bytes: (end - first) * bytes }));

describe('the chunks of an own index', () => {
  it('go by runs without a gap, from the front', () => {
    expect(chooseOwn(runsOf(MIB, [3, 5], [7, 10]), false)).toEqual({ first: 3, end: 5 });
  });
  it('come to none in the end', () => {
    expect(chooseOwn([], false)).toBeNull();
    expect(chooseOwn([], true)).toBeNull();
  });
  it('are taken from behind where another pod is at them', () => {
    expect(chooseOwn(runsOf(MIB, [0, 40]), true)).toMatchObject({ end: 40 });
  });
  it('are taken to the last even so, since the other one may be dead', () => {
    expect(chooseOwn(runsOf(MIB, [3, 5]), true)).toEqual({ first: 3, end: 5 });
  });
  it('are some thousands at a time, of a file of any size', () => {
    expect(chooseOwn(runsOf(MIB, [7, 1_000_000]), false)).toEqual({ first: 7, end: 2007 });
  });
});

describe('help', () => {
  it('takes the second half of the longest run, without the one that may be under way', () => {
    expect(chooseHelp(runsOf(MIB, [0, 3], [10, 20]), false)).toEqual({ first: 16, end: 20 });
  });
  it('does not come for what is under way', () => {
    expect(chooseHelp([], false)).toBeNull();
    expect(chooseHelp(runsOf(MIB, [0, 3]), false)).toBeNull();
    expect(chooseHelp(runsOf(5 * MIB, [8, 10]), false)).toBeNull();
  });
  it('takes some thousands at a time, of a file of any size', () => {
    expect(chooseHelp(runsOf(MIB, [0, 1_000_000]), false)).toEqual({ first: 998_000, end: 1_000_000 });
  });
  it('takes an end of one run, of several pods not all the same', () => {
    const ranges = fc
      .uniqueArray(fc.nat(10_000), { maxLength: 20 })
      .map((numbers) => numbers.toSorted((a, b) => a - b))
      .map((borders) =>
        borders.flatMap((first, i): [number, number][] =>
          i % 2 === 0 && i + 1 < borders.length ? [[first, borders[i + 1]!]] : [],
        ),
      );
    fc.assert(
      fc.property(ranges, fc.integer({ min: 1, max: 6 * MIB }), fc.boolean(), (pending, bytes, met) => {
        const chosen = chooseHelp(runsOf(bytes, ...pending), met);
        if (!chosen) return;
        const [first, end] = pending.find((range) => range[1] === chosen.end)!;
        expect(end - first).toBe(Math.max(...pending.map((range) => range[1] - range[0])));
        expect(chosen.first).toBeGreaterThan(first);
        expect(chosen.first).toBeLessThan(end);
      }),
    );
    const firsts = new Set(Array.from({ length: 50 }, () => chooseHelp(runsOf(MIB, [0, 100]), true)!.first));
    expect(firsts.size).toBeGreaterThan(5);
  });
});
