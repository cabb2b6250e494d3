/** The account of the uploads that work and of those that wait. */
import { describe, expect, it } from 'vitest';
import type { Limits } from '#operator/config/upload-limits.ts';
import { askForTurn } from '#operator/controller/queue/ask-for-turn.ts';
import { type Turn, type TurnRequest, UploadTurns } from '#operator/controller/queue/upload-turns.ts';
import type { Observed } from '#operator/controller/types.ts';
import { FakeClock } from '#support/process/fake-clock.ts';
import { ACCEPTED, observed } from './observed.ts';

const ONE: Limits = { cluster: { maxActiveUploads: 1 }, namespace: {}, database: {}, namespaces: {} };

function start(limits = ONE, graceMs = 60_000) {
  const clock = new FakeClock();
  const pods = new Map<string, string[]>();
  const pooled = new Set<string>();
  const told: string[] = [];
  const turns = new UploadTurns({
    limits,
    clock,
    countPools: () => 1,
    countWarmPods: () => [],
    graceMs,
    podsOf: ({ uid }) => pods.get(uid) ?? [],
    isInPool: (key) => pooled.has(key),
    onTurn: (key) => void told.push(key),
  });
  const request = (key: string, change: Partial<TurnRequest> = {}): TurnRequest => ({
    key,
    uid: `uid of ${key}`,
    generation: 1,
    namespace: key[0]!,
    database: 'd',
    likelyDatabase: null,
    wanted: 4,
    sessionsPerPod: null,
    priority: 0,
    createdAt: Number(key.slice(1)),
    holds: 0,
    isUnclaimed: false,
    lends: false,
    pool: null,
    ...change,
  });
  const ask = (key: string, change?: Partial<TurnRequest>) => turns.ask(request(key, change));
  return { clock, pods, pooled, told, turns, ask, request };
}

const admitted = (sessions: number): Turn => ({ type: 'admitted', sessions });

it('an upload that has room works at once, and hears nothing more', () => {
  const { ask, told } = start();
  expect(ask('a1')).toEqual(admitted(4));
  expect(ask('a1')).toEqual(admitted(4));
  expect(told).toEqual([]);
});

it('an upload comes to its Job also where pods have no grace', async () => {
  const { ask, clock, turns } = start(ONE, 0);
  ask('a1');
  ask('a2');
  await clock.advance(100);
  turns.release('a1');
  // The upload is looked at a moment after it got its turn.
  await clock.advance(5);
  expect(ask('a2')).toEqual(admitted(4));
});

it('uploads that come together learn a moment later what they wait for', async () => {
  const { ask, told, clock, turns } = start();
  ask('a1');
  expect(ask('a2')).toEqual({ type: 'unknown' });
  expect(ask('b1')).toEqual({ type: 'unknown' });
  await clock.advance(50);
  expect(told.sort()).toEqual(['a2', 'b1']);
  expect(turns.waiting).toBe(2);
  expect(ask('b1')).toEqual({
    type: 'waiting',
    wait: { scope: 'cluster', limit: 'maxActiveUploads', max: 1, used: 1, ahead: 0 },
  });
  expect(ask('a2')).toMatchObject({ wait: { ahead: 1 } });
});

it('an end gives the turn to the next one', async () => {
  const { ask, told, clock, turns } = start();
  ask('a1');
  ask('a2');
  await clock.advance(100);
  told.length = 0;
  turns.release('a1');
  await clock.advance(50);
  expect(told).toEqual(['a2']);
  expect(ask('a2')).toEqual(admitted(4));
});

it('the pods of an upload that has ended count until the last one is gone, also when it is deleted', async () => {
  const { ask, told, clock, turns, pods } = start();
  ask('a1');
  ask('a2');
  await clock.advance(100);
  told.length = 0;
  pods.set('uid of a1', ['pod']);
  turns.release('a1');
  await clock.advance(5000);
  expect(told).toEqual([]);
  pods.delete('uid of a1');
  await clock.advance(1000);
  expect(told).toEqual(['a2']);
  expect(clock.waiting).toBe(0);
});

