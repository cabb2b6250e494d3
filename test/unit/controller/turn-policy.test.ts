/** Which of the uploads that wait have their turn. */
import { describe, expect, it } from 'vitest';
import { ConfigError } from '#common/config.ts';
import { sessionsOfPod } from '#common/job-contract.ts';
import { connectionsOf, type Limits, readLimits } from '#operator/config/upload-limits.ts';
import { type Candidate, resize, takeTurns } from '#operator/controller/queue/turn-policy.ts';
import { describeWait } from '#operator/controller/status-message.ts';
import { podsOfLoad } from '#operator/jobs/pods-of-load.ts';

const NONE: Limits = { cluster: {}, namespace: {}, database: {}, namespaces: {} };
const limits = (change: Partial<Limits>) => ({
  limits: { ...NONE, ...change },
  countPools: () => 1,
  countWarmPods: () => [],
});

/** Candidates by short texts: `a1` is the first of namespace a, `a1*` works with its four sessions. */
function candidates(text: string, change: Partial<Candidate> = {}): Candidate[] {
  return text.split(' ').map((word, i) => {
    const key = word.replace('*', '');
    const namespace = key[0]!;
    const granted = word.includes('*') ? 4 : 0;
    return {
      key,
      namespace,
      database: 'd',
      isAnywhere: true,
      wanted: 4,
      granted,
      sessionsPerPod: null,
      lends: false,
      refusedMs: null,
      pool: null,
      priority: 0,
      createdAt: i,
      ...change,
    };
  });
}

const admitted = (all: Candidate[], limit: Partial<Limits>, last: Record<string, number> = {}) =>
  [...takeTurns(all, limits(limit), new Map(Object.entries(last))).admitted.keys()].join(' ');

