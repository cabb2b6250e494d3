import { expect, it } from 'vitest';
import type { UploadSource } from '#kube/custom-resources.ts';
import { KubeError } from '#kube/errors.ts';
import { createRecorder, createSourceState } from '#operator/bridge/status/source-state.ts';
import { createStatusWriter } from '#operator/bridge/status/status-writer.ts';
import { testSource } from '#support/bridge/upload-source.ts';
import { FakeClock, settle } from '#support/process/fake-clock.ts';
import { createRecordingLog } from '#support/process/recording-log.ts';

function setUp() {
  const clock = new FakeClock();
  const written: UploadSource[] = [];
  let failures = 0;
  let before: (signal: AbortSignal) => Promise<void> = async () => undefined;
  const events: string[] = [];
  const writer = createStatusWriter({
    clock,
    log: createRecordingLog(),
    events: { record: (_, { reason }) => void events.push(reason) },
    client: {
      async applyStatus(_type, object, options) {
        await before(options.signal!);
        if (failures > 0) {
          failures -= 1;
          throw new KubeError({ status: 500, reason: 'InternalError', message: 'm' });
        }
        written.push(object as unknown as UploadSource);
        return object;
      },
    },
  });
  const source = testSource('orders', { s3: { bucket: 'bucket', prefix: '' } });
  const state = createSourceState(source);
  const recorder = createRecorder({ state, clock, onChange: () => writer.touch('k'), onWarning: () => undefined });
  const stop = new AbortController();
  const done = writer.run(stop.signal);
  const end = async () => {
    stop.abort();
    await done;
  };
  writer.track('k', source, state);
  const fail = (times: number) => {
    failures = times;
  };
  const beforeWrite = (next: typeof before) => {
    before = next;
  };
  return { clock, written, writer, recorder, events, state, end, fail, beforeWrite };
}

it('one write in five seconds however much happens, and none when nothing does', async () => {
  const { clock, written, recorder, end } = setUp();
  await settle();
  expect(written).toHaveLength(1);
  for (let second = 0; second < 20; second += 1) {
    for (let n = 0; n < 10; n += 1) recorder.end('a', { key: 'a' }, { kind: 'Created', name: `n${n}` });
    await clock.advance(1_000);
  }
  expect(written).toHaveLength(5);
  await clock.advance(5_000);
  expect(written.at(-1)?.status?.created).toBe(200);
  const count = written.length;
  await clock.advance(3_600_000);
  expect(written).toHaveLength(count);
  await end();
});

it('a write that failed is repeated, with what is true then; what got worse is an event, once it is written', async () => {
  const { clock, written, recorder, events, end, fail } = setUp();
  await settle();
  fail(2);
  recorder.problem('list', { reason: 'StorageUnavailable', message: 'm' });
  await clock.advance(5_000);
  expect([written.length, events]).toEqual([1, []]);
  await clock.advance(60_000);
  expect(written).toHaveLength(2);
  expect(events).toEqual(['StorageUnavailable']);
  await end();
});

it('what was not written yet is written at the end; nothing of a source that is deleted', async () => {
  const { clock, written, writer, recorder, end } = setUp();
  await settle();
  recorder.ignored('a', { reason: 'Filtered', message: 'm' });
  await end();
  await writer.flush(new AbortController().signal);
  expect(written.at(-1)?.status?.ignored).toBe(1);
  writer.forget('k');
  recorder.ignored('b', { reason: 'Filtered', message: 'm' });
  await writer.flush(new AbortController().signal);
  expect(written).toHaveLength(2);
  expect(clock.waiting).toBe(0);
});

it('a write that the end interrupts is made by the last one', async () => {
  const { clock, written, writer, recorder, end, beforeWrite } = setUp();
  await settle();
  beforeWrite((signal) =>
    signal.aborted
      ? Promise.resolve()
      : new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  );
  recorder.ignored('a', { reason: 'Filtered', message: 'm' });
  await clock.advance(5_000);
  await end();
  beforeWrite(async () => undefined);
  await writer.flush(new AbortController().signal);
  expect(written.at(-1)?.status?.ignored).toBe(1);
});

it('what cannot be made into a status of one source does not hold up the others', async () => {
  const { clock, written, writer, state, end } = setUp();
  state.lastListTime = Number.NaN;
  const other = testSource('other', { s3: { bucket: 'bucket', prefix: '' } });
  writer.track('other', other, createSourceState(other));
  await settle();
  expect(written.map(({ metadata }) => metadata?.name)).toEqual(['other']);
  state.lastListTime = clock.now();
  await clock.advance(10_000);
  expect(written.map(({ metadata }) => metadata?.name)).toEqual(['other', 'orders']);
  await end();
});

it('a CRD that does not know the queue gets the rest of the status, and an event says to upgrade the CRD', async () => {
  const { clock, written, recorder, state, events, end, beforeWrite } = setUp();
  await settle();
  let tries = 0;
  beforeWrite(async () => {
    tries += 1;
    const message = 'failed to create typed patch object: .status.queue: field not declared in schema';
    if (tries % 2 === 1) throw new KubeError({ status: 500, reason: 'InternalError', message });
  });
  state.queue = 'https://sqs/1/a';
  recorder.end('a', { key: 'a' }, { kind: 'Created', name: 'n' });
  await clock.advance(5_000);
  expect(written).toHaveLength(2);
  expect(written.at(-1)?.status).toMatchObject({ created: 1 });
  expect(written.at(-1)?.status).not.toHaveProperty('queue');
  expect(events).toEqual(['CrdOutdated']);
  await end();
});
