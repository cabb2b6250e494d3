/**
 * Checks the release before out, for tests that run its programs on the present ledger. It is the commit before the one
 * that added the newest migration, so that a new migration moves the test on by itself.
 */
import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const MIGRATIONS = 'ledger/migrations';
/** The statements of the operator run in the other tree, and so come with its own code. */
const OPERATOR = 'test/support/release-before/run-operator.ts';

export interface ReleaseBefore extends AsyncDisposable {
  /** The folder with the sources. */
  folder: string;
  /** The name of the newest migration that the release has. */
  newestMigration: string;
}

/** Tells whether the release before can be checked out: a copy of the sources, or a shallow clone, has no history. */
export function hasHistory(): boolean {
  const { status, stdout } = spawnSync('git', ['rev-parse', '--is-shallow-repository'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  return status === 0 && stdout.trim() === 'false';
}

export async function checkOutReleaseBefore(): Promise<ReleaseBefore> {
  const newest = (await readdir(join(ROOT, MIGRATIONS))).sort().at(-1)!;
  const added = await git('log', '--diff-filter=A', '--format=%H', '--', `${MIGRATIONS}/${newest}`);
  // A migration that nobody has committed yet follows on the commit at hand.
  const commit = added === '' ? 'HEAD' : `${added.split('\n').at(-1)}^`;
  const folder = await mkdtemp(join(tmpdir(), 'release-before-'));
  const archive = join(folder, 'release.tar');
  await git('archive', '--output', archive, commit);
  await promisify(execFile)('tar', ['-xf', archive, '-C', folder]);
  await rm(archive);
  await linkPackages(folder);
  await cp(join(ROOT, OPERATOR), join(folder, OPERATOR));
  const newestMigration = (await readdir(join(folder, MIGRATIONS))).sort().at(-1)!;
  return { folder, newestMigration, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}

/**
 * Gives the release the packages that lie here. A package that is no longer here gets an empty one in its place: such a
 * package reads a kind of file that the tests do not load.
 */
async function linkPackages(folder: string): Promise<void> {
  const { dependencies } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  const present = join(ROOT, 'node_modules');
  const packages = join(folder, 'node_modules');
  await mkdir(packages);
  for (const name of await readdir(present)) await symlink(join(present, name), join(packages, name));
  for (const name of Object.keys(dependencies)) {
    if (existsSync(join(packages, name))) continue;
    await mkdir(join(packages, name), { recursive: true });
    await writeFile(join(packages, name, 'index.js'), 'module.exports = {};');
  }
}

async function git(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('git', args, { cwd: ROOT });
  return stdout.trim();
}

/** Runs statements of the operator of that release. @returns the answer of each. */
export async function runOperator(
  { folder }: ReleaseBefore,
  url: string,
  steps: readonly (readonly [name: string, ...args: unknown[]])[],
): Promise<unknown[]> {
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, [join(folder, OPERATOR), url, JSON.stringify(steps)], { cwd: folder });
  return JSON.parse(stdout);
}
