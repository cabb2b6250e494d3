import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { KubeError } from '#kube/errors.ts';
import type { ProcessResult } from '#kube/types.ts';
import { createWorkQueue, type WorkQueueDeps } from '#kube/work-queue.ts';
import { FakeClock, settle } from '#support/process/fake-clock.ts';
import { createRecordingLog } from '#support/process/recording-log.ts';

interface Running {
  key: string;
  end(result?: ProcessResult): void;
  fail(error?: Error): void;
}

/** A queue whose `process` calls wait until the test ends them. */
function start(workers = 1, options: Partial<WorkQueueDeps> = {}) {
  const clock = new FakeClock();
  const log = createRecordingLog();
  // The random number 1 gives the longest delay, so that delays are exact.
  const queue = createWorkQueue({ clock, log, random: () => 1, baseDelayMs: 100, maxDelayMs: 1_000, ...options });
  const started: string[] = [];
  const running: Running[] = [];
  const abort = new AbortController();
  let drained = false;
  const run = () =>
    queue
      .run({
        workers,
        signal: abort.signal,
        process: (key) => {
          started.push(key);
          const { promise, resolve, reject } = Promise.withResolvers<ProcessResult>();
          const entry: Running = {
            key,
            end: (result) => finish(() => resolve(result)),
            fail: (error = new Error('no')) => finish(() => reject(error)),
          };
          const finish = (settleIt: () => void) => {
            running.splice(running.indexOf(entry), 1);
            settleIt();
          };
          running.push(entry);
          return promise;
        },
      })
      .then(() => {
        drained = true;
      });
  const endAll = async () => {
    for (const entry of [...running]) entry.end();
    await settle();
  };
  return { clock, log, queue, started, running, abort, run, endAll, isDrained: () => drained };
}

describe('order and concurrency', () => {
  test('first come, first served; adds of a waiting key are one', async () => {
    const { queue, started, run, endAll } = start();
    for (const key of ['a', 'b', 'a', 'c', 'b']) queue.add(key);
    expect(queue.depth).toBe(3);
    void run();
    for (let i = 0; i < 3; i++) await endAll();
    expect(started).toEqual(['a', 'b', 'c']);
    expect(queue.depth).toBe(0);
  });

  test('a key added while it is processed is processed once more, after the ones that waited before', async () => {
    const { queue, started, run, endAll } = start();
    void run();
    queue.add('a');
    queue.add('b');
    queue.add('a');
    queue.add('a');
    expect(started).toEqual(['a']);
    await endAll();
    await endAll();
    await endAll();
    expect(started).toEqual(['a', 'b', 'a']);
  });

  test('no more keys at a time than workers, and never one key twice', async () => {
    const { queue, running, run, endAll } = start(2);
    void run();
    for (const key of ['a', 'b', 'c', 'a']) queue.add(key);
    expect(running.map((entry) => entry.key)).toEqual(['a', 'b']);
    expect(queue.active).toBe(2);
    await endAll();
    expect(running.map((entry) => entry.key)).toEqual(['c', 'a']);
  });

  test('many keys keep their order', async () => {
    const { queue, started, run, running } = start(1);
    const keys = Array.from({ length: 5_000 }, (_, i) => `k${i}`);
    for (const key of keys) queue.add(key);
    void run();
    while (running.length > 0) {
      running[0]?.end();
      await Promise.resolve();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(started).toEqual(keys);
  });
});

describe('delays', () => {
  test('of several delayed adds the earliest stays', async () => {
    const { queue, started, run, clock, endAll } = start();
    void run();
    queue.addAfter('a', 500);
    queue.addAfter('a', 200);
    queue.addAfter('a', 900);
    expect(queue.delayed).toBe(1);
    await clock.advance(199);
    expect(started).toEqual([]);
    await clock.advance(1);
    expect(started).toEqual(['a']);
    await endAll();
    await clock.advance(10_000);
    expect(started).toEqual(['a']);
  });

  test.each([0, -1, Number.NaN])('a delay of %s is none', async (ms) => {
    const { queue } = start();
    queue.addAfter('a', ms);
    expect(queue.depth).toBe(1);
  });

  test('an add at once leaves the delayed one: nothing asked for is lost', async () => {
    const { queue, started, run, clock, endAll } = start();
    void run();
    queue.addAfter('a', 500);
    queue.add('a');
    await endAll();
    await clock.advance(500);
    expect(started).toEqual(['a', 'a']);
  });

  test('requeueAfterMs comes back then', async () => {
    const { queue, started, run, running, clock } = start();
    void run();
    queue.add('a');
    running[0]?.end({ requeueAfterMs: 5_000 });
    await clock.advance(4_999);
    expect(started).toHaveLength(1);
    await clock.advance(1);
    expect(started).toHaveLength(2);
  });
});

describe('failures', () => {
  test('the delay doubles up to the maximum, and a success resets it', async () => {
    const { queue, running, run, clock, log } = start();
    void run();
    queue.add('a');
    const delays: unknown[] = [];
    for (let i = 0; i < 6; i++) {
      running[0]?.fail();
      await settle();
      delays.push(log.entries.at(-1)?.fields['retryInMs']);
      await clock.advance(1_000);
    }
    expect(delays).toEqual([100, 200, 400, 800, 1_000, 1_000]);
    expect(queue.failures('a')).toBe(6);
    running[0]?.end();
    await settle();
    expect(queue.failures('a')).toBe(0);
  });

  test('jitter takes up to half away', async () => {
    const { queue, running, run, log } = start(1, { random: () => 0 });
    void run();
    queue.add('a');
    running[0]?.fail();
    await settle();
    expect(log.entries.at(-1)?.fields['retryInMs']).toBe(50);
  });

  test('the server says how long to wait', async () => {
    const { queue, running, run, log } = start();
    void run();
    queue.add('a');
    running[0]?.fail(new KubeError({ status: 429, reason: 'TooManyRequests', message: '', retryAfterSeconds: 7 }));
    await settle();
    expect(log.entries.at(-1)?.fields['retryInMs']).toBe(7_000);
  });

  test('one failing key holds up no other', async () => {
    const { queue, started, running, run } = start();
    void run();
    queue.add('bad');
    queue.add('good');
    running[0]?.fail();
    await settle();
    expect(started).toEqual(['bad', 'good']);
  });

  test('a process that throws before its first await is a failure like any other', async () => {
    const log = createRecordingLog();
    const queue = createWorkQueue({ clock: new FakeClock(), log });
    queue.add('a');
    void queue.run({
      workers: 1,
      signal: new AbortController().signal,
      process: () => {
        throw new Error('at once');
      },
    });
    await settle();
    expect(queue.failures('a')).toBe(1);
    expect(queue.active).toBe(0);
  });
});

describe('shutdown', () => {
  test('running keys end, waiting and delayed ones are left, later adds are ignored', async () => {
    const { queue, started, run, clock, abort, endAll, isDrained } = start();
    void run();
    queue.add('a');
    queue.add('b');
    queue.addAfter('c', 10);
    abort.abort();
    queue.add('d');
    await clock.advance(1_000);
    expect(isDrained()).toBe(false);
    await endAll();
    expect(isDrained()).toBe(true);
    expect(started).toEqual(['a']);
    expect({ depth: queue.depth, delayed: queue.delayed, timers: clock.waiting }).toEqual({
      depth: 0,
      delayed: 0,
      timers: 0,
    });
  });

  test('aborted before the start, nothing runs', async () => {
    const { queue, started, run, abort } = start();
    queue.add('a');
    abort.abort();
    await run();
    expect(started).toEqual([]);
  });
});

test('metrics: ages and the report of each run', async () => {
  const runs: unknown[] = [];
  const { queue, running, run, clock } = start(1, { onProcessed: (run) => runs.push(run) });
  void run();
  queue.add('a');
  queue.add('b');
  clock.freeze(2_000);
  expect(queue.longestRunningMs).toBe(2_000);
  running[0]?.end();
  await settle();
  running[0]?.fail();
  await settle();
  expect(runs).toEqual([
    { key: 'a', ok: true, seconds: 2, waitedSeconds: 0 },
    { key: 'b', ok: false, seconds: 0, waitedSeconds: 2 },
  ]);
  expect(queue.longestRunningMs).toBe(0);
});

const keys = fc.constantFrom('a', 'b', 'c', 'd');
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('add' as const), key: keys }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('addAfter' as const), key: keys, ms: fc.nat(300) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('end' as const), at: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('fail' as const), at: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.nat(500) }) },
);