describe('the order of turns', () => {
  it.each<[string, string, number, Record<string, number>, string]>([
    ['nothing works: the oldest first', 'a1 a2 a3', 2, {}, 'a1 a2'],
    ['the limit is used up', 'a1* a2* a3', 2, {}, ''],
    ['a namespace with many and one with few', 'a1 a2 a3 a4 b1 b2', 3, {}, 'a1 b1 a2'],
    ['a namespace that works less comes first', 'a1* a2* a3 a4 b1 b2', 4, {}, 'b1 b2'],
    ['one at a time: the namespace whose last turn is the longest ago', 'a1 b1', 1, { a: 1 }, 'b1'],
    ['one at a time: turns go round', 'a1 b1', 1, { a: 1, b: 2 }, 'a1'],
  ])('%s', (_what, text, maxActiveUploads, last, expected) => {
    expect(admitted(candidates(text), { cluster: { maxActiveUploads } }, last)).toBe(expected);
  });

  it('the two uploads of a small namespace wait for one upload each at most', () => {
    const many = Array.from({ length: 500 }, (_, i) => `a${i}`).join(' ');
    let all = candidates(`${many} b1 b2`);
    const last = new Map<string, number>();
    const order: string[] = [];
    for (let turn = 1; order.length < 6; turn += 1) {
      const [key] = [...takeTurns(all, limits({ cluster: { maxActiveUploads: 1 } }), last).admitted.keys()];
      order.push(key!);
      last.set(key![0]!, turn);
      all = all.filter((candidate) => candidate.key !== key);
    }
    expect(order).toEqual(['a0', 'b1', 'a1', 'b2', 'a2', 'a3']);
  });

  it('a higher priority comes first, whatever the namespace has', () => {
    const all = [...candidates('a1* b1 a2'), ...candidates('a3', { priority: 10, createdAt: 9 })];
    expect(admitted(all, { cluster: { maxActiveUploads: 2 } })).toBe('a3');
  });

  it('a large upload is not overtaken under the limit that has no room for it', () => {
    const all = [...candidates('a1*'), ...candidates('b1', { wanted: 16 }), ...candidates('c1', { createdAt: 2 })];
    expect(admitted(all, { cluster: { maxParallelism: 16 } })).toBe('');
    expect(admitted(all, { namespaces: { b: { maxParallelism: 2 } } })).toBe('b1 c1');
  });

  describe('what its own namespace keeps in use holds up no other namespace', () => {
    const cluster = { maxParallelism: 64 };
    const work = () => [...candidates('h1*', { granted: 1 }), ...candidates('a1*')];
    const large = (change: Partial<Candidate> = {}) => candidates('h2', { wanted: 64, ...change });
    const others = () => candidates('a2 b1', { createdAt: 1 });

    it.each([0, 10])('a large upload of priority %i that needs the whole cluster', (priority) => {
      expect(admitted([...work(), ...large({ priority }), ...others()], { cluster })).toBe('b1 a2');
    });

    it('later uploads of the same namespace do not overtake it', () => {
      const all = [...work(), ...large(), ...candidates('h3', { createdAt: 2 }), ...others()];
      expect(admitted(all, { cluster })).toBe('b1 a2');
      const { waiting } = takeTurns(all, limits({ cluster }), new Map());
      expect(waiting.get('h2')).toMatchObject({ scope: 'cluster', used: 9, ahead: 0 });
      expect(waiting.get('h3')).toMatchObject({ scope: 'cluster', ahead: 1 });
    });

    it('without work of its own it is not overtaken', () => {
      const all = [...candidates('a1*'), ...large(), ...candidates('b1', { createdAt: 1 })];
      expect(admitted(all, { cluster }, { b: 1 })).toBe('');
    });

    it('so is one whose database is full of its own connections', () => {
      const all = [...candidates('h1*'), ...candidates('h2', { priority: 10 }), ...candidates('b1', { wanted: 1 })];
      // 4 of the operator, 5 of h1, and 2 of b1.
      expect(admitted(all, { database: { maxConnections: 11 } })).toBe('b1');
    });

    it('a namespace that is full stops nobody under a wider limit', () => {
      const all = [
        ...candidates('h1* a1*'),
        ...candidates('h2', { wanted: 6, priority: 10 }),
        ...candidates('b1', { createdAt: 5 }),
      ];
      const limit = { cluster: { maxParallelism: 12 }, namespaces: { h: { maxParallelism: 6 } } };
      expect(admitted(all, limit)).toBe('b1');
      expect(takeTurns(all, limits(limit), new Map()).waiting.get('h2')).toMatchObject({ scope: 'namespace' });
    });
  });

  it('a full namespace or database stops no other', () => {
    expect(admitted(candidates('a1* a2 b1'), { namespace: { maxActiveUploads: 1 } })).toBe('b1');
    const all = [...candidates('a1* a2'), ...candidates('a3', { database: 'e', createdAt: 5 })];
    expect(admitted(all, { database: { maxActiveUploads: 1 } })).toBe('a3');
  });

  it('an upload that gets no pod lends its turn', () => {
    const all = [...candidates('a1*', { lends: true }), ...candidates('b1 b2')];
    expect(admitted(all, { cluster: { maxActiveUploads: 1 } })).toBe('b1');
  });

  describe('an upload whose Job was refused', () => {
    const one = { cluster: { maxActiveUploads: 1 } };
    const refused = (refusedMs: number, change: Partial<Candidate> = {}) => candidates('a0', { refusedMs, ...change });

    it('comes after all others, whatever its priority, and after ten minutes in its own place', () => {
      const others = () => candidates('a1 b1');
      expect(admitted([...refused(599_000, { priority: 10 }), ...others()], one)).toBe('a1');
      expect(admitted(refused(1_000), one)).toBe('a0');
      expect(admitted([...refused(600_000), ...others()], one)).toBe('a0');
    });

    it('stops nobody while there is no room for it', () => {
      const all = [...candidates('c1*'), ...refused(600_000, { wanted: 16, priority: 10 }), ...candidates('b1')];
      expect(admitted(all, { cluster: { maxParallelism: 16 } })).toBe('b1');
    });
  });

  it('an upload whose database is not known yet counts in every database', () => {
    const all = [...candidates('a1*', { database: null }), ...candidates('b1')];
    expect(admitted(all, { database: { maxActiveUploads: 1 } })).toBe('');
  });

  it('an upload whose database stays unknown holds up its own namespace alone', () => {
    const all = [...candidates('a1*', { database: null, isAnywhere: false }), ...candidates('a2 b1')];
    expect(admitted(all, { database: { maxActiveUploads: 1 } })).toBe('b1');
  });

  it('a namespace has the name of what every object has, and its limit', () => {
    const all = candidates('a1', { namespace: 'constructor' });
    expect(admitted([...all, ...candidates('b1')], { namespace: { maxParallelism: 2 } })).toBe('a1 b1');
    expect(takeTurns(all, limits({ namespace: { maxParallelism: 2 } }), new Map()).admitted.get('a1')).toBe(2);
  });

  it('what a Job claims beyond the limit of its namespace holds up no other namespace', () => {
    const all = [...candidates('a1*').map((each) => ({ ...each, granted: 128 })), ...candidates('b1')];
    const limit = {
      namespace: { maxParallelism: 8 },
      cluster: { maxParallelism: 16 },
      database: { maxConnections: 30 },
    };
    expect(admitted(all, limit)).toBe('b1');
  });

  it('ten thousand that wait in hundreds of namespaces are put in order by few comparisons', () => {
    let reads = 0;
    const all = candidates(Array.from({ length: 10_000 }, (_, i) => `a${i}`).join(' ')).map((each, i) => ({
      ...each,
      namespace: `n${i % 500}`,
      get priority() {
        reads += 1;
        return 0;
      },
    }));
    expect(takeTurns(all, limits({ cluster: { maxActiveUploads: 5_000 } }), new Map()).admitted.size).toBe(5_000);
    expect(reads).toBeLessThan(100 * all.length);
  });

  describe('idle warm pods', () => {
    const small = (text: string, pool: string) => candidates(text, { wanted: 1, sessionsPerPod: 1, pool });
    /** 52 connections of Jobs, besides 4 of the operator. */
    const jobs = candidates('j1*', { wanted: 26, sessionsPerPod: 1 }).map((each) => ({ ...each, granted: 26 }));
    const bounds = (maxConnections: number, idle: number, database: string | null = 'd') => ({
      ...limits({ database: { maxConnections } }),
      countWarmPods: () => [{ pool: 'P', database, idle, claimed: 0 }],
    });
    const count = (max: number, pool: string, more: Partial<ReturnType<typeof bounds>> = {}) => {
      const all = [...jobs, ...small('a1 a2 a3 a4 a5', pool)];
      return takeTurns(all, { ...bounds(max, 4), ...more }, new Map()).admitted.size;
    };

    it('of the own pool count beyond those that its uploads will have', () => {
      expect(count(60, 'P')).toBe(0);
      expect(count(61, 'P')).toBe(1);
      expect(count(62, 'P')).toBe(2);
    });

    it('of other pools count all, and those of another database do not', () => {
      expect(count(61, 'Q')).toBe(0);
      expect(count(62, 'Q')).toBe(1);
      expect(count(60, 'Q', bounds(60, 4, 'other'))).toBe(2);
      expect(count(60, 'Q', bounds(60, 4, null))).toBe(0);
    });

    it('are counted once for all that wait, and not where connections are not limited', () => {
      let calls = 0;
      const countWarmPods = () => {
        calls += 1;
        return [];
      };
      const run = (change: Partial<Limits>) =>
        takeTurns(candidates('a1 a2 a3 a4'), { ...limits(change), countWarmPods }, new Map());
      run({ database: { maxParallelism: 4 } });
      expect(calls).toBe(0);
      run({ database: { maxConnections: 10 } });
      expect(calls).toBe(1);
    });
  });

  it('each user by whom the operator is connected has connections of its own', () => {
    const two = { ...limits({ database: { maxConnections: 12 } }), countPools: () => 2 };
    expect(takeTurns(candidates('a1'), two, new Map()).admitted.get('a1')).toBe(3);
  });

  it('without limits everything works', () => {
    expect(admitted(candidates('a1 a2 b1'), {})).toBe('a1 b1 a2');
  });
});

