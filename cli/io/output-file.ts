/** The files that commands write, where a person names them. */
import { open, stat } from 'node:fs/promises';
import { InputError } from '#cli/input-error.ts';

/**
 * Refuses to write over a file that the command reads, by whatever path or link the two are named.
 * @param read the paths of the files that are read. @throws InputError
 */
export async function refuseOverwrite(path: string, option: string, read: readonly string[]): Promise<void> {
  const written = await identify(path);
  for (const input of read)
    if (path === input || (written !== null && written === (await identify(input))))
      throw new InputError(`${option} names a file that the command reads (${input}). Name another file.`);
}

async function identify(path: string): Promise<string | null> {
  const stats = await stat(path, { bigint: true }).catch(() => null);
  return stats?.isFile() ? `${stats.dev} ${stats.ino}` : null;
}

/** Makes an empty file where there is none, so that a path that cannot be written is refused before the work. @throws InputError */
export async function checkWritable(path: string, option: string): Promise<void> {
  const stats = await stat(path).catch(() => null);
  // A pipe is not tried: its reader would take the close for the end of the output.
  if (stats && !stats.isFile() && !stats.isDirectory()) return;
  const handle = await open(path, 'a').catch((error) => {
    throw notWritten(path, option, error);
  });
  await handle.close();
}

export function notWritten(path: string, option: string, error: NodeJS.ErrnoException): InputError {
  const advice = error.code === 'ENOSPC' ? 'The disk is full: free some space, or name' : 'Name';
  return new InputError(
    `The failed records could not be written to ${path} (${error.code}). ${advice} another file in ${option}.`,
  );
}
