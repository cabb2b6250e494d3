import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createKubeClient } from '#kube/client.ts';
import { createReflector, type ReflectorDeps } from '#kube/reflector.ts';
import { CONFIG_MAPS, type ConfigMap } from '#kube/resource-types.ts';
import type { KubeClient, Reflector } from '#kube/types.ts';
import {
  type FakeKubeServer,
  isList,
  isWatch,
  refuse,
  startFakeKubeServer,
} from '#support/cluster/fake-kube-server.ts';
import { eventually } from '#support/process/eventually.ts';
import { FakeClock } from '#support/process/fake-clock.ts';
import { createRecordingLog } from '#support/process/recording-log.ts';

let server: FakeKubeServer;
let client: KubeClient;
let clock: FakeClock;
let abort: AbortController;
let log: ReturnType<typeof createRecordingLog>;
let running: Promise<void> | undefined;

beforeEach(async () => {
  server = await startFakeKubeServer();
  clock = new FakeClock();
  client = createKubeClient({ access: server.access });
  abort = new AbortController();
  log = createRecordingLog();
});
afterEach(async () => {
  abort.abort();
  await running;
  await client.close();
  await server[Symbol.asyncDispose]();
});

type Heard = string;

/** Starts a reflector; `heard` holds the calls of its handlers. */
function start(options: Partial<ReflectorDeps<ConfigMap>> = {}): { reflector: Reflector<ConfigMap>; heard: Heard[] } {
  const reflector = createReflector({
    client,
    type: CONFIG_MAPS,
    namespace: 'ns',
    log,
    clock,
    random: () => 0,
    ...options,
  });
  const heard: Heard[] = [];
  const text = (object: ConfigMap) => `${object.metadata?.name} ${object.data?.['v'] ?? ''}`.trim();
  reflector.subscribe({
    onAdd: (object) => heard.push(`+ ${text(object)}`),
    onUpdate: (object, previous) => heard.push(`~ ${text(previous)} > ${text(object)}`),
    onDelete: (object) => heard.push(`- ${text(object)}`),
  });
  running = reflector.run(abort.signal);
  return { reflector, heard };
}

const watching = (count = 1) => eventually('the watch is open', () => server.openWatches === count);
const watches = () => server.requests.filter(isWatch);
const lists = () => server.requests.filter(isList);
/** Waits until the failure is counted, then lets its delay pass. */
const passBackoff = async (failures: number) => {
  const noted = () => log.entries.filter((entry) => 'retryInMs' in entry.fields);
  await eventually(`failure ${failures} is noted`, () => noted().length >= failures);
  await clock.advance(Number(noted()[failures - 1]?.fields['retryInMs']));
};

