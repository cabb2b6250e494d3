/** README says of our speed what the last run of `make bench` has measured, and in words that the figures bear. */
import { expect, it } from 'vitest';
import { readProjectFile } from './markdown.ts';

interface Part {
  part: string;
  records: number;
  baseline: string;
  rows: { name: string; ratio: number }[];
}

const parts = JSON.parse(readProjectFile('test/bench/results/latest.json')) as Part[];
const readme = readProjectFile('README.md').replace(/\s+/g, ' ');
const [, fast = ''] = /3\. \*\*Fast\.\*\* (.*?) 4\. /.exec(readme) ?? [];

const OURS = 'ours, parallelism 2';

function measured(name: string): number {
  const { rows, baseline } = parts.find(({ part, records }) => part === name && records === 1_000_000)!;
  expect(baseline).toBe('\\copy');
  return rows.find(({ name }) => name === OURS)!.ratio;
}

/** Runs on one machine differ by some percent, so that a ratio near 1 says neither faster nor slower. */
function describeRatio(ratio: number): string {
  const times = `${ratio.toFixed(2)} times`;
  if (Math.abs(ratio - 1) <= 0.1) return `about as fast (${times})`;
  return ratio > 1 ? `${times} as fast` : `${times} as fast, so slower,`;
}

it.each([
  ['certification', 'into a table with JSON columns'],
  ['flat', 'into a flat one'],
])('README has the ratio of the part %s', (part, table) => {
  const text = describeRatio(measured(part));
  // Nothing but the name of the other contestant stands between the figure and the table.
  const between = fast.split(text)[1]?.split(table)[0];
  expect(between, `README.md should say "${text} … ${table}", as test/bench/results/latest.json has it`).toMatch(
    /^( as PostgreSQL's own `\\copy`)? ?$/,
  );
});

it('docs/bench.md has the same ratios', () => {
  for (const part of ['certification', 'flat']) {
    const row = new RegExp(`^\\| ${OURS} \\|.*\\| ${measured(part).toFixed(2)} \\|`, 'm');
    expect(readProjectFile('docs/bench.md')).toMatch(row);
  }
});

it('README has no other ratio', () => {
  expect(fast.match(/[\d.]+ times/g)).toEqual(
    ['certification', 'flat'].map((part) => `${measured(part).toFixed(2)} times`),
  );
});
