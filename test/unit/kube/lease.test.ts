import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Clock } from '#common/clock.ts';
import { createLeaderElector, type LeaderElectorDeps, processIdentity } from '#kube/lease.ts';
import { toMicroTime } from '#kube/lease-record.ts';
import { type CallFate, FakeLeaseApi, type LeaseClient } from '#support/cluster/fake-lease-api.ts';
import { FakeClock, settle } from '#support/process/fake-clock.ts';
import { createRecordingLog } from '#support/process/recording-log.ts';

/** One process that wants to lead. Its work lasts until the signal aborts, and `drainMs` longer. */
function candidate(
  identity: string,
  {
    client,
    clock,
    drainMs = 0,
    ...rest
  }: { client: LeaseClient; clock: Clock; drainMs?: number } & Partial<LeaderElectorDeps>,
) {
  const shutdown = new AbortController();
  const state = {
    started: 0,
    working: false,
    lost: undefined as string | undefined,
    ended: false,
    failed: undefined as unknown,
  };
  const elector = createLeaderElector({
    client,
    clock,
    identity,
    namespace: 'operator',
    name: 'batch-upload',
    log: createRecordingLog(),
    random: () => 0,
    onStartedLeading: async (signal) => {
      state.started++;
      state.working = true;
      await new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => clock.schedule(drainMs, resolve), { once: true });
      });
      state.working = false;
    },
    onLost: (reason) => {
      state.lost = reason;
      // A real process exits when it has lost the lease, which ends its work.
      state.working = false;
    },
    ...rest,
  });
  const run = elector
    .run(shutdown.signal)
    .catch((error) => {
      state.failed = error;
    })
    .finally(() => {
      state.ended = true;
    });
  return { elector, state, shutdown, run };
}

function cluster() {
  const clock = new FakeClock();
  const api = new FakeLeaseApi(clock);
  return { clock, api };
}

const holder = (api: FakeLeaseApi) => api.lease?.spec?.holderIdentity;

describe('record', () => {
  test('the API wants six digits', () => {
    expect(toMicroTime(Date.UTC(2026, 0, 2, 3, 4, 5, 6))).toBe('2026-01-02T03:04:05.006000Z');
  });

  test('what the first leader writes, and what renewals keep', async () => {
    const { clock, api } = cluster();
    candidate('one', { client: api.client(), clock });
    await settle();
    const first = structuredClone(api.lease?.spec);
    expect(first).toEqual({
      holderIdentity: 'one',
      leaseDurationSeconds: 15,
      leaseTransitions: 0,
      acquireTime: toMicroTime(clock.now()),
      renewTime: toMicroTime(clock.now()),
    });
    await clock.advance(60_000);
    expect(api.lease?.spec).toEqual({ ...first, renewTime: toMicroTime(clock.now()) });
  });

  test('identities differ for one pod name', () => {
    expect(processIdentity('pod-1')).not.toBe(processIdentity('pod-1'));
    expect(processIdentity('pod-1')).toMatch(/^pod-1_/);
  });

  test.each([
    { leaseDurationMs: 10_000, renewDeadlineMs: 10_000 },
    { renewDeadlineMs: 2_000, retryPeriodMs: 2_000 },
    { leaseDurationMs: 15_500 },
  ])('refuses %o', (durations) => {
    const { clock, api } = cluster();
    expect(() => candidate('one', { client: api.client(), clock, ...durations })).toThrow(RangeError);
  });
});

describe('two candidates', () => {
  test('one leads, the other waits for as long as the first renews', async () => {
    const { clock, api } = cluster();
    const one = candidate('one', { client: api.client(), clock });
    await settle();
    const two = candidate('two', { client: api.client(), clock });
    await clock.advance(600_000);
    expect([one.elector.isLeader, two.elector.isLeader]).toEqual([true, false]);
    expect([one.elector.leader, two.elector.leader]).toEqual(['one', 'one']);
    expect(one.state.started).toBe(1);
  });

  test('a shutdown hands over at once, and only when the work has ended', async () => {
    const { clock, api } = cluster();
    const one = candidate('one', { client: api.client(), clock, drainMs: 30_000 });
    await settle();
    const two = candidate('two', { client: api.client(), clock });
    await clock.advance(1_000);
    one.shutdown.abort();
    await clock.advance(29_000);
    expect(holder(api)).toBe('one');
    expect(one.elector.isLeader).toBe(true);
    expect(two.state.started).toBe(0);
    await clock.advance(1_000);
    expect(one.state).toMatchObject({ working: false, lost: undefined, ended: true });
    expect(one.elector.isLeader).toBe(false);
    await clock.advance(2_000);
    expect(two.elector.isLeader).toBe(true);
    expect(api.lease?.spec?.leaseTransitions).toBe(2 - 1);
  });

  test('the leader dies without a word: the other waits the whole duration since the last renewal it saw', async () => {
    const { clock, api } = cluster();
    api.lease = {
      metadata: { name: 'batch-upload', namespace: 'operator', resourceVersion: '0' },
      // The time of a remote clock must not matter, however far in the past or in the future it is.
      spec: { holderIdentity: 'dead', leaseDurationSeconds: 15, renewTime: '2001-01-01T00:00:00.000000Z' },
    };
    const two = candidate('two', { client: api.client(), clock });
    await clock.advance(14_000);
    expect(two.state.started).toBe(0);
    await clock.advance(3_000);
    expect(two.state.started).toBe(1);
    expect(api.lease?.spec).toMatchObject({ holderIdentity: 'two', leaseTransitions: 1 });
  });

  test('an annotation on the lease of a dead leader is no sign of life', async () => {
    const { clock, api } = cluster();
    const spec = { holderIdentity: 'dead', leaseDurationSeconds: 15 };
    api.lease = { metadata: { resourceVersion: '0' }, spec };
    const two = candidate('two', { client: api.client(), clock });
    for (let i = 1; i <= 17; i++) {
      if (two.state.started === 0) api.lease = { metadata: { resourceVersion: `x${i}` }, spec };
      await clock.advance(1_000);
    }
    expect(two.state.started).toBe(1);
  });

  test('a jump of the wall clock changes nothing', async () => {
    const { clock, api } = cluster();
    const one = candidate('one', { client: api.client(), clock });
    await settle();
    const two = candidate('two', { client: api.client(), clock });
    for (const jump of [86_400_000, -172_800_000, 3_600_000]) {
      clock.wallOffsetMs += jump;
      await clock.advance(60_000);
      expect([one.elector.isLeader, two.elector.isLeader]).toEqual([true, false]);
    }
  });
});

