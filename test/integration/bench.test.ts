/** A small `make bench` works, and the counts that it compares are right. Its times mean nothing. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createRunner } from '../bench/contestants/runner.ts';
import { certificationFile } from '../bench/files.ts';
import { formatText, type PartResult } from '../bench/format.ts';
import { runPart } from '../bench/run.ts';
import { type Stage, startStage } from '../bench/stage.ts';
import { certificationsBy, TARGETS } from '../bench/tables.ts';

/** The contestants that need nothing but what is there for other tests. */
const others = ['copy-2', 'copy-binary-2', 'csv-parse'] as const;

let stage: Stage;
beforeAll(async () => {
  stage = await startStage();
});
afterAll(() => stage[Symbol.asyncDispose]());

it.each([
  [
    'flat',
    [
      'ours, parallelism 1',
      'ours, parallelism 2',
      'ours, parallelism 4',
      'ours, 2 pods of one session',
      'batch-upload load, 1 session',
      'batch-upload load, 2 sessions',
      '\\copy',
      '\\copy, 2 sessions, file split before, not atomic',
      'COPY BINARY, 2 sessions, files made before, not atomic',
      'csv-parse, reading only',
    ],
  ],
  ['small-uploads', ['one upload', 'ten uploads at once']],
  [
    'duplicates',
    ['none', '0.01 % in the file', '0.1 % in the file', '1 % in the file', '10 % in the file', '10 % in the table'],
  ],
  [
    'duplicates-policies',
    ['Update', 'Fail', 'Skip, text format'].flatMap((kind) =>
      ['none', '0.1 % in the file', '1 % in the file', '10 % in the file'].map((share) => `${kind}: ${share}`),
    ),
  ],
  [
    'refusals',
    [
      'foreign key, none refused',
      '1 % refused by a foreign key',
      '10 % refused by a foreign key',
      'check, none refused',
      '1 % refused by a check',
    ],
  ],
  [
    'cost',
    ['flat', 'certification'].flatMap((table) =>
      ['ours, parallelism 1', 'ours, parallelism 2', '\\copy'].map((name) => `${table}: ${name}`),
    ),
  ],
] as const)('%s', { timeout: 180_000 }, async (part, contestants) => {
  const result = await runPart(part, stage, { records: 5000, runs: 1, others, say: () => undefined });
  expect(result.rows.map(({ name }) => name)).toEqual(contestants);
  for (const row of result.rows) {
    expect(row.cpuSeconds).toBeGreaterThan(0);
    if (/^(?:ours|batch-upload)/.test(row.name)) expect(row.peakBytes).toBeGreaterThan(10e6);
    expect(formatText(result)).toContain(row.name);
  }
  if (part === 'cost') expectCosts(result);
  expect(result.machine.settings).toMatchObject({ fsync: 'on', synchronous_commit: 'on', full_page_writes: 'on' });
});

/** Every contestant stores the same rows, so that none can do with less than the rows themselves. */
function expectCosts({ rows }: PartResult): void {
  for (const { name, cost } of rows) {
    expect(cost, name).not.toBeNull();
    const { walBytes, walSyncs, writtenBytes, transactions, roundTrips } = cost!;
    expect(Math.min(walBytes, writtenBytes), name).toBeGreaterThan(5e5);
    expect(Math.min(walSyncs, transactions, roundTrips), name).toBeGreaterThan(0);
    expect(roundTrips, name).toBeLessThan(5000);
  }
}

it('a run whose counts are not the generator’s is no result', async () => {
  const file = await certificationFile({ records: 1000, seed: 2 });
  const { succeeded, failed } = file.counts;
  const counts = { ...file.counts, succeeded: succeeded - 1, failed: failed + 1 };
  const wrong = createRunner({
    stage,
    name: 'wrong',
    target: TARGETS.flat,
    files: [{ ...file, counts }],
    parallelism: 1,
  });
  await expect(wrong.run()).rejects.toThrow('the counts are');
});

it('a run that has stored the wrong one of two records with equal keys is no result', async () => {
  const { rowSums, ...file } = await certificationFile({ records: 1000, duplicates: 0.1, seed: 3 });
  const swapped = { ...file, rowSums: { first: rowSums.last, last: rowSums.first } };
  for (const policy of ['Skip', 'Update'] as const) {
    const options = { stage, name: policy, target: certificationsBy(policy), parallelism: 1 };
    await createRunner({ ...options, files: [{ ...file, rowSums }] }).run();
    await expect(createRunner({ ...options, files: [swapped] }).run(), policy).rejects.toThrow('the counts are');
  }
});
