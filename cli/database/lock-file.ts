/** Lets one process at a time do something in a folder. */
import { randomUUID } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { InputError } from '#cli/input-error.ts';

const WAIT_MS = 120_000;

/** Waits for the lock; that of a process which has ended is taken over. @throws InputError after two minutes */
export async function lockFile(path: string): Promise<AsyncDisposable> {
  const mine = `${process.pid} ${randomUUID()}\n`;
  for (const deadline = Date.now() + WAIT_MS; ; await sleep(100)) {
    try {
      await writeFile(path, mine, { flag: 'wx', mode: 0o600 });
      return { [Symbol.asyncDispose]: () => rm(path, { force: true }) };
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EEXIST')
        throw new InputError(`${path} could not be written (${code}). Name another folder with --data.`);
    }
    const holder = await readFile(path, 'utf8').catch(() => '');
    const pid = Number.parseInt(holder, 10);
    if (pid > 0 && !isAlive(pid)) await removeStale(path, holder);
    else if (Date.now() > deadline) {
      throw new InputError(
        `Another call of batch-upload (process ${pid || 'unknown'}) has held ${path} for two minutes. Wait for its end, or remove the file where no such call runs.`,
      );
    }
  }
}

/** Two processes may see the same old lock: what is moved away is looked at again, so that no new lock is lost. */
async function removeStale(path: string, holder: string): Promise<void> {
  const aside = `${path}.${process.pid}`;
  try {
    await rename(path, aside);
  } catch {
    return;
  }
  if ((await readFile(aside, 'utf8')) === holder) await rm(aside, { force: true });
  else await rename(aside, path);
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
