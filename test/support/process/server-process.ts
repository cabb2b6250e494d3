/** A server as a child process: started, waited for until it answers, stopped by its own id. */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ServerProcessOptions {
  name: string;
  command: string[];
  /** Added to this process's environment. */
  env?: Record<string, string>;
  /** Its output is appended here; its end is part of the error when the server does not start. */
  logFile: string;
  /** Resolves once the server answers; called again after a rejection, until `startTimeoutMs`. */
  probe: () => Promise<unknown>;
  stopSignal: NodeJS.Signals;
  /** The server outlives this process. Default: it is ended with this process at the latest. */
  detached?: boolean;
  startTimeoutMs?: number;
}

export interface ServerProcess extends AsyncDisposable {
  pid: number;
  stop(): Promise<void>;
}

/** @throws when the server ends early or does not answer in time, with the end of its output. */
export async function startServerProcess(options: ServerProcessOptions): Promise<ServerProcess> {
  const { name, command, logFile, probe, stopSignal, detached = false, startTimeoutMs = 60_000 } = options;
  const log = openSync(logFile, 'a');
  const child = spawn(command[0]!, command.slice(1), {
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

function tail(file: string): string {
  return readFileSync(file, 'utf8').split('\n').slice(-20).join('\n');
}

/** A TCP port that is free now: `preferred` if nobody has it. */
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