it('an upload that waited and is deleted leaves the line', async () => {
  const { ask, clock, turns } = start();
  ask('a1');
  ask('a2');
  await clock.advance(100);
  turns.release('a2');
  await clock.advance(100);
  expect(turns.waiting).toBe(0);
});

it('an upload that works without a turn, as one of the release before, is let work and is counted', async () => {
  const { ask, clock } = start();
  expect(ask('a1', { holds: 2 })).toEqual(admitted(4));
  expect(ask('a2', { holds: 4 })).toEqual(admitted(4));
  ask('a3');
  await clock.advance(100);
  expect(ask('a3')).toMatchObject({ type: 'waiting', wait: { used: 2 } });
});

it('a new leader gives no turn before it has seen what works', async () => {
  const { ask, clock, turns, request, told } = start();
  turns.recount(request('a1', { holds: 4, database: null }));
  turns.recount(request('a2', { holds: 4, database: null }));
  await clock.advance(1000);
  expect(ask('b1')).toEqual({ type: 'unknown' });
  expect(ask('a1', { holds: 4 })).toEqual(admitted(4));
  await clock.advance(100);
  expect(told).toEqual([]);
  turns.release('a2');
  await clock.advance(100);
  expect(ask('b1')).toMatchObject({ type: 'waiting', wait: { used: 1 } });
});

it('an upload that the new leader never sees holds the others up for ten seconds only', async () => {
  const { ask, clock, turns, request, told } = start({ ...ONE, cluster: { maxActiveUploads: 2 } });
  turns.recount(request('a1', { holds: 4, database: null }));
  await clock.advance(1000);
  expect(ask('b1')).toEqual({ type: 'unknown' });
  await clock.advance(10_000);
  expect(told).toEqual(['b1']);
  expect(ask('b1')).toEqual(admitted(4));
});

it('a new upload of the same name has no part of the old one, whose pods still count', async () => {
  const { ask, clock, pods } = start();
  ask('a1');
  pods.set('uid of a1', ['pod']);
  await clock.advance(100);
  ask('a1', { uid: 'another' });
  await clock.advance(100);
  expect(ask('a1', { uid: 'another' })).toMatchObject({ type: 'waiting' });
  pods.delete('uid of a1');
  await clock.advance(1000);
  expect(ask('a1', { uid: 'another' })).toEqual(admitted(4));
});

it('a pod that never ends counts for ten minutes', async () => {
  const { ask, clock, pods, turns, told } = start();
  ask('a1');
  ask('a2');
  await clock.advance(100);
  told.length = 0;
  pods.set('uid of a1', ['pod']);
  turns.release('a1');
  await clock.advance(590_000);
  expect(told).toEqual([]);
  await clock.advance(20_000);
  expect(told).toEqual(['a2']);
});

it('an upload that waits and asks for less has its turn when there is room for that', async () => {
  const { ask, clock } = start({ ...ONE, cluster: { maxParallelism: 8 } });
  ask('a1');
  await clock.advance(100);
  ask('b1', { wanted: 8 });
  await clock.advance(100);
  expect(ask('b1', { wanted: 8 })).toMatchObject({ type: 'waiting' });
  await clock.advance(100);
  expect(ask('b1', { wanted: 4 })).toEqual(admitted(4));
});

it('an upload that gets no pod lets the next one work, and works when it has one', async () => {
  const { ask, clock, told } = start();
  ask('a1');
  ask('b1');
  await clock.advance(100);
  told.length = 0;
  expect(ask('a1', { holds: 4, lends: true })).toEqual(admitted(4));
  await clock.advance(100);
  expect(told).toEqual(['b1']);
  expect(ask('a1', { holds: 4, lends: false })).toEqual(admitted(4));
});

it('fewer sessions make room when the pods that had more have ended, and more wait for room', async () => {
  const { ask, clock, told } = start({ ...ONE, cluster: { maxParallelism: 8 } });
  ask('a1');
  await clock.advance(100);
  expect(ask('a1', { wanted: 8 })).toEqual(admitted(8));
  ask('b1');
  await clock.advance(100);
  told.length = 0;
  expect(ask('a1', { wanted: 2 })).toEqual(admitted(2));
  await clock.advance(30_000);
  expect(told).toEqual([]);
  await clock.advance(10_000);
  expect(told).toEqual(['b1']);
  expect(ask('a1', { wanted: 8 })).toEqual(admitted(2));
});

