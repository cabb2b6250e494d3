/** The account of the uploads that work and of those that wait. */
import { expect, it } from 'vitest';
import type { Limits } from '#operator/config/upload-limits.ts';
import { type Turn, type TurnRequest, UploadTurns } from '#operator/controller/queue/upload-turns.ts';
import { FakeClock } from '#support/process/fake-clock.ts';

const ONE: Limits = { cluster: { maxActiveUploads: 1 }, namespace: {}, database: {}, namespaces: {} };

function start(limits = ONE) {
  const clock = new FakeClock();
  const pods = new Map<string, number>();
  const told: string[] = [];
  const turns = new UploadTurns({
    limits,
    clock,
    countPools: () => 1,
    countIdlePods: () => 0,
    countPods: ({ uid }) => pods.get(uid) ?? 0,
    onTurn: (key) => void told.push(key),
  });
  const request = (key: string, change: Partial<TurnRequest> = {}): TurnRequest => ({
    key,
    uid: `uid of ${key}`,
    namespace: key[0]!,
    database: 'd',
    wanted: 4,
    priority: 0,
    createdAt: Number(key.slice(1)),
    holds: 0,
    lends: false,
    pool: null,
    ...change,
  });
  const ask = (key: string, change?: Partial<TurnRequest>) => turns.ask(request(key, change));
  return { clock, pods, told, turns, ask, request };
}

const admitted = (sessions: number): Turn => ({ type: 'admitted', sessions });

it('an upload that has room works at once, and hears nothing more', () => {
  const { ask, told } = start();
  expect(ask('a1')).toEqual(admitted(4));
  expect(ask('a1')).toEqual(admitted(4));
  expect(told).toEqual([]);
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
  pods.set('uid of a1', 1);
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
  pods.set('uid of a1', 1);
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
  pods.set('uid of a1', 1);
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
  expect(ask('a1', { lends: true })).toEqual(admitted(4));
  await clock.advance(100);
  expect(told).toEqual(['b1']);
  expect(ask('a1', { lends: false })).toEqual(admitted(4));
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
