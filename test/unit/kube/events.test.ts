import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { KubeError } from '#kube/errors.ts';
import { createEventRecorder, cutToBytes } from '#kube/events.ts';
import type { CoreEvent } from '#kube/resource-types.ts';
import type { EventTarget, KubeClient, KubeObject } from '#kube/types.ts';
import { FakeClock, settle } from '#support/process/fake-clock.ts';
import { createRecordingLog } from '#support/process/recording-log.ts';

const target: EventTarget = {
  apiVersion: 'batchupload.dev/v1alpha1',
  kind: 'BatchUpload',
  metadata: { name: 'claims', namespace: 'team', uid: 'u-1', resourceVersion: '7' },
};
const planned = { type: 'Normal', reason: 'Planned', message: '100 records in 1 chunk' } as const;

/** Each write fails with the next of `errors`; once these are used up, writes go into `stored`. */
function start() {
  const clock = new FakeClock();
  const log = createRecordingLog();
  const abort = new AbortController();
  const errors: unknown[] = [];
  const writes: [string, object][] = [];
  const stored = new Map<string, CoreEvent>();
  const client = {
    create: async (_type: unknown, object: KubeObject) => {
      writes.push(['create', object]);
      if (errors.length > 0) throw errors.shift();
      stored.set(object.metadata?.name ?? '', object as CoreEvent);
      return object;
    },
    patchMerge: async (_type: unknown, { name }: { name: string }, patch: object) => {
      writes.push(['patch', patch]);
      if (errors.length > 0) throw errors.shift();
      const known = stored.get(name);
      if (known === undefined) throw new KubeError({ status: 404, reason: 'NotFound', message: '' });
      return Object.assign(known, patch);
    },
  } as unknown as Pick<KubeClient, 'create' | 'patchMerge'>;
  const recorder = createEventRecorder({
    client,
    log,
    clock,
    component: 'batch-upload',
    instance: 'pod-1',
    signal: abort.signal,
  });
  return { clock, log, abort, errors, writes, stored, recorder };
}

const server = (code: number) => new KubeError({ status: code, reason: 'x', message: 'x' });

test('an event as kubectl reads it', async () => {
  const { recorder, stored } = start();
  recorder.record(target, planned);
  await recorder.flush();
  expect([...stored.values()]).toEqual([
    {
      metadata: { name: expect.stringMatching(/^claims\.[0-9a-f]{16}$/), namespace: 'team' },
      involvedObject: {
        apiVersion: 'batchupload.dev/v1alpha1',
        kind: 'BatchUpload',
        name: 'claims',
        namespace: 'team',
        uid: 'u-1',
        resourceVersion: '7',
      },
      type: 'Normal',
      reason: 'Planned',
      message: '100 records in 1 chunk',
      count: 1,
      firstTimestamp: '2026-01-01T00:00:01Z',
      lastTimestamp: '2026-01-01T00:00:01Z',
      source: { component: 'batch-upload' },
      reportingComponent: 'batch-upload',
      reportingInstance: 'pod-1',
    },
  ]);
});

test('an object of the cluster has its events in default', async () => {
  const { recorder, stored } = start();
  recorder.record({ ...target, metadata: { name: 'n', uid: 'u' } }, planned);
  await recorder.flush();
  const [event] = stored.values();
  expect(event?.metadata.namespace).toBe('default');
  expect(event?.involvedObject).not.toHaveProperty('namespace');
});

describe('repeats', () => {
  test('are counted on one event', async () => {
    const { recorder, stored, clock, writes } = start();
    recorder.record(target, planned);
    await recorder.flush();
    await clock.advance(60_000);
    recorder.record(target, planned);
    recorder.record(target, planned);
    await recorder.flush();
    expect([...stored.values()]).toMatchObject([
      { count: 3, firstTimestamp: '2026-01-01T00:00:01Z', lastTimestamp: '2026-01-01T00:01:01Z' },
    ]);
    expect(writes.map(([verb]) => verb)).toEqual(['create', 'patch']);
  });

  test('of another object, reason or message are others', async () => {
    const { recorder, stored } = start();
    recorder.record(target, planned);
    recorder.record({ ...target, metadata: { ...target.metadata, uid: 'u-2' } }, planned);
    recorder.record(target, { ...planned, reason: 'Other' });
    recorder.record(target, { ...planned, message: 'other' });
    recorder.record(target, { ...planned, type: 'Warning' });
    await recorder.flush();
    expect(stored.size).toBe(5);
  });

  test('after the API server has dropped the event: made again with its count', async () => {
    const { recorder, stored } = start();
    recorder.record(target, planned);
    await recorder.flush();
    const [name] = stored.keys();
    stored.clear();
    recorder.record(target, planned);
    await recorder.flush();
    expect([...stored.values()]).toMatchObject([{ count: 2 }]);
    expect(stored.has(name!)).toBe(false);
  });

  test('after an hour of silence: a new event', async () => {
    const { recorder, stored, clock } = start();
    recorder.record(target, planned);
    await recorder.flush();
    await clock.advance(3_600_001);
    recorder.record(target, planned);
    await recorder.flush();
    expect([...stored.values()].map((event) => event.count)).toEqual([1, 1]);
  });
});