describe('what a waiting upload is told', () => {
  it('the limit that is used up, and how many are before it', () => {
    const { waiting } = takeTurns(
      candidates('a1* a2* a3 a4 b1'),
      limits({ cluster: { maxActiveUploads: 2 } }),
      new Map(),
    );
    const wait = { scope: 'cluster', limit: 'maxActiveUploads', max: 2, used: 2 };
    expect(waiting).toEqual(
      new Map([
        ['b1', { ...wait, ahead: 0 }],
        ['a3', { ...wait, ahead: 1 }],
        ['a4', { ...wait, ahead: 2 }],
      ]),
    );
  });

  it('connections count those of the operator', () => {
    const { waiting } = takeTurns(candidates('a1* a2'), limits({ database: { maxConnections: 10 } }), new Map());
    expect(waiting.get('a2')).toEqual({ scope: 'database', limit: 'maxConnections', max: 10, used: 9, ahead: 0 });
  });
});

it('an upload for which the connections of the operator leave no room is told so', () => {
  const bounds = { ...limits({ database: { maxConnections: 12 } }), countPools: () => 3 };
  const wait = takeTurns(candidates('a1'), bounds, new Map()).waiting.get('a1')!;
  expect(wait).toMatchObject({ operatorUsers: 3 });
  expect(describeWait(wait)).toContain(
    'needs 4 for each of 3 users by whom it is connected. Raise the limit to at least 14,',
  );
});

