/** The targets stand beside what was measured. No target fails a run: a benchmark prints numbers. */
import type { Row } from './harness.ts';
import { DUPLICATES_IN_TABLE, NOT_ATOMIC, nameOfDuplicates, nameOfRefusals, PGLOADER, READING_ONLY } from './names.ts';
import type { PartName } from './parts.ts';

export interface Goal {
  figure: string;
  goal: string;
  measured: string;
}

type Found = Omit<Goal, 'measured'> & { measured: string | undefined };

const times = (value: number | null | undefined) => (value ? `${value.toFixed(2)} ×` : undefined);
const percent = (value: number | null | undefined) => (value ? `${(value * 100).toFixed(1)} %` : undefined);
const two = (rows: readonly Row[]) => find(rows, 'ours, parallelism 2');

/** @returns only the targets for which this run has a figure */
export function compareWithGoals(part: PartName, rows: readonly Row[]): Goal[] {
  return goalsOf(part, rows).flatMap(({ measured, ...goal }) => (measured ? [{ ...goal, measured }] : []));
}

function goalsOf(part: PartName, rows: readonly Row[]): Found[] {
  const pods = rows.filter(({ name }) => name.startsWith('ours, '));
  switch (part) {
    case 'certification':
      return [
        { figure: 'parallelism 2 against \\copy', goal: '≥ 2.3 ×', measured: times(two(rows)?.ratio) },
        planShare(rows, '≤ 5 %'),
        peak('the largest pod', pods),
      ];
    case 'flat':
      return [...flatGoals(rows), planShare(rows, '≤ 10 %'), peak('the largest pod', pods)];
    case 'uploads':
      return [tenAgainstOne(rows, '≥ 0.9 ×')];
    case 'small-uploads':
      return [tenAgainstOne(rows, '≥ 0.95 ×')];
    case 'duplicates':
      return [
        against(rows, nameOfDuplicates(0.0001), '≥ 0.95 ×, aim for 0.98 ×'),
        against(rows, nameOfDuplicates(0.001), '≥ 0.90 ×, aim for 0.95 ×'),
        against(rows, nameOfDuplicates(0.01), '≥ 0.75 ×, aim for 0.85 ×'),
        against(rows, nameOfDuplicates(0.1), '≥ 0.70 ×, aim for 0.80 ×'),
        against(rows, DUPLICATES_IN_TABLE, '≥ 0.70 ×, aim for 0.80 ×'),
        peak('the largest pod', rows),
      ];
    case 'duplicates-policies':
      return [peak('the largest pod', rows)];
    case 'refusals':
      return [against(rows, nameOfRefusals('foreign key', 0.01), '≥ 0.7 ×'), peak('the largest pod', rows)];
    case 'cost':
      return [];
    case 'memory':
      return rows.map((row) => peak(row.name, [row]));
    default:
      throw new Error(part satisfies never);
  }
}

/** The largest number of seconds that a million records may take of the client's processor. */
const CLIENT_CPU = '≤ 1.5 s';
/** Machines differ, so that the client's time is also set beside the time that PostgreSQL takes for the same rows. */
const CLIENT_CPU_SHARE = '≤ 40 %';
const MILLION = 1_000_000;

function flatGoals(rows: readonly Row[]): Found[] {
  const ours = two(rows);
  const copyCpu = find(rows, '\\copy')?.serverCpuSeconds;
  // The starts of processes outweigh the records of a small file.
  const clientCpu = ours && ours.records >= MILLION ? (ours.cpuSeconds / ours.records) * MILLION : undefined;
  return [
    { figure: 'parallelism 2 against \\copy', goal: '≥ 1.25 ×, aim for 1.35 ×', measured: times(ours?.ratio) },
    {
      figure: 'parallelism 2 against the fastest other loader that reads one file and is atomic',
      goal: '> 1 ×',
      measured: quotient(ours, fastest(rows.filter(isAtomicLoader))),
    },
    {
      figure: 'parallelism 2 against pgloader',
      goal: '≥ 8 ×, aim for 10 ×',
      measured: quotient(ours, find(rows, PGLOADER)),
    },
    {
      figure: 'CPU of the client for a million records, parallelism 2',
      goal: CLIENT_CPU,
      measured: clientCpu === undefined ? undefined : `${clientCpu.toFixed(1)} s`,
    },
    {
      figure: 'the same as a share of the CPU of the server for \\copy',
      goal: CLIENT_CPU_SHARE,
      measured: ours && clientCpu !== undefined && copyCpu ? percent(ours.cpuSeconds / copyCpu) : undefined,
    },
  ];
}

function isAtomicLoader({ name }: Row): boolean {
  return !/^(?:ours|batch-upload load), /.test(name) && !name.includes(NOT_ATOMIC) && !name.includes(READING_ONLY);
}

function fastest(rows: readonly Row[]): Row | undefined {
  return rows.toSorted((a, b) => (b.ratio ?? 0) - (a.ratio ?? 0))[0];
}

/** Both have a ratio to `\copy`, and the quotient of the ratios compares them. */
function quotient(ours: Row | undefined, other: Row | undefined): string | undefined {
  return ours?.ratio && other?.ratio ? times(ours.ratio / other.ratio) : undefined;
}

/** Only where process pods load the file does the plan have a time of its own. */
function planShare(rows: readonly Row[], goal: string): Found {
  const share = find(rows, 'ours, 2 pods of one session')?.planShare;
  return { figure: 'share of the plan, 2 pods of one session', goal, measured: percent(share) };
}

function tenAgainstOne(rows: readonly Row[], goal: string): Found {
  return { figure: 'ten uploads against one', goal, measured: times(find(rows, 'ten uploads at once')?.ratio) };
}

function against(rows: readonly Row[], name: string, goal: string): Found {
  return { figure: `${name}, against none`, goal, measured: times(find(rows, name)?.ratio) };
}

function peak(of: string, rows: readonly Row[]): Found {
  const bytes = Math.max(0, ...rows.map(({ peakBytes }) => peakBytes ?? 0));
  return {
    figure: `peak memory, ${of}`,
    goal: '≤ 200 MB',
    measured: bytes > 0 ? `${Math.round(bytes / 1e6)} MB` : undefined,
  };
}

function find(rows: readonly Row[], name: string): Row | undefined {
  return rows.find((row) => row.name === name);
}
