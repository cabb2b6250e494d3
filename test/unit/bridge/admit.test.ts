import { describe, expect, it } from 'vitest';
import { Fault } from '#common/faults.ts';
import type { BatchUpload } from '#kube/custom-resources.ts';
import { KubeError } from '#kube/errors.ts';
import type { WaitingState } from '#ledger/arrivals/waiting-files.ts';
import { createAdmission } from '#operator/bridge/admission/admit.ts';
import type { Arrivals } from '#operator/bridge/admission/arrivals.ts';
import { compileRules } from '#operator/bridge/admission/object-rules.ts';
import { createRetryQueue } from '#operator/bridge/admission/retry-queue.ts';
import type { ObjectNotice } from '#operator/bridge/model/types.ts';
import { createRecorder, createSourceState } from '#operator/bridge/status/source-state.ts';
import type { ObjectVersion } from '#operator/bridge/storage/storage-calls.ts';
import { testSource } from '#support/bridge/upload-source.ts';
import { FakeClock } from '#support/process/fake-clock.ts';

type Spec = Partial<Parameters<typeof testSource>[1]>;
const signal = new AbortController().signal;

/** `objects` maps `key` and `key@version` to versions. Two sets stand in for the API server and the ledger. */
function setUp(objects: Record<string, ObjectVersion>, spec: Spec = {}, { waits = false } = {}) {
  const clock = new FakeClock();
  const source = testSource('orders', { s3: { bucket: 'bucket', prefix: '' }, ...spec });
  const state = createSourceState(source);
  const recorder = createRecorder({ state, clock, onChange: () => undefined, onWarning: () => undefined });
  const retries = createRetryQueue({ clock });
  const created: BatchUpload[] = [];
  const ledger = new Set<string>();
  const newest = new Map<string, number>();
  const line = new Map<string, WaitingState>();
  const asked: string[] = [];
  const broken = { create: 0, record: 0, known: 0 };
  const fails = (what: keyof typeof broken) => {
    broken[what] -= 1;
    return broken[what] >= 0;
  };
  const down = () =>
    new Fault({ code: 'DB_CONNECTION', category: 'retryable', reason: 'DatabaseUnavailable', message: 'm' });
  const arrivals = {
    async known(names: readonly string[]) {
      if (fails('known')) throw down();
      return new Set(names.filter((name) => ledger.has(name)));
    },
    async outdated(asked: readonly { key: string; version: ObjectVersion }[]) {
      return asked.map(({ key, version }) => (newest.get(key) ?? 0) > version.lastModified);
    },
    async record({ name, key, version }: { name: string; key: string; version: ObjectVersion }) {
      if (fails('record')) throw down();
      const isNew = !ledger.has(name);
      ledger.add(name);
      newest.set(key, Math.max(newest.get(key) ?? 0, version.lastModified));
      return isNew;
    },
    waiting: async (names: readonly string[]) => new Map([...line].filter(([name]) => names.includes(name))),
  } as Pick<Arrivals, 'known' | 'record' | 'outdated' | 'waiting'> as Arrivals;
  const client = {
    async create(_type: unknown, object: unknown) {
      if (fails('create')) throw new KubeError({ status: 500, reason: 'InternalError', message: 'm' });
      const upload = object as BatchUpload;
      if (created.some(({ metadata }) => metadata?.name === upload.metadata?.name)) {
        throw new KubeError({ status: 409, reason: 'AlreadyExists', message: 'm' });
      }
      created.push(upload);
      return object as never;
    },
  };
  const admit = createAdmission({
    ...{ source, rules: compileRules(source), client, arrivals, recorder, retries, clock },
    recount: async () => undefined,
    enqueue: waits
      ? async (files) => {
          if (fails('record')) throw down();
          for (const { name } of files) line.set(name, { isRefused: false });
        }
      : null,
    async head({ key, versionId }) {
      asked.push(key);
      return objects[versionId === null ? key : `${key}@${versionId}`] ?? null;
    },
  });
  const notice = (key: string, rest: Partial<ObjectNotice> = {}): ObjectNotice => ({
    ...{ bucket: 'bucket', key, versionId: null, eTag: null, size: null, sequencer: null, event: null },
    ...rest,
  });
  const keys = () => created.map(({ spec: { source: from } }) => `${from.s3.key}@${from.s3.versionId ?? ''}`);
  return { clock, state, retries, created, ledger, line, asked, broken, keys, admit, notice };
}

const object = (rest: Partial<ObjectVersion> = {}): ObjectVersion => ({
  ...{ versionId: null, eTag: 'e', size: 5, lastModified: Date.UTC(2025, 0, 1) },
  ...rest,
});

