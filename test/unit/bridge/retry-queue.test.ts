import { expect, it } from 'vitest';
import { createRetryQueue } from '#operator/bridge/admission/retry-queue.ts';
import type { ObjectNotice } from '#operator/bridge/model/types.ts';
import { FakeClock, settle } from '#support/process/fake-clock.ts';

const notice = (key: string): ObjectNotice => ({
  ...{ bucket: 'b', key, versionId: null, eTag: null, size: null, sequencer: null, event: null },
});

function setUp() {
  const clock = new FakeClock();
  const queue = createRetryQueue({ clock, random: () => 1 });
  const taken: string[][] = [];
  const stop = new AbortController();
  let onAdmit = (_: readonly ObjectNotice[]): void => undefined;
  const done = queue.run(async (notices) => {
    taken.push(notices.map(({ key }) => key));
    onAdmit(notices);
    return [];
  }, stop.signal);
  return { clock, queue, taken, stop, done, onAdmit: (then: typeof onAdmit) => (onAdmit = then) };
}

it('what has settled is taken when its time has come, together; nothing waits while it is empty', async () => {
  const { clock, queue, taken, stop, done, onAdmit } = setUp();
  await settle();
  expect(clock.waiting).toBe(0);
  onAdmit((notices) => notices.map((each) => queue.drop(each)));
  queue.put(notice('a'), 1_000);
  queue.put(notice('b'), 3_000);
  // A repeated notice gets a new due time.
  queue.put(notice('a'), 3_000);
  await clock.advance(2_999);
  expect(taken).toEqual([]);
  await clock.advance(1);
  expect(taken).toEqual([['a', 'b']]);
  expect(queue.size).toBe(0);
  expect(clock.waiting).toBe(0);
  stop.abort();
  await done;
});

it('what fails comes back ever later, until it is handled', async () => {
  const { clock, queue, taken, stop, done, onAdmit } = setUp();
  onAdmit((notices) => notices.map((each) => queue.put(each, null)));
  queue.put(notice('a'), null);
  const at: number[] = [];
  for (let second = 0; second < 200; second += 1) {
    const before = taken.length;
    await clock.advance(1_000);
    if (taken.length > before) at.push(second + 1);
  }
  expect(at).toEqual([5, 15, 35, 75, 155]);
  stop.abort();
  await done;
});

it('a notice that an admission left behind is looked at again', async () => {
  const { clock, queue, taken, stop, done } = setUp();
  queue.put(notice('a'), 10);
  await clock.advance(10);
  expect(taken).toHaveLength(1);
  await clock.advance(5_000);
  expect(taken).toHaveLength(2);
  stop.abort();
  await done;
});
