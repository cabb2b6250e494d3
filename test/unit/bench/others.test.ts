/** Contestants that cannot be had on a machine are left out, and a line says why. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import type { OthersOptions } from '../../bench/contestants/others.ts';

it('leaves out what is not installed, in one line each', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'bench-others-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  onTestFinished(() => void vi.unstubAllEnvs());
  // The bench installs into the temporary folder, where nothing of an earlier bench may be found.
  vi.stubEnv('TMPDIR', folder);
  vi.stubEnv('PATH', '/nowhere');
  const { createOthers } = await import('../../bench/contestants/others.ts');
  const said: string[] = [];
  const options = { chosen: ['rust', 'adbc', 'csv-parse'], say: (line: string) => said.push(line) };
  const common = { good: { rows: 1 }, file: { counts: { records: 1 } } };
  const contestants = await createOthers({ ...common, ...options } as unknown as OthersOptions);
  expect(contestants.map(({ name }) => name)).toEqual(['csv-parse, reading only']);
  expect(said).toEqual(['adbc is left out. python3 is not installed.', 'rust is left out. cargo is not installed.']);
});