describe('a server that behaves', () => {
  test('lists in pages, then watches from there; the cache and the handlers follow', async () => {
    for (const name of ['a', 'b', 'c']) server.put(name, { data: { v: '1' } });
    const { reflector, heard } = start({ pageSize: 2, labelSelector: 'app=x' });
    expect(reflector.hasSynced).toBe(false);
    await reflector.synced;
    expect(reflector.hasSynced).toBe(true);
    expect(heard).toEqual(['+ a 1', '+ b 1', '+ c 1']);
    await watching();
    expect(lists().map(({ query }) => query.get('limit'))).toEqual(['2', '2']);
    expect(Object.fromEntries(watches()[0]!.query)).toMatchObject({
      labelSelector: 'app=x',
      allowWatchBookmarks: 'true',
      resourceVersion: '103',
      timeoutSeconds: '300',
    });
    heard.length = 0;
    server.put('b', { data: { v: '2' } });
    server.remove('a');
    server.put('d');
    await eventually('all is heard', () => heard.length === 3);
    expect(heard).toEqual(['~ b 1 > b 2', '- a 1', '+ d']);
    expect([...reflector.values()].map((object) => object.metadata?.name)).toEqual(['b', 'c', 'd']);
    expect(reflector.get('ns/b')).toMatchObject({ data: { v: '2' } });
    expect(reflector.get('ns/a')).toBeUndefined();
    expect(reflector.size).toBe(3);
    expect(reflector.counters).toEqual({ lists: 1, watches: 1, events: 3, failures: 0 });
  });

  test('the trim hook sees every object before it is kept; without one, managedFields go', async () => {
    server.put('a', { data: { v: '1', big: 'x' } });
    const trimmed = start({
      trim: (object) => ({ metadata: object.metadata!, data: { v: object.data?.['v'] ?? '' } }),
    });
    const whole = createReflector({ client, type: CONFIG_MAPS, log, clock });
    const second = whole.run(abort.signal);
    await trimmed.reflector.synced;
    await whole.synced;
    await watching(2);
    server.put('b', { data: { v: '2', big: 'x' } });
    await eventually('both know it', () => trimmed.reflector.size === 2 && whole.size === 2);
    expect([...trimmed.reflector.values()].map((object) => object.data)).toEqual([{ v: '1' }, { v: '2' }]);
    expect([...whole.values()].map((object) => Object.keys(object.metadata ?? {}))).toEqual(
      Array(2).fill(['name', 'namespace', 'uid', 'resourceVersion']),
    );
    abort.abort();
    await second;
  });

  test('a watch that the server ends goes on from the last version, a bookmark too', async () => {
    server.put('a');
    const { reflector, heard } = start();
    await watching();
    server.put('b');
    server.bookmark();
    const before = reflector.lastActivity;
    await eventually('it is heard', () => heard.length === 2);
    clock.freeze(1_000);
    server.bookmark();
    await eventually('the bookmark counts as activity', () => reflector.lastActivity > before);
    server.endWatches();
    await eventually('it watches again', () => watches().length === 2);
    expect(watches()[1]!.query.get('resourceVersion')).toBe('104');
    expect(lists()).toHaveLength(1);
    expect(reflector.counters.failures).toBe(0);
  });

  test('handlers that come later hear of what is there, until they leave', async () => {
    server.put('a');
    const { reflector } = start();
    await reflector.synced;
    const late: string[] = [];
    const leave = reflector.subscribe({ onAdd: (object) => late.push(object.metadata?.name ?? '') });
    expect(late).toEqual(['a']);
    await watching();
    server.put('b');
    await eventually('it is heard', () => late.length === 2);
    leave();
    server.put('c');
    await eventually('it is known', () => reflector.size === 3);
    expect(late).toEqual(['a', 'b']);
  });

  test('an object made again under its name is a delete and an add', async () => {
    server.put('a', { uid: 'first' });
    const { heard } = start();
    await watching();
    server.remove('a', true);
    server.put('a', { uid: 'second', data: { v: '2' } });
    await eventually('it is heard', () => heard.length === 3);
    expect(heard).toEqual(['+ a', '- a', '+ a 2']);
  });

  test('the delete of what was never known, or of an earlier object of that name, is not reported', async () => {
    server.put('a', { uid: 'new' });
    const { heard, reflector } = start();
    await watching();
    for (const name of ['x', 'a']) {
      server.send(
        `{"type":"DELETED","object":{"metadata":{"name":"${name}","namespace":"ns","uid":"old","resourceVersion":"101"}}}\n`,
      );
    }
    server.put('b');
    await eventually('it is heard', () => heard.length === 2);
    expect(heard).toEqual(['+ a', '+ b']);
    expect(reflector.size).toBe(2);
  });

  test('an abort ends the list, the watch and the wait', async () => {
    const { reflector } = start();
    await watching();
    abort.abort();
    await running;
    await eventually('the connection is closed', () => server.openWatches === 0);
    expect(reflector.hasSynced).toBe(true);
    expect(clock.waiting).toBe(0);
  });

  test('aborted before it has synced, whoever waits hears of it', async () => {
    server.once(isList, () => abort.abort(new Error('shutdown')));
    const { reflector } = start();
    await expect(reflector.synced).rejects.toThrow('shutdown');
  });
});

