/**
 * The limits of spec.target.protect: the policy by tables, the control loop by simulations of a server, its replica and
 * several pods, and the brake of one pod with its notes.
 */
import type { ClientBase } from 'pg';
import { describe, expect, it } from 'vitest';
import type { ProtectLimits } from '#common/job-contract.ts';
import { createBrake } from '#runner/protect/brake.ts';
import { MEASURE_MS, type Measurement, type Replica } from '#runner/protect/measure-server.ts';
import { createProtectPolicy, type ProtectPolicy } from '#runner/protect/protect-policy.ts';
import { ReplicaLags } from '#runner/protect/replica-lags.ts';
import { WalBudget } from '#runner/protect/wal-budget.ts';
import { FakeClock, settle } from '#support/process/fake-clock.ts';
import { createRecordingLog } from '#support/process/recording-log.ts';

const LAG: ProtectLimits = { maxReplicaLagSeconds: 10, maxWalBytesPerSecond: null };
const WAL: ProtectLimits = { maxReplicaLagSeconds: null, maxWalBytesPerSecond: 10e6 };
const MB = 1e6;

function replica(replayed: number, lagSeconds: number | null = null): Replica {
  return {
    pid: 7,
    name: 'standby1',
    replayedBytes: replayed * MB,
    lagMs: lagSeconds === null ? null : lagSeconds * 1000,
  };
}

const measured = (written: number | null, replicas: Replica[] | null = null): Measurement => ({
  writtenBytes: written === null ? null : written * MB,
  replicas,
  role: 'app',
});

describe('one measurement', () => {
  it.each<[string, ProtectLimits, Measurement, boolean, string | undefined]>([
    ['a replica has replayed everything', LAG, measured(100, [replica(100)]), false, undefined],
    ['a replica has, and its lag is an old one', LAG, measured(100, [replica(100, 60)]), false, undefined],
    ['a replica is behind by less', LAG, measured(100, [replica(99, 9)]), false, undefined],
    ['a replica is too far behind', LAG, measured(100, [replica(99, 11)]), true, 'ReplicaLag'],
    ['one of two is too far behind', LAG, measured(100, [replica(100), replica(9, 60)]), true, 'ReplicaLag'],
    ['there is no replica', LAG, measured(100, []), false, 'NoReplicas'],
    ['the role may not see them', LAG, measured(100, null), true, 'ReplicaLagUnknown'],
    ['the server does not tell its position', LAG, measured(null), true, 'WalRateUnknown'],
    ['nor for the WAL', WAL, measured(null), true, 'WalRateUnknown'],
    ['the WAL before the load does not count', WAL, measured(1e6), false, undefined],
  ])('%s', (_what, limits, measurement, waits, reason) => {
    const { waitMs, why } = createProtectPolicy(limits).judge(0, measurement);
    expect(waitMs > 0).toBe(waits);
    expect(why?.reason).toBe(reason);
  });

  it('names the role that needs a right, and the replica with its lag in steps', () => {
    const said = (measurement: Measurement) => createProtectPolicy(LAG).judge(0, measurement).why?.message;
    expect(said(measured(1, null))).toContain('GRANT pg_monitor TO app;');
    expect(said(measured(1, [replica(0, 11)]))).toContain('standby1 is more than 10 s behind');
    expect(said(measured(1, [replica(0, 49)]))).toContain('more than 20 s behind');
    expect(said(measured(1, [replica(0, 7300)]))).toContain('more than 5000 s behind');
  });
});

