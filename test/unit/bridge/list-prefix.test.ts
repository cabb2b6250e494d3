import { describe, expect, it } from 'vitest';
import { compileRules } from '#operator/bridge/admission/object-rules.ts';
import { createRetryQueue } from '#operator/bridge/admission/retry-queue.ts';
import type { Outcome } from '#operator/bridge/model/types.ts';
import { createListPass, listPrefix } from '#operator/bridge/sources/list-prefix.ts';
import { createSeenPages, createWaitingPages } from '#operator/bridge/sources/seen-pages.ts';
import { createRecorder, createSourceState } from '#operator/bridge/status/source-state.ts';
import { createAdmissions } from '#support/bridge/admissions.ts';
import { testSource } from '#support/bridge/upload-source.ts';
import { FakeClock } from '#support/process/fake-clock.ts';

it('the first object in the order that is not handled is told, wherever it stands in the list', async () => {
  const clock = new FakeClock();
  const source = testSource('orders', { s3: { bucket: 'bucket', prefix: '' }, settleSeconds: 10 });
  const now = clock.now();
  const at = (key: string, secondsAgo: number) => ({ key, eTag: 'e', size: 1, lastModified: now - secondsAgo * 1000 });
  const pages = [
    [at('a', 1), at('b', 100), at('c', 50)],
    [at('d', 200), at('e', 60), at('f', 60)],
  ];
  const later = new Set(['c', 'e', 'f']);
  const admissions = createAdmissions();
  admissions.answer(({ key }) =>
    later.has(key) ? { kind: 'Later', reason: 'StorageUnavailable', message: 'm' } : { kind: 'Waiting', name: key },
  );
  const deps = {
    ...{ source, clock, rules: compileRules(source), admit: admissions.admit, seen: createSeenPages() },
    waits: createWaitingPages(() => ''),
    recorder: createRecorder({
      ...{ state: createSourceState(source), clock, onChange: () => undefined, onWarning: () => undefined },
    }),
    retries: createRetryQueue({ clock }),
    arrivals: { listed: async (objects: readonly unknown[]) => objects.map(() => null) },
    list: async (token: string | null) => ({ objects: pages[Number(token)]!, next: token === null ? '1' : null }),
  };
  const pass = createListPass(deps, null);
  const run = async () => (await pass.run(new AbortController().signal))?.key ?? null;
  expect(await run()).toBe('e');
  later.delete('e');
  expect(await run()).toBe('f');
  later.clear();
  // The object in its quiet period is left.
  expect(await run()).toBe('a');
  clock.freeze(10_000);
  expect(await run()).toBeNull();
});

it('a page is looked at again until everything on it is handled: what is listed and not found yet as well', async () => {
  const clock = new FakeClock();
  const source = testSource('orders', { s3: { bucket: 'bucket', prefix: '' } });
  const admissions = createAdmissions();
  const outcomes: Outcome[] = [
    { kind: 'Later', reason: 'StorageUnavailable', message: 'm' },
    { kind: 'Ignored', reason: 'ObjectNotFound', message: 'm' },
    { kind: 'Created', name: 'n' },
  ];
  admissions.answer(() => outcomes[admissions.notices.length - 1]!);
  const deps = {
    ...{ source, clock, rules: compileRules(source), admit: admissions.admit, seen: createSeenPages() },
    waits: createWaitingPages(() => ''),
    recorder: createRecorder({
      ...{ state: createSourceState(source), clock, onChange: () => undefined, onWarning: () => undefined },
    }),
    retries: createRetryQueue({ clock }),
    arrivals: { listed: async (objects: readonly unknown[]) => objects.map(() => null) },
    list: async () => ({ objects: [{ key: 'a.csv', eTag: 'e', size: 1, lastModified: clock.now() }], next: null }),
  };
  for (let pass = 0; pass < 5; pass += 1) await listPrefix(deps, null, new AbortController().signal);
  expect(admissions.notices).toHaveLength(3);
});

describe('objects that wait', () => {
  function setUp(files: number) {
    const clock = new FakeClock();
    const source = testSource('orders', { s3: { bucket: 'bucket', prefix: '' } });
    const objects = Array.from({ length: files }, (_, at) => ({
      ...{ key: `${at}.csv`, eTag: 'e', size: 1, lastModified: clock.now() },
    }));
    const admissions = createAdmissions();
    admissions.answer(({ key }) => ({ kind: 'Waiting', name: key }));
    const test = { freed: 0, looks: 0, state: null as 'Waiting' | 'Settled' | null };
    const deps = {
      ...{ source, clock, rules: compileRules(source), admit: admissions.admit, seen: createSeenPages() },
      waits: createWaitingPages(() => String(test.freed)),
      recorder: createRecorder({
        ...{ state: createSourceState(source), clock, onChange: () => undefined, onWarning: () => undefined },
      }),
      retries: createRetryQueue({ clock }),
      arrivals: {
        async listed(asked: readonly unknown[]) {
          test.looks += 1;
          return asked.map(() => test.state);
        },
      },
      list: async () => ({ objects, next: null }),
    };
    const pass = () => listPrefix(deps, null, new AbortController().signal);
    return { test, deps, objects, pass, notices: () => admissions.notices.length };
  }

  it('are looked up once, until one may be free', async () => {
    const { test, pass, notices } = setUp(3);
    test.state = 'Waiting';
    for (let at = 0; at < 3; at += 1) await pass();
    expect({ looks: test.looks, notices: notices() }).toEqual({ looks: 1, notices: 0 });
    test.freed += 1;
    for (let at = 0; at < 3; at += 1) await pass();
    expect({ looks: test.looks, notices: notices() }).toEqual({ looks: 2, notices: 0 });
  });

  it('cost one request each where HEAD and list differ, also when the page changes', async () => {
    const { test, objects, pass, notices } = setUp(3);
    for (let at = 0; at < 3; at += 1) await pass();
    expect({ looks: test.looks, notices: notices() }).toEqual({ looks: 1, notices: 3 });
    objects.push({ ...objects[0]!, key: 'another.csv' });
    for (let at = 0; at < 3; at += 1) await pass();
    expect({ looks: test.looks, notices: notices() }).toEqual({ looks: 2, notices: 4 });
  });

  it('are looked at again when one may be free, and not any more when they are settled', async () => {
    const { test, pass, notices } = setUp(1);
    await pass();
    test.state = 'Waiting';
    await pass();
    expect(notices()).toBe(1);
    // Its turn was dropped, between two passes that saw it.
    test.state = null;
    test.freed += 1;
    await pass();
    expect(notices()).toBe(2);
    test.state = 'Settled';
    test.freed += 1;
    await pass();
    // What is settled stays so, and the page is not looked at again.
    test.state = null;
    test.freed += 1;
    await pass();
    expect(notices()).toBe(2);
  });

  it('are looked at again when one became free while the page was looked up', async () => {
    const { test, deps, pass, notices } = setUp(1);
    const { listed } = deps.arrivals;
    deps.arrivals.listed = async (asked) => {
      const found = await listed(asked);
      test.freed += 1;
      return found;
    };
    test.state = 'Waiting';
    await pass();
    test.state = null;
    await pass();
    expect(notices()).toBe(1);
  });
});
