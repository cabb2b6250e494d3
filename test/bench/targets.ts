/** The targets stand beside what was measured. No target fails a run: a benchmark prints numbers. */
import type { Row } from './harness.ts';
import type { PartName } from './parts.ts';

export interface Goal {
  figure: string;
  goal: string;
  measured: string;
}

const times = (value: number | null | undefined) => (value ? `${value.toFixed(2)} ×` : undefined);
const percent = (value: number | null | undefined) => (value ? `${(value * 100).toFixed(1)} %` : undefined);
const two = (rows: readonly Row[]) => find(rows, 'ours, 2 processes');

/** @returns only the targets for which this run has a figure */
export function compareWithGoals(part: PartName, rows: readonly Row[]): Goal[] {
  return goalsOf(part, rows).flatMap(({ measured, ...goal }) => (measured ? [{ ...goal, measured }] : []));
}

function goalsOf(part: PartName, rows: readonly Row[]): (Omit<Goal, 'measured'> & { measured: string | undefined })[] {
  switch (part) {
    case 'certification':
      return [
        { figure: '2 processes against \\copy', goal: '≥ 1.3 ×, aim for 1.6 ×', measured: times(two(rows)?.ratio) },
        { figure: 'share of the plan, 2 processes', goal: '≤ 5 %', measured: percent(two(rows)?.planShare) },
      ];
    case 'flat':
      return [
        { figure: '2 processes against \\copy', goal: '≥ 1.0 ×, aim for 1.2 ×', measured: times(two(rows)?.ratio) },
        { figure: '2 processes against pgloader', goal: '≥ 8 ×, aim for 10 ×', measured: againstPgloader(rows) },
        { figure: 'share of the plan, 2 processes', goal: '≤ 10 %', measured: percent(two(rows)?.planShare) },
      ];
    case 'uploads':
      return [
        {
          figure: 'ten uploads against one',
          goal: '≥ 0.9 ×',
          measured: times(find(rows, 'ten uploads at once')?.ratio),
        },
      ];
    case 'small-uploads':
      return [];
    case 'duplicates':
      return [
        {
          figure: 'with against without',
          goal: '≥ 0.5 ×',
          measured: times(find(rows, 'every tenth a duplicate')?.ratio),
        },
      ];
    case 'memory':
      return rows.map(({ name, peakBytes }) => ({
        figure: `peak memory, ${name}`,
        goal: '≤ 200 MB',
        measured: peakBytes === null ? undefined : `${Math.round(peakBytes / 1e6)} MB`,
      }));
    default:
      throw new Error(part satisfies never);
  }
}

/** Ours and pgloader both have a ratio to `\copy`, and the quotient of the ratios compares them. */
function againstPgloader(rows: readonly Row[]): string | undefined {
  const ours = two(rows)?.ratio;
  const pgloader = find(rows, 'pgloader')?.ratio;
  return ours && pgloader ? times(ours / pgloader) : undefined;
}

function find(rows: readonly Row[], name: string): Row | undefined {
  return rows.find((row) => row.name === name);
}
