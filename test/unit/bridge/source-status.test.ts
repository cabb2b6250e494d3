import { describe, expect, it } from 'vitest';
import {
  addUnreported,
  createRecorder,
  createSourceState,
  type SourceState,
} from '#operator/bridge/status/source-state.ts';
import { buildSourceStatus, isWorthWriting, lagSeconds } from '#operator/bridge/status/source-status.ts';
import { testSource } from '#support/bridge/upload-source.ts';
import { FakeClock } from '#support/process/fake-clock.ts';

const source = testSource('orders', { s3: { bucket: 'bucket', prefix: '' } });
source.metadata!.generation = 3;

function setUp(status = source.status) {
  const clock = new FakeClock();
  const made = status ? { ...source, status } : source;
  const state = createSourceState(made);
  let changes = 0;
  const recorder = createRecorder({ state, clock, onChange: () => (changes += 1), onWarning: () => undefined });
  const build = () => buildSourceStatus({ source: made, state, now: clock.now() });
  return { clock, state, recorder, build, changes: () => changes };
}
const conditionsOf = (build: () => ReturnType<typeof buildSourceStatus>) =>
  Object.fromEntries(build().conditions!.map(({ type, status, reason }) => [type, `${status} ${reason}`]));
const later = (reason: string) => ({ kind: 'Later', reason, message: 'm' }) as const;
const WHY = { reason: 'StorageUnavailable', message: 'm' };

describe('conditions', () => {
  it('starts, works, is hindered, works again', () => {
    const { recorder, build } = setUp();
    expect(conditionsOf(build)).toEqual({
      Accepted: 'True Accepted',
      Ready: 'Unknown Starting',
      Degraded: 'False AsExpected',
    });
    recorder.problem('list', null);
    expect(conditionsOf(build)).toMatchObject({ Ready: 'True Watching' });
    recorder.problem('list', WHY);
    expect(conditionsOf(build)).toMatchObject({ Ready: 'False StorageUnavailable', Degraded: 'False AsExpected' });
    recorder.problem('list', null);
    expect(conditionsOf(build)).toMatchObject({ Ready: 'True Watching' });
  });

  it('what is not the main thing only degrades', () => {
    const { state, recorder, build } = setUp();
    state.main = 'receive';
    recorder.problem('receive', null);
    recorder.problem('list', WHY);
    expect(conditionsOf(build)).toMatchObject({ Ready: 'True Watching', Degraded: 'True StorageUnavailable' });
  });

  it.each<[Partial<SourceState>, object]>([
    [
      { refused: { reason: 'PatternInvalid', message: 'm' } },
      { Accepted: 'False PatternInvalid', Ready: 'False NotAccepted', Degraded: 'False AsExpected' },
    ],
    [{ stopped: { reason: 'Suspended', message: 'm' } }, { Accepted: 'True Accepted', Ready: 'False Suspended' }],
  ])('%o', (change, expected) => {
    const { state, build } = setUp();
    Object.assign(state, change);
    expect(conditionsOf(build)).toMatchObject(expected);
  });

  it('an object that fails degrades until it is handled; one that settles does not', () => {
    const { clock, recorder, build } = setUp();
    recorder.begin('a', clock.now());
    recorder.end('a', { key: 'a' }, later('Settling'));
    expect(conditionsOf(build)).toMatchObject({ Degraded: 'False AsExpected' });
    recorder.end('a', { key: 'a' }, later('UploadRefused'));
    expect(conditionsOf(build)).toMatchObject({ Degraded: 'True FilesFailing' });
    expect(build()).toMatchObject({ failing: 1, recentFailing: [{ key: 'a', reason: 'UploadRefused' }] });
    recorder.end('a', { key: 'a' }, { kind: 'Created', name: 'n' });
    expect(conditionsOf(build)).toMatchObject({ Degraded: 'False AsExpected' });
    expect(build()).toMatchObject({ created: 1, lastCreated: { name: 'n', key: 'a' } });
  });

  it('a transition has its time, and only that', () => {
    const { clock, state, recorder, build } = setUp();
    recorder.problem('list', null);
    const first = build();
    clock.freeze(10_000);
    const again = buildSourceStatus({ source: { ...source, status: first }, state, now: clock.now() });
    expect(again.conditions).toEqual(first.conditions);
    expect(again.observedGeneration).toBe(3);
  });
});

