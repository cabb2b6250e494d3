/** Runs one part: the contestants take turns, and medians are set beside their targets. */
import type { PartResult } from './format.ts';
import { runInterleaved, summarise } from './harness.ts';
import { describeMachine } from './machine.ts';
import type { PartOptions } from './parts/part.ts';
import { type PartName, preparePart } from './parts.ts';
import type { Stage } from './stage.ts';
import { compareWithGoals } from './targets.ts';

/** @throws when a run of ours has other counts than the generator, or another contestant has other rows than ours. */
export async function runPart(
  name: PartName,
  stage: Stage,
  options: PartOptions & { runs: number },
): Promise<PartResult> {
  const { say } = options;
  // A second run tells nothing more where nothing is compared.
  const runs = name === 'memory' ? 1 : options.runs;
  const { title, records, bytes, baseline, contestants } = await preparePart(name, stage, options);
  const samples = await runInterleaved(contestants, {
    runs,
    onSample: (contestant, run, { seconds }) => say(`  ${run}/${runs}  ${contestant}: ${seconds.toFixed(1)} s`),
  });
  const rows = summarise(samples, baseline);
  return {
    part: name === 'memory' ? `memory-${records}` : name,
    title,
    records,
    bytes,
    runs,
    date: new Date().toISOString(),
    machine: await describeMachine(stage),
    baseline,
    rows,
    goals: compareWithGoals(name, rows),
  };
}
