/** `make demo`'s first part, in a folder where the cluster, the try and the command line are stand-ins of a few lines. */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const exec = promisify(execFile);
const demo = join(import.meta.dirname, '../../demo');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'batch-upload-demo-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** @param files text by path; a `.sh` file can be executed */
async function prepare(name: string, files: Record<string, string>) {
  const root = join(folder, name);
  await cp(demo, join(root, 'test/demo'), { recursive: true });
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text, { mode: 0o755 });
  }
  return exec(process.execPath, [join(root, 'test/demo/prepare.ts')], {
    env: { ...process.env, FORCE_COLOR: '0' },
  }).then(
    ({ stdout }) => ({ code: 0, stdout }),
    ({ code, stdout }) => ({ code, stdout }),
  );
}

const up = '#!/bin/bash\necho "==> Docker"\necho "    about 480 s in all" >&2\nsleep 1\necho "==> Cluster"\n';
const tried = 'console.log("1. A schema");\nawait new Promise((go) => setTimeout(go, 300));\nconsole.log("2. Rows");\n';
/** Answers like the command line while no PostgreSQL runs, or like one that runs. */
const cli = (url: string) => `
  if (process.argv[3] === 'url') ${url};
  if (process.argv[3] === 'stop') console.log('PostgreSQL is stopped');`;

describe('make demo', () => {
  it('shows the try first, says how long the cluster takes, then shows each step of the cluster', async () => {
    const files = { 'test/cluster/up.sh': up, 'test/demo/try.ts': tried, 'cli/main.ts': cli('process.exit(2)') };
    const { code, stdout } = await prepare('first', files);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^A local (?:.*\n){2}1\. A schema\n2\. Rows\nPostgreSQL is stopped\n\nThe cluster comes next: about 8 minutes from the beginning, of which [\d.]+ s have passed\n.*\n==> Docker\n.*\n==> Cluster\n$/,
    );
  });

  it('lets a PostgreSQL run that ran before', async () => {
    const files = { 'test/cluster/up.sh': up, 'test/demo/try.ts': tried, 'cli/main.ts': cli('process.exit(0)') };
    expect((await prepare('running', files)).stdout).not.toContain('is stopped');
  });

  it('shows no try where a cluster is up', async () => {
    const files = { '.cluster/env': '', 'test/cluster/up.sh': up, 'test/demo/try.ts': tried, 'cli/main.ts': '' };
    const { stdout } = await prepare('up', files);
    expect(stdout).toMatch(/^==> Docker\n==> Cluster\n$/);
  });

  it('goes on after a try that failed, and ends with the code of a cluster that failed', async () => {
    const files = {
      'test/cluster/up.sh': '#!/bin/bash\necho "no Docker engine answers" >&2\nexit 7\n',
      'test/demo/try.ts': 'process.exitCode = 1;',
      'cli/main.ts': cli('process.exit(2)'),
    };
    const { code, stdout } = await prepare('failing', files);
    expect(code).toBe(7);
    expect(stdout).toMatch(
      /first part failed(?:.*\n)+The cluster comes next, of which(?:.*\n){2}no Docker engine answers\n$/,
    );
  });
});