it('uploads whose database is away neither keep a place nor take one', async () => {
  const { turns, clock, ask, told } = start({ ...ONE, cluster: { maxActiveUploads: 4 } });
  const away = { state: 'unreachable', why: { reason: 'DatabaseUnavailable', message: '' } } as const;
  const look = (name: string, change: Partial<Observed>) => {
    const key = `h/${name}`;
    const metadata = { name, namespace: 'h', uid: `uid of ${key}` };
    const seen = observed({
      upload: { ...ACCEPTED, metadata } as Observed['upload'],
      jobs: { plan: null, process: null },
      pods: [],
      ...change,
    });
    return askForTurn(turns, { key, seen, database: 'd', likelyDatabase: 'd', keptBy: null, priority: 0 });
  };
  const works = ['b1', 'b2', 'b3'];
  for (const key of works) ask(key, { holds: 4 });
  const waits = Array.from({ length: 10 }, (_, i) => `u${i}`);
  for (const key of ['at-work', ...waits]) look(key, {});
  await clock.advance(100);
  expect(look('at-work', {})).toEqual(admitted(4));
  expect(look('u0', {})).toMatchObject({ type: 'waiting' });
  for (const key of ['at-work', ...waits]) look(key, { ledger: away });
  for (const key of ['b4', 'b5', 'b6', 'b7']) ask(key);
  told.length = 0;
  for (const key of works) turns.release(key);
  await clock.advance(1000);
  for (const key of ['b4', 'b5', 'b6', 'b7']) expect(ask(key)).toEqual(admitted(4));
  expect(told.filter((key) => key.startsWith('h'))).toEqual([]);
  expect(look('u0', {})).toMatchObject({ type: 'waiting', wait: { used: 4 } });
});

it('an upload whose database is away counts in the database where it has begun', async () => {
  const { ask, clock, turns, request } = start({ ...ONE, cluster: {}, database: { maxActiveUploads: 1 } });
  const away = { database: null, likelyDatabase: 'named', holds: 4 };
  ask('a1', { holds: 4 });
  await clock.advance(100);
  expect(ask('a1', away)).toEqual(admitted(4));
  turns.recount(request('r1', { database: null, holds: 4 }));
  expect(ask('r1', away)).toEqual(admitted(4));
  expect(ask('b1', { database: 'other' })).toEqual({ type: 'unknown' });
  ask('b2', { database: 'd' });
  ask('b3', { database: 'named' });
  await clock.advance(100);
  expect(ask('b1', { database: 'other' })).toEqual(admitted(4));
  expect(ask('b2', { database: 'd' })).toMatchObject({ type: 'waiting' });
  expect(ask('b3', { database: 'named' })).toMatchObject({ type: 'waiting' });
});

it('what a new leader has counted and never sees stays only where it has pods', async () => {
  const { ask, clock, turns, request, pods } = start({ ...ONE, cluster: {}, database: { maxParallelism: 32 } });
  turns.recount(request('a1', { database: null, holds: 32 }));
  turns.recount(request('a2', { database: null, holds: 28 }));
  pods.set('uid of a2', ['pod']);
  ask('b1', { database: 'e', createdAt: 1 });
  ask('c1', { database: 'e', createdAt: 2 });
  await clock.advance(11_000);
  expect(ask('b1', { database: 'e', createdAt: 1 })).toEqual(admitted(4));
  expect(ask('c1', { database: 'e', createdAt: 2 })).toMatchObject({ type: 'waiting', wait: { used: 32 } });
});

it('what a new leader has counted and never sees stays where a warm pod has it', async () => {
  const { ask, clock, turns, request, pooled } = start();
  turns.recount(request('a1', { database: null, holds: 1 }));
  pooled.add('a1');
  ask('b1', { database: 'e' });
  await clock.advance(11_000);
  expect(ask('b1', { database: 'e' })).toMatchObject({ type: 'waiting', wait: { used: 1 } });
});