describe('losing', () => {
  test('renewals that fail: lost after the deadline, before another can lead', async () => {
    const { clock, api } = cluster();
    let broken = false;
    const one = candidate('one', { client: api.client(() => (broken ? { lost: 'request' } : {})), clock });
    await settle();
    const two = candidate('two', { client: api.client(), clock });
    await clock.advance(4_000);
    broken = true;
    await clock.advance(9_999);
    expect(one.state.lost).toBeUndefined();
    await clock.advance(1);
    expect(one.state.lost).toBe('not renewed for 10000 ms');
    expect(one.elector.isLeader).toBe(false);
    expect(two.state.started).toBe(0);
    await clock.advance(8_000);
    expect(two.state.started).toBe(1);
    expect(one.state).toMatchObject({ started: 1, ended: true });
  });

  test('a failure that passes is none', async () => {
    const { clock, api } = cluster();
    let broken = false;
    const one = candidate('one', { client: api.client(() => (broken ? { lost: 'request' } : {})), clock });
    await clock.advance(4_000);
    broken = true;
    await clock.advance(6_000);
    broken = false;
    await clock.advance(20_000);
    expect(one.state.lost).toBeUndefined();
    expect(one.elector.isLeader).toBe(true);
  });

  test('a renewal whose answer was lost is recognised as our own', async () => {
    const { clock, api } = cluster();
    const fates: CallFate[] = [];
    const one = candidate('one', { client: api.client(() => fates.shift() ?? {}), clock });
    await settle();
    fates.push({ lost: 'answer' });
    await clock.advance(60_000);
    expect(one.state.lost).toBeUndefined();
    expect(one.elector.isLeader).toBe(true);
  });

  test('another holder in the lease: lost at the next renewal', async () => {
    const { clock, api } = cluster();
    const one = candidate('one', { client: api.client(), clock });
    await settle();
    api.lease = { metadata: { resourceVersion: 'x' }, spec: { holderIdentity: 'two', leaseDurationSeconds: 15 } };
    await clock.advance(2_000);
    expect(one.state.lost).toBe('held by two');
  });

  test('a deleted lease is made again', async () => {
    const { clock, api } = cluster();
    const one = candidate('one', { client: api.client(), clock });
    await settle();
    api.lease = undefined;
    await clock.advance(4_000);
    expect(one.state.lost).toBeUndefined();
    expect(holder(api)).toBe('one');
  });

  test('a process that was frozen no longer takes itself for the leader when it wakes', async () => {
    const { clock, api } = cluster();
    const one = candidate('one', { client: api.client(() => ({ answerMs: 50 })), clock });
    await clock.advance(1_000);
    expect(one.elector.isLeader).toBe(true);
    clock.freeze(10_000);
    expect(one.elector.isLeader).toBe(false);
    await clock.advance(0);
    expect(one.state.lost).toBe('not renewed for 10000 ms');
  });

  test('the work that fails ends the election with its error, and the lease is free', async () => {
    const { clock, api } = cluster();
    const onStartedLeading = () => Promise.reject(new Error('broken'));
    const one = candidate('one', { client: api.client(), clock, onStartedLeading });
    await clock.advance(100);
    expect(one.state).toMatchObject({ ended: true, failed: new Error('broken'), lost: undefined });
    expect(holder(api)).toBe('');
    expect(clock.waiting).toBe(0);
  });

  test('a shutdown in the middle of a renewal still releases', async () => {
    const { clock, api } = cluster();
    const fates: CallFate[] = [{}, {}];
    const one = candidate('one', { client: api.client(() => fates.shift() ?? {}), clock });
    await settle();
    fates.push({ answerMs: 1_000 });
    await clock.advance(2_500);
    expect(api.writes).toBe(2);
    one.shutdown.abort();
    await clock.advance(100);
    expect(one.state.ended).toBe(true);
    expect(holder(api)).toBe('');
  });

  test('a candidate stops when its signal aborts', async () => {
    const { clock, api } = cluster();
    candidate('one', { client: api.client(), clock });
    await settle();
    const two = candidate('two', { client: api.client(), clock });
    await clock.advance(1_000);
    two.shutdown.abort();
    await settle();
    expect(two.state).toMatchObject({ started: 0, ended: true, lost: undefined });
  });
});