describe('what waits', () => {
  const serial = testSource('orders', { s3: { bucket: 'bucket', prefix: '' }, concurrencyPolicy: 'Serial' });
  const why = { reason: 'FeedHeld', message: 'm' };
  const build = (state: SourceState, source = serial, status = {}) =>
    buildSourceStatus({ source: { ...source, status }, state, now: 0 });

  it('is said with counts and a condition; a held feed degrades the source', () => {
    const { state, recorder } = setUp();
    recorder.feed({ active: 0, waiting: 3, held: { ...why, by: 'orders-f' }, why });
    const status = build(state);
    expect(status).toMatchObject({ active: 0, waiting: 3, heldBy: 'orders-f' });
    expect(conditionsOf(() => status)).toMatchObject({ Waiting: 'True FeedHeld', Degraded: 'True FeedHeld' });
    recorder.feed({ active: 1, waiting: 0, held: null, why: { reason: 'NothingWaits', message: 'm' } });
    const next = build(state, serial, status);
    expect(next).toMatchObject({ active: 1, waiting: 0 });
    expect(next.heldBy).toBeUndefined();
    expect(conditionsOf(() => next)).toMatchObject({ Waiting: 'False NothingWaits', Degraded: 'False AsExpected' });
  });

  it('stays as it was until the next run has looked, and goes with the limits', () => {
    const { state, recorder } = setUp();
    recorder.feed({ active: 0, waiting: 3, held: { ...why, by: 'orders-f' }, why });
    const status = build(state);
    const restarted = createSourceState(serial);
    expect(build(restarted, serial, status)).toMatchObject({ waiting: 3, heldBy: 'orders-f' });
    const without = build(restarted, source, status);
    expect(without.waiting).toBeUndefined();
    expect(conditionsOf(() => without)).not.toHaveProperty('Waiting');
  });
});

describe('what waits while the source does nothing', () => {
  const serial = testSource('orders', { s3: { bucket: 'bucket', prefix: '' }, concurrencyPolicy: 'Serial' });
  const build = (state: SourceState, status = {}) =>
    buildSourceStatus({ source: { ...serial, status }, state, now: 0 });
  const held = () => {
    const { state, recorder } = setUp();
    const why = { reason: 'FeedHeld', message: 'm' };
    recorder.feed({ active: 1, waiting: 3, held: { ...why, by: 'orders-f' }, why });
    return build(state);
  };

  it.each<[Partial<SourceState>, string]>([
    [{ stopped: { reason: 'Suspended', message: 'Set it to false.' } }, 'Unknown Suspended'],
    [{ refused: { reason: 'PatternInvalid', message: 'Set it to false.' } }, 'Unknown NotAccepted'],
  ])('is not known: %o', (change, expected) => {
    const status = build({ ...createSourceState(serial), ...change }, held());
    expect(conditionsOf(() => status)).toMatchObject({ Waiting: expected, Degraded: 'False AsExpected' });
    expect(status.conditions!.find(({ type }) => type === 'Waiting')!.message).toContain('Set it to false.');
    expect(status.waiting).toBe(3);
    expect(status).not.toHaveProperty('heldBy');
    expect(status).not.toHaveProperty('active');

    // The source goes on, and has not looked yet.
    const next = build(createSourceState(serial), status);
    expect(conditionsOf(() => next)).toMatchObject({ Waiting: 'Unknown Starting' });

    // The first look fails.
    const { state, recorder } = setUp();
    recorder.problem('feed', { reason: 'DatabaseUnreachable', message: 'Look at the database.' });
    const failing = build(state, next);
    expect(conditionsOf(() => failing)).toMatchObject({ Waiting: 'Unknown DatabaseUnreachable' });
    const { message } = failing.conditions!.find(({ type }) => type === 'Waiting')!;
    expect(message).toContain('has not looked at its waiting files yet. Look at the database.');
    expect(message).not.toContain('just');
  });

  it('is not said of a source without an order and a limit', () => {
    const { state, build: buildOf } = setUp();
    state.stopped = { reason: 'Suspended', message: 'm' };
    expect(conditionsOf(buildOf)).not.toHaveProperty('Waiting');
  });
});

describe('files that an earlier process has refused', () => {
  const entry = (key: string, seconds: number, reason = 'OutOfOrder') => ({
    ...{ key, reason, message: 'm', time: seconds * 1000 },
  });
  const keys = (state: SourceState) => state.recentIgnored.map(({ key }) => key);

  it('are counted and named once, in the order of their times', () => {
    const { state } = setUp();
    state.recentIgnored = [entry('c', 30, 'Filtered'), entry('a', 10)];
    state.ignored = 2;
    const refused = [entry('d', 40), entry('c', 31), entry('b', 20), entry('a', 10)];
    expect(addUnreported(state, refused).map(({ key }) => key)).toEqual(['d', 'c', 'b']);
    expect(state.recentIgnored).toEqual(refused);
    expect(state.ignored).toBe(5);
    expect(addUnreported(state, refused)).toEqual([]);
    expect(state.ignored).toBe(5);
  });

  it('are not named again when later files have taken their places', () => {
    const { state } = setUp();
    state.recentIgnored = Array.from({ length: 10 }, (_, at) => entry(`new-${at}`, 100 - at, 'Filtered'));
    expect(addUnreported(state, [entry('late', 95.5), entry('old', 50)])).toEqual([entry('late', 95.5)]);
    expect(keys(state)).toEqual([
      ...['new-0', 'new-1', 'new-2', 'new-3', 'new-4', 'late', 'new-5', 'new-6', 'new-7', 'new-8'],
    ]);
  });

  it.each(['OutOfOrder', 'Filtered'])(
    'are not counted again as %s, though the status has no parts of a second',
    (reason) => {
      const { clock, recorder, state, build } = setUp();
      clock.freeze(500);
      const refused = Array.from({ length: 12 }, (_, at) => entry(`k${10 + at}`, clock.now() / 1000));
      for (const { key, message } of refused) recorder.ignored(key, { reason, message });
      const next = createSourceState({ ...source, status: build() });
      expect(addUnreported(next, refused.slice(0, 10))).toEqual([]);
      expect(next.ignored).toBe(12);
      expect(keys(next)).toEqual(keys(state));
    },
  );

  it('are known by a key that the status has cut', () => {
    const { state, recorder, build } = setUp();
    const key = 'k'.repeat(1024);
    recorder.ignored(key, { reason: 'OutOfOrder', message: 'm' });
    const next = createSourceState({ ...source, status: build() });
    expect(addUnreported(next, [entry(key, state.recentIgnored[0]!.time / 1000)])).toEqual([]);
  });
});