it('an upload that cannot be looked at lends nothing while a warm pod has it', async () => {
  const { ask, clock, turns, pooled } = start();
  ask('a1', { holds: 1 });
  pooled.add('a1');
  ask('b1');
  for (let ms = 0; ms <= 90_000; ms += 10_000) {
    turns.noticeFailure('a1');
    await clock.advance(10_000);
  }
  expect(ask('b1')).toMatchObject({ type: 'waiting', wait: { used: 1 } });
});

it('the pods of the next attempt do not keep the place of the one that has ended', async () => {
  const { ask, clock, turns, pods } = start({ ...ONE, cluster: { maxActiveUploads: 2 } });
  ask('a1');
  pods.set('uid of a1', ['a1-plan-1-0-abcde']);
  await clock.advance(100);
  turns.release('a1');
  ask('a1');
  await clock.advance(100);
  pods.set('uid of a1', ['a1-plan-1-0-abcde', 'a1-plan-1-0-fghij']);
  expect(ask('a1', { holds: 4 })).toEqual(admitted(4));
  ask('b1');
  await clock.advance(1_000);
  expect(ask('b1')).toMatchObject({ type: 'waiting', wait: { used: 2 } });
  pods.set('uid of a1', ['a1-plan-1-0-fghij']);
  await clock.advance(60_000);
  expect(ask('b1')).toEqual(admitted(4));
});

it('an upload whose Job cannot be made gives its turn back after the grace, and has to wait for room before the next try', async () => {
  const { ask, clock, told } = start();
  ask('a1');
  await clock.advance(100);
  ask('b1');
  ask('c1');
  await clock.advance(600_000);
  told.length = 0;
  // The time for which an upload has waited for its turn is no part of the grace.
  expect(ask('a1')).toMatchObject({ type: 'waiting', wait: { used: 1 } });
  await clock.advance(100);
  expect(told).toEqual(['b1']);
  await clock.advance(59_000);
  expect(ask('b1')).toEqual(admitted(4));
  await clock.advance(100);
  expect(told).toEqual(['b1']);
  await clock.advance(1_000);
  expect(ask('b1')).toMatchObject({ type: 'waiting', wait: { used: 1 } });
  await clock.advance(100);
  expect(told).toEqual(['b1', 'c1']);
  // Its Job came after all, and counts.
  expect(ask('b1', { holds: 4 })).toEqual(admitted(4));
  await clock.advance(60_000);
  for (const key of ['a1', 'c1']) ask(key);
  await clock.advance(100);
  for (const key of ['a1', 'c1']) expect(ask(key)).toMatchObject({ type: 'waiting', wait: { used: 1 } });
});

