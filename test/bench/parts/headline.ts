/** Ours against other loaders, on one table. */
import { createCopy } from '../contestants/copy.ts';
import { createLoad } from '../contestants/load.ts';
import { createOthers, type OtherName } from '../contestants/others.ts';
import { createRunner } from '../contestants/runner.ts';
import { certificationFile } from '../files.ts';
import { keepGoodRows, type Piece } from '../good-rows.ts';
import type { Stage } from '../stage.ts';
import { type BenchTarget, TARGETS } from '../tables.ts';
import type { Part, PartOptions } from './part.ts';

/** The other loaders cannot build the JSON columns of the certification table. */
const OTHERS_WITH_JSON: readonly OtherName[] = ['copy-2'];

const TITLES: Record<BenchTarget['name'], string> = {
  certification: 'Certification table: two JSON columns, a generated key and a three-column key',
  flat: 'Flat table: 19 typed columns, a three-column key',
};

export async function prepareHeadline(
  stage: Stage,
  name: BenchTarget['name'],
  { records, others, say }: PartOptions,
): Promise<Part> {
  const target = TARGETS[name];
  const file = await certificationFile({ records });
  const hasIds = target.schema.target.columns.some(({ system }) => system === 'uuid');
  const pieces: Piece[] = [{ which: 'all' }, ...(hasIds ? [{ which: 'all' as const, ids: true }] : [])];
  const [good, withIds] = await keepGoodRows(stage, target, { file, pieces });
  const common = { stage, target, files: [file] };
  const contestants = [1, 2, 4].map((parallelism) =>
    createRunner({ ...common, name: `ours, parallelism ${parallelism}`, parallelism }),
  );
  contestants.push(
    createRunner({ ...common, name: 'ours, 2 pods of one session', parallelism: 2, podsOfOneSession: 2 }),
  );
  for (const sessions of [1, 2]) contestants.push(createLoad({ stage, target, file, sessions }));
  const copy = await createCopy({ stage, name: '\\copy', target, files: [good!] });
  contestants.push(copy);
  if (withIds) contestants.push(await createCopy({ stage, name: '\\copy, ids in the file', target, files: [withIds] }));
  const chosen = name === 'flat' ? others : others.filter((other) => OTHERS_WITH_JSON.includes(other));
  contestants.push(...(await createOthers({ stage, target, file, good: good!, chosen, say })));
  return { title: TITLES[name], records, bytes: file.bytes, baseline: copy.name, contestants };
}
