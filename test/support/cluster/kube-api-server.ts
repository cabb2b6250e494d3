/**
 * An API server in memory over real HTTP: create, get, list, watch, delete, server-side apply of a status. Objects are
 * stored as they come, without schema or defaults. For anything that depends on those take the cluster instead.
 */
import { randomUUID } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeAccess } from '#kube/access.ts';
import type { KubeObject } from '#kube/types.ts';
import { status as failure } from './fake-kube-server.ts';

export interface ApiRequest {
  method: string;
  plural: string;
  namespace: string;
  name: string;
  subresource: string;
}

export type StoredObject = KubeObject & Record<string, unknown>;

export interface KubeApiServer extends AsyncDisposable {
  readonly access: KubeAccess;
  /** Every request except lists and watches. */
  readonly requests: ApiRequest[];
  /** The watches of this kind that are open. */
  watches(plural: string): number;
  /** Works as `kubectl create`, or as `replace` for an object that exists: a changed spec gets a new generation. */
  put(plural: string, object: object): StoredObject;
  get(plural: string, namespace: string, name: string): StoredObject | undefined;
  all(plural: string): StoredObject[];
  remove(plural: string, namespace: string, name: string): void;
  /** Refuses all requests for which `matches` is true. @returns a function that ends this. */
  refuse(
    matches: (request: ApiRequest, body: string) => boolean,
    code: number,
    reason: string,
    message?: string,
  ): () => void;
  /** Answers reviews of this kind, such as `tokenreviews`, with the status that `decide` gives for their spec. */
  review(plural: string, decide: (spec: never) => object): void;
  /** Takes up all requests for which `matches` is true so much later. @returns a function that ends this. */
  slow(matches: (request: ApiRequest) => boolean, ms: number): () => void;
  /** Takes up no request for which `matches` is true. @returns a function that ends this, and takes up those that wait. */
  hold(matches: (request: ApiRequest) => boolean): () => void;
}