/** One process's view of time. The process can be frozen while others run, and has a wall clock of its own. */
class ProcessClock implements Clock {
  frozenUntil = 0;
  wallOffsetMs = 0;
  readonly #shared: FakeClock;

  constructor(shared: FakeClock) {
    this.#shared = shared;
  }

  now(): number {
    return this.#shared.now() + this.wallOffsetMs;
  }

  monotonic(): number {
    return this.#shared.monotonic();
  }

  schedule(ms: number, callback: () => void): () => void {
    let cancel = () => {};
    const fire = () => {
      const left = this.frozenUntil - this.#shared.monotonic();
      if (left > 0) cancel = this.#shared.schedule(left, fire);
      else callback();
    };
    cancel = this.#shared.schedule(ms, fire);
    return () => cancel();
  }

  /** Wraps the client so that its answers are read only while the process runs. */
  receiving(client: LeaseClient): LeaseClient {
    const thaw = async () => {
      while (this.frozenUntil > this.monotonic()) await new Promise<void>((resolve) => this.schedule(0, resolve));
    };
    const late = <A extends unknown[], R>(call: (...args: A) => Promise<R>) => {
      return async (...args: A): Promise<R> => {
        try {
          return await call(...args);
        } finally {
          await thaw();
        }
      };
    };
    return {
      find: late(client.find) as LeaseClient['find'],
      create: late(client.create) as LeaseClient['create'],
      replace: late(client.replace) as LeaseClient['replace'],
    };
  }
}

const fates = fc.array(
  fc.record(
    {
      requestMs: fc.constantFrom(0, 5, 900, 6_000, 14_000),
      answerMs: fc.constantFrom(0, 5, 900, 4_000),
      lost: fc.constantFrom('request' as const, 'answer' as const),
    },
    { requiredKeys: [] },
  ),
  { maxLength: 30 },
);
const disturbance = fc.record({
  afterMs: fc.integer({ min: 1, max: 20_000 }),
  who: fc.constantFrom(0, 1),
  what: fc.constantFrom('wall', 'freeze', 'shutdown', 'nothing'),
  ms: fc.integer({ min: -100_000_000, max: 60_000 }),
});

test('property: never two leaders at a time, whatever the network, the clocks and the processes do', async () => {
  await fc.assert(
    fc.asyncProperty(fates, fates, fc.array(disturbance, { maxLength: 12 }), async (first, second, disturbances) => {
      const { clock, api } = cluster();
      const network = [first, second].map((list) => [...list]);
      const start = (at: number, generation: number) => {
        const own = new ProcessClock(clock);
        const client = own.receiving(api.client(() => network[at]?.shift() ?? {}));
        return { own, ...candidate(`p${at}-${generation}`, { client, clock: own, drainMs: 3_000 }) };
      };
      const processes = [start(0, 0), start(1, 0)];
      let generation = 0;
      const check = () => {
        expect(processes.filter((one) => one.elector.isLeader).length).toBeLessThanOrEqual(1);
        // A process that is not frozen works only while it leads or drains under its lease.
        const acting = processes.filter((one) => one.state.working && one.own.frozenUntil <= clock.monotonic());
        expect(acting.length).toBeLessThanOrEqual(1);
        for (const [at, one] of processes.entries()) if (one.state.ended) processes[at] = start(at, ++generation);
      };
      for (const { afterMs, who, what, ms } of disturbances) {
        const process = processes[who]!;
        if (what === 'wall') process.own.wallOffsetMs += ms;
        if (what === 'freeze') {
          process.own.frozenUntil = Math.max(process.own.frozenUntil, clock.monotonic() + Math.abs(ms % 60_000));
        }
        if (what === 'shutdown') process.shutdown.abort();
        for (let passed = 0; passed < afterMs; passed += 500) {
          await clock.advance(500);
          check();
        }
      }
      // After a time without faults that is longer than the longest freeze, one process leads.
      network[0]!.length = 0;
      network[1]!.length = 0;
      for (let i = 0; i < 240; i++) {
        await clock.advance(500);
        check();
      }
      expect(processes.filter((one) => one.elector.isLeader)).toHaveLength(1);
    }),
    { numRuns: 200 },
  );
}, 60_000);