describe('whatever ends it in between', () => {
  it.each(['create', 'record', 'known'] as const)(
    '%s fails: not acknowledged, and exact the next time',
    async (what) => {
      const { admit, notice, broken, created, ledger, state, retries } = setUp({ 'a.csv': object() });
      broken[what] = 1;
      expect(await admit([notice('a.csv')], signal)).toMatchObject([{ kind: 'Later' }]);
      expect(ledger.size).toBe(0);
      expect(retries.size).toBe(1);
      expect(await admit([notice('a.csv')], signal)).toMatchObject([{ kind: 'Created' }]);
      expect(await admit([notice('a.csv')], signal)).toMatchObject([{ kind: 'Known' }]);
      expect([created.length, ledger.size, retries.size]).toEqual([1, 1, 0]);
      expect(state).toMatchObject({ created: 1, known: 1, failing: 1 });
      expect(state.pending.size).toBe(0);
    },
  );

  it('one object that fails does not hold up the others', async () => {
    const { admit, notice, broken, keys } = setUp({ 'a.csv': object(), 'b.csv': object(), 'c.csv': object() });
    broken.create = 1;
    const outcomes = await admit([notice('a.csv'), notice('b.csv'), notice('gone.csv'), notice('c.csv')], signal);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['Later', 'Created', 'Ignored', 'Created']);
    expect(keys()).toEqual(['b.csv@', 'c.csv@']);
  });
});

describe('versions', () => {
  const objects = {
    'a.csv@1': object({ versionId: '1' }),
    'a.csv@2': object({ versionId: '2', lastModified: Date.UTC(2025, 0, 1, 0, 0, 5) }),
    'a.csv': object({ versionId: '2', lastModified: Date.UTC(2025, 0, 1, 0, 0, 5) }),
  };

  it('one that is uncovered when a newer one was deleted after it was loaded is not loaded after it', async () => {
    const there: Record<string, ObjectVersion> = { ...objects };
    const { admit, notice, keys } = setUp(there);
    expect(await admit([notice('a.csv')], signal)).toMatchObject([{ kind: 'Created' }]);
    there['a.csv'] = there['a.csv@1']!;
    expect(await admit([notice('a.csv')], signal)).toMatchObject([{ kind: 'Ignored', reason: 'Replaced' }]);
    expect(keys()).toEqual(['a.csv@2']);
    // A late event that names this version still loads it.
    expect(await admit([notice('a.csv', { versionId: '1' })], signal)).toMatchObject([{ kind: 'Created' }]);
    there['a.csv'] = object({ versionId: '3', lastModified: Date.UTC(2025, 0, 1, 0, 0, 5) });
    expect(await admit([notice('a.csv')], signal)).toMatchObject([{ kind: 'Created' }]);
  });

  it('of one key in the order of their sequencers, however they came', async () => {
    const { admit, notice, keys } = setUp(objects);
    const outcomes = await admit(
      [
        notice('a.csv', { versionId: '2', sequencer: '0A' }),
        notice('a.csv', { versionId: '1', sequencer: '9' }),
        notice('a.csv', { versionId: '2', sequencer: '0A' }),
      ],
      signal,
    );
    expect(keys()).toEqual(['a.csv@1', 'a.csv@2']);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['Created', 'Created', 'Known']);
  });

  it('one that was replaced before it had settled is left out', async () => {
    const { admit, notice, keys } = setUp(objects, { settleSeconds: 10 });
    const outcomes = await admit([notice('a.csv', { versionId: '1' }), notice('a.csv', { versionId: '2' })], signal);
    expect(outcomes).toMatchObject([{ kind: 'Ignored', reason: 'Replaced' }, { kind: 'Created' }]);
    expect(keys()).toEqual(['a.csv@2']);
  });

  it('one that had settled is loaded, although there is a newer one', async () => {
    const { admit, notice } = setUp(objects, { settleSeconds: 5 });
    expect(await admit([notice('a.csv', { versionId: '1' })], signal)).toMatchObject([{ kind: 'Created' }]);
  });
});

