/** The memory of a pod with as many sessions as one pod has. */
import { createRunner } from '../contestants/runner.ts';
import { type BenchFile, certificationFile, wideFile } from '../files.ts';
import type { Stage } from '../stage.ts';
import { TARGETS } from '../tables.ts';
import type { Part, PartOptions } from './part.ts';

const PARALLELISM = 4;

/** Two records of 5 MB are more than a chunk may hold, so that each of these records is a chunk alone. */
export async function prepareMemory(stage: Stage, { records }: PartOptions): Promise<Part> {
  const cases: [name: string, file: BenchFile][] = [
    ['0 % bad records', await certificationFile({ records, bad: 0 })],
    ['50 % bad records', await certificationFile({ records, bad: 0.5 })],
    ['40 records with a field of 5 MB', await wideFile({ records: 40, fieldBytes: 5_000_000 })],
  ];
  return {
    title: `Memory: certification table, parallelism ${PARALLELISM}`,
    records,
    bytes: cases[0]![1].bytes,
    baseline: null,
    contestants: cases.map(([name, file]) =>
      createRunner({ stage, name, target: TARGETS.certification, files: [file], parallelism: PARALLELISM }),
    ),
  };
}
