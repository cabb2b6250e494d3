/** Debian's pgloader runs with its defaults and loads the same CSV of good rows as `\copy`. */
import { execFile } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { FOLDER } from '../files.ts';
import { expectGoodRows, type GoodRows } from '../good-rows.ts';
import type { Contestant } from '../harness.ts';
import { PGLOADER } from '../names.ts';
import { needProgram, type Stage } from '../stage.ts';
import { type BenchTarget, columnsOf } from '../tables.ts';

const exec = promisify(execFile);

/** @throws with the line to type where pgloader is missing and cannot be installed. */
export async function createPgloader(stage: Stage, target: BenchTarget, good: GoodRows): Promise<Contestant> {
  await needProgram('pgloader', 'pgloader');
  return {
    name: PGLOADER,
    records: good.rows,
    run: () =>
      stage.withTarget(target, async (url) => {
        const script = `${good.path}.load`;
        await writeFile(script, loadFile(url, target, good));
        const sample = await stage.measure(async () => {
          await exec('pgloader', ['--quiet', '--root-dir', `${FOLDER}/pgloader`, script]);
        });
        await rm(script);
        await expectGoodRows(url, target, { name: PGLOADER, files: [good] });
        return sample;
      }),
  };
}

function loadFile(url: string, target: BenchTarget, { path }: GoodRows): string {
  const columns = columnsOf(target);
  return `LOAD CSV
  FROM '${path}' WITH ENCODING utf-8
    HAVING FIELDS (${columns.map((name) => `${name} [null if blanks]`).join(', ')})
  INTO ${url}
  TARGET TABLE public.${target.table}
  TARGET COLUMNS (${columns.join(', ')})
  WITH fields terminated by ',', fields optionally enclosed by '"', fields escaped by double-quote;
`;
}
