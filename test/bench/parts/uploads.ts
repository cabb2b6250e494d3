/** One upload against ten smaller ones of as many records together. */
import { createRunner } from '../contestants/runner.ts';
import { type BenchFile, certificationFile } from '../files.ts';
import type { Stage } from '../stage.ts';
import { TARGETS } from '../tables.ts';
import { PARALLELISM, type Part } from './part.ts';

/** Two pods run at a time, as in a cluster of two cores, whatever the number of uploads. */
const ROOM = 2;

export async function prepareUploads(stage: Stage, each: number): Promise<Part> {
  const one = [await certificationFile({ records: 10 * each })];
  const ten: BenchFile[] = [];
  for (let i = 0; i < 10; i += 1) ten.push(await certificationFile({ records: each, seed: 100 + i }));
  const common = { stage, target: TARGETS.certification, parallelism: PARALLELISM, room: ROOM };
  return {
    title: `One upload against ten of ${each.toLocaleString('en')} records each, two pods at a time`,
    records: 10 * each,
    bytes: one[0]!.bytes,
    baseline: 'one upload',
    contestants: [
      createRunner({ ...common, name: 'one upload', files: one }),
      createRunner({ ...common, name: 'ten uploads at once', files: ten }),
    ],
  };
}
