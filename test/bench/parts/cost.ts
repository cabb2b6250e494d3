/** Measures what a million records cost the client and the server, in one table for both target tables. */
import { createCopy } from '../contestants/copy.ts';
import { createRunner } from '../contestants/runner.ts';
import { countOnStage, withCost } from '../cost.ts';
import { type BenchFile, certificationFile } from '../files.ts';
import { type GoodRows, keepGoodRows } from '../good-rows.ts';
import type { Contestant } from '../harness.ts';
import type { Stage } from '../stage.ts';
import { type BenchTarget, TARGETS } from '../tables.ts';
import type { Part, PartOptions } from './part.ts';

export async function prepareCost(stage: Stage, { records }: PartOptions): Promise<Part> {
  const file = await certificationFile({ records });
  const contestants: Contestant[] = [];
  for (const target of [TARGETS.flat, TARGETS.certification]) {
    const [good] = await keepGoodRows(stage, target, { file, pieces: [{ which: 'all' }] });
    const create = (on: Stage) => createAll(on, target, { file, good: good! });
    const timed = await create(withCost(stage));
    for (const [i, contestant] of timed.entries()) {
      contestants.push(alsoCountingRoundTrips(stage, contestant, async (on) => (await create(on))[i]!));
    }
  }
  return {
    title: 'What a million records cost the client and the server',
    records,
    bytes: file.bytes,
    baseline: null,
    contestants,
  };
}

async function createAll(
  stage: Stage,
  target: BenchTarget,
  { file, good }: { file: BenchFile; good: GoodRows },
): Promise<Contestant[]> {
  const ours = [1, 2].map((parallelism) =>
    createRunner({
      stage,
      name: `${target.name}: ours, parallelism ${parallelism}`,
      target,
      files: [file],
      parallelism,
    }),
  );
  return [...ours, await createCopy({ stage, name: `${target.name}: \\copy`, target, files: [good] })];
}

/** The proxy that counts round trips takes processor time, so that a second load goes through it. */
function alsoCountingRoundTrips(
  stage: Stage,
  contestant: Contestant,
  createOn: (stage: Stage) => Promise<Contestant>,
): Contestant {
  return {
    ...contestant,
    async run() {
      const sample = await contestant.run();
      const roundTrips = await countOnStage(stage, async (counting) => (await createOn(counting)).run());
      return { ...sample, cost: { ...sample.cost!, roundTrips } };
    },
  };
}
