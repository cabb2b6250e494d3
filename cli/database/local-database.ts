/**
 * The PostgreSQL of this machine: one folder, one server for all calls. The server is started by the first call that needs
 * it, and runs until `batch-upload database stop`.
 *
 * | in the folder | what                                                                  |
 * |---------------|-----------------------------------------------------------------------|
 * | data/         | PostgreSQL's own folder                                               |
 * | server.json   | password of the superuser, and port of the last start                 |
 * | server.log    | PostgreSQL's log since the last start                                 |
 * | lock          | exists while a process starts or stops the server                     |
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { InputError } from '#cli/input-error.ts';
import { findPrograms } from './embedded-programs.ts';
import { answers, exists, findPort, initialise, startDetached, waitForAnswer, wrapForRoot } from './embedded-server.ts';
import { isAlive, lockFile } from './lock-file.ts';

/** The port is another one where a process listens on this one already. */
const PREFERRED_PORT = 55432;
const ANSWER_MS = 60_000;
const STOP_MS = 60_000;
/** Linux's C library has C.UTF-8, and other systems may not: PostgreSQL's own is the same everywhere. */
const LOCALE = ['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];

export interface LocalDatabase {
  folder: string;
  url: string;
}

interface State {
  port: number;
  password: string;
}

export function defaultFolder(env: NodeJS.ProcessEnv = process.env): string {
  return join(env['XDG_DATA_HOME'] || join(homedir(), '.local/share'), 'batch-upload/postgres');
}

/** @returns null where no server runs in the folder */
export async function findRunning(folder: string): Promise<LocalDatabase | null> {
  const state = await readState(folder);
  if (!state || (await findProcess(folder)) === null) return null;
  return (await answers(urlOf(state))) ? { folder, url: urlOf(state) } : null;
}

/** @param say is called before something that takes seconds. @throws InputError */
export async function startDatabase(folder: string, say: (text: string) => void): Promise<LocalDatabase> {
  const running = await findRunning(folder);
  if (running) return running;
  const programs = await findPrograms();
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch((error) => {
    throw new InputError(`The folder ${folder} could not be made (${error.code}). Name another folder with --data.`);
  });
  await using _lock = await lockFile(join(folder, 'lock'));
  const before = await readState(folder);
  // Another call has started the server meanwhile, or the server of an earlier call has not answered yet.
  const pid = await findProcess(folder);
  if (before && pid !== null) {
    const url = urlOf(before);
    if (await waitForAnswer(url, Date.now() + ANSWER_MS, () => false)) return { folder, url };
    throw new InputError(
      `PostgreSQL (process ${pid}) runs in ${folder} and does not answer. Look at ${join(folder, 'server.log')}.`,
    );
  }
  const dataDir = join(folder, 'data');
  const isNew = !(await exists(join(dataDir, 'PG_VERSION')));
  if (!isNew && !before) {
    throw new InputError(
      `The folder ${folder} has a database, and server.json with its password is missing. Name another folder with --data, or put the file back.`,
    );
  }
  say(isNew ? `Making a PostgreSQL of this machine in ${folder}` : `Starting the PostgreSQL of ${folder}`);
  const asUser = await wrapForRoot(folder);
  const state: State = {
    port: await findPort(before?.port ?? PREFERRED_PORT),
    password: before?.password ?? randomBytes(16).toString('hex'),
  };
  await writeState(folder, state);
  if (isNew) await initialise({ ...programs, asUser, dataDir, password: state.password, locale: LOCALE });
  else await disownEndedServer(dataDir);
  const url = urlOf(state);
  const { postgres } = programs;
  await startDetached({ postgres, asUser, dataDir, port: state.port, url, logFile: join(folder, 'server.log') });
  return { folder, url };
}

/** @returns false where no server runs in the folder. @throws InputError */
export async function stopDatabase(folder: string): Promise<boolean> {
  if (!(await readState(folder))) return false;
  await using _lock = await lockFile(join(folder, 'lock'));
  const pid = await findProcess(folder);
  if (pid === null) return false;
  // PostgreSQL's fast shutdown: sessions are ended, and all that is committed is on the disk.
  process.kill(pid, 'SIGINT');
  for (const deadline = Date.now() + STOP_MS; (await findProcess(folder)) !== null; await sleep(50)) {
    if (Date.now() > deadline) {
      throw new InputError(
        `PostgreSQL (process ${pid}) has not ended within a minute. Look at ${join(folder, 'server.log')}.`,
      );
    }
  }
  return true;
}

/**
 * PostgreSQL writes its process id to a file, and removes the file as its last act. After a crash the file stays, and another
 * program may have the number.
 */
async function findProcess(folder: string): Promise<number | null> {
  const dataDir = join(folder, 'data');
  const pid = Number.parseInt(await readFile(join(dataDir, 'postmaster.pid'), 'utf8').catch(() => ''), 10);
  if (!(pid > 0) || !isAlive(pid)) return null;
  // Only Linux has the file.
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => null);
  return command === null || command.includes(dataDir) ? pid : null;
}

/**
 * A killed server keeps its process id until its parent has collected it, and PostgreSQL would take it for a running one. The first line
 * of postmaster.pid becomes the id of this process, which PostgreSQL disregards as its own parent's. The other lines stay: by them
 * PostgreSQL waits for the sessions that the killed server has left.
 */
async function disownEndedServer(dataDir: string): Promise<void> {
  const path = join(dataDir, 'postmaster.pid');
  const text = await readFile(path, 'utf8').catch(() => null);
  if (text) await writeFile(path, text.replace(/^.*/, String(process.pid)));
}

function urlOf({ port, password }: State): string {
  return `postgresql://postgres:${password}@127.0.0.1:${port}/postgres`;
}

async function readState(folder: string): Promise<State | null> {
  const path = join(folder, 'server.json');
  const text = await readFile(path, 'utf8').catch((error) => {
    if (error.code === 'ENOENT') return null;
    throw new InputError(`${path} could not be read (${error.code}). Name another folder with --data.`);
  });
  if (text === null) return null;
  try {
    return JSON.parse(text) as State;
  } catch {
    throw new InputError(`${path} is no JSON document. Put the file back, or name another folder with --data.`);
  }
}

async function writeState(folder: string, state: State): Promise<void> {
  const path = join(folder, 'server.json');
  try {
    await writeFile(`${path}.new`, `${JSON.stringify(state)}\n`, { mode: 0o600 });
    await rename(`${path}.new`, path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const advice = code === 'ENOSPC' ? 'The disk is full: free some space, or name' : 'Name';
    throw new InputError(`${path} could not be written (${code}). ${advice} a folder on another disk with --data.`);
  }
}