describe('a server that does not', () => {
  test('a list that fails is tried again, slower each time', async () => {
    for (let i = 0; i < 4; i++) server.once(isList, refuse(500, 'InternalError'));
    server.put('a');
    const { reflector, heard } = start();
    for (let i = 1; i <= 4; i++) await passBackoff(i);
    await reflector.synced;
    expect(heard).toEqual(['+ a']);
    expect(log.entries.map((entry) => entry.fields['retryInMs'])).toEqual([250, 500, 1_000, 2_000]);
    expect(log.entries.map((entry) => entry.level)).toEqual(['info', 'warn', 'warn', 'warn']);
    expect(reflector.counters.failures).toBe(4);
  });

  test('the server says how long to wait', async () => {
    server.once(isList, refuse(429, 'TooManyRequests', 'busy', { 'retry-after': '9' }));
    start();
    await passBackoff(1);
    expect(log.entries[0]?.fields['retryInMs']).toBe(9_000);
    await watching();
  });

  test.each(['http', 'event'] as const)('410 as %s: lists again and reports what was missed', async (how) => {
    server.put('a', { data: { v: '1' } });
    server.put('b', { data: { v: '1' } });
    server.put('c', { uid: 'old' });
    const { reflector, heard } = start();
    await watching();
    heard.length = 0;
    // The reflector misses these changes: no watch is open, and the server drops its history.
    server.put('a', { data: { v: '2' } }, true);
    server.remove('b', true);
    server.put('d', {}, true);
    server.put('c', { uid: 'new' }, true);
    server.compact(how);
    server.cutWatches();
    await passBackoff(1);
    await passBackoff(2);
    await watching();
    expect(heard).toEqual(['- b 1', '~ a 1 > a 2', '- c', '+ c', '+ d']);
    expect(reflector.size).toBe(3);
    expect(reflector.counters.lists).toBe(2);
  });

  test('a relist where nothing changed reports nothing', async () => {
    server.put('a');
    const { heard, reflector } = start();
    await watching();
    server.compact();
    server.cutWatches();
    await passBackoff(1);
    await passBackoff(2);
    await eventually('it has listed again', () => reflector.counters.lists === 2);
    expect(heard).toEqual(['+ a']);
  });

  test('a cut connection: nothing is lost, nothing listed again', async () => {
    const { heard } = start();
    await watching();
    server.put('a');
    await eventually('it is heard', () => heard.length === 1);
    server.send('{"type":"ADDED","object":{"metadata":{"name":"half"');
    server.cutWatches();
    server.put('b');
    await passBackoff(1);
    await eventually('it is heard', () => heard.length === 2);
    expect(heard).toEqual(['+ a', '+ b']);
    expect(lists()).toHaveLength(1);
    expect(watches()[1]?.query.get('resourceVersion')).toBe('101');
  });

  test('a malformed line: lists again', async () => {
    const { heard } = start();
    await watching();
    server.send('not json\n');
    server.put('a');
    await passBackoff(1);
    await eventually('it is heard', () => heard.length === 1);
    expect(lists()).toHaveLength(2);
    expect(JSON.stringify(log.entries)).not.toContain('not json');
  });

  test('an answer that never comes and a silent watch are ended by their timeouts', async () => {
    const timed = new FakeClock();
    await client.close();
    client = createKubeClient({ access: server.access, clock: timed });
    server.once(isList, () => {});
    const { reflector, heard } = start();
    await eventually('the list is asked for', () => lists().length === 1);
    await timed.advance(60_000);
    await passBackoff(1);
    await watching();
    await eventually('the watch is being read', () => timed.waiting === 1 && reflector.counters.watches === 1);
    clock.freeze(150_000);
    await timed.advance(150_000);
    server.put('a');
    await passBackoff(2);
    await eventually('it is heard', () => heard.length === 1);
    expect(log.entries.map((entry) => entry.fields['failures'])).toEqual([1, 1]);
    expect(reflector.counters).toMatchObject({ lists: 1, watches: 2, failures: 2 });
  });

  test('a watch that always ends at once is not asked for in a busy loop', async () => {
    for (let i = 0; i < 3; i++) server.once(isWatch, (response) => response.writeHead(200).end());
    start();
    for (let i = 1; i <= 3; i++) await passBackoff(i);
    await watching();
    expect(log.entries.map((entry) => entry.fields['retryInMs'])).toEqual([250, 500, 1_000]);
  });

  test('a continue token that is too old: everything in one page', async () => {
    for (const name of ['a', 'b', 'c']) server.put(name);
    server.once(({ query }) => query.has('continue'), refuse(410, 'Expired'));
    const { reflector, heard } = start({ pageSize: 2 });
    await passBackoff(1);
    await reflector.synced;
    expect(heard).toEqual(['+ a', '+ b', '+ c']);
    expect(lists().map(({ query }) => query.get('limit'))).toEqual(['2', '2', null]);
  });

  test('a list that breaks off between two pages changes nothing', async () => {
    for (const name of ['a', 'b', 'c']) server.put(name);
    server.once(({ query }) => query.has('continue'), refuse(500, 'InternalError'));
    const { reflector, heard } = start({ pageSize: 2 });
    await eventually('it failed', () => log.entries.length === 1);
    expect({ heard, size: reflector.size, synced: reflector.hasSynced }).toEqual({ heard: [], size: 0, synced: false });
    await passBackoff(1);
    await reflector.synced;
    expect(reflector.size).toBe(3);
  });
});

describe('handlers that throw', () => {
  test.each([
    [
      'at once',
      () => {
        throw new Error('handler');
      },
    ],
    [
      'later',
      async () => {
        throw new Error('handler');
      },
    ],
  ])('%s: logged, and everyone else still hears', async (_when, onAdd) => {
    server.put('a');
    const reflector = createReflector({ client, type: CONFIG_MAPS, log, clock });
    const heard: unknown[] = [];
    reflector.subscribe({ onAdd: onAdd as () => void });
    reflector.subscribe({ onAdd: (object) => heard.push(object.metadata?.name) });
    running = reflector.run(abort.signal);
    await watching();
    server.put('b');
    await eventually('it is heard', () => heard.length === 2);
    expect(heard).toEqual(['a', 'b']);
    await eventually('it is logged', () => log.entries.length === 2);
    expect(log.entries.map(({ level, message, fields }) => [level, message, fields['key']])).toEqual([
      ['error', 'a reflector handler failed', 'ns/a'],
      ['error', 'a reflector handler failed', 'ns/b'],
    ]);
  });

  test('a trim hook that throws: the object is kept whole', async () => {
    server.put('a');
    const { reflector } = start({
      trim: () => {
        throw new Error('trim');
      },
    });
    await reflector.synced;
    expect(reflector.get('ns/a')).toBeDefined();
    expect(log.entries[0]).toMatchObject({ level: 'error', fields: { key: 'ns/a' } });
  });
});
