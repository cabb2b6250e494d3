/** PostgreSQL's own loader: real psqls run `\copy` with the good rows alone, into the same table. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expectGoodRows, type GoodRows } from '../good-rows.ts';
import type { Contestant } from '../harness.ts';
import { needProgram, type Stage } from '../stage.ts';
import type { BenchTarget } from '../tables.ts';

const exec = promisify(execFile);

export interface CopyOptions {
  stage: Stage;
  name: string;
  target: BenchTarget;
  /** Each file has a session of its own, and all sessions start at once. */
  files: readonly GoodRows[];
}

export async function createCopy({ stage, name, target, files }: CopyOptions): Promise<Contestant> {
  await needProgram('psql', 'postgresql-client');
  const records = files.reduce((sum, { rows }) => sum + rows, 0);
  return {
    name,
    records,
    run: () =>
      stage.withTarget(target, async (url) => {
        const sample = await stage.measure(async () => {
          await Promise.all(files.map((file) => copyFile(url, target, file)));
        });
        await expectGoodRows(url, target, { name, files });
        return sample;
      }),
  };
}

export async function copyFile(
  url: string,
  { table }: BenchTarget,
  { path, columns, format }: GoodRows,
): Promise<void> {
  await runPsql(url, `\\copy ${table} (${columns.join(', ')}) FROM '${path}' WITH (FORMAT ${format})`);
}

export async function runPsql(url: string, command: string): Promise<void> {
  await exec('psql', [url, '--no-psqlrc', '--quiet', '--set', 'ON_ERROR_STOP=1', '--command', command]);
}
