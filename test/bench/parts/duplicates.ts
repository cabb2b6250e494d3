/** Measures what duplicates cost. In the file half of them repeat a record near by, and half repeat a record anywhere before. */
import { copyFile } from '../contestants/copy.ts';
import { createRunner } from '../contestants/runner.ts';
import { certificationFile } from '../files.ts';
import { keepGoodRows } from '../good-rows.ts';
import type { Contestant } from '../harness.ts';
import { DUPLICATES_IN_TABLE, NO_DUPLICATES, nameOfDuplicates } from '../names.ts';
import type { Stage } from '../stage.ts';
import { type BenchTarget, certificationsBy, certificationsInText, TARGETS } from '../tables.ts';
import { PARALLELISM, type Part, type PartOptions } from './part.ts';

const SHARES = [0.0001, 0.001, 0.01, 0.1] as const;

/** Skip, in COPY's binary format. */
export async function prepareDuplicates(stage: Stage, { records }: PartOptions): Promise<Part> {
  const target = TARGETS.certification;
  const file = await certificationFile({ records });
  const [tenth] = await keepGoodRows(stage, target, { file, pieces: [{ which: 'tenth' }] });
  const common = { stage, target, parallelism: PARALLELISM };
  const contestants = [createRunner({ ...common, name: NO_DUPLICATES, files: [file] })];
  for (const duplicates of SHARES) {
    const files = [await certificationFile({ records, duplicates })];
    contestants.push(createRunner({ ...common, name: nameOfDuplicates(duplicates), files }));
  }
  const preload = async (url: string) => {
    await copyFile(url, target, tenth!);
    return tenth!.rows;
  };
  contestants.push(createRunner({ ...common, name: DUPLICATES_IN_TABLE, files: [file], preload }));
  return {
    title: `Duplicates: certification table, Skip, parallelism ${PARALLELISM}`,
    records,
    bytes: file.bytes,
    baseline: NO_DUPLICATES,
    contestants,
  };
}

/** The other policies, and Skip in COPY's text format. Each of them is compared with itself without duplicates. */
export async function preparePolicies(stage: Stage, { records }: PartOptions): Promise<Part> {
  const kinds: [name: string, target: BenchTarget][] = [
    ['Update', certificationsBy('Update')],
    ['Fail', certificationsBy('Fail')],
    ['Skip, text format', certificationsInText()],
  ];
  const contestants: Contestant[] = [];
  for (const [kind, target] of kinds) {
    for (const duplicates of [0, 0.001, 0.01, 0.1]) {
      const files = [await certificationFile({ records, duplicates })];
      const name = `${kind}: ${duplicates === 0 ? NO_DUPLICATES : nameOfDuplicates(duplicates)}`;
      const against = `${kind}: ${NO_DUPLICATES}`;
      contestants.push(createRunner({ stage, target, parallelism: PARALLELISM, name, files, against }));
    }
  }
  return {
    title: `Duplicates by policy and format of COPY: certification table, parallelism ${PARALLELISM}`,
    records,
    bytes: (await certificationFile({ records })).bytes,
    baseline: `the same with ${NO_DUPLICATES}`,
    contestants,
  };
}
