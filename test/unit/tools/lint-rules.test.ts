import { spawnSync } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const KUBERNETES = 'Pods run this code, and they have no access to the Kubernetes API.';
const NODE = "A browser's Worker runs this code";

const FORBIDDEN: [room: string, code: string, why: string][] = [
  ['job-runner', "import { KubeConfig } from '@kubernetes/client-node';", KUBERNETES],
  ['job-runner/load', "import type { V1Job } from '@kubernetes/client-node';", KUBERNETES],
  ['job-runner/csv', "import { KubeConfig } from '@kubernetes/client-node';", KUBERNETES],
  ['ledger/uploads', "import { KubeConfig } from '@kubernetes/client-node';", KUBERNETES],
  ['s3', "import { KubeConfig } from '@kubernetes/client-node';", KUBERNETES],
  ['api', "import { KubeConfig } from '@kubernetes/client-node';", KUBERNETES],
  ['common', "import { KubeConfig } from '@kubernetes/client-node';", KUBERNETES],
  ['job-runner/csv', "import { isUtf8 } from 'node:buffer';", NODE],
  ['job-runner/processor', "import { readFile } from 'node:fs/promises';", NODE],
  ['job-runner/kernel', "import { readFile } from 'node:fs/promises';", NODE],
  ['job-runner/records', "import type { Readable } from 'node:stream';", NODE],
  ['job-runner/report', "import { createWriteStream } from 'node:fs';", NODE],
  ['job-runner/source', "import { createGunzip } from 'node:zlib';", NODE],
  ['job-runner/source', "import { decompress } from '#runner/node/decompress.ts';", NODE],
];
const ALLOWED: [room: string, code: string][] = [
  ['kube', "import { KubeConfig } from '@kubernetes/client-node';"],
  ['operator/controller', "import type { V1Job } from '@kubernetes/client-node';"],
  ['job-runner/node', "import { createGunzip } from 'node:zlib';"],
];

describe('packages that a room may not import', () => {
  let folder: string;
  let said: string[];

  beforeAll(async () => {
    const root = new URL('../../../', import.meta.url);
    folder = await mkdtemp(join(tmpdir(), 'lint-'));
    await copyFile(new URL('biome.json', root), join(folder, 'biome.json'));
    for (const [at, [room, code]] of [...FORBIDDEN, ...ALLOWED].entries()) {
      const path = join(folder, room, `planted-${at}.ts`);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, `${code}\n`);
    }
    said = spawnSync('biome', ['lint', '--reporter=github', '--max-diagnostics=none'], {
      cwd: folder,
      encoding: 'utf8',
    })
      .stdout.split('\n')
      .filter((line) => line.includes('noRestrictedImports'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it.each(FORBIDDEN.map((each, at) => [...each, at] as const))('%s: %s', (room, _code, why, at) => {
    const found = said.filter((line) => line.includes(`${room}/planted-${at}.ts,`));
    expect(found).toEqual([expect.stringContaining(why)]);
  });

  it('are all that is found', () => {
    expect(said).toHaveLength(FORBIDDEN.length);
  });
});
