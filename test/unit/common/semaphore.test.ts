import { describe, expect, it } from 'vitest';
import { createSemaphore } from '#common/semaphore.ts';
import { settle } from '#support/process/fake-clock.ts';

const never = new AbortController().signal;

describe('run', () => {
  it('starts work at once while a slot is free, and the rest in the order of asking', async () => {
    const semaphore = createSemaphore(2);
    const started: number[] = [];
    const ends = Array.from({ length: 5 }, () => Promise.withResolvers<void>());
    const runs = ends.map((end, index) =>
      semaphore.run(async () => {
        started.push(index);
        await end.promise;
        return index;
      }),
    );
    expect(started).toEqual([0, 1]);
    expect(semaphore.active).toBe(2);
    ends[1]!.resolve();
    await settle();
    expect(started).toEqual([0, 1, 2]);
    ends[0]!.resolve();
    ends[2]!.resolve();
    await settle();
    expect(started).toEqual([0, 1, 2, 3, 4]);
    expect(semaphore.active).toBe(2);
    for (const end of ends) end.resolve();
    expect(await Promise.all(runs)).toEqual([0, 1, 2, 3, 4]);
    expect(semaphore.active).toBe(0);
  });

  it('frees the slot when the work throws, also before its first await', async () => {
    const semaphore = createSemaphore(1);
    const failing = [
      semaphore.run(() => {
        throw new Error('at once');
      }),
      semaphore.run(async () => {
        await settle();
        throw new Error('later');
      }),
    ];
    const next = semaphore.run(async () => 'next');
    expect((await Promise.allSettled(failing)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await next).toBe('next');
    expect(semaphore.active).toBe(0);
  });
});

describe('acquire', () => {
  it('passes over a caller that was aborted while it waited', async () => {
    const semaphore = createSemaphore(1);
    await semaphore.acquire(never);
    const stop = new AbortController();
    const stopped = semaphore.acquire(stop.signal);
    const next = semaphore.acquire(never);
    stop.abort(new Error('enough'));
    await expect(stopped).rejects.toThrow('enough');
    semaphore.release();
    await next;
    expect(semaphore.active).toBe(1);
    semaphore.release();
    await semaphore.acquire(never);
  });

  it('gives no slot to a caller that is already aborted', async () => {
    const semaphore = createSemaphore(1);
    await expect(semaphore.acquire(AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
    expect(semaphore.active).toBe(0);
  });

  it('keeps the slot of a caller that was aborted in the moment when it got the slot', async () => {
    const semaphore = createSemaphore(1);
    await semaphore.acquire(never);
    const stop = new AbortController();
    const served = semaphore.acquire(stop.signal);
    semaphore.release();
    stop.abort(new Error('enough'));
    await served;
    expect(semaphore.active).toBe(1);
  });

  it('waits in one queue with run', async () => {
    const semaphore = createSemaphore(1);
    const order: string[] = [];
    await semaphore.acquire(never);
    const run = semaphore.run(async () => void order.push('run'));
    const acquired = semaphore.acquire(never).then(() => order.push('acquire'));
    await settle();
    expect(order).toEqual([]);
    semaphore.release();
    await Promise.all([run, acquired]);
    expect(order).toEqual(['run', 'acquire']);
  });
});
