/** Files of the good rows, so that every contestant stores the same rows: other loaders cannot take bad records. */
import { runPsql } from './contestants/copy.ts';
import { createRunner } from './contestants/runner.ts';
import type { BenchFile } from './files.ts';
import type { Stage } from './stage.ts';
import { type BenchTarget, columnsOf, readFingerprint } from './tables.ts';

/** Rows that a load of the file leaves in the table, in the order of the file. */
export interface GoodRows {
  path: string;
  columns: string[];
  rows: number;
  format: 'csv' | 'binary';
  /** The fingerprint of the rows, as {@link readFingerprint} computes it. */
  fingerprint: bigint;
}

export interface Piece {
  /** All rows; every tenth row; or one half of the rows. */
  which: 'all' | 'tenth' | 'half-1' | 'half-2';
  format?: 'csv' | 'binary';
  /** Do the rows have the ids that the loader made? */
  ids?: boolean;
}

/** `n` counts the rows, of which there are `total`. */
const CONDITIONS: Record<Piece['which'], string> = {
  all: 'true',
  tenth: 'n % 10 = 0',
  'half-1': 'n <= total / 2',
  'half-2': 'n > total / 2',
};

/**
 * Writes pieces of the rows that our load leaves in the table. One session loads the file, so that the rows are stored
 * in the order of the file.
 */
export async function keepGoodRows(
  stage: Stage,
  target: BenchTarget,
  { file, pieces }: { file: BenchFile; pieces: readonly Piece[] },
): Promise<GoodRows[]> {
  const kept: GoodRows[] = [];
  const numbered = `SELECT *, row_number() OVER () AS n, count(*) OVER () AS total FROM ${target.table}`;
  const inspect = async (url: string) => {
    for (const { which, format = 'csv', ids = false } of pieces) {
      const path = file.path.replace(/csv$/, `${target.name}-${which}${ids ? '-ids' : ''}.${format}`);
      const columns = columnsOf(target, { ids });
      const from = `(${numbered}) AS stored WHERE ${CONDITIONS[which]}`;
      const select = `SELECT ${columns.join(', ')} FROM ${from} ORDER BY n`;
      await runPsql(url, `\\copy (${select}) TO '${path}' WITH (FORMAT ${format})`);
      kept.push({ path, columns, format, ...(await readFingerprint(url, from, columns)) });
    }
  };
  await createRunner({ stage, name: 'good rows', target, files: [file], parallelism: 1, inspect }).run();
  return kept;
}

/** @throws when the table does not have exactly the rows of the files */
export async function expectGoodRows(
  url: string,
  { table }: BenchTarget,
  { name, files }: { name: string; files: readonly GoodRows[] },
): Promise<void> {
  const have = await readFingerprint(url, table, files[0]!.columns);
  const rows = files.reduce((sum, file) => sum + file.rows, 0);
  if (have.rows !== rows) throw new Error(`${name}: ${have.rows} rows, there should be ${rows}`);
  const fingerprint = files.reduce((sum, file) => sum + file.fingerprint, 0n);
  if (have.fingerprint !== fingerprint) throw new Error(`${name}: the table has other rows than after a load by ours`);
}
