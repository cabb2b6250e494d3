/** Files and folders that a killed process has left on the disk: their names hold the host and the process. */
import { readdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { isAlive } from '#cli/database/lock-file.ts';
import { PARTIAL } from '#runner/node/local-store.ts';

/** The name of this process among those that share a folder; containers have other names of the host. */
export const PROCESS_NAME = `${hostname()}-${process.pid}`;

/** The folders of standard inputs begin so. */
export const INPUT_PREFIX = `batch-upload-input-`;

/** False for a process of another machine, since nobody knows here. */
function hasEnded(processName: string): boolean {
  const host = `${hostname()}-`;
  const pid = processName.startsWith(host) ? /^[0-9]+/.exec(processName.slice(host.length)) : null;
  return pid !== null && !isAlive(Number(pid[0]));
}

const list = (folder: string) => readdir(folder).catch(() => []);
const remove = (path: string) => rm(path, { recursive: true, force: true }).catch(() => undefined);

/** Removes the standard inputs that killed processes have left in the folder of temporary files. */
export async function removeOrphanedInputs(folder: string): Promise<void> {
  for (const name of await list(folder))
    if (name.startsWith(INPUT_PREFIX) && hasEnded(name.slice(INPUT_PREFIX.length))) await remove(join(folder, name));
}

/** Removes plain copies that killed processes have not finished; a finished one belongs to a load that may go on. */
export async function removeOrphanedCopies(spool: string): Promise<void> {
  const work = join(spool, 'work');
  for (const id of await list(work))
    for (const processName of await list(join(work, id))) {
      if (!hasEnded(processName)) continue;
      const folder = join(work, id, processName);
      const names = await list(folder);
      if (names.every((name) => name.endsWith(PARTIAL))) await remove(folder);
    }
}
