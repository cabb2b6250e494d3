import { expect, test } from 'vitest';
import type { Chunk } from '#ledger/types.ts';
import { createPace } from '#runner/load/pace.ts';

const MIB = 1024 * 1024;
const ALL_IN = { conflicts: 0, waiting: 0 };
const CONFLICT = { conflicts: 3, waiting: 0 };

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

test('the probe comes first while conflicts are frequent, in groups of the same size', () => {
  const pace = createPace(10);
  for (let i = 0; i < 5; i += 1) pace.committed(1, ALL_IN);
  pace.committed(10, CONFLICT);
  expect(pace.strategy).toBe('probe');
  expect(pace.nextGroup(small, 0)).toHaveLength(10);
  pace.committed(10, ALL_IN);
  expect(pace.strategy).toBe('optimistic');
  for (let i = 0; i < 10; i += 1) pace.committed(10, CONFLICT);
  for (let i = 0; i < 3; i += 1) pace.committed(10, ALL_IN);
  expect(pace.strategy).toBe('probe');
  pace.committed(10, ALL_IN);
  expect(pace.strategy).toBe('optimistic');
});

test('what refers to nothing is asked first while foreign keys refuse rows', () => {
  const pace = createPace(10);
  pace.committed(4, { conflicts: 0, waiting: 7 });
  expect(pace).toMatchObject({ strategy: 'optimistic', asksReferences: true });
  for (let i = 0; i < 3; i += 1) pace.committed(10, ALL_IN);
  expect(pace.asksReferences).toBe(false);
});

test('after a transaction that was blocked 16 chunks are merged, one by one, whatever they meet', () => {
  const pace = createPace(10);
  for (let i = 0; i < 5; i += 1) pace.committed(1, ALL_IN);
  pace.blocked();
  for (let merged = 0; merged < 16; merged += 1) {
    expect(pace.strategy).toBe('merge');
    expect(pace.nextGroup(small, 0)).toHaveLength(1);
    pace.committed(1, CONFLICT);
  }
  expect(pace.strategy).toBe('optimistic');
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

test('four sessions have groups of 1 MiB at most, so that a pod needs no more memory', () => {
  const pace = createPace(10, 4);
  for (let i = 0; i < 5; i += 1) pace.committed(1, ALL_IN);
  expect(numbers(pace.nextGroup(chunksOf(MIB / 2, MIB / 2, 1), 0))).toEqual([0, 1]);
});

test('where chunks go alone they always do', () => {
  const pace = createPace(1);
  for (let i = 0; i < 5; i += 1) pace.committed(1, ALL_IN);
  expect(pace.nextGroup(small, 0)).toHaveLength(1);
});
