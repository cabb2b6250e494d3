import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { eventually } from '#support/process/eventually.ts';

const PROGRAM = fileURLToPath(new URL('../support/process/start-and-hang.ts', import.meta.url));
const hasSetpriv = spawnSync('setpriv', ['--pdeathsig', 'KILL', '--', 'true'], { stdio: 'ignore' }).status === 0;

let parent: ChildProcess | undefined;
/** The folder that a killed parent cannot remove. */
let left: string | undefined;
afterEach(async () => {
  parent?.kill('SIGKILL');
  if (left) await rm(left, { recursive: true, force: true });
});

const readProc = (pid: number, file: string) => readFileSync(`/proc/${pid}/${file}`, 'utf8');

function isAlive(pid: number): boolean {
  try {
    // A zombie has ended, too; nobody may have waited for it yet.
    return !/^State:\s+Z/m.test(readProc(pid, 'status'));
  } catch {
    return false;
  }
}

it.runIf(hasSetpriv)('a PostgreSQL ends with the process that started it, also when that one is killed', async () => {
  parent = spawn(process.execPath, [PROGRAM], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(createInterface({ input: parent.stdout! }), 'line');
  const pid = Number(line);
  const [program, , dataDir] = readProc(pid, 'cmdline').split('\0');
  expect(program).toMatch(/postgres$/);
  left = dirname(dataDir!);
  parent.kill('SIGKILL');
  try {
    await eventually('the end of the server', () => !isAlive(pid));
  } finally {
    if (isAlive(pid)) process.kill(pid, 'SIGQUIT');
  }
});
