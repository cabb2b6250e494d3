/** Starts PostgreSQL from the programs of a package. Tests of the project start their servers by the same functions. */
import { execFile, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { appendFile, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { InputError } from '#cli/input-error.ts';

const exec = promisify(execFile);
const START_TIMEOUT_MS = 60_000;
const SHOWN_LOG_LINES = 10;

/**
 * Makes a command prefix for root, since PostgreSQL refuses to run as root. In a user namespace the server has the id
 * of `nobody`, which is mapped to root outside. The server can so read a checkout below /root; no user has to be made,
 * and no file changes its owner. Where user namespaces are forbidden, the server runs as `nobody` itself, and the
 * folder becomes nobody's.
 */
export async function wrapForRoot(folder: string): Promise<string[]> {
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

export interface NewDatabase {
  initdb: string;
  asUser: readonly string[];
  dataDir: string;
  password: string;
  /** False where no data has to survive a crash of the machine. */
  sync?: boolean;
  /** Arguments of initdb. */
  locale: readonly string[];
  /** Further lines of pg_hba.conf: without one, only 127.0.0.1 can connect. */
  hbaLines?: readonly string[];
}

/** Makes a database cluster of the superuser `postgres`; a folder that is half made is never at `dataDir`. @throws InputError */
export async function initialise(database: NewDatabase): Promise<void> {
  const { initdb, asUser, dataDir, password, sync = true, locale, hbaLines = [] } = database;
  const passwordFile = `${dataDir}.password`;
  const partial = `${dataDir}.partial`;
  const command = [
    ...asUser,
    initdb,
    `--pgdata=${partial}`,
    '--username=postgres',
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    ...locale,
    ...(sync ? [] : ['--no-sync']),
  ];
  try {
    await rm(partial, { recursive: true, force: true });
    await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
    if (asUser[0] === 'setpriv') await exec('chown', ['65534:65534', passwordFile]);
    await exec(command[0]!, command.slice(1));
    for (const line of hbaLines) await appendFile(join(partial, 'pg_hba.conf'), `${line}\n`);
    await rename(partial, dataDir);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    const { stdout = '', stderr = '', message } = error as { stdout?: string; stderr?: string; message: string };
    const said = `${stdout}\n${stderr}`.trim();
    throw new InputError(
      `No database could be made in ${dataDir}: ${adviseOn(said || message)}\n${lastLines(said || message)}`,
    );
  } finally {
    await rm(passwordFile, { force: true });
  }
}

export interface ServerStart {
  postgres: string;
  asUser: readonly string[];
  dataDir: string;
  logFile: string;
  port: number;
  /** URI of the superuser at `port`. */
  url: string;
}

/** Starts a server that outlives this process, and waits until it answers. @throws InputError */
export async function startDetached({ postgres, asUser, dataDir, logFile, port, url }: ServerStart): Promise<void> {
  const settings = { port, listen_addresses: '127.0.0.1', unix_socket_directories: '' };
  const flags = Object.entries(settings).map(([name, value]) => `--${name}=${value}`);
  for (const deadline = Date.now() + START_TIMEOUT_MS; ; await sleep(500)) {
    const log = openSync(logFile, 'w', 0o600);
    const command = [...asUser, postgres, '-D', dataDir, ...flags];
    const child = spawn(command[0]!, command.slice(1), { stdio: ['ignore', log, log], detached: true });
    closeSync(log);
    child.unref();
    let ended = false;
    const markEnded = () => {
      ended = true;
    };
    child.once('exit', markEnded);
    child.once('error', markEnded);
    if (await waitForAnswer(url, deadline, () => ended)) return;
    const said = await readFile(logFile, 'utf8').catch(() => '');
    // The other processes of a killed server hold its memory for a moment longer.
    if (ended && /shared memory block .* in use/.test(said) && Date.now() < deadline) continue;
    if (!ended) child.kill('SIGQUIT');
    throw new InputError(
      `PostgreSQL did not start in ${dataDir}: ${adviseOn(said)}\n${lastLines(said)}\nIts log is ${logFile}.`,
    );
  }
}

/** @returns false when the server has ended, or the time is over */
export async function waitForAnswer(url: string, deadline: number, hasEnded: () => boolean): Promise<boolean> {
  while (!hasEnded() && Date.now() < deadline) {
    if (await answers(url)) return true;
    await sleep(50);
  }
  return false;
}

export async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2000 });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('select 1');
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}

/** @returns `preferred` where no process listens on it, else another free port */
export async function findPort(preferred: number): Promise<number> {
  const server = createServer();
  try {
    return await new Promise<number>((resolve, reject) => {
      server.once('error', reject);
      server.listen(preferred, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
    });
  } catch (error) {
    if (preferred === 0) throw error;
    return await findPort(0);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

export async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}

function adviseOn(log: string): string {
  if (/No space left on device|free disk space|ENOSPC|Disk quota exceeded/i.test(log))
    return 'the disk is full. Free some space, or name a folder on another disk with --data.';
  if (/Permission denied|EACCES|cannot access/i.test(log))
    return 'the folder or the programs may not be read by the user of the server. Name another folder with --data, or a database with --database.';
  if (/ENOENT/.test(log))
    return 'a program is missing. PostgreSQL does not run as root, and needs unshare or setpriv (package util-linux) to run here; or call the command as another user.';
  return 'the last lines of its log say why. Name another folder with --data, or a database with --database.';
}

function lastLines(log: string): string {
  const lines = log.trim().split('\n').slice(-SHOWN_LOG_LINES);
  return lines.map((line) => `  ${line}`).join('\n');
}
