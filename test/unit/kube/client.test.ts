import { getEventListeners } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createAccess, type KubeAccess } from '#kube/access.ts';
import { createKubeClient } from '#kube/client.ts';
import { KubeError } from '#kube/errors.ts';
import { CONFIG_MAPS, JOBS, NAMESPACES } from '#kube/resource-types.ts';
import type { KubeClient } from '#kube/types.ts';
import {
  type FakeKubeServer,
  isList,
  isWatch,
  refuse,
  startFakeKubeServer,
} from '#support/cluster/fake-kube-server.ts';
import { eventually } from '#support/process/eventually.ts';
import { FakeClock } from '#support/process/fake-clock.ts';

let server: FakeKubeServer;
let client: KubeClient;
const calls: unknown[] = [];

beforeEach(async () => {
  calls.length = 0;
  server = await startFakeKubeServer();
  client = createKubeClient({ access: server.access, onRequest: (call) => calls.push(call) });
});
afterEach(async () => {
  await client.close();
  await server[Symbol.asyncDispose]();
});

const ref = { namespace: 'ns', name: 'one' };
const failure = async (promise: Promise<unknown>): Promise<KubeError> => {
  const error = await promise.then(
    () => undefined,
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(KubeError);
  return error;
};
const last = () => server.requests.at(-1)!;

describe('requests', () => {
  test('paths of core, grouped and cluster-scoped kinds', async () => {
    await client.get(CONFIG_MAPS, ref);
    await client.get(JOBS, ref);
    await client.get(NAMESPACES, { name: 'ns' });
    await client.list(JOBS);
    expect(server.requests.map((request) => request.path)).toEqual([
      '/api/v1/namespaces/ns/configmaps/one',
      '/apis/batch/v1/namespaces/ns/jobs/one',
      '/api/v1/namespaces/ns',
      '/apis/batch/v1/jobs',
    ]);
  });

  test.each(['', '.', '..'])('"%s" is no name: it would address a collection', async (name) => {
    await expect(async () => client.delete(CONFIG_MAPS, { namespace: 'ns', name })).rejects.toThrow(TypeError);
    expect(server.requests).toEqual([]);
  });

  test('a namespaced object needs its namespace', async () => {
    await expect(async () => client.get(CONFIG_MAPS, { name: 'one' })).rejects.toThrow(TypeError);
    await expect(async () => client.create(CONFIG_MAPS, { metadata: { name: 'one' } })).rejects.toThrow(TypeError);
  });

  test('server-side apply says its content type, manager and kind; the status has its own path', async () => {
    const object = { metadata: { name: 'one', namespace: 'ns' } };
    await client.apply(JOBS, object, { fieldManager: 'operator', force: true });
    expect(last()).toMatchObject({ method: 'PATCH', path: '/apis/batch/v1/namespaces/ns/jobs/one' });
    expect(last().headers['content-type']).toBe('application/apply-patch+yaml');
    expect(Object.fromEntries(last().query)).toEqual({ fieldManager: 'operator', force: 'true' });
    expect(JSON.parse(last().body)).toEqual({ apiVersion: 'batch/v1', kind: 'Job', ...object });
    await client.applyStatus(JOBS, object, { fieldManager: 'operator' });
    expect(last().path).toBe('/apis/batch/v1/namespaces/ns/jobs/one/status');
    expect(Object.fromEntries(last().query)).toEqual({ fieldManager: 'operator' });
  });

  test('merge patch, replace and delete', async () => {
    await client.patchMerge(CONFIG_MAPS, ref, { data: { a: null } });
    expect(last().headers['content-type']).toBe('application/merge-patch+json');
    await client.replace(CONFIG_MAPS, { metadata: { ...ref, resourceVersion: '7' } });
    expect(last()).toMatchObject({ method: 'PUT', path: '/api/v1/namespaces/ns/configmaps/one' });
    const deleted = await client.delete(CONFIG_MAPS, ref, {
      propagationPolicy: 'Foreground',
      preconditions: { uid: 'u' },
    });
    expect(deleted).toBe(true);
    expect(JSON.parse(last().body)).toEqual({
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      propagationPolicy: 'Foreground',
      preconditions: { uid: 'u' },
    });
  });

  test('calls that follow each other reuse connections', async () => {
    for (let i = 0; i < 20; i++) await client.get(CONFIG_MAPS, ref);
    // undici frees a connection some turns of the event loop after its answer was read.
    expect(server.connections).toBeLessThanOrEqual(2);
  });

  test('a path in the server URL stays in front', async () => {
    const access = { ...server.access, server: `${server.access.server}/k8s/clusters/c-1/` };
    const behind = createKubeClient({ access });
    await behind.list(CONFIG_MAPS, { namespace: 'ns' });
    expect(last().path).toBe('/k8s/clusters/c-1/api/v1/namespaces/ns/configmaps');
    await behind.close();
  });

  test('every call is reported', async () => {
    server.once(() => true, refuse(503, 'ServiceUnavailable'));
    await failure(client.applyStatus(JOBS, { metadata: ref }, { fieldManager: 'operator' }));
    await client.get(CONFIG_MAPS, ref);
    expect(calls).toEqual([
      { verb: 'apply', resource: 'jobs/status', status: 503, seconds: expect.any(Number) },
      { verb: 'get', resource: 'configmaps', status: 200, seconds: expect.any(Number) },
    ]);
  });
});

describe('list', () => {
  test('follows the pages, and gives items the kind that the server leaves out', async () => {
    for (let i = 0; i < 7; i++) server.put(`c${i}`);
    const { items, resourceVersion } = await client.list(CONFIG_MAPS, {
      namespace: 'ns',
      limit: 3,
      labelSelector: 'app=a,b!=c',
    });
    expect(items.map((item) => item.metadata?.name)).toEqual(['c0', 'c1', 'c2', 'c3', 'c4', 'c5', 'c6']);
    expect(items[0]).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap' });
    expect(resourceVersion).toBe('107');
    expect(server.requests.map(({ query }) => query.get('limit'))).toEqual(['3', '3', '3']);
    expect(last().query.get('labelSelector')).toBe('app=a,b!=c');
  });

  test('pages are of 500', async () => {
    await client.list(CONFIG_MAPS);
    expect(last().query.get('limit')).toBe('500');
  });

  test('a continue token that is too old: everything at once', async () => {
    for (let i = 0; i < 4; i++) server.put(`c${i}`);
    server.once(({ query }) => query.has('continue'), refuse(410, 'Expired'));
    const { items } = await client.list(CONFIG_MAPS, { limit: 2 });
    expect(items).toHaveLength(4);
    expect(last().query.has('limit')).toBe(false);
  });
});

describe('errors', () => {
  test('status, reason and message of the server; no header in any form', async () => {
    server.once(() => true, refuse(403, 'Forbidden', 'jobs is forbidden', { 'x-secret': 'header' }));
    const error = await failure(client.get(JOBS, ref));
    expect(error).toMatchObject({ status: 403, reason: 'Forbidden', message: 'get jobs: jobs is forbidden' });
    expect(JSON.stringify({ ...error, text: String(error), stack: error.stack })).not.toMatch(/secret|Bearer/);
  });

  test('retry after, from the header and from the status', async () => {
    server.once(() => true, refuse(429, 'TooManyRequests', 'slow down', { 'retry-after': '3' }));
    expect((await failure(client.get(JOBS, ref))).retryAfterSeconds).toBe(3);
    server.once(
      () => true,
      (response) => response.writeHead(504).end('{"reason":"Timeout","details":{"retryAfterSeconds":2}}'),
    );
    expect((await failure(client.get(JOBS, ref))).retryAfterSeconds).toBe(2);
  });

  test("a proxy's page is not shown", async () => {
    server.once(
      () => true,
      (response) => response.writeHead(502).end('<html>Bearer x</html>'),
    );
    const error = await failure(client.get(JOBS, ref));
    expect(error).toMatchObject({ status: 502, message: 'get jobs: status 502' });
  });

  test('an answer that is not JSON', async () => {
    server.once(
      () => true,
      (response) => response.writeHead(200).end('{"password": "x'),
    );
    expect(await failure(client.get(JOBS, ref))).toMatchObject({ status: 0, reason: 'Malformed' });
  });

  test('find and delete of what is not there', async () => {
    server.once(() => true, refuse(404, 'NotFound'));
    expect(await client.find(JOBS, ref)).toBeUndefined();
    server.once(() => true, refuse(404, 'NotFound'));
    expect(await client.delete(JOBS, ref)).toBe(false);
    server.once(() => true, refuse(404, 'NotFound'));
    expect((await failure(client.get(JOBS, ref))).status).toBe(404);
  });

  test('a connection that breaks, and a server that is not there', async () => {
    server.once(
      () => true,
      (response) => response.destroy(),
    );
    expect(await failure(client.get(JOBS, ref))).toMatchObject({ status: 0, reason: 'Network' });
    const nobody = createKubeClient({ access: { ...server.access, server: 'http://127.0.0.1:1' } });
    expect(await failure(nobody.get(JOBS, ref))).toMatchObject({ status: 0, reason: 'Network' });
    await nobody.close();
  });

  test.each(['before the headers', 'in the body'])('no answer in time, %s', async (where) => {
    const clock = new FakeClock();
    const timed = createKubeClient({ access: server.access, clock });
    server.once(
      () => true,
      (response) => {
        if (where === 'in the body') response.writeHead(200).write('{');
      },
    );
    const pending = failure(timed.get(JOBS, ref, { timeoutMs: 4_000 }));
    await eventually('the request is there', () => server.requests.length === 1);
    await clock.advance(3_999);
    await clock.advance(1);
    expect(await pending).toMatchObject({ status: 0, reason: 'Timeout', message: 'get jobs: no answer after 4000 ms' });
    expect(clock.waiting).toBe(0);
    await timed.close();
  });

  test("the caller's signal ends a call with its own reason", async () => {
    const abort = new AbortController();
    server.once(
      () => true,
      () => abort.abort(new Error('shutdown')),
    );
    await expect(client.get(JOBS, ref, { signal: abort.signal })).rejects.toThrow('shutdown');
    await expect(client.get(JOBS, ref, { signal: abort.signal })).rejects.toThrow('shutdown');
  });
});

test('a signal that outlives its calls keeps nothing of them', async () => {
  const { signal } = new AbortController();
  for (let i = 0; i < 5; i++) await client.get(JOBS, ref, { signal });
  server.once(isWatch, (response) => response.writeHead(200).end());
  for await (const _ of client.watch(CONFIG_MAPS, {
    resourceVersion: '1',
    timeoutSeconds: 1,
    idleTimeoutMs: 1,
    signal,
  }));
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

describe('watch', () => {
  const options = { resourceVersion: '100', timeoutSeconds: 60, idleTimeoutMs: 60_000 };

  test('asks for bookmarks; lines come whole however they are cut', async () => {
    const events: unknown[] = [];
    const abort = new AbortController();
    const watching = (async () => {
      for await (const event of client.watch(CONFIG_MAPS, { ...options, namespace: 'ns', signal: abort.signal })) {
        events.push(event);
      }
    })();
    await eventually('the watch is open', () => server.openWatches === 1);
    expect(Object.fromEntries(last().query)).toEqual({
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: '100',
      timeoutSeconds: '60',
    });
    const line = Buffer.from('{"type":"ADDED","object":{"metadata":{"name":"ä€😀"}}}\n\n');
    for (const byte of line) {
      server.send(Buffer.from([byte]) as unknown as string);
      await new Promise((resolve) => setImmediate(resolve));
    }
    server.bookmark();
    await eventually('both events are there', () => events.length === 2);
    expect(events).toEqual([
      { type: 'ADDED', object: { metadata: { name: 'ä€😀' } } },
      { type: 'BOOKMARK', resourceVersion: '101' },
    ]);
    abort.abort(new Error('enough'));
    await expect(watching).rejects.toThrow('enough');
    await eventually('the connection is closed', () => server.openWatches === 0);
  });

  test('an abort while the consumer is at work ends the loop at its next turn', async () => {
    server.put('one');
    server.put('two');
    const abort = new AbortController();
    const seen: string[] = [];
    const consuming = (async () => {
      for await (const event of client.watch(CONFIG_MAPS, { ...options, signal: abort.signal })) {
        seen.push(event.type);
        abort.abort(new Error('enough'));
        await eventually('the connection is closed', () => server.openWatches === 0);
      }
    })();
    await expect(consuming).rejects.toThrow('enough');
    expect(seen.length).toBeLessThanOrEqual(2);
  });

  test('leaving the loop closes the connection', async () => {
    server.put('one');
    for await (const event of client.watch(CONFIG_MAPS, options)) {
      expect(event.type).toBe('ADDED');
      break;
    }
    await eventually('the connection is closed', () => server.openWatches === 0);
  });

  const consume = async (using: KubeClient) => {
    for await (const _ of using.watch(CONFIG_MAPS, options));
  };

  test.each([
    [
      '{"type":"ERROR","object":{"code":410,"reason":"Expired","message":"too old"}}',
      { status: 410, reason: 'Expired' },
    ],
    ['{"type":"ADDED"', { status: 0, reason: 'Malformed' }],
    ['{"type":"ADDED"}', { status: 0, reason: 'Malformed' }],
    ['{"type":"OTHER","object":{}}', { status: 0, reason: 'Malformed' }],
    ['null', { status: 0, reason: 'Malformed' }],
  ])('%s is an error', async (line, expected) => {
    server.once(isWatch, (response) => response.writeHead(200).end(`${line}\n`));
    expect(await failure(consume(client))).toMatchObject(expected);
  });

  test('silence ends it, a slow server does not', async () => {
    const clock = new FakeClock();
    const timed = createKubeClient({ access: server.access, clock });
    let ended = false;
    const watching = failure(consume(timed)).finally(() => {
      ended = true;
    });
    await eventually('the watch is open', () => server.openWatches === 1 && clock.waiting === 1);
    for (let i = 0; i < 3; i++) {
      await clock.advance(50_000);
      const before = clock.scheduled;
      server.send(' ');
      await eventually('the byte is read', () => clock.scheduled > before);
      expect(ended).toBe(false);
    }
    await clock.advance(60_000);
    expect(await watching).toMatchObject({ reason: 'Timeout', message: 'watch configmaps: no answer after 60000 ms' });
    await timed.close();
  });
});

describe('credentials', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kube-access-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** Builds the same kubeconfig as `loadFromCluster`. */
  const inCluster = (tokenFile: string): KubeConfig => {
    const config = new KubeConfig();
    config.loadFromOptions({
      clusters: [{ name: 'c', server: server.access.server, skipTLSVerify: false }],
      users: [{ name: 'u', authProvider: { name: 'tokenFile', config: { tokenFile } } }],
      contexts: [{ name: 'x', cluster: 'c', user: 'u', namespace: 'mine' }],
      currentContext: 'x',
    });
    return config;
  };
  const tokenOf = async (using: KubeClient) => {
    await using.get(CONFIG_MAPS, ref).catch(() => {});
    return last().headers.authorization;
  };

  test('a rotated token is read again: after half a minute, and after a 401 at once', async () => {
    const clock = new FakeClock();
    const file = join(folder, 'token');
    await writeFile(file, 'first\n');
    const access: KubeAccess = createAccess(inCluster(file), clock);
    expect(access.namespace).toBe('mine');
    const rotating = createKubeClient({ access });
    expect(await tokenOf(rotating)).toBe('Bearer first');
    await writeFile(file, 'second');
    expect(await tokenOf(rotating)).toBe('Bearer first');
    clock.freeze(30_000);
    expect(await tokenOf(rotating)).toBe('Bearer second');
    await writeFile(file, 'third');
    server.once(() => true, refuse(401, 'Unauthorized'));
    expect(await tokenOf(rotating)).toBe('Bearer second');
    expect(await tokenOf(rotating)).toBe('Bearer third');
    expect(server.connections).toBeLessThanOrEqual(2);
    await rotating.close();
  });

  test('a token file that is missing is an error of the call, and passes', async () => {
    const file = join(folder, 'token');
    const rotating = createKubeClient({ access: createAccess(inCluster(file), new FakeClock()) });
    expect(await failure(rotating.get(CONFIG_MAPS, ref))).toMatchObject({ status: 0, reason: 'Credentials' });
    await writeFile(file, 'here');
    expect(await tokenOf(rotating)).toBe('Bearer here');
    await rotating.close();
  });

  test('a kubeconfig without a context says what to do', () => {
    expect(() => createAccess(new KubeConfig())).toThrow(/current-context/);
  });
});

test('nothing is sent for a list that nobody reads', () => {
  client.listPages(CONFIG_MAPS);
  expect(server.requests.filter(isList)).toEqual([]);
});
