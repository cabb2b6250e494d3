/** The parts of `make bench`. Each part says which contestants run against each other, and with which files. */
import { copyFile, createCopy, type GoodRows, runPsql } from './contestants/copy.ts';
import { createCsvParse } from './contestants/csv-parse.ts';
import { createLoad } from './contestants/load.ts';
import { createPgloader } from './contestants/pgloader.ts';
import { createRunner } from './contestants/runner.ts';
import { type BenchFile, certificationFile, wideFile } from './files.ts';
import type { Contestant } from './harness.ts';
import { type BenchTarget, columnsOf, type Stage, TARGETS } from './stage.ts';

export const PARTS = ['certification', 'flat', 'uploads', 'small-uploads', 'duplicates', 'memory'] as const;
export type PartName = (typeof PARTS)[number];

export interface Part {
  title: string;
  /** Records of the largest contestant. */
  records: number;
  /** Bytes of all files of one contestant together. */
  bytes: number;
  /** Name of the contestant that the others are compared with; null when nothing is compared. */
  baseline: string | null;
  contestants: Contestant[];
}

export interface PartOptions {
  records: number;
  /** Tells whether pgloader takes part: pgloader is slow, and its package has to be installed. */
  pgloader: boolean;
  say: (line: string) => void;
}

/** Makes the files and everything else that the part needs, so that only the contestants remain to be run. */
export function preparePart(name: PartName, stage: Stage, options: PartOptions): Promise<Part> {
  switch (name) {
    case 'certification':
    case 'flat':
      return prepareHeadline(stage, TARGETS[name], options);
    case 'uploads':
      return prepareUploads(stage, options.records);
    case 'small-uploads':
      return prepareUploads(stage, Math.round(options.records / 10));
    case 'duplicates':
      return prepareDuplicates(stage, options);
    case 'memory':
      return prepareMemory(stage, options);
    default:
      throw new Error(name satisfies never);
  }
}

async function prepareHeadline(stage: Stage, target: BenchTarget, options: PartOptions): Promise<Part> {
  const file = await certificationFile({ records: options.records });
  const good = await keepGoodRows(stage, target, file);
  const contestants = [1, 2, 4].map((processes) =>
    createRunner({
      stage,
      name: `ours, ${processes} ${processes === 1 ? 'process' : 'processes'}`,
      target,
      files: [file],
      slots: processes,
      indexes: processes,
    }),
  );
  for (const sessions of [1, 2]) contestants.push(createLoad({ stage, target, file, sessions }));
  const copy = await createCopy({ stage, name: '\\copy', target, good });
  contestants.push(copy);
  if (target.schema.target.columns.some(({ system }) => system === 'uuid')) {
    const withIds = await keepGoodRows(stage, target, file, { ids: true });
    contestants.push(await createCopy({ stage, name: '\\copy, ids in the file', target, good: withIds }));
  }
  if (target.name === 'flat') {
    if (options.pgloader) {
      const pgloader = await createPgloader(stage, target, good).catch((error: Error) => options.say(error.message));
      if (pgloader) contestants.push(pgloader);
    }
    contestants.push(createCsvParse(stage, file));
  }
  const title = {
    certification: 'Certification table: two JSON columns, a generated key and a three-column key',
    flat: 'Flat table: 19 typed columns, a three-column key',
  }[target.name];
  return { title, records: options.records, bytes: file.bytes, baseline: copy.name, contestants };
}

/**
 * Two processes run at a time, as in a cluster of two cores, whatever the number of uploads; the product plans and
 * splits each upload.
 */
async function prepareUploads(stage: Stage, each: number): Promise<Part> {
  const target = TARGETS.certification;
  const one = [await certificationFile({ records: 10 * each })];
  const ten: BenchFile[] = [];
  for (let i = 0; i < 10; i += 1) ten.push(await certificationFile({ records: each, seed: 100 + i }));
  const contestants = [
    createRunner({ stage, name: 'one upload', target, files: one, slots: 2 }),
    createRunner({ stage, name: 'ten uploads at once', target, files: ten, slots: 2 }),
  ];
  return {
    title: `One upload against ten of ${each.toLocaleString('en')} records each, two processes at a time`,
    records: 10 * each,
    bytes: one[0]!.bytes,
    baseline: 'one upload',
    contestants,
  };
}

async function prepareDuplicates(stage: Stage, { records }: PartOptions): Promise<Part> {
  const target = TARGETS.certification;
  const file = await certificationFile({ records });
  const tenth = await keepGoodRows(stage, target, file, { nth: 10 });
  const common = { stage, target, files: [file], slots: 2, indexes: 2 };
  const preload = async (url: string) => {
    await copyFile(url, target, tenth);
    return tenth.rows;
  };
  return {
    title: 'Every tenth record a duplicate of a row in the table, two processes',
    records,
    bytes: file.bytes,
    baseline: 'without duplicates',
    contestants: [
      createRunner({ ...common, name: 'without duplicates' }),
      createRunner({ ...common, name: 'every tenth a duplicate', preload }),
    ],
  };
}

/** Two records of 5 MB are more than a chunk may hold, so that each of these records is a chunk alone. */
async function prepareMemory(stage: Stage, { records }: PartOptions): Promise<Part> {
  const target = TARGETS.certification;
  const cases: [name: string, file: BenchFile][] = [
    ['0 % bad records', await certificationFile({ records, bad: 0 })],
    ['50 % bad records', await certificationFile({ records, bad: 0.5 })],
    ['40 records with a field of 5 MB', await wideFile({ records: 40, fieldBytes: 5_000_000 })],
  ];
  return {
    title: 'Memory: certification table, two processes',
    records,
    bytes: cases[0]![1].bytes,
    baseline: null,
    contestants: cases.map(([name, file]) =>
      createRunner({ stage, name, target, files: [file], slots: 2, indexes: 2 }),
    ),
  };
}

/**
 * Writes every `nth` of the rows that our load leaves in the table as CSV, so that every contestant stores the same
 * rows. One process loads the file, so that the rows are stored in the order of the file.
 */
async function keepGoodRows(
  stage: Stage,
  target: BenchTarget,
  file: BenchFile,
  { nth = 1, ids = false } = {},
): Promise<GoodRows> {
  const path = file.path.replace(/csv$/, `${target.name}-${nth}${ids ? '-ids' : ''}.csv`);
  const columns = columnsOf(target, { ids });
  await createRunner({
    stage,
    name: 'good rows',
    target,
    files: [file],
    slots: 1,
    indexes: 1,
    inspect: (url) =>
      runPsql(
        url,
        `\\copy (SELECT ${columns.join(', ')} FROM (SELECT *, row_number() OVER () AS n FROM ${target.table}) AS stored WHERE n % ${nth} = 0) TO '${path}' WITH (FORMAT csv)`,
      ),
  }).run();
  return { path, columns, rows: Math.floor(file.counts.succeeded / nth) };
}
