/** Measures what records cost that the table refuses. A table with a constraint is compared with itself without refusals. */
import { createRunner } from '../contestants/runner.ts';
import { certificationFile } from '../files.ts';
import type { Contestant } from '../harness.ts';
import { nameOfRefusals } from '../names.ts';
import type { Stage } from '../stage.ts';
import { flatThatRefuses } from '../tables.ts';
import { PARALLELISM, type Part, type PartOptions } from './part.ts';

const CASES = [
  ['foreign key', [0, 0.01, 0.1]],
  ['check', [0, 0.01]],
] as const;

export async function prepareRefusals(stage: Stage, { records }: PartOptions): Promise<Part> {
  const contestants: Contestant[] = [];
  for (const [by, shares] of CASES) {
    const target = flatThatRefuses(by);
    for (const refused of shares) {
      const files = [await certificationFile({ records, refused })];
      const [name, against] = [nameOfRefusals(by, refused), nameOfRefusals(by, 0)];
      contestants.push(createRunner({ stage, target, parallelism: PARALLELISM, name, files, against }));
    }
  }
  return {
    title: `Records that the table refuses: flat table, parallelism ${PARALLELISM}`,
    records,
    bytes: (await certificationFile({ records })).bytes,
    baseline: 'the same with none refused',
    contestants,
  };
}
