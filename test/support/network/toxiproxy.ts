/** Toxiproxy is a real proxy between the job runner and a server, which breaks connections on demand. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFreePort, startServerProcess } from '#support/process/server-process.ts';
import { toolPath } from '#support/process/tool-path.ts';

/** The effects of toxiproxy on the bytes of one direction. Times are in ms, lengths in bytes, and the rate in KB/s. */
export type Toxic =
  | { type: 'latency'; attributes: { latency: number; jitter?: number } }
  | { type: 'bandwidth'; attributes: { rate: number } }
  /** All bytes are dropped, and the connection is closed after `timeout`; 0 keeps it open. */
  | { type: 'timeout'; attributes: { timeout: number } }
  /** The connection is closed after `bytes`. */
  | { type: 'limit_data'; attributes: { bytes: number } }
  /** Connections end by RST instead of FIN. With toxicity 0 this toxic closes no connection itself. */
  | { type: 'reset_peer'; attributes: { timeout: number }; toxicity?: number };

/** `upstream` is the direction from the runner to the server. */
export type Direction = 'upstream' | 'downstream';

export interface ToxicProxy {
  port: number;
  /**
   * Adds the toxic to open and to new connections.
   * @returns a function that removes the toxic, and closes the connections that it silenced
   */
  add(direction: Direction, toxic: Toxic): Promise<() => Promise<void>>;
  /** Closes every connection, and accepts new ones at once. */
  cut(): Promise<void>;
  /** Bytes in each direction, over all connections that have ended. */
  bytes(): Promise<{ upstream: number; downstream: number }>;
}

export interface Toxiproxy extends AsyncDisposable {
  /** Makes a proxy from a free port of `host` (127.0.0.1 when absent) to 127.0.0.1:`port`. */
  createProxy(port: number, options?: { host?: string }): Promise<ToxicProxy>;
}

export async function startToxiproxy(): Promise<Toxiproxy> {
  const stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'batch-upload-toxiproxy-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const address = `127.0.0.1:${await findFreePort()}`;
  const api = `http://${address}`;
  const program = await toolPath('toxiproxy');
  stack.use(
    await startServerProcess({
      name: 'toxiproxy',
      command: [program, address],
      logFile: join(folder, 'toxiproxy.log'),
      probe: () => call(api, 'GET', '/version'),
      stopSignal: 'SIGKILL',
    }),
  );
  let proxies = 0;
  return {
    async createProxy(upstreamPort, { host = '127.0.0.1' } = {}) {
      proxies += 1;
      return createProxy(api, { name: `proxy-${proxies}`, listen: `${host}:0`, upstreamPort });
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function createProxy(
  api: string,
  { name, listen: at, upstreamPort }: { name: string; listen: string; upstreamPort: number },
): Promise<ToxicProxy> {
  const path = `/proxies/${name}`;
  const created = await call(api, 'POST', '/proxies', {
    name,
    listen: at,
    upstream: `127.0.0.1:${upstreamPort}`,
    enabled: true,
  });
  const { listen } = JSON.parse(created) as { listen: string };
  const port = Number(listen.split(':').at(-1));
  let toxics = 0;
  return {
    port,
    async add(stream, toxic) {
      toxics += 1;
      const name = `toxic-${toxics}`;
      await call(api, 'POST', `${path}/toxics`, { name, stream, ...toxic });
      return async () => {
        await call(api, 'DELETE', `${path}/toxics/${name}`);
      };
    },
    async cut() {
      await call(api, 'POST', path, { enabled: false });
      await call(api, 'POST', path, { enabled: true, listen });
    },
    async bytes() {
      const metrics = await call(api, 'GET', '/metrics');
      const sum = (direction: Direction) =>
        metrics
          .split('\n')
          .filter((line) => line.startsWith('toxiproxy_proxy_received_bytes_total{'))
          .filter((line) => line.includes(`direction="${direction}"`) && line.includes(`proxy="${name}"`))
          .reduce((total, line) => total + Number(line.split(' ').at(-1)), 0);
      return { upstream: sum('upstream'), downstream: sum('downstream') };
    },
  };
}

async function call(api: string, method: string, path: string, body?: object): Promise<string> {
  const response = await fetch(api + path, {
    method,
    ...(body ? { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } } : {}),
    signal: AbortSignal.timeout(10_000),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`toxiproxy: ${method} ${path}: ${response.status} ${text}`);
  return text;
}