test('one object that floods: 25 at once, then one in five minutes; others are not concerned', async () => {
  const { recorder, stored, clock } = start();
  for (let i = 0; i < 40; i++) recorder.record(target, { ...planned, message: `m${i}` });
  recorder.record({ ...target, metadata: { ...target.metadata, uid: 'u-2' } }, planned);
  await recorder.flush();
  expect(stored.size).toBe(26);
  expect(recorder.dropped).toBe(15);
  await clock.advance(300_000);
  recorder.record(target, planned);
  recorder.record(target, { ...planned, message: 'too soon' });
  await recorder.flush();
  expect(stored.size).toBe(27);
});

describe('a server that fails', () => {
  test('for a moment: tried again', async () => {
    const { recorder, stored, clock, errors } = start();
    errors.push(server(500), server(0));
    recorder.record(target, planned);
    await clock.advance(10_000);
    await recorder.flush();
    expect(stored.size).toBe(1);
    expect(recorder.dropped).toBe(0);
  });

  test('for long: dropped after three tries, logged, and the next ones still come', async () => {
    const { recorder, stored, clock, errors, log } = start();
    errors.push(server(500), server(500), server(500));
    recorder.record(target, planned);
    recorder.record(target, { ...planned, message: 'next' });
    await clock.advance(20_000);
    await recorder.flush();
    expect([...stored.values()].map((event) => event.message)).toEqual(['next']);
    expect(recorder.dropped).toBe(1);
    expect(log.entries).toHaveLength(1);
  });

  test('for good (a namespace that ends, no right to): not tried again', async () => {
    const { recorder, writes, errors } = start();
    errors.push(server(403));
    recorder.record(target, planned);
    await recorder.flush();
    expect(writes).toHaveLength(1);
    expect(recorder.dropped).toBe(1);
  });

  test('never more than a thousand wait', async () => {
    const { recorder } = start();
    for (let i = 0; i < 1_200; i++)
      recorder.record({ ...target, metadata: { ...target.metadata, uid: `u${i}` } }, planned);
    expect(recorder.dropped).toBe(200);
    await recorder.flush();
  });
});

test('after the abort nothing is written, and flush comes back', async () => {
  const { recorder, writes, abort, errors, clock } = start();
  errors.push(server(500));
  recorder.record(target, planned);
  await settle();
  abort.abort();
  recorder.record(target, { ...planned, message: 'late' });
  await recorder.flush();
  expect(writes).toHaveLength(1);
  expect(clock.waiting).toBe(0);
});

describe('cutToBytes', () => {
  test('keeps what fits and marks what does not', () => {
    expect(cutToBytes('abc', 3)).toBe('abc');
    expect(cutToBytes('abcdef', 5)).toBe('ab…');
    expect(cutToBytes('ää', 4)).toBe('ää');
    expect(cutToBytes('äää', 5)).toBe('ä…');
  });

  test('property: at most so many bytes, and a beginning of the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), fc.integer({ min: 3, max: 60 }), (text, max) => {
        const cut = cutToBytes(text, max);
        expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(max);
        if (cut !== text) expect(text.startsWith(cut.slice(0, -1))).toBe(true);
      }),
    );
  });

  test('long names and messages are stored within the limits of the API', async () => {
    const { recorder, stored } = start();
    const name = `${'a'.repeat(235)}.${'b'.repeat(17)}`;
    recorder.record({ ...target, metadata: { ...target.metadata, name } }, { ...planned, message: 'ü'.repeat(2_000) });
    await recorder.flush();
    const [event] = stored.values();
    expect(event?.metadata.name).toMatch(/^a{235}\.[0-9a-f]{16}$/);
    expect(Buffer.byteLength(event?.message ?? '')).toBeLessThanOrEqual(1_024);
  });
});