describe('where files wait for their turn', () => {
  const there = { 'a.csv': object(), 'b.csv': object() };

  it('a file is noted and acknowledged, and nothing is created', async () => {
    const { admit, notice, created, line, state } = setUp(there, {}, { waits: true });
    expect(await admit([notice('a.csv'), notice('b.csv'), notice('a.csv')], signal)).toMatchObject([
      ...[{ kind: 'Waiting' }, { kind: 'Waiting' }, { kind: 'Waiting' }],
    ]);
    expect(await admit([notice('a.csv')], signal)).toMatchObject([{ kind: 'Waiting' }]);
    expect([created.length, line.size]).toEqual([0, 2]);
    expect(state).toMatchObject({ created: 0, known: 0, ignored: 0, failing: 0 });
    expect(state.pending.size).toBe(0);
  });

  it('a file that cannot be noted is not acknowledged', async () => {
    const { admit, notice, broken, line } = setUp(there, {}, { waits: true });
    broken.record = 1;
    expect(await admit([notice('a.csv')], signal)).toMatchObject([{ kind: 'Later', reason: 'DatabaseUnavailable' }]);
    expect(line.size).toBe(0);
    expect(await admit([notice('a.csv')], signal)).toMatchObject([{ kind: 'Waiting' }]);
  });

  it.each([true, false])(
    'a file that was refused stays refused, also when files no longer wait (waits: %s)',
    async (waits) => {
      const first = setUp(there, {}, { waits: true });
      await first.admit([first.notice('a.csv')], signal);
      const { admit, notice, line, created } = setUp(there, {}, { waits });
      for (const name of first.line.keys()) line.set(name, { isRefused: true, reason: 'OutOfOrder', message: 'm' });
      expect(await admit([notice('a.csv')], signal)).toMatchObject([{ kind: 'Ignored', reason: 'OutOfOrder' }]);
      expect(created).toEqual([]);
    },
  );

  it('a file that waits from before is left to the feed when files no longer wait', async () => {
    const first = setUp(there, {}, { waits: true });
    await first.admit([first.notice('a.csv')], signal);
    const { admit, notice, line, keys } = setUp(there);
    for (const name of first.line.keys()) line.set(name, { isRefused: false });
    const outcomes = await admit([notice('a.csv'), notice('b.csv')], signal);
    expect(outcomes).toMatchObject([{ kind: 'Waiting' }, { kind: 'Created' }]);
    expect(keys()).toEqual(['b.csv@']);
  });
});

describe('settling', () => {
  it('waits no longer than settleSeconds, also when the storage’s clock is ahead', async () => {
    const { admit, notice, clock, retries } = setUp(
      { 'a.csv': object({ lastModified: Date.UTC(2030, 0, 1) }) },
      { settleSeconds: 10 },
    );
    expect(await admit([notice('a.csv')], signal)).toMatchObject([{ kind: 'Later', reason: 'Settling' }]);
    const stop = new AbortController();
    const taken: string[] = [];
    const run = retries.run(async (notices) => {
      for (const each of notices) {
        taken.push(each.key);
        retries.drop(each);
      }
      return [];
    }, stop.signal);
    await clock.advance(10_000);
    expect(taken).toEqual(['a.csv']);
    stop.abort();
    await run;
  });
});

describe('a key that can be read in two ways', () => {
  const both = { key: 'a b.csv', alternativeKey: 'a+b.csv' };

  it.each([
    ['the first one, where it is there', { 'a b.csv': object(), 'a+b.csv': object() }, {}, 'a b.csv@'],
    ['the other one, where only that is there', { 'a+b.csv': object() }, {}, 'a+b.csv@'],
    ['the one that is meant', { 'a+b.csv': object() }, { filter: { minBytes: 1, pattern: '\\+' } }, 'a+b.csv@'],
  ] as const)('%s', async (_, objects, spec, expected) => {
    const { admit, notice, keys } = setUp(objects, spec);
    expect(await admit([notice(both.key, both)], signal)).toMatchObject([{ kind: 'Created' }]);
    expect(keys()).toEqual([expected]);
  });

  it('neither', async () => {
    const { admit, notice, asked } = setUp({});
    expect(await admit([notice(both.key, both)], signal)).toMatchObject([
      { kind: 'Ignored', reason: 'ObjectNotFound' },
    ]);
    expect(asked).toEqual(['a b.csv', 'a+b.csv']);
  });
});

it('what is not meant is not asked for', async () => {
  const { admit, notice, asked } = setUp({}, { filter: { minBytes: 1, suffixes: ['.csv'] } });
  await admit([notice('a.txt'), notice('a.csv', { bucket: 'other' })], signal);
  expect(asked).toEqual([]);
});

it('a notice after the end leaves no lag behind', async () => {
  const { admit, notice, state } = setUp({ 'a.csv': object() });
  await expect(admit([notice('a.csv')], AbortSignal.abort(new Error('the end')))).rejects.toThrow('the end');
  expect(state.pending.size).toBe(0);
});