describe('counts', () => {
  it('go on from what the status of an earlier process says', () => {
    const { recorder, build } = setUp({ created: 5, known: 2, ignored: 1, failing: 3 });
    recorder.end('a', { key: 'a' }, { kind: 'Created', name: 'n' });
    recorder.end('a', { key: 'a' }, { kind: 'Known', name: 'n' });
    recorder.ignored('b', { reason: 'Filtered', message: 'm' });
    expect(build()).toMatchObject({ created: 6, known: 3, ignored: 2, failing: 3 });
  });

  it('the last ten, one entry for an object', () => {
    const { recorder, build } = setUp();
    for (let at = 0; at < 30; at += 1) recorder.ignored(`k${at % 15}`, { reason: 'Filtered', message: 'm' });
    const keys = build().recentIgnored!.map(({ key }) => key);
    expect(keys).toEqual(Array.from({ length: 10 }, (_, at) => `k${14 - at}`));
  });

  it('never more than 32 KiB, whatever the keys are', () => {
    const { recorder, build } = setUp();
    const message = '"\u0001\u{1f600}'.repeat(5000);
    for (let at = 0; at < 20; at += 1) {
      recorder.ignored(`${at}${'"\u0001\u{1f600}'.repeat(300)}`, { reason: 'Filtered', message });
      recorder.failed(`${at}${'\u{1f600}'.repeat(1024)}`, { reason: 'UploadRefused', message });
    }
    recorder.end('a', { key: '\u{1f600}'.repeat(2000) }, { kind: 'Created', name: 'n'.repeat(51) });
    for (const activity of ['list', 'ledger'] as const) recorder.problem(activity, { reason: 'R', message });
    expect(Buffer.byteLength(JSON.stringify(build()))).toBeLessThan(32 * 1024);
  });
});

describe('the lag', () => {
  it('is the age of the oldest that is not handled, not of what is meant to settle', () => {
    const { clock, state, recorder } = setUp();
    const now = clock.now();
    recorder.begin('settles', now + 60_000);
    recorder.begin('old', now - 5_000);
    recorder.waitingSince('fetch', now - 7_000);
    expect(lagSeconds(state, now)).toBe(7);
    recorder.waitingSince('fetch', null);
    expect(lagSeconds(state, now)).toBe(5);
    recorder.end('old', { key: 'old' }, { kind: 'Known', name: 'n' });
    expect(lagSeconds(state, now)).toBe(0);
    expect(lagSeconds(state, now + 61_000)).toBe(1);
  });
});

describe('worth writing', () => {
  const status = (rest: object) => ({ created: 1, lagSeconds: 0, lastListTime: '2026-01-01T00:00:00Z', ...rest });
  it.each([
    ['nothing has changed', {}, false],
    ['a list ended', { lastListTime: '2026-01-01T00:01:00Z' }, false],
    ['lists end for minutes', { lastListTime: '2026-01-01T00:05:00Z' }, true],
    ['a count', { created: 2 }, true],
    ['something waits', { lagSeconds: 1 }, true],
  ])('%s', (_, change, expected) => expect(isWorthWriting(status({}), status(change))).toBe(expected));

  it('a first status, a first list', () => {
    expect(isWorthWriting(undefined, {})).toBe(true);
    expect(isWorthWriting({ created: 1 }, status({}))).toBe(true);
  });

  it('a lag that only grows, more and more seldom', () => {
    const written = [];
    for (let lag = 1, last = 1; lag < 4000; lag += 1) {
      if (!isWorthWriting(status({ lagSeconds: last }), status({ lagSeconds: lag }))) continue;
      written.push(lag);
      last = lag;
    }
    expect(written.slice(0, 3)).toEqual([6, 11, 16]);
    expect(written.length).toBeLessThan(100);
  });
});
