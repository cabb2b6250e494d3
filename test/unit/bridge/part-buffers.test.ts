import { expect, it } from 'vitest';
import { planParts } from '#operator/bridge/sftp/fetch-file.ts';
import { createPartBuffers, PART_BYTES } from '#operator/bridge/sftp/part-buffers.ts';
import { settle } from '#support/process/fake-clock.ts';

const never = new AbortController().signal;

it('memory is lent in the order of asking, as far as it goes', async () => {
  const buffers = createPartBuffers(100);
  const first = await buffers.take(60, never);
  const served: number[] = [];
  const lend = async (length: number) => {
    const { length: lent } = await buffers.take(length, never);
    served.push(lent);
  };
  const both = Promise.all([lend(50), lend(10)]);
  await settle();
  expect(served).toEqual([]);
  buffers.giveBack(first);
  await both;
  expect(served).toEqual([50, 10]);
  expect(buffers.usedBytes).toBe(60);
});

it('more than there is at all is lent alone', async () => {
  const buffers = createPartBuffers(100);
  const first = await buffers.take(1, never);
  const asked = buffers.take(500, never);
  buffers.discard(first);
  buffers.giveBack(await asked);
  expect(buffers.usedBytes).toBe(0);
});

it('a part that was given back is lent again, and one that was discarded is not', async () => {
  const buffers = createPartBuffers();
  const [kept, first, second] = [
    await buffers.take(PART_BYTES, never),
    await buffers.take(PART_BYTES, never),
    await buffers.take(PART_BYTES, never),
  ];
  buffers.giveBack(first);
  buffers.discard(second);
  // toBe would compare the bytes of two different buffers one by one, which takes seconds.
  expect((await buffers.take(PART_BYTES, never)) === first).toBe(true);
  expect((await buffers.take(PART_BYTES, never)) === second).toBe(false);
  expect(buffers.usedBytes).toBe(3 * kept.length);
});

it('who stops waiting is passed over', async () => {
  const buffers = createPartBuffers(10);
  const first = await buffers.take(10, never);
  const stop = new AbortController();
  const stopped = buffers.take(5, stop.signal);
  const next = buffers.take(5, never);
  stop.abort(new Error('enough'));
  await expect(stopped).rejects.toThrow('enough');
  buffers.giveBack(first);
  expect((await next).length).toBe(5);
});

it.each([
  [0, 1, 0],
  [1, 1, 1],
  [PART_BYTES, 1, PART_BYTES],
  [PART_BYTES + 1, 2, 1],
  [5_000_000_000, 597, 5_000_000_000 - 596 * PART_BYTES],
  [5 * 2 ** 40, 10_000, 5 * 2 ** 40 - 9_999 * Math.ceil((5 * 2 ** 40) / 10_000)],
])('%i bytes are %i parts, the last one of %i', (size, count, last) => {
  const ranges = planParts(size);
  expect(ranges).toHaveLength(count);
  expect(ranges.at(-1)!.length).toBe(last);
  expect(ranges.reduce((sum, { length }) => sum + length, 0)).toBe(size);
  expect(ranges.map(({ number }) => number)).toEqual(ranges.map((_, index) => index + 1));
});
