/**
 * A benchmark has contestants, and each contestant gives one sample a run. The contestants take turns (A B C A B C), so
 * that whatever the machine does meanwhile falls on all of them. Results are medians. Everything but the contestants is
 * pure.
 */
import type { Cost } from './cost.ts';

/** One timed run of one contestant. */
export interface Sample {
  seconds: number;
  /** User and system time of the processes that were started for the run. */
  cpuSeconds: number;
  /** User and system time of the PostgreSQL server during the run; null for a contestant without a server. */
  serverCpuSeconds: number | null;
  /** Wall time until the plan process had ended; absent when the plan process also loaded. */
  planSeconds?: number;
  /** Peak resident memory of each process in bytes; absent for a contestant that does not report it. */
  peakBytes?: number[];
  /** Absent where only time, CPU and memory are measured. */
  cost?: Cost;
}

export interface Contestant {
  name: string;
  /** Records or rows of one run, from which the rate is computed. */
  records: number;
  /** Name of the contestant that this one is compared with; default: the part's baseline. */
  against?: string;
  run(): Promise<Sample>;
}

export interface Spread {
  median: number;
  min: number;
  max: number;
}

/** All runs of one contestant, summarised in one line. */
export interface Row {
  name: string;
  records: number;
  seconds: Spread;
  recordsPerSecond: number;
  /** The median of how many times as fast as the baseline each run was; null without a baseline. */
  ratio: number | null;
  cpuSeconds: number;
  serverCpuSeconds: number | null;
  /** The plan's share of the wall time; null for a contestant without a plan of its own. */
  planShare: number | null;
  /** Peak memory of the largest process of all runs. */
  peakBytes: number | null;
  /** The medians of all runs; null where only time, CPU and memory were measured. */
  cost: Cost | null;
}

export async function runInterleaved(
  contestants: readonly Contestant[],
  { runs, onSample }: { runs: number; onSample: (name: string, run: number, sample: Sample) => void },
): Promise<Map<Contestant, Sample[]>> {
  const samples = new Map<Contestant, Sample[]>(contestants.map((each) => [each, []]));
  for (let run = 1; run <= runs; run += 1) {
    for (const [contestant, own] of samples) {
      const sample = await contestant.run();
      own.push(sample);
      onSample(contestant.name, run, sample);
    }
  }
  return samples;
}

/** `baseline` names the contestant that the others are compared with, run by run of the same repetition. */
export function summarise(samples: ReadonlyMap<Contestant, readonly Sample[]>, baseline: string | null): Row[] {
  const samplesOf = (wanted: string | null) => [...samples].find(([{ name }]) => name === wanted)?.[1];
  return [...samples].map(([{ name, records, against }, own]) => {
    const base = samplesOf(against ?? baseline);
    const seconds = spread(own.map((sample) => sample.seconds));
    const peaks = own.flatMap((sample) => sample.peakBytes ?? []);
    const server = own.flatMap((sample) => sample.serverCpuSeconds ?? []);
    const shares = own.flatMap((sample) =>
      sample.planSeconds === undefined ? [] : sample.planSeconds / sample.seconds,
    );
    return {
      name,
      records,
      seconds,
      recordsPerSecond: Math.round(records / seconds.median),
      ratio: base ? median(own.map((sample, i) => base[i]!.seconds / sample.seconds)) : null,
      cpuSeconds: median(own.map((sample) => sample.cpuSeconds)),
      serverCpuSeconds: server.length > 0 ? median(server) : null,
      planShare: shares.length > 0 ? median(shares) : null,
      peakBytes: peaks.length > 0 ? Math.max(...peaks) : null,
      cost: medianOfEach(own.flatMap(({ cost }) => cost ?? [])),
    };
  });
}

function spread(values: readonly number[]): Spread {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/** The median of each figure; null without any cost. */
function medianOfEach(costs: readonly Cost[]): Cost | null {
  if (costs.length === 0) return null;
  const figures = Object.keys(costs[0]!) as (keyof Cost)[];
  return Object.fromEntries(figures.map((name) => [name, median(costs.map((cost) => cost[name]))])) as unknown as Cost;
}

/** The median of an even number of values is the mean of the middle two. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new Error('the median of nothing');
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
