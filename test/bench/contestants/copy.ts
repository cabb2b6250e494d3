/** PostgreSQL's own loader: a real psql runs `\copy` with the good rows alone, into the same table. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Contestant } from '../harness.ts';
import { type BenchTarget, countRows, needProgram, type Stage } from '../stage.ts';

const exec = promisify(execFile);

/** CSV of the rows that a load of the file leaves in the table, in the order of the file. */
export interface GoodRows {
  path: string;
  columns: string[];
  rows: number;
}

export interface CopyOptions {
  stage: Stage;
  name: string;
  target: BenchTarget;
  good: GoodRows;
}

export async function createCopy({ stage, name, target, good }: CopyOptions): Promise<Contestant> {
  await needProgram('psql', 'postgresql-client');
  return {
    name,
    records: good.rows,
    run: () =>
      stage.withTarget(target, async (url) => {
        const sample = await stage.measure(() => copyFile(url, target, good));
        const rows = await countRows(url, target);
        if (rows !== good.rows) throw new Error(`\\copy: ${rows} rows, there should be ${good.rows}`);
        return sample;
      }),
  };
}

export async function copyFile(url: string, target: BenchTarget, { path, columns }: GoodRows): Promise<void> {
  await runPsql(url, `\\copy ${target.table} (${columns.join(', ')}) FROM '${path}' WITH (FORMAT csv)`);
}

export async function runPsql(url: string, command: string): Promise<void> {
  await exec('psql', [url, '--no-psqlrc', '--quiet', '--set', 'ON_ERROR_STOP=1', '--command', command]);
}
