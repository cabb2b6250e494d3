import { expect, it } from 'vitest';
import { compileRules } from '#operator/bridge/admission/object-rules.ts';
import { createRetryQueue } from '#operator/bridge/admission/retry-queue.ts';
import type { Outcome } from '#operator/bridge/model/types.ts';
import { createListPass, listPrefix } from '#operator/bridge/sources/list-prefix.ts';
import { createSeenPages } from '#operator/bridge/sources/seen-pages.ts';
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

it('an object that waits is looked at again, also if it was gone meanwhile and comes back as it was', async () => {
  const clock = new FakeClock();
  const source = testSource('orders', { s3: { bucket: 'bucket', prefix: '' } });
  const object = { key: 'a.csv', eTag: 'e', size: 1, lastModified: clock.now() };
  const admissions = createAdmissions();
  admissions.answer(({ key }) => ({ kind: 'Waiting', name: key }));
  let state: 'Waiting' | 'Settled' | null = null;
  const deps = {
    ...{ source, clock, rules: compileRules(source), admit: admissions.admit, seen: createSeenPages() },
    recorder: createRecorder({
      ...{ state: createSourceState(source), clock, onChange: () => undefined, onWarning: () => undefined },
    }),
    retries: createRetryQueue({ clock }),
    arrivals: { listed: async (objects: readonly unknown[]) => objects.map(() => state) },
    list: async () => ({ objects: [object], next: null }),
  };
  const pass = () => listPrefix(deps, null, new AbortController().signal);
  await pass();
  state = 'Waiting';
  await pass();
  expect(admissions.notices).toHaveLength(1);
  // Its turn was dropped, between two passes that saw it.
  state = null;
  await pass();
  expect(admissions.notices).toHaveLength(2);
  state = 'Settled';
  await pass();
  // What is settled stays so, and the page is not looked at again.
  state = null;
  await pass();
  expect(admissions.notices).toHaveLength(2);
});
