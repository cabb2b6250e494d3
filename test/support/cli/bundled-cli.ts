/** The command line as its package holds it, which starts in a third of the time that the sources take. */
import { execFile } from 'node:child_process';
import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { buildOnce } from '#support/process/build-once.ts';

const ROOT = join(import.meta.dirname, '../../..');

const folder = await buildOnce('cli', async (path) => {
  await mkdir(path);
  await promisify(execFile)(process.execPath, [join(ROOT, 'cli/bundle.ts'), join(path, 'dist')]);
  await copyFile(join(ROOT, 'cli/npm/batch-upload.cjs'), join(path, 'batch-upload.cjs'));
});

/** The folder of the bundle, which needs no file beside itself. */
export const CLI_DIST = join(folder, 'dist');
export const BUNDLED_CLI = join(folder, 'batch-upload.cjs');
