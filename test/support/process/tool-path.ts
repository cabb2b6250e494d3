import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const SCRIPT = fileURLToPath(new URL('../../cluster/tool-path.sh', import.meta.url));

/** Path of a program that tests run. It is built from its pinned Go module when it is not in the cache yet. */
export async function toolPath(program: 'versitygw' | 'toxiproxy'): Promise<string> {
  const { stdout } = await promisify(execFile)(SCRIPT, [program]);
  return stdout.trim();
}

/** vitest calls this before the first test, so that a build of two minutes counts against no test's time limit. */
export async function setup(): Promise<void> {
  for (const program of ['versitygw', 'toxiproxy']) {
    const [code] = await once(spawn(SCRIPT, [program], { stdio: ['ignore', 'ignore', 'inherit'] }), 'exit');
    if (code !== 0) throw new Error(`${program} could not be built`);
  }
}