describe('the lag of a replica', () => {
  const at = (lags: ReplicaLags, s: number, written: number, replayed: number) =>
    lags.measured({ atMs: s * 1000, writtenBytes: written * MB, replicas: [replica(replayed)] });

  it('grows by our own clock where the server measures none', () => {
    const lags = new ReplicaLags(5);
    // The speed is 0, so that a quarter of the limit is enough to tell that the replica will be late.
    const late = [0, 1, 2, 3, 4, 6, 7].map((s) => at(lags, s, 100 + s, 100));
    expect(late.map((each) => each?.lagMs ?? null)).toEqual([null, null, null, 2000, 3000, 5000, 6000]);
    expect(late.map((each) => each?.isExpected)).toEqual([undefined, undefined, undefined, true, true, true, false]);
  });

  it('is not that of the time between two measurements', () => {
    const lags = new ReplicaLags(5);
    expect(at(lags, 0, 100, 100)).toBeNull();
    expect(at(lags, 60, 200, 199)).toBeNull();
  });

  it('stays exact for hours, and ends when the replica has replayed', () => {
    const lags = new ReplicaLags(5);
    at(lags, 0, 100, 100);
    for (let s = 1; s <= 7200; s += 0.5) at(lags, s, 101, 100);
    expect(at(lags, 7201, 101, 100)?.lagMs).toBe(7_200_000);
    expect(at(lags, 7202, 101, 101)).toBeNull();
  });

  it('begins anew where the position of the WAL goes back, as after the promotion of a standby that lacked the last WAL', () => {
    const lags = new ReplicaLags(5);
    expect(at(lags, 0, 1000, 999)).toBeNull();
    expect(at(lags, 30, 900, 899.9)).toBeNull();
    expect(at(lags, 31, 901, 900.5)).toBeNull();
    // From then on the lag grows as before.
    expect(at(lags, 37, 902, 900.5)).toMatchObject({ lagMs: 6000, isExpected: false });
  });
});

function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

/** A server with its replica and some pods that write as fast as they may, in steps of 10 ms. */
function simulate({
  policies,
  seconds,
  bytesPerSecond,
  groupBytes = 2 * MB,
  others = () => 0,
  replay = () => Number.POSITIVE_INFINITY,
}: {
  policies: ProtectPolicy[];
  seconds: number;
  /** The speed of each pod without a limit. */
  bytesPerSecond: number;
  groupBytes?: number;
  /** What others write, in bytes a second. */
  others?: (s: number) => number;
  /** How fast the replica replays, in bytes a second. */
  replay?: (s: number) => number;
}) {
  const STEP_MS = 10;
  let written = 0;
  let replayed = 0;
  let mostLagMs = 0;
  const history: { atMs: number; written: number }[] = [];
  const random = seeded(7);
  const pods = policies.map((policy, i) => ({ policy, own: 0, group: 0, freeAt: i * 37, measuredAt: -MEASURE_MS }));
  const writtenAt: number[] = [];
  for (let atMs = 0; atMs < seconds * 1000; atMs += STEP_MS) {
    const s = atMs / 1000;
    written += (others(s) * STEP_MS) / 1000;
    for (const pod of pods) {
      if (pod.group <= 0 && atMs >= pod.freeAt) {
        let waitMs = 0;
        if (atMs - pod.measuredAt >= MEASURE_MS || pod.freeAt === atMs) {
          const lag = { pid: 1, name: 'r', replayedBytes: replayed, lagMs: null };
          waitMs = pod.policy.judge(atMs, { writtenBytes: written, replicas: [lag], role: 'app' }).waitMs;
          pod.measuredAt = atMs;
        }
        if (waitMs === 0) pod.group = groupBytes;
        else pod.freeAt = atMs + Math.ceil((waitMs * (1 + random() * 0.2)) / STEP_MS) * STEP_MS;
      }
      if (pod.group > 0) {
        const bytes = Math.min(pod.group, (bytesPerSecond * STEP_MS) / 1000);
        pod.group -= bytes;
        pod.own += bytes;
        written += bytes;
      }
    }
    history.push({ atMs, written });
    replayed = Math.min(written, replayed + (replay(s) * STEP_MS) / 1000);
    while (history.length > 0 && history[0]!.written <= replayed) history.shift();
    mostLagMs = Math.max(mostLagMs, history.length > 0 ? atMs - history[0]!.atMs : 0);
    writtenAt.push(written);
    if (s === Math.floor(seconds / 3)) for (const pod of pods) pod.own = 0;
  }
  const perSecond = (from: number, to: number) => (writtenAt[to * 100 - 1]! - writtenAt[from * 100]!) / (to - from);
  // What a pod has written in the first third of the time does not count.
  return { perSecond, own: pods.map(({ own }) => own), mostLagMs };
}