describe('sessions', () => {
  it.each([
    { wanted: 4, limit: { database: { maxConnections: 10 } }, sessions: 4 },
    { wanted: 16, limit: { database: { maxConnections: 10 } }, sessions: 5 },
    { wanted: 4, limit: { database: { maxConnections: 6 } }, sessions: 1 },
    { wanted: 16, limit: { cluster: { maxParallelism: 6 } }, sessions: 6 },
    { wanted: 16, limit: { namespaces: { a: { maxParallelism: 3 } } }, sessions: 3 },
    { wanted: 16, limit: {}, sessions: 16 },
  ])('$wanted under $limit: $sessions', ({ wanted, limit, sessions }) => {
    const { admitted: turns } = takeTurns(candidates('a1', { wanted }), limits(limit), new Map());
    expect(turns.get('a1')).toBe(sessions);
    const { maxConnections = Infinity } = (limit as Partial<Limits>).database ?? {};
    expect(4 + connectionsOf(sessions, null)).toBeLessThanOrEqual(maxConnections);
  });

  it('a Job keeps the sessions of its pods: no number of sessions means more connections than are counted', () => {
    const size = { totalIndexes: 128, totalChunks: 1e6, sizeBytes: 2 ** 50 };
    for (let made = 1; made <= 128; made += 1) {
      const sessionsPerPod = sessionsOfPod(made);
      for (let wanted = 1; wanted <= 128; wanted += 1) {
        const opened = podsOfLoad(wanted, { size, sessionsPerPod }) * (sessionsPerPod + 1);
        if (opened > connectionsOf(wanted, sessionsPerPod)) expect.fail(`${made}, then ${wanted}`);
      }
    }
  });

  it('an upload whose Job has pods of one session gets as many sessions as there are connections for', () => {
    const [one, two] = candidates('a1* b1*') as [Candidate, Candidate];
    const small = { ...one, granted: 1, sessionsPerPod: 1, wanted: 16 };
    expect(resize(small, [small], limits({ database: { maxConnections: 24 } }))).toBe(10);
    const large = { ...small, granted: 16 };
    const { waiting } = takeTurns(
      [large, { ...two, granted: 0 }],
      limits({ database: { maxConnections: 40 } }),
      new Map(),
    );
    expect(waiting.get('b1')).toMatchObject({ limit: 'maxConnections', used: 36 });
  });

  it.each([
    ['fewer: at once', 2, 2],
    ['more, and there is room', 6, 6],
    ['more than there is room for: none', 9, 4],
  ])('of an upload at work, %s', (_what, wanted, sessions) => {
    const [one, two] = candidates('a1* b1*') as [Candidate, Candidate];
    expect(resize({ ...one, wanted }, [one, two], limits({ cluster: { maxParallelism: 12 } }))).toBe(sessions);
  });
});

describe('the limits of the chart', () => {
  it('are absent by default', () => {
    expect(readLimits('L', undefined)).toEqual(NONE);
  });

  it('are read', () => {
    const text = '{"database":{"maxConnections":60},"namespaces":{"team-a":{"maxActiveUploads":2}}}';
    expect(readLimits('L', text)).toEqual({
      ...NONE,
      database: { maxConnections: 60 },
      namespaces: { 'team-a': { maxActiveUploads: 2 } },
    });
  });

  it('a default of the chart is taken away by null', () => {
    expect(readLimits('L', '{"database":{"maxConnections":null}}')).toEqual(NONE);
  });

  it.each([
    ['[]', 'L must be a JSON object'],
    ['{', 'L must be a JSON object'],
    ['{"clusters":{}}', 'unknown key clusters'],
    ['{"cluster":{"maxConnections":9}}', 'L.cluster has the unknown key maxConnections'],
    ['{"database":{"maxConnections":5}}', 'L.database.maxConnections must be a whole number of at least 6'],
    ['{"namespace":{"maxActiveUploads":0}}', 'L.namespace.maxActiveUploads must be'],
    ['{"namespaces":{"a":{"maxParallelism":"4"}}}', 'L.namespaces.a.maxParallelism must be'],
    ['{"namespaces":{"a":5}}', 'L.namespaces.a must be an object'],
  ])('%s: %s', (text, message) => {
    expect(() => readLimits('L', text)).toThrow(ConfigError);
    expect(() => readLimits('L', text)).toThrow(message);
  });
});
