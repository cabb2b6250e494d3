/**
 * A real HTTP server that speaks LIST and WATCH for the objects of one test, and can do what API servers and networks do wrong.
 * For anything that depends on the API server's own rules take the cluster instead.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { KubeAccess } from '#kube/access.ts';
import type { KubeObject } from '#kube/types.ts';

export interface SeenRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingMessage['headers'];
  body: string;
}

type Answer = (response: ServerResponse, request: SeenRequest) => void;

export interface FakeKubeServer extends AsyncDisposable {
  readonly access: KubeAccess;
  readonly requests: SeenRequest[];
  /** The number of connections accepted since the start. */
  readonly connections: number;
  readonly openWatches: number;
  /** Creates or changes an object. Watches get the event unless `quietly` is set. */
  put(name: string, fields?: { uid?: string; data?: Record<string, string> }, quietly?: boolean): void;
  remove(name: string, quietly?: boolean): void;
  bookmark(): void;
  /** Sends bytes into all open watches. */
  send(text: string): void;
  endWatches(): void;
  cutWatches(): void;
  /** Drops all versions up to now: a watch from one of them gets 410, and so does a continue token. */
  compact(how?: 'http' | 'event'): void;
  /** Gives this answer to the next request for which `matches` is true. */
  once(matches: (request: SeenRequest) => boolean, answer: Answer): void;
}

export const status = (code: number, reason: string, message = reason, details: object = {}) =>
  JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message, ...details });

export const refuse =
  (code: number, reason: string, message?: string, headers: Record<string, string> = {}): Answer =>
  (response) =>
    response.writeHead(code, { 'content-type': 'application/json', ...headers }).end(status(code, reason, message));

export const isWatch = ({ query }: SeenRequest) => query.get('watch') === 'true';
export const isList = (request: SeenRequest) => request.method === 'GET' && !isWatch(request);

export async function startFakeKubeServer(): Promise<FakeKubeServer> {
  const objects = new Map<string, KubeObject>();
  const history: { version: number; line: string }[] = [];
  const watches = new Set<ServerResponse>();
  const planned: { matches: (request: SeenRequest) => boolean; answer: Answer }[] = [];
  const requests: SeenRequest[] = [];
  let version = 100;
  let oldest = 0;
  let goneAs: 'http' | 'event' = 'http';
  let connections = 0;

  const publish = (type: string, object: KubeObject, quietly: boolean) => {
    const line = `${JSON.stringify({ type, object })}\n`;
    history.push({ version, line });
    if (!quietly) for (const watch of watches) watch.write(line);
  };

  const list: Answer = (response, { query }) => {
    const [at = '0', from] = (query.get('continue') ?? '').split('@');
    if (from !== undefined && Number(from) < oldest) return refuse(410, 'Expired')(response, requests.at(-1)!);
    const limit = Number(query.get('limit') ?? 0) || objects.size;
    const start = Number(at);
    const items = [...objects.values()].slice(start, start + limit);
    const more = start + limit < objects.size ? { continue: `${start + limit}@${from ?? version}` } : {};
    const metadata = { resourceVersion: String(from ?? version), ...more };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ metadata, items }));
  };

  const watch: Answer = (response, { query }) => {
    const from = Number(query.get('resourceVersion'));
    if (from < oldest && goneAs === 'http') return refuse(410, 'Expired')(response, requests.at(-1)!);
    response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
    if (from < oldest) {
      response.end(`{"type":"ERROR","object":${status(410, 'Expired')}}\n`);
      return;
    }
    for (const event of history) if (event.version > from) response.write(event.line);
    watches.add(response);
    response.on('close', () => watches.delete(response));
  };

  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://server');
    const body = Buffer.concat(await request.toArray()).toString();
    const { method = '', headers } = request;
    const seen: SeenRequest = { method, path: url.pathname, query: url.searchParams, headers, body };
    requests.push(seen);
    const at = planned.findIndex(({ matches }) => matches(seen));
    const answer = at >= 0 ? planned.splice(at, 1)[0]!.answer : isWatch(seen) ? watch : isList(seen) ? list : undefined;
    if (answer === undefined) response.writeHead(200).end(body || '{}');
    else answer(response, seen);
  });
  server.on('connection', () => connections++);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;

  return {
    access: {
      server: `http://127.0.0.1:${port}`,
      credentials: async () => ({ headers: { authorization: 'Bearer secret-token' }, tls: {} }),
      invalidate() {},
    },
    requests,
    get connections() {
      return connections;
    },
    get openWatches() {
      return watches.size;
    },
    put(name, { uid = `uid-${name}`, data = {} } = {}, quietly = false) {
      const known = objects.get(name);
      const metadata = { name, namespace: 'ns', uid, resourceVersion: String(++version) };
      const object = { metadata: { ...metadata, managedFields: [{}] }, data } as KubeObject;
      objects.set(name, object);
      publish(known?.metadata?.uid === uid ? 'MODIFIED' : 'ADDED', object, quietly);
    },
    remove(name, quietly = false) {
      const known = objects.get(name);
      objects.delete(name);
      version++;
      if (known !== undefined) {
        publish('DELETED', { ...known, metadata: { ...known.metadata, resourceVersion: String(version) } }, quietly);
      }
    },
    bookmark() {
      version++;
      for (const watch of watches) {
        watch.write(`{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"${version}"}}}\n`);
      }
    },
    send(text) {
      for (const watch of watches) watch.write(text);
    },
    endWatches() {
      for (const watch of watches) watch.end();
    },
    cutWatches() {
      for (const watch of watches) watch.destroy();
    },
    compact(how = 'http') {
      goneAs = how;
      oldest = version + 1;
      version++;
      history.length = 0;
    },
    once(matches, answer) {
      planned.push({ matches, answer });
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
