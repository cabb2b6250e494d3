/** A small `make bench` works, and the counts that it compares are right. Its times mean nothing. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createRunner } from '../bench/contestants/runner.ts';
import { certificationFile } from '../bench/files.ts';
import { formatText } from '../bench/format.ts';
import { runPart } from '../bench/run.ts';
import { type Stage, startStage, TARGETS } from '../bench/stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await startStage();
});
afterAll(() => stage[Symbol.asyncDispose]());

it.each([
  [
    'flat',
    [
      'ours, 1 process',
      'ours, 2 processes',
      'ours, 4 processes',
      'batch-upload load, 1 session',
      'batch-upload load, 2 sessions',
      '\\copy',
      'csv-parse, reading only',
    ],
  ],
  ['small-uploads', ['one upload', 'ten uploads at once']],
  ['duplicates', ['without duplicates', 'every tenth a duplicate']],
] as const)('%s', { timeout: 180_000 }, async (part, contestants) => {
  const result = await runPart(part, stage, { records: 20_000, runs: 1, pgloader: false, say: () => undefined });
  expect(result.rows.map(({ name }) => name)).toEqual(contestants);
  for (const row of result.rows) {
    expect(row.cpuSeconds).toBeGreaterThan(0);
    if (/^(?:ours|batch-upload)/.test(row.name)) expect(row.peakBytes).toBeGreaterThan(10e6);
    expect(formatText(result)).toContain(row.name);
  }
  expect(result.machine.settings).toMatchObject({ fsync: 'on', synchronous_commit: 'on', full_page_writes: 'on' });
});

it('a run whose counts are not the generator’s is no result', async () => {
  const file = await certificationFile({ records: 1000, seed: 2 });
  const { succeeded, failed } = file.counts;
  const counts = { ...file.counts, succeeded: succeeded - 1, failed: failed + 1 };
  const wrong = createRunner({ stage, name: 'wrong', target: TARGETS.flat, files: [{ ...file, counts }], slots: 1 });
  await expect(wrong.run()).rejects.toThrow('the counts are');
});