const PATH = /^\/(?:api|apis\/[^/]+)\/[^/]+(?:\/namespaces\/([^/]+))?\/([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/;

/** RFC 7386. */
function mergePatch(target: unknown, patch: unknown): unknown {
  if (patch === null || typeof patch !== 'object' || Array.isArray(patch)) return patch;
  const merged: Record<string, unknown> = { ...(target as Record<string, unknown> | undefined) };
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else merged[name] = mergePatch(merged[name], value);
  }
  return merged;
}

export async function startKubeApiServer(): Promise<KubeApiServer> {
  const objects = new Map<string, StoredObject>();
  const watches = new Set<{ plural: string; response: ServerResponse }>();
  const refusals = new Set<{ matches: Parameters<KubeApiServer['refuse']>[0]; code: number; body: string }>();
  const delays = new Set<{ matches: (request: ApiRequest) => boolean; wait: () => Promise<unknown> }>();
  const reviews = new Map<string, (spec: never) => object>();
  const requests: ApiRequest[] = [];
  let version = 100;
  const idOf = (plural: string, namespace: string, name: string) => `${plural}/${namespace}/${name}`;

  const store = (plural: string, type: 'ADDED' | 'MODIFIED' | 'DELETED', object: StoredObject): StoredObject => {
    const { namespace = '', name = '' } = object.metadata!;
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(++version) } };
    if (type === 'DELETED') objects.delete(idOf(plural, namespace, name));
    else objects.set(idOf(plural, namespace, name), stored);
    const line = `${JSON.stringify({ type, object: stored })}\n`;
    for (const watch of watches) if (watch.plural === plural) watch.response.write(line);
    return stored;
  };
  const create = (plural: string, object: StoredObject): StoredObject => {
    const made = { uid: randomUUID(), creationTimestamp: new Date().toISOString(), generation: 1 };
    return store(plural, 'ADDED', { ...object, metadata: { ...made, ...object.metadata } });
  };
  const of = (plural: string) => [...objects].filter(([id]) => id.startsWith(`${plural}/`)).map(([, object]) => object);

  const answer = (response: ServerResponse, body: string | object, code = 200) =>
    response
      .writeHead(code, { 'content-type': 'application/json' })
      .end(typeof body === 'string' ? body : JSON.stringify(body));
  const refuse = (response: ServerResponse, code: number, reason: string) =>
    answer(response, failure(code, reason), code);

  const server = createServer(async (incoming, response) => {
    const url = new URL(incoming.url ?? '/', 'http://server');
    const body = Buffer.concat(await incoming.toArray()).toString();
    // The pattern takes the path of a namespace for the path of an object inside the namespace.
    const isNamespace = /^\/api\/v1\/namespaces\/[^/]+$/.test(url.pathname);
    const [, inside = '', resource = '', named = '', sub = ''] = PATH.exec(url.pathname) ?? [];
    const [namespace, plural, name] = isNamespace
      ? ['', 'namespaces', url.pathname.split('/').at(-1)!]
      : [inside, resource, named];
    const request = { method: incoming.method ?? '', plural, namespace, name, subresource: sub };
    for (const { matches, wait } of delays) if (matches(request)) await wait();
    for (const refusal of refusals) {
      if (refusal.matches(request, body)) return void answer(response, refusal.body, refusal.code);
    }
    const isCollection = request.method === 'GET' && name === '';
    if (!isCollection) requests.push(request);
    const known = objects.get(idOf(plural, namespace, name));
    // A patch names the state that it changes in its metadata, and a deletion in its preconditions.
    const isAnother = (wanted: KubeObject['metadata']) =>
      (wanted?.uid ?? known?.metadata?.uid) !== known?.metadata?.uid ||
      (wanted?.resourceVersion ?? known?.metadata?.resourceVersion) !== known?.metadata?.resourceVersion;
    switch (request.method) {
      case 'GET': {
        if (!isCollection) return void (known ? answer(response, known) : refuse(response, 404, 'NotFound'));
        if (url.searchParams.get('watch') !== 'true') {
          return void answer(response, { metadata: { resourceVersion: String(version) }, items: of(plural) });
        }
        response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
        // Objects that have changed since the list are sent again: a reflector takes them as updates.
        for (const object of of(plural)) {
          if (Number(object.metadata?.resourceVersion) <= Number(url.searchParams.get('resourceVersion'))) continue;
          response.write(`${JSON.stringify({ type: 'ADDED', object })}\n`);
        }
        const watch = { plural, response };
        watches.add(watch);
        response.on('close', () => watches.delete(watch));
        return;
      }
      case 'POST': {
        const object: StoredObject = JSON.parse(body);
        const decide = reviews.get(plural);
        if (decide !== undefined) {
          return void answer(response, { ...object, status: decide(object['spec'] as never) }, 201);
        }
        if (objects.has(idOf(plural, namespace, object.metadata?.name ?? ''))) {
          return void refuse(response, 409, 'AlreadyExists');
        }
        return void answer(response, create(plural, object), 201);
      }
      case 'PATCH': {
        if (known === undefined) return void refuse(response, 404, 'NotFound');
        const patch: StoredObject = JSON.parse(body);
        if (sub !== 'status' && isAnother(patch.metadata)) return void refuse(response, 409, 'Conflict');
        if (sub !== 'status')
          return void answer(response, store(plural, 'MODIFIED', mergePatch(known, patch) as StoredObject));
        return void answer(response, store(plural, 'MODIFIED', { ...known, status: patch['status'] }));
      }
      case 'DELETE':
        if (known === undefined) return void refuse(response, 404, 'NotFound');
        if (isAnother(JSON.parse(body || '{}').preconditions)) return void refuse(response, 409, 'Conflict');
        return void answer(response, store(plural, 'DELETED', known));
      default:
        return void refuse(response, 405, 'MethodNotAllowed');
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  create('namespaces', { metadata: { name: 'kube-system', uid: 'cluster' } });

  return {
    access: {
      server: `http://127.0.0.1:${port}`,
      credentials: async () => ({ headers: {}, tls: {} }),
      invalidate() {},
    },
    requests,
    watches: (plural) => [...watches].filter((watch) => watch.plural === plural).length,
    put(plural, object) {
      const { metadata, ...rest } = object as StoredObject;
      const known = objects.get(idOf(plural, metadata?.namespace ?? '', metadata?.name ?? ''));
      if (known === undefined) return create(plural, object as StoredObject);
      const generation = (known.metadata?.generation ?? 0) + 1;
      return store(plural, 'MODIFIED', { ...known, ...rest, metadata: { ...known.metadata, ...metadata, generation } });
    },
    get: (plural, namespace, name) => objects.get(idOf(plural, namespace, name)),
    all: of,
    remove(plural, namespace, name) {
      const known = objects.get(idOf(plural, namespace, name));
      if (known) store(plural, 'DELETED', known);
    },
    refuse(matches, code, reason, message) {
      const refusal = { matches, code, body: failure(code, reason, message) };
      refusals.add(refusal);
      return () => refusals.delete(refusal);
    },
    review: (plural, decide) => void reviews.set(plural, decide),
    slow(matches, ms) {
      const delay = { matches, wait: () => sleep(ms, undefined, { ref: false }) };
      delays.add(delay);
      return () => delays.delete(delay);
    },
    hold(matches) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const delay = { matches, wait: () => promise };
      delays.add(delay);
      return () => {
        delays.delete(delay);
        resolve();
      };
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
