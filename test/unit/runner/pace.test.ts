import { expect, test } from 'vitest';
import type { Chunk } from '#runner/ledger/types.ts';
import { createPace } from '#runner/load/pace.ts';

const MIB = 1024 * 1024;

function chunksOf(...sizes: number[]): Chunk[] {
  let at = 0;
  return sizes.map((size, number) => {
    const startByte = at;
    at += size;
    return { number, startByte, endByte: at, firstRowNumber: number + 2, recordCount: 1 };
  });
}

const numbers = (chunks: readonly Chunk[]) => chunks.map(({ number }) => number);
const small = chunksOf(...Array(60).fill(1000));

test('groups grow while all goes well, to the most that is allowed', () => {
  const pace = createPace(10);
  const sizes: number[] = [];
  for (let first = 0; first < small.length; ) {
    const group = pace.nextGroup(small, first);
    expect(numbers(group)).toEqual(numbers(small.slice(first, first + group.length)));
    sizes.push(group.length);
    first += group.length;
    pace.committed(group.length, 'optimistic');
  }
  expect(sizes).toEqual([1, 2, 4, 8, 10, 10, 10, 10, 5]);
  expect(pace.nextGroup(small, small.length)).toEqual([]);
});

test('after a conflict 16 chunks are merged, one by one, and then it begins anew', () => {
  const pace = createPace(10);
  for (let i = 0; i < 5; i += 1) pace.committed(1, 'optimistic');
  pace.committed(1, 'merge');
  for (let merged = 0; merged < 16; merged += 1) {
    expect(pace.merging).toBe(true);
    expect(pace.nextGroup(small, 0)).toHaveLength(1);
    pace.committed(1, 'merge');
  }
  expect(pace.merging).toBe(false);
  expect(pace.nextGroup(small, 0)).toHaveLength(1);
  pace.committed(1, 'optimistic');
  expect(pace.nextGroup(small, 0)).toHaveLength(2);
});

test('a group that could not be written together makes the next ones small, not merged', () => {
  const pace = createPace(10);
  for (let i = 0; i < 5; i += 1) pace.committed(1, 'optimistic');
  pace.separated();
  expect(pace.merging).toBe(false);
  expect(pace.nextGroup(small, 0)).toHaveLength(1);
});

test('a group holds at most 2 MiB of the source, but for a larger chunk alone', () => {
  const pace = createPace(10);
  for (let i = 0; i < 5; i += 1) pace.committed(1, 'optimistic');
  const chunks = chunksOf(MIB, MIB, 1, 8 * MIB, 1);
  expect(numbers(pace.nextGroup(chunks, 0))).toEqual([0, 1]);
  expect(numbers(pace.nextGroup(chunks, 2))).toEqual([2]);
  expect(numbers(pace.nextGroup(chunks, 3))).toEqual([3]);
});

test('where chunks go alone they always do', () => {
  const pace = createPace(1);
  for (let i = 0; i < 5; i += 1) pace.committed(1, 'optimistic');
  expect(pace.nextGroup(small, 0)).toHaveLength(1);
});
