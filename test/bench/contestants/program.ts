/** A loader that is a program of its own: it gets the good rows as CSV and stores them in one transaction. */
import { spawn } from 'node:child_process';
import { watchPeak } from '#support/cli/watch-peak.ts';
import { expectGoodRows, type GoodRows } from '../good-rows.ts';
import type { Contestant } from '../harness.ts';
import type { Stage } from '../stage.ts';
import type { BenchTarget } from '../tables.ts';

export interface ProgramOptions {
  stage: Stage;
  name: string;
  target: BenchTarget;
  good: GoodRows;
  /** The program and its first arguments; {@link createProgram} adds the database, the file, the table and its columns. */
  command: readonly string[];
}

export function createProgram({ stage, name, target, good, command }: ProgramOptions): Contestant {
  return {
    name,
    records: good.rows,
    run: () =>
      stage.withTarget(target, async (url) => {
        let peakBytes = 0;
        const sample = await stage.measure(async () => {
          peakBytes = await runProgram([...command, url, good.path, target.table, describeColumns(target, good)]);
        });
        await expectGoodRows(url, target, { name, files: [good] });
        return { ...sample, peakBytes: [peakBytes] };
      }),
  };
}

/** @returns `name:type,…` in the order of the file, where a type is `string`, `integer` or `date` */
function describeColumns({ schema }: BenchTarget, { columns }: GoodRows): string {
  const types = new Map(schema.fields.map(({ name, type }) => [name, type]));
  return columns.map((name) => `${name}:${types.get(name)}`).join(',');
}

/** @returns the largest resident set of the program, in bytes */
async function runProgram([program, ...args]: readonly string[]): Promise<number> {
  const child = spawn(program!, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (piece) => {
    stderr += piece;
  });
  const end = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const [code, peakBytes] = await Promise.all([end, child.pid ? watchPeak(child.pid) : 0]);
  if (code !== 0) throw new Error(`${program} ended with ${code}: ${stderr.trim().split('\n').at(-1)}`);
  return peakBytes;
}