test('property: no key twice at a time, and after its last add every key is started once more', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 3 }), fc.array(step, { maxLength: 40 }), async (workers, steps) => {
      const { queue, running, started, run, clock } = start(workers);
      void run();
      // The number of keys that had started when each key was added last: the key must start again after that.
      const lastAdd = new Map<string, number>();
      const check = () => {
        const active = running.map((entry) => entry.key);
        expect(new Set(active).size).toBe(active.length);
        expect(active.length).toBeLessThanOrEqual(workers);
        expect(queue.active).toBe(active.length);
      };
      for (const one of steps) {
        switch (one.kind) {
          case 'add':
            lastAdd.set(one.key, started.length);
            queue.add(one.key);
            break;
          case 'addAfter':
            lastAdd.set(one.key, started.length);
            queue.addAfter(one.key, one.ms);
            break;
          case 'end':
            running[one.at]?.end();
            break;
          case 'fail': {
            const entry = running[one.at];
            if (entry !== undefined) lastAdd.set(entry.key, started.length);
            entry?.fail();
            break;
          }
          case 'advance':
            await clock.advance(one.ms);
            break;
          default:
            one satisfies never;
        }
        await settle();
        check();
      }
      // Every key that was added is processed once time passes and the running work ends.
      for (let i = 0; i < 60; i++) {
        for (const entry of [...running]) entry.end();
        await clock.advance(1_000);
        check();
        if (running.length === 0 && queue.depth === 0 && queue.delayed === 0) break;
      }
      expect({ running: running.length, depth: queue.depth, delayed: queue.delayed }).toEqual({
        running: 0,
        depth: 0,
        delayed: 0,
      });
      for (const [key, position] of lastAdd) expect(started.slice(position)).toContain(key);
    }),
    { numRuns: 200 },
  );
}, 60_000);