describe('simulated: the WAL of a server', () => {
  const policies = (pods: number, limit = 10 * MB) =>
    Array.from({ length: pods }, () => createProtectPolicy({ ...WAL, maxWalBytesPerSecond: limit }));

  it.each([
    [1, 2],
    [4, 2],
    [16, 2],
    // One group has what the limit allows in six seconds.
    [1, 60],
    [4, 60],
  ])('%i pods with groups of %i MB come to the limit and stay there', (pods, groupMb) => {
    const { perSecond, own } = simulate({
      policies: policies(pods),
      seconds: 600,
      bytesPerSecond: 50 * MB,
      groupBytes: groupMb * MB,
    });
    expect(perSecond(200, 600) / MB).toBeLessThan(10.5);
    expect(perSecond(200, 600) / MB).toBeGreaterThan(9);
    // None starves.
    expect(Math.min(...own)).toBeGreaterThan(Math.max(...own) / 3);
  });

  it('pods that are slower than the limit do not wait', () => {
    const { own } = simulate({ policies: policies(2), seconds: 60, bytesPerSecond: 4 * MB });
    expect(own.map((bytes) => Math.round(bytes / MB))).toEqual([160, 160]);
  });

  it('a pod that had nothing to load has waited for nothing', () => {
    const budget = new WalBudget(10 * MB);
    expect(budget.measured({ atMs: 0, writtenBytes: 0 })).toBe(0);
    expect(budget.measured({ atMs: 500, writtenBytes: 35 * MB })).toBeGreaterThan(0);
    // Others write at the limit while no upload is there.
    expect(budget.measured({ atMs: 60_500, writtenBytes: 635 * MB })).toBeGreaterThan(0);
  });

  it('a pod that has loaded one long group has not waited', () => {
    const budget = new WalBudget(10 * MB);
    expect(budget.measured({ atMs: 0, writtenBytes: 0 })).toBe(0);
    expect(budget.measured({ atMs: 60_000, writtenBytes: 610 * MB })).toBeGreaterThan(0);
  });

  it('others count, and what they have used up is forgotten after a minute', () => {
    const others = (s: number) => (s < 100 ? 6 * MB : s < 400 ? 30 * MB : 0);
    const { perSecond } = simulate({ policies: policies(2), seconds: 600, bytesPerSecond: 50 * MB, others });
    expect(perSecond(10, 100) / MB).toBeGreaterThan(9);
    expect(perSecond(10, 100) / MB).toBeLessThan(10.5);
    // The pods cannot slow the others down, and wait.
    expect(perSecond(110, 400) / MB).toBeCloseTo(30, 0);
    expect(perSecond(470, 600) / MB).toBeGreaterThan(9);
    expect(perSecond(470, 600) / MB).toBeLessThan(10.5);
  });
});

describe('simulated: a replica', () => {
  const policies = (pods: number) => Array.from({ length: pods }, () => createProtectPolicy(LAG));

  it.each([
    [1, 25],
    [1, 10],
    [4, 40],
  ])('%i pods, a replica that replays %i MB/s: about as fast as the replica, and within the limit', (pods, speed) => {
    const replay = () => speed * MB;
    const { perSecond, mostLagMs, own } = simulate({
      policies: policies(pods),
      seconds: 300,
      bytesPerSecond: 40 * MB,
      replay,
    });
    expect(mostLagMs).toBeLessThan(11_500);
    expect(Math.min(...own)).toBeGreaterThan(Math.max(...own) / 3);
    expect(perSecond(60, 300) / MB).toBeGreaterThan(speed * 0.85);
    expect(perSecond(60, 300) / MB).toBeLessThan(speed * 1.1);
  });

  it('a replica that is fast enough slows nobody', () => {
    const { own } = simulate({ policies: policies(1), seconds: 60, bytesPerSecond: 40 * MB, replay: () => 60 * MB });
    expect(own[0]! / MB).toBeCloseTo(1600, -1);
  });

  it('a replay that is paused holds everybody, and the load goes on afterwards', () => {
    const replay = (s: number) => (s < 10 || s > 100 ? 60 * MB : 0);
    const { perSecond } = simulate({ policies: policies(2), seconds: 200, bytesPerSecond: 20 * MB, replay });
    expect(perSecond(25, 99)).toBe(0);
    expect(perSecond(150, 200) / MB).toBeCloseTo(40, 0);
  });
});

