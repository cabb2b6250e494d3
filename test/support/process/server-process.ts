/** Runs a server as a child process: starts it, waits until it answers, and stops it by its process id. */
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ServerProcessOptions {
  name: string;
  command: string[];
  /** Stands before the command and runs it as another user. */
  asUser?: readonly string[];
  /** Variables that are added to this process's environment. */
  env?: Record<string, string>;
  /** The server's output is appended to this file. Its last lines go into the error of a server that does not start. */
  logFile: string;
  /** Resolves once the server answers. It is called again after each rejection, until `startTimeoutMs` have passed. */
  probe: () => Promise<unknown>;
  stopSignal: NodeJS.Signals;
  /**
   * True for a server that outlives this process. Otherwise the server is killed when this process ends; on Linux with
   * util-linux also when this process is killed.
   */
  detached?: boolean;
  startTimeoutMs?: number;
}

export interface ServerProcess extends AsyncDisposable {
  pid: number;
  stop(): Promise<void>;
}

/** @throws an error with the last lines of the output when the server ends early or does not answer in time */
export async function startServerProcess(options: ServerProcessOptions): Promise<ServerProcess> {
  const { name, asUser = [], logFile, probe, stopSignal, detached = false, startTimeoutMs = 60_000 } = options;
  const log = openSync(logFile, 'a');
  const [program, ...args] = [...asUser, ...(detached ? [] : endWithParent()), ...options.command];
  const child = spawn(program!, args, {
    env: { ...process.env, ...options.env },
    stdio: ['ignore', log, log],
    detached,
  });
  closeSync(log);
  let ended = false;
  const end = new Promise<void>((resolve) => {
    const finish = () => {
      ended = true;
      resolve();
    };
    child.once('exit', finish);
    child.once('error', finish);
  });
  const killNow = () => void child.kill('SIGKILL');
  if (detached) child.unref();
  else {
    process.once('exit', killNow);
    void end.then(() => process.off('exit', killNow));
  }

  const stop = async () => {
    if (ended) return;
    child.kill(stopSignal);
    await end;
  };
  const deadline = Date.now() + startTimeoutMs;
  for (;;) {
    if (ended) throw new Error(`${name} ended while starting:\n${tail(logFile)}`);
    try {
      await probe();
      break;
    } catch (cause) {
      if (Date.now() > deadline) {
        await stop();
        throw new Error(`${name} did not answer within ${startTimeoutMs} ms:\n${tail(logFile)}`, { cause });
      }
      await sleep(50);
    }
  }
  return { pid: child.pid!, stop, [Symbol.asyncDispose]: stop };
}

let prefix: string[] | undefined;

/**
 * What stands before a command that must end with its parent: a parent that gets SIGKILL cannot end it any more. A change
 * of the user clears what the prefix sets, so that the prefix stands behind it.
 */
function endWithParent(): string[] {
  const setpriv = ['setpriv', '--pdeathsig', 'KILL', '--'];
  prefix ??= spawnSync(setpriv[0]!, [...setpriv.slice(1), 'true'], { stdio: 'ignore' }).status === 0 ? setpriv : [];
  return prefix;
}

function tail(file: string): string {
  return readFileSync(file, 'utf8').split('\n').slice(-20).join('\n');
}

/** Finds a TCP port that is free now: `preferred` if no process listens on it. */
export async function findFreePort(preferred = 0, host = '127.0.0.1'): Promise<number> {
  const server = createServer();
  try {
    return await new Promise<number>((resolve, reject) => {
      server.once('error', reject);
      server.listen(preferred, host, () => resolve((server.address() as { port: number }).port));
    });
  } catch (error) {
    if (preferred === 0) throw error;
    return await findFreePort(0, host);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}
