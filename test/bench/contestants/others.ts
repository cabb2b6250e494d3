/**
 * The contestants beside ours and `\copy`. CONTESTANTS chooses among them. A contestant that cannot be had on this
 * machine is left out, and a line says why.
 */
import type { BenchFile } from '../files.ts';
import { type GoodRows, keepGoodRows } from '../good-rows.ts';
import type { Contestant } from '../harness.ts';
import { NOT_ATOMIC } from '../names.ts';
import type { Stage } from '../stage.ts';
import type { BenchTarget } from '../tables.ts';
import { createCopy } from './copy.ts';
import { createCsvParse } from './csv-parse.ts';
import { buildPgx, buildRust, installPython } from './installed.ts';
import { createPgloader } from './pgloader.ts';
import { createProgram } from './program.ts';

export const OTHERS = [
  'copy-2',
  'copy-binary-2',
  'pgloader',
  'duckdb',
  'adbc',
  'polars',
  'pgx',
  'rust',
  'csv-parse',
] as const;
export type OtherName = (typeof OTHERS)[number];

/** These need nothing but packages of Debian and of this project. */
export const USUAL_OTHERS: readonly OtherName[] = ['copy-2', 'pgloader', 'csv-parse'];

export interface OthersOptions {
  stage: Stage;
  target: BenchTarget;
  file: BenchFile;
  good: GoodRows;
  chosen: readonly OtherName[];
  say: (line: string) => void;
}

/** @returns the chosen contestants that can be had, in the order of {@link OTHERS} */
export async function createOthers(options: OthersOptions): Promise<Contestant[]> {
  const contestants: Contestant[] = [];
  for (const name of OTHERS.filter((each) => options.chosen.includes(each))) {
    try {
      contestants.push(await createOther(name, options));
    } catch (error) {
      options.say(`${name} is left out. ${(error as Error).message.trim().split('\n').at(-1)}`);
    }
  }
  return contestants;
}

async function createOther(name: OtherName, options: OthersOptions): Promise<Contestant> {
  const { stage, target, file, good } = options;
  const common = { stage, target, good };
  switch (name) {
    case 'copy-2':
      return createHalves(`\\copy, 2 sessions, file split before, ${NOT_ATOMIC}`, 'csv', options);
    case 'copy-binary-2':
      return createHalves(`COPY BINARY, 2 sessions, files made before, ${NOT_ATOMIC}`, 'binary', options);
    case 'pgloader':
      return createPgloader(stage, target, good);
    case 'duckdb':
      return createProgram({ ...common, name: 'DuckDB', command: await installPython('duckdb') });
    case 'adbc':
      return createProgram({ ...common, name: 'ADBC (pyarrow)', command: await installPython('adbc') });
    case 'polars':
      return createProgram({ ...common, name: 'polars (ADBC)', command: await installPython('polars') });
    case 'pgx':
      return createProgram({ ...common, name: 'Go, pgx CopyFrom', command: await buildPgx() });
    case 'rust':
      return createProgram({ ...common, name: 'Rust, csv and tokio-postgres', command: await buildRust() });
    case 'csv-parse':
      return createCsvParse(stage, file);
    default:
      throw new Error(name satisfies never);
  }
}

async function createHalves(
  name: string,
  format: GoodRows['format'],
  { stage, target, file }: OthersOptions,
): Promise<Contestant> {
  const pieces = (['half-1', 'half-2'] as const).map((which) => ({ which, format }));
  return createCopy({ stage, name, target, files: await keepGoodRows(stage, target, { file, pieces }) });
}