describe('the brake of a pod', () => {
  function start(limits: ProtectLimits, policy?: ProtectPolicy, clock = new FakeClock()) {
    const stop = new AbortController();
    const calls: string[] = [];
    const log = createRecordingLog();
    const server = { written: 0, replicas: null as Replica[] | null };
    const pod = { id: 'u', attempt: 1, completionIndex: 0 };
    const brake = createBrake(
      { limits, policy, pod, clock, log, signal: stop.signal, random: () => 0 },
      {
        async measure(_client, { withReplicas }) {
          calls.push('measure');
          return measured(server.written, withReplicas ? server.replicas : null);
        },
        async note(_client, _pod, { reason }) {
          calls.push(reason);
        },
        async end() {
          calls.push('end');
        },
      },
    );
    const session = { run: <T>(work: (client: ClientBase) => Promise<T>) => work({} as ClientBase) };
    const taken = () => calls.splice(0);
    return { clock, stop, server, brake, session, taken, log };
  }

  it('measures at most every 500 ms while nothing is exceeded, and writes nothing', async () => {
    const { clock, brake, session, taken } = start(WAL);
    for (let i = 0; i < 10; i += 1) {
      await brake.ready(session, 0);
      await clock.advance(100);
    }
    await brake.end(session);
    expect(taken()).toEqual(['measure', 'measure']);
  });

  it('measures sooner where a quarter of a second of the limit may have been written since, and waits for that', async () => {
    const { clock, server, brake, session, taken } = start(WAL);
    await brake.ready(session, 1 * MB);
    await brake.ready(session, 1 * MB);
    expect(taken()).toEqual(['measure']);
    server.written += 6;
    let isReady = false;
    const ready = brake.ready(session, 1 * MB).then(() => {
      isReady = true;
    });
    await settle();
    expect(taken()).toEqual(['measure', 'WalRate']);
    await clock.advance(300);
    expect(isReady).toBe(false);
    await clock.advance(200);
    await ready;
    taken();
    await brake.ready(session, 1 * MB);
    expect(taken()).toEqual([]);
  });

  it('says at once why it waits, says it again every 5 s, and takes it back after 5 s without a wait', async () => {
    const { clock, server, brake, session, taken } = start(LAG);
    server.written = 100;
    server.replicas = [replica(1, 60)];
    let isReady = false;
    const ready = brake.ready(session, 0).then(() => {
      isReady = true;
    });
    await settle();
    expect(taken()).toEqual(['measure', 'ReplicaLag']);
    await clock.advance(11_900);
    expect(taken().filter((call) => call !== 'measure')).toEqual(['ReplicaLag', 'ReplicaLag']);
    expect(isReady).toBe(false);
    server.replicas = [replica(100)];
    await clock.advance(500);
    await ready;
    expect(taken()).toEqual(['measure']);
    await clock.advance(5_100);
    await brake.ready(session, 0);
    expect(taken()).toEqual(['measure', 'end']);
    await brake.end(session);
    expect(taken()).toEqual([]);
  });

  it('notes the next wait for a replica at once, so that an idle replica says where it is', async () => {
    const { clock, server, brake, session, taken } = start(LAG);
    server.written = 100;
    for (let i = 0; i < 3; i += 1) {
      server.replicas = [replica(99, 60)];
      const ready = brake.ready(session, 0);
      await settle();
      expect(taken()).toEqual(['measure', 'ReplicaLag']);
      server.replicas = [replica(100)];
      await clock.advance(500);
      await ready;
      expect(taken()).toEqual(['measure']);
      await clock.advance(500);
    }
  });

  it('says again and again that a limit has no effect, and waits for nothing', async () => {
    const { clock, server, brake, session, taken } = start(LAG);
    server.replicas = [];
    await brake.ready(session, 0);
    await clock.advance(1_000);
    await brake.ready(session, 0);
    expect(taken()).toEqual(['measure', 'NoReplicas', 'measure']);
    await brake.end(session);
    expect(taken()).toEqual(['end']);
  });

  describe('a pod that waits and loads by turns', () => {
    const BOTH: ProtectLimits = { maxReplicaLagSeconds: 10, maxWalBytesPerSecond: 10e6 };

    /** Loads groups of 10 MB for a minute, and counts what was noted and logged. */
    async function loadForAMinute(replicasAt: (s: number, writtenMb: number) => Replica[]) {
      const { clock, server, brake, session, taken, log } = start(BOTH);
      for (let s = 0; s < 60; ) {
        server.replicas = replicasAt(s, server.written);
        let isReady = false;
        const ready = brake.ready(session, 0).then(() => {
          isReady = true;
        });
        for (await settle(); !isReady; s += 0.1) {
          server.replicas = replicasAt(s, server.written);
          await clock.advance(100);
        }
        await ready;
        server.written += 10;
        await clock.advance(500);
        s += 0.5;
      }
      const logged = log.entries.flatMap(({ message, fields }) =>
        message === 'the pace has changed' ? [fields['reason']] : [],
      );
      return { noted: taken().filter((call) => call !== 'measure'), logged };
    }

    it('says why it waits, and not by turns that a limit has no effect', async () => {
      const { noted, logged } = await loadForAMinute(() => []);
      expect(noted.slice(0, 2)).toEqual(['NoReplicas', 'WalRate']);
      expect(new Set(noted.slice(1))).toEqual(new Set(['WalRate']));
      expect(noted.length).toBeLessThan(15);
      expect(logged).toEqual(['NoReplicas', 'WalRate']);
    });

    it('logs what it has noted, also where two limits make it wait by turns', async () => {
      const { noted, logged } = await loadForAMinute((s, written) => [s % 1 < 0.5 ? replica(0, 60) : replica(written)]);
      expect(logged).toEqual(noted.filter((reason, i) => reason !== noted[i - 1]));
    });
  });

  it('says at once that it waits, where it has said that a limit has no effect', async () => {
    const { clock, server, brake, session, taken } = start(LAG);
    server.replicas = [];
    await brake.ready(session, 0);
    await clock.advance(500);
    server.written = 100;
    server.replicas = [replica(1, 60)];
    const ready = brake.ready(session, 0);
    await settle();
    expect(taken()).toEqual(['measure', 'NoReplicas', 'measure', 'ReplicaLag']);
    server.replicas = [];
    await clock.advance(500);
    await ready;
    expect(taken()).toEqual(['measure']);
    await clock.advance(5_100);
    await brake.ready(session, 0);
    expect(taken()).toEqual(['measure', 'NoReplicas']);
  });

  describe('many small uploads in a row, by one pod that knows what it has written', () => {
    /** Each upload has one group, which takes half a second. @returns the uploads that were loaded, and the seconds for them */
    async function serve(
      limits: ProtectLimits,
      { uploads, mb, seconds }: Record<'uploads' | 'mb' | 'seconds', number>,
    ) {
      const policy = createProtectPolicy(limits);
      const clock = new FakeClock();
      const until = clock.monotonic() + seconds * 1000;
      let written = 0;
      let loaded = 0;
      const startedAt = clock.monotonic();
      while (loaded < uploads && clock.monotonic() < until) {
        const { server, brake, session } = start(limits, policy, clock);
        server.written = written;
        server.replicas = [replica(0)];
        let isReady = false;
        const ready = brake.ready(session, 0).then(() => {
          isReady = true;
        });
        for (await settle(); !isReady && clock.monotonic() < until; ) await clock.advance(100);
        if (!isReady) break;
        await ready;
        written += mb;
        loaded += 1;
        await clock.advance(500);
      }
      return { loaded, seconds: (clock.monotonic() - startedAt) / 1000 };
    }

    it('keeps the WAL near the limit', async () => {
      const { loaded, seconds } = await serve(WAL, { uploads: 50, mb: 15, seconds: 600 });
      expect(loaded).toBe(50);
      // Without a limit they take 25 s.
      expect(seconds).toBeGreaterThan(70);
      expect(seconds).toBeLessThan(90);
    });

    it('waits for a replica whose replay is paused', async () => {
      const { loaded } = await serve(LAG, { uploads: 100, mb: 15, seconds: 60 });
      expect(loaded).toBeGreaterThan(1);
      expect(loaded).toBeLessThan(25);
    });
  });

  it('stops waiting when the pod is stopped', async () => {
    const { stop, clock, brake, session, taken } = start(LAG);
    const ready = brake.ready(session, 0);
    await settle();
    expect(taken()).toEqual(['measure', 'ReplicaLagUnknown']);
    stop.abort(new Error('SIGTERM'));
    await expect(ready).rejects.toThrow('SIGTERM');
    expect(clock.waiting).toBe(0);
  });
});
