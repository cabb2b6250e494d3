import { describe, expect, it } from 'vitest';
import { formatMarkdown, formatText, type PartResult, replaceBetweenMarkers } from '../../bench/format.ts';
import { type Contestant, median, type Row, runInterleaved, type Sample, summarise } from '../../bench/harness.ts';
import { compareWithGoals } from '../../bench/targets.ts';

/** A contestant whose runs take these seconds. */
function contestant(name: string, seconds: number[], more: Partial<Sample> = {}, trace: string[] = []): Contestant {
  const left = [...seconds];
  return {
    name,
    records: 1000,
    async run() {
      trace.push(name);
      return { seconds: left.shift()!, cpuSeconds: 1, serverCpuSeconds: 2, ...more };
    },
  };
}

const measure = async (contestants: Contestant[], runs: number, baseline: string | null) =>
  summarise(await runInterleaved(contestants, { runs, onSample: () => undefined }), baseline);

describe('contestants', () => {
  it('take turns', async () => {
    const trace: string[] = [];
    await measure([contestant('a', [1, 1], {}, trace), contestant('b', [1, 1], {}, trace)], 2, null);
    expect(trace).toEqual(['a', 'b', 'a', 'b']);
  });

  it('are compared within a turn: the median of ratios, not the ratio of medians', async () => {
    const rows = await measure([contestant('ours', [1, 10, 100]), contestant('copy', [3, 20, 1000])], 3, 'copy');
    expect(rows.map(({ ratio }) => ratio)).toEqual([3, 1]);
    expect(rows[0]).toMatchObject({ seconds: { median: 10, min: 1, max: 100 }, recordsPerSecond: 100 });
  });

  it('have the peak of their largest process and the median share of the plan', async () => {
    const [with_, without] = await measure(
      [contestant('a', [10], { planSeconds: 1, peakBytes: [5, 9, 7] }), contestant('b', [1])],
      1,
      null,
    );
    expect(with_).toMatchObject({ planShare: 0.1, peakBytes: 9, ratio: null });
    expect(without).toMatchObject({ planShare: null, peakBytes: null });
  });
});

it.each([
  [[3], 3],
  [[4, 1, 9], 4],
  [[4, 1, 9, 5], 4.5],
])('the median of %j is %d', (values, expected) => {
  expect(median(values)).toBe(expected);
});

const row = (name: string, ratio: number | null, more: Partial<Row> = {}): Row => ({
  name,
  records: 1000,
  seconds: { median: 2, min: 1, max: 3 },
  recordsPerSecond: 500,
  ratio,
  cpuSeconds: 1,
  serverCpuSeconds: null,
  planShare: null,
  peakBytes: null,
  ...more,
});

describe('goals', () => {
  it('of the flat table: pgloader is compared by way of \\copy', () => {
    const rows = [row('ours, 2 processes', 1.2, { planShare: 0.08 }), row('\\copy', 1), row('pgloader', 0.1)];
    expect(compareWithGoals('flat', rows).map(({ measured }) => measured)).toEqual(['1.20 ×', '12.00 ×', '8.0 %']);
  });

  it('that the run cannot tell are left out', () => {
    expect(compareWithGoals('flat', [row('ours, 2 processes', 1.2), row('\\copy', 1)])).toHaveLength(1);
  });
});

const result: PartResult = {
  part: 'flat',
  title: 'Flat',
  records: 1000,
  bytes: 2_000_000,
  runs: 3,
  date: '2026-01-02T03:04:05Z',
  machine: { cores: 2, model: 'M', memoryGB: 4, versions: { Node: '24' }, settings: { fsync: 'on' } },
  baseline: '\\copy',
  rows: [row('ours, 2 processes', 1.25, { peakBytes: 90e6 }), row('\\copy', 1)],
  goals: [{ figure: 'f', goal: '≥ 1', measured: '1.25 ×' }],
};

describe('tables', () => {
  it('for a terminal have the same columns as in Markdown', () => {
    const cells = (line: string) => line.split(/ {2,}| \| |\| | \|/).filter(Boolean);
    const text = formatText(result).split('\n');
    const markdown = formatMarkdown([result]).split('\n');
    for (const name of ['ours, 2 processes', '\\copy', 'f ']) {
      const [a, b] = [
        text.find((line) => line.startsWith(`  ${name}`))!,
        markdown.find((line) => line.startsWith(`| ${name}`))!,
      ];
      expect(cells(a)).toEqual(cells(b));
    }
    expect(markdown).toContain('| ours, 2 processes | 2.0 s | 1.0 to 3.0 | 500 | 1.25 | 1.0 s |  |  | 90 MB |');
    expect(text.join('\n')).toContain('1,000 records, 2 MB; medians of 3 runs, 2026-01-02.');
  });

  it('take the place of what was between the markers, and of nothing else', () => {
    const document = 'before\n<!-- make bench writes from here -->\n\nold\n\n<!-- to here -->\nafter\n';
    const once = replaceBetweenMarkers(document, 'new');
    expect(once).toBe(document.replace('old', 'new'));
    expect(replaceBetweenMarkers(once, 'old')).toBe(document);
    expect(() => replaceBetweenMarkers('no markers', 'x')).toThrow('missing');
  });
});
