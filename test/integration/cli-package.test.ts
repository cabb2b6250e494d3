/** The package of the command line, as somebody else installs and runs it. */
import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '../..');

describe('the package', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'batch-upload-package-'));
    const { stdout } = await run('npm', ['pack', join(ROOT, 'cli/npm'), '--pack-destination', folder, '--silent'], {
      cwd: folder,
    });
    const tarball = stdout.trim().split('\n').at(-1)!;
    await run('npm', ['install', '--offline', '--no-audit', '--no-fund', `./${tarball}`], { cwd: folder });
    await copyFile(join(ROOT, 'node_modules/vega-datasets/data/seattle-weather.csv'), join(folder, 'weather.csv'));
  }, 120_000);
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const npx = (...args: string[]) => run('npx', ['--offline', 'batch-upload', ...args], { cwd: folder });

  it('needs no other package', async () => {
    const lock = JSON.parse(await readFile(join(folder, 'package-lock.json'), 'utf8'));
    expect(Object.keys(lock.packages)).toEqual(['', 'node_modules/batch-upload']);
  });

  it('runs', async () => {
    expect((await npx('--version')).stdout).toBe('0.1.0\n');
    const { stdout } = await npx('infer', 'weather.csv');
    expect(parse(stdout).spec.primaryKey).toEqual(['date']);
    await writeFile(join(folder, 'weather.yaml'), stdout);
    expect((await npx('validate', 'weather.csv', '-s', 'weather.yaml')).stdout).toContain(
      'all 1,461 records are valid',
    );
  });

  it('tells an old version of Node what to do', async () => {
    const start = join(folder, 'node_modules/batch-upload/batch-upload.cjs');
    const script = `Object.defineProperty(process.versions, 'node', { value: '18.20.0' }); require(${JSON.stringify(start)})`;
    await expect(run(process.execPath, ['-e', script])).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining('needs Node 24 or later, and this is Node 18.20.0'),
    });
    // Syntax of the year 2015 at most.
    expect(await readFile(start, 'utf8')).not.toMatch(/=>|`|\b(?:const|let|class|async|import)\b|\?\./);
  });
});