describe('uploads whose Jobs are refused', () => {
  const TWO: Limits = { ...ONE, cluster: { maxActiveUploads: 2 } };

  /** Forty uploads, with which the operator does what it does: it asks, and makes a Job where it may. */
  function startRefused(limits = TWO) {
    const bench = start(limits);
    const { ask, turns, clock } = bench;
    const keys = Array.from({ length: 40 }, (_, i) => `a${i}`);
    const made = new Set<string>();
    const state = { isRefused: true, tries: 0 };
    const reconcile = (key: string) => {
      const turn = ask(key, { holds: made.has(key) ? 4 : 0 });
      if (turn.type !== 'admitted' || made.has(key)) return;
      state.tries += 1;
      if (state.isRefused) turns.noticeFailure(key);
      else made.add(key);
    };
    /** Every upload is looked at about once a minute, and when it has its turn. */
    async function run(minutes: number) {
      for (let step = 0; step < minutes * 600; step += 1) {
        if (step % 15 === 0) reconcile(keys[(step / 15) % 40]!);
        for (const key of bench.told.splice(0)) if (key.startsWith('a')) reconcile(key);
        await clock.advance(100);
      }
    }
    return { ...bench, state, made, run };
  }

  it('work only as many at a time as the limit says when the cause is mended', async () => {
    const { run, made, state } = startRefused();
    await run(25);
    state.isRefused = false;
    await run(5);
    expect(made.size).toBe(2);
  });

  it('try again about once a minute where there is room, and hold up nobody', async () => {
    const { run, state, ask, clock } = startRefused();
    // Each pair has its turn for the grace once.
    await run(25);
    state.tries = 0;
    await run(10);
    expect(state.tries).toBeGreaterThan(150);
    expect(state.tries).toBeLessThanOrEqual(400);
    ask('b1');
    ask('b2');
    await clock.advance(1_000);
    for (const key of ['b1', 'b2']) expect(ask(key, { holds: 4 })).toEqual(admitted(4));
  });

  it('rest for the grace, however often they are looked at, until their spec is another one', async () => {
    const { ask, clock, turns } = start();
    const times: number[] = [];
    const startedAt = clock.monotonic();
    for (let ms = 0; ms < 600_000; ms += 250) {
      const turn = ask('a1');
      if (turn.type === 'admitted') times.push(clock.monotonic() - startedAt);
      if (turn.type === 'admitted') turns.noticeFailure('a1');
      await clock.advance(250);
    }
    expect(times.filter((ms) => ms > 61_000).length).toBeLessThan(10);
    expect(ask('a1')).toMatchObject({ type: 'resting' });
    expect(ask('a1', { generation: 2 })).toEqual(admitted(4));
  });

  it('come after all others, but are tried now and then', async () => {
    const { run, ask, turns, state } = startRefused();
    await run(25);
    for (const key of ['b1', 'b2']) ask(key, { holds: 4 });
    await run(2);
    for (const key of ['b3', 'b4', 'b5']) ask(key);
    await run(1);
    state.tries = 0;
    turns.release('b1');
    turns.release('b2');
    await run(0.1);
    expect(state.tries).toBe(0);
    for (const key of ['b3', 'b4']) expect(ask(key, { holds: 4 })).toEqual(admitted(4));
    await run(10);
    expect(state.tries).toBe(0);
    turns.release('b3');
    await run(0.5);
    // They were refused ten minutes ago, and each of them has its turn before b5, for the moment of one try.
    expect(state.tries).toBe(40);
    expect(ask('b5')).toEqual(admitted(4));
  });
});

it('an upload that lends and whose Job is then made again waits for room like any other', async () => {
  const { ask, clock } = start();
  ask('a1', { holds: 4 });
  await clock.advance(100);
  ask('a1', { holds: 4, lends: true });
  ask('b1');
  await clock.advance(100);
  expect(ask('b1', { holds: 4 })).toEqual(admitted(4));
  ask('a1');
  await clock.advance(100);
  expect(ask('a1')).toMatchObject({ type: 'waiting', wait: { used: 1 } });
});

it('an upload that cannot be looked at lends its turn after the grace, unless it has pods', async () => {
  const { ask, clock, told, turns, pods } = start({ ...ONE, cluster: { maxActiveUploads: 2 } });
  ask('a1', { holds: 4 });
  ask('a2', { holds: 4 });
  pods.set('uid of a2', ['pod']);
  ask('b1');
  ask('c1');
  await clock.advance(100);
  told.length = 0;
  for (let ms = 0; ms <= 60_000; ms += 20_000) {
    for (const key of ['a1', 'a2', 'b1', 'unknown']) turns.noticeFailure(key);
    await clock.advance(20_000);
    expect(told).toEqual([]);
  }
  turns.noticeFailure('a1');
  turns.noticeFailure('a2');
  await clock.advance(100);
  expect(told).toEqual(['b1']);
  expect(ask('a1', { holds: 4 })).toEqual(admitted(4));
  await clock.advance(100);
  ask('d1');
  await clock.advance(100);
  expect(ask('d1')).toMatchObject({ type: 'waiting', wait: { used: 3 } });
});

