import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NODE_OPTIONS } from '#common/job-contract.ts';

const run = promisify(execFile);

describe('the bundle', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'batch-upload-bundle-'));
    await run(process.execPath, ['job-runner/bundle/build.ts', folder]);
  }, 60_000);
  afterAll(() => rm(folder, { recursive: true }));

  it('is compiled, with all functions, for Node as a pod starts it', async () => {
    const files = (await readdir(folder)).filter((file) => file.endsWith('.js'));
    expect(files).toEqual(expect.arrayContaining(['runner.js', 'process.js']));
    for (const file of files) {
      const path = join(folder, file);
      const script = `const [file] = process.argv.slice(-1), { readFileSync: read } = fs;
        console.log(new vm.Script(read(file, 'latin1'), { cachedData: read(file + '.cache') }).cachedDataRejected)`;
      const env = { ...process.env, NODE_OPTIONS: `${NODE_OPTIONS} --max-old-space-size=307` };
      expect((await run(process.execPath, ['-e', script, path], { env })).stdout).toBe('false\n');
      // A cache without compiled functions would be smaller than the text.
      expect((await stat(`${path}.cache`)).size).toBeGreaterThan((await stat(path)).size);
    }
  });

  it('starts without a cache that fits, too', async () => {
    for (const file of await readdir(folder)) if (file.endsWith('.cache')) await writeFile(join(folder, file), '');
    const started = run(process.execPath, [join(folder, 'main.cjs'), 'plan'], { env: {} });
    await expect(started).rejects.toMatchObject({
      code: 40,
      stdout: expect.stringContaining('BATCH_UPLOAD_ID is not set'),
    });
  });
});
