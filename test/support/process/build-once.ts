/** Builds what several test files need once for all files of a test run. */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** The folder lies below node_modules, so that a bundle finds the packages that are not part of it. */
const CACHE = join(import.meta.dirname, '../../../node_modules/.cache/batch-upload');
/** The variable by which the workers of a test run know the folder that they share. */
const RUN_FOLDER = 'BATCH_UPLOAD_TEST_RUN_FOLDER';
const PREFIX = 'run-';

/** vitest calls this before the first test. @returns what vitest calls after the last one. */
export async function setup(): Promise<() => Promise<void>> {
  await removeLeftFolders();
  const folder = makeRunFolder();
  process.env[RUN_FOLDER] = folder;
  return () => rm(folder, { recursive: true, force: true });
}

/**
 * Builds `name` unless another process of the test run has done so, or does so now.
 * @param build makes what is wanted at the path, where nothing is yet.
 * @returns the path, which tests only read.
 */
export async function buildOnce(name: string, build: (path: string) => Promise<unknown>): Promise<string> {
  const path = join(runFolder(), name);
  for (;;) {
    if (existsSync(path)) return path;
    // A folder is a lock, since only one process can make it. It stays when the build succeeds.
    const isMine = await mkdir(`${path}.lock`).then(
      () => true,
      () => false,
    );
    if (isMine) break;
    await sleep(20);
  }
  try {
    await build(`${path}.partial`);
    await rename(`${path}.partial`, path);
    return path;
  } catch (error) {
    await rm(`${path}.partial`, { recursive: true, force: true });
    await rm(`${path}.lock`, { recursive: true, force: true });
    throw error;
  }
}

/** A process outside of a test run, as a benchmark, has a folder of its own. */
function runFolder(): string {
  const shared = process.env[RUN_FOLDER];
  if (shared) return shared;
  const own = makeRunFolder();
  process.env[RUN_FOLDER] = own;
  process.once('exit', () => rmSync(own, { recursive: true, force: true }));
  return own;
}

function makeRunFolder(): string {
  mkdirSync(CACHE, { recursive: true });
  return mkdtempSync(join(CACHE, `${PREFIX}${process.pid}-`));
}

/** Removes the folders of runs that were killed, whose processes no longer live. */
async function removeLeftFolders(): Promise<void> {
  const names = await readdir(CACHE).catch(() => []);
  const left = names.filter((name) => name.startsWith(PREFIX) && !isAlive(Number(name.split('-')[1])));
  await Promise.all(left.map((name) => rm(join(CACHE, name), { recursive: true, force: true })));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
