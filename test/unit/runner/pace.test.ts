import { expect, test } from 'vitest';
import type { Chunk } from '#ledger/types.ts';
import { createPace } from '#runner/load/pace.ts';

const MIB = 1024 * 1024;
const ALL_IN = { strategy: 'optimistic', conflicts: 0 } as const;

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
    pace.committed(group.length, ALL_IN);
  }
  expect(sizes).toEqual([4, 8, 10, 10, 10, 10, 8]);
  expect(pace.nextGroup(small, small.length)).toEqual([]);
});

test('where none may share a transaction each goes alone', () => {
  const pace = createPace(1);
  expect(pace.nextGroup(small, 0)).toHaveLength(1);
  pace.committed(1, ALL_IN);
  expect(pace.nextGroup(small, 1)).toHaveLength(1);
});

test('after a conflict the next ones are probed, in groups that grow again, until 16 chunks have met nothing', () => {
  const pace = createPace(10);
  for (let i = 0; i < 5; i += 1) pace.committed(1, ALL_IN);
  pace.committed(1, { strategy: 'probe', conflicts: 3 });
  expect(pace.strategy).toBe('probe');
  expect(pace.nextGroup(small, 0)).toHaveLength(1);
  pace.committed(15, { strategy: 'probe', conflicts: 0 });
  pace.committed(2, { strategy: 'probe', conflicts: 1 });
  expect(pace.nextGroup(small, 0)).toHaveLength(4);
  pace.committed(15, { strategy: 'probe', conflicts: 0 });
  expect(pace.strategy).toBe('probe');
  pace.committed(1, { strategy: 'probe', conflicts: 0 });
  expect(pace.strategy).toBe('optimistic');
  expect(pace.nextGroup(small, 0)).toHaveLength(10);
});

test('after a merge 16 chunks are merged, one by one, whatever they meet; then they are probed', () => {
  const pace = createPace(10);
  for (let i = 0; i < 5; i += 1) pace.committed(1, ALL_IN);
  pace.committed(1, { strategy: 'merge', conflicts: 1 });
  for (let merged = 0; merged < 16; merged += 1) {
    expect(pace.strategy).toBe('merge');
    expect(pace.nextGroup(small, 0)).toHaveLength(1);
    pace.committed(1, { strategy: 'merge', conflicts: 1 });
  }
  expect(pace.strategy).toBe('probe');
});

test('a chunk without rows that can be written does not end the care', () => {
  const pace = createPace(10);
  pace.committed(1, { strategy: 'probe', conflicts: 1 });
  pace.committed(1, ALL_IN);
  expect(pace.strategy).toBe('probe');
});

test('a group that could not be written together makes the next ones small, by the same strategy', () => {
  const pace = createPace(10);
  for (let i = 0; i < 5; i += 1) pace.committed(1, ALL_IN);
  pace.separated();
  expect(pace.strategy).toBe('optimistic');
  expect(pace.nextGroup(small, 0)).toHaveLength(1);
});

test('a group holds at most 2 MiB of the source, but for a larger chunk alone', () => {
  const pace = createPace(10);
  for (let i = 0; i < 5; i += 1) pace.committed(1, ALL_IN);
  const chunks = chunksOf(MIB, MIB, 1, 8 * MIB, 1);
  expect(numbers(pace.nextGroup(chunks, 0))).toEqual([0, 1]);
  expect(numbers(pace.nextGroup(chunks, 2))).toEqual([2]);
  expect(numbers(pace.nextGroup(chunks, 3))).toEqual([3]);
});

test('where chunks go alone they always do', () => {
  const pace = createPace(1);
  for (let i = 0; i < 5; i += 1) pace.committed(1, ALL_IN);
  expect(pace.nextGroup(small, 0)).toHaveLength(1);
});