it('an upload whose Job is made again for other settings lends nothing', async () => {
  const { ask, clock, told } = start();
  ask('a1', { holds: 4 });
  ask('b1');
  await clock.advance(600_000);
  told.length = 0;
  ask('a1', { holds: 0 });
  await clock.advance(5_000);
  ask('a1', { holds: 0 });
  await clock.advance(60_000);
  ask('a1', { holds: 4 });
  await clock.advance(100);
  expect(told).toEqual([]);
});

it('sessions that are given back count as whole pods until these have ended', async () => {
  // 4 connections of the operator, and 20 of four pods with four sessions each.
  const { ask, clock } = start({ ...ONE, cluster: {}, database: { maxConnections: 24 } });
  const has = { sessionsPerPod: 4, holds: 12 };
  ask('a1', { ...has, wanted: 12 });
  await clock.advance(100);
  expect(ask('a1', { ...has, wanted: 7 })).toEqual(admitted(7));
  ask('b1');
  ask('b2');
  await clock.advance(1_000);
  expect(ask('b1')).toEqual(admitted(4));
  expect(ask('b2')).toMatchObject({ type: 'waiting', wait: { used: 24 } });
  await clock.advance(40_000);
  expect(ask('b2')).toEqual(admitted(4));
});

it('an upload that is suspended again and again counts with all pods that still end', async () => {
  const { ask, clock, pods, turns } = start({ ...ONE, cluster: { maxParallelism: 12 } });
  for (const n of [1, 2]) {
    expect(ask('a1')).toEqual(admitted(4));
    pods.set('uid of a1', [...(pods.get('uid of a1') ?? []), `pod ${n}`]);
    turns.release('a1');
    await clock.advance(100);
  }
  expect(ask('a1')).toEqual(admitted(4));
  ask('b1');
  await clock.advance(100);
  expect(ask('b1')).toMatchObject({ type: 'waiting', wait: { used: 12 } });
  pods.set('uid of a1', ['pod 2']);
  await clock.advance(1000);
  expect(ask('b1')).toEqual(admitted(4));
});

it('an upload that asks for more has no room where its own pods still end', async () => {
  const { ask, clock, pods, turns } = start({ ...ONE, cluster: { maxParallelism: 12 } });
  ask('a1');
  pods.set('uid of a1', ['pod']);
  turns.release('a1');
  await clock.advance(100);
  expect(ask('a1')).toEqual(admitted(4));
  expect(ask('a1', { wanted: 12, holds: 4 })).toEqual(admitted(8 - 4));
});

it('an upload that no pod has claimed keeps the turn that it has, and gets none by a pod of its pool', async () => {
  const { ask, clock, turns, request } = start({ ...ONE, cluster: { maxActiveUploads: 2 } });
  const keys = ['a1', 'a2', 'a3', 'a4', 'a5', 'a6'];
  const pooled = { pool: 'P', wanted: 1, isUnclaimed: true };
  turns.recount(request('a1', { holds: 1 }));
  const count = (holds: number) => keys.filter((key) => ask(key, { ...pooled, holds }).type === 'admitted').length;
  count(0);
  await clock.advance(1000);
  expect(count(0)).toBe(2);
  expect(count(1)).toBe(2);
  await clock.advance(120_000);
  expect(count(1)).toBe(2);
  // A pod that has claimed an upload cannot be stopped by a limit.
  expect(ask('a6', { ...pooled, isUnclaimed: false, holds: 1 })).toEqual(admitted(1));
});

it('an upload whose Secret is gone counts anywhere only until the new leader knows what works', async () => {
  const limits = { ...ONE, cluster: {}, database: { maxActiveUploads: 1 } };
  const { ask, clock, turns, request } = start(limits);
  turns.recount(request('a1', { holds: 4, database: null }));
  ask('a1', { holds: 4, database: null });
  ask('b1');
  await clock.advance(5_000);
  expect(ask('b1')).toMatchObject({ type: 'waiting' });
  await clock.advance(6_000);
  ask('a1', { holds: 4, database: null });
  await clock.advance(100);
  expect(ask('b1')).toEqual(admitted(4));
  ask('a2', { database: 'e' });
  await clock.advance(100);
  expect(ask('a2', { database: 'e' })).toMatchObject({ type: 'waiting' });
});
