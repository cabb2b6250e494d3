/**
 * The first part of `make demo` makes the cluster. Where none is up, what `make try` does is shown while the cluster is
 * being made: the cluster takes minutes where nothing is cached.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startHeld } from './held-command.ts';
import { dim, formatDuration, title, wrong } from './screen.ts';

const UP = 'test/cluster/up.sh';
process.chdir(fileURLToPath(new URL('../../', import.meta.url)));
process.exitCode = existsSync('.cluster/env') ? await run(UP) : await tryMeanwhile();

/** @returns the exit code of `make up` */
async function tryMeanwhile(): Promise<number> {
  const startedAt = Date.now();
  const cluster = startHeld(UP);
  console.log('A local Kubernetes cluster is being made. Meanwhile the same product loads a file without a cluster,');
  console.log('as `make try` does:');
  const ranBefore = await databaseRuns();
  if ((await run('node', 'test/demo/try.ts', '--before-cluster')) !== 0)
    console.log(wrong('This first part failed, and says above why. The demo goes on with the cluster.'));
  // `make down` does not know the database of this machine, so that the demo stops what it has started.
  if (!ranBefore) await run('node', 'cli/main.ts', 'database', 'stop');
  const seconds = Number(/about (\d+) s in all/.exec(cluster.outputSoFar())?.[1]);
  const total = seconds ? `: about ${formatMinutes(seconds)} from the beginning` : '';
  title(`The cluster comes next${total}, of which ${formatDuration(Date.now() - startedAt)} have passed`);
  console.log(dim('What was done so far, then each step as it is done:'));
  return cluster.show();
}

async function databaseRuns(): Promise<boolean> {
  return (await code(spawn(process.execPath, ['cli/main.ts', 'database', 'url'], { stdio: 'ignore' }))) === 0;
}

async function run(command: string, ...args: string[]): Promise<number> {
  return code(spawn(command, args, { stdio: 'inherit' }));
}

async function code(child: ReturnType<typeof spawn>): Promise<number> {
  const [exitCode] = (await once(child, 'exit')) as [number | null];
  return exitCode ?? 1;
}

function formatMinutes(seconds: number): string {
  return seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} minutes`;
}
