import { describe, expect, it } from 'vitest';
import type { Cost } from '../../bench/cost.ts';
import { formatMarkdown, formatText, type PartResult, replaceBetweenMarkers } from '../../bench/format.ts';
import { type Contestant, median, type Row, runInterleaved, type Sample, summarise } from '../../bench/harness.ts';
import { DUPLICATES_IN_TABLE, nameOfDuplicates } from '../../bench/names.ts';
import { expectOutcome } from '../../bench/outcome.ts';
import type { PartName } from '../../bench/parts.ts';
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
  cost: null,
  ...more,
});

describe('goals', () => {
  const measuredOf = (part: PartName, rows: Row[]) =>
    Object.fromEntries(compareWithGoals(part, rows).map(({ figure, measured }) => [figure, measured]));

  it('of the flat table: other loaders are compared by way of \\copy, and only those that do the same', () => {
    const measured = measuredOf('flat', [
      row('ours, parallelism 2', 1.2, { records: 2e6, cpuSeconds: 3 }),
      row('ours, 2 pods of one session', 1.1, { planShare: 0.08 }),
      row('batch-upload load, 2 sessions', 1.3),
      row('\\copy', 1, { serverCpuSeconds: 10 }),
      row('\\copy, 2 sessions, file split before, not atomic', 1.5),
      row('pgloader, not atomic', 0.1),
      row('Go, pgx CopyFrom', 1.1),
      row('csv-parse, reading only', 9),
    ]);
    expect(measured).toEqual({
      'parallelism 2 against \\copy': '1.20 ×',
      'parallelism 2 against the fastest other loader that reads one file and is atomic': '1.09 ×',
      'parallelism 2 against pgloader': '12.00 ×',
      'CPU of the client for a million records, parallelism 2': '1.5 s',
      'the same as a share of the CPU of the server for \\copy': '30.0 %',
      'share of the plan, 2 pods of one session': '8.0 %',
    });
  });

  it('that the run cannot tell are left out, as the CPU of a few records', () => {
    const rows = [row('ours, parallelism 2', 1.2, { peakBytes: 150e6 }), row('\\copy', 1, { serverCpuSeconds: 10 })];
    expect(measuredOf('flat', rows)).toEqual({
      'parallelism 2 against \\copy': '1.20 ×',
      'parallelism 2 against the fastest other loader that reads one file and is atomic': '1.20 ×',
      'peak memory, the largest pod': '150 MB',
    });
  });

  it('of duplicates and refusals find their rows by the names of the parts', () => {
    const duplicates = [0.0001, 0.001, 0.01, 0.1].map((share, i) => row(nameOfDuplicates(share), 0.9 - i / 10));
    expect(Object.values(measuredOf('duplicates', [...duplicates, row(DUPLICATES_IN_TABLE, 0.5)]))).toEqual([
      '0.90 ×',
      '0.80 ×',
      '0.70 ×',
      '0.60 ×',
      '0.50 ×',
    ]);
    expect(measuredOf('refusals', [row('1 % refused by a foreign key', 0.7)])).toEqual({
      '1 % refused by a foreign key, against none': '0.70 ×',
    });
  });
});

describe('what a load must leave', () => {
  const file = {
    counts: { records: 100, succeeded: 80, failed: 12, duplicate: 8, codes: {} },
    rowSums: { first: 1000, last: 1100 },
  };
  const base = { processed: 100, failed: 12, updated: 0, rows: 80 };

  it.each([
    ['Skip', 0, { ...base, succeeded: 80, duplicate: 8, owned: 80, rowSum: 1000 }],
    ['Skip', 30, { ...base, succeeded: 50, duplicate: 38, owned: 50, rowSum: 1000 }],
    ['Update', 0, { ...base, succeeded: 80, duplicate: 8, owned: 80, rowSum: 1100 }],
    ['Update', 30, { ...base, succeeded: 80, duplicate: 8, updated: 30, owned: 80, rowSum: 1100 }],
    ['Fail', 0, { ...base, succeeded: 80, failed: 20, duplicate: 0, owned: 80, rowSum: 1000 }],
    ['Fail', 30, { ...base, succeeded: 50, failed: 50, duplicate: 0, owned: 50, rowSum: 1000 }],
  ] as const)('by %s into a table with %d of the keys', (policy, preloaded, expected) => {
    const stored = { owned: 0, rowSum: 0 };
    expect(expectOutcome([file], { policy, preloaded, stored })).toEqual(expected);
  });

  it('by two files is the sum of both, and says nothing about columns that the table does not have', () => {
    const stored = { owned: null, rowSum: null };
    const outcome = expectOutcome([file, file], { policy: 'Skip', preloaded: 0, stored });
    expect(outcome).toMatchObject({ processed: 200, rows: 160, duplicate: 16, owned: null, rowSum: null });
  });
});

describe('a contestant with a baseline of its own', () => {
  it('is compared with that one', async () => {
    const contestants = [
      contestant('a: none', [1]),
      { ...contestant('a: some', [2]), against: 'a: none' },
      contestant('b: none', [3]),
      { ...contestant('b: some', [4]), against: 'b: none' },
    ];
    const rows = await measure(contestants, 1, 'the same with none');
    expect(rows.map(({ ratio }) => ratio)).toEqual([null, 0.5, null, 0.75]);
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
  rows: [row('ours, parallelism 2', 1.25, { peakBytes: 90e6 }), row('\\copy', 1)],
  goals: [{ figure: 'f', goal: '≥ 1', measured: '1.25 ×' }],
};

describe('tables', () => {
  it('for a terminal have the same columns as in Markdown', () => {
    const cells = (line: string) => line.split(/ {2,}| \| |\| | \|/).filter(Boolean);
    const text = formatText(result).split('\n');
    const markdown = formatMarkdown([result]).split('\n');
    for (const name of ['ours, parallelism 2', '\\copy', 'f ']) {
      const [a, b] = [
        text.find((line) => line.startsWith(`  ${name}`))!,
        markdown.find((line) => line.startsWith(`| ${name}`))!,
      ];
      expect(cells(a)).toEqual(cells(b));
    }
    expect(markdown).toContain('| ours, parallelism 2 | 2.0 s | 1.0 to 3.0 | 500 | 1.25 | 1.0 s |  |  | 90 MB |');
    expect(text.join('\n')).toContain('1,000 records, 2 MB; medians of 3 runs, 2026-01-02.');
  });

  it('of costs are for a million records each', async () => {
    const cost: Cost = {
      walBytes: 3e6,
      walSyncs: 4,
      bufferHits: 5000,
      readBytes: 0,
      extendedBytes: 1e6,
      writtenBytes: 2e6,
      transactions: 7,
      roundTrips: 8,
      lockWaits: 0.1,
      diskWaits: 0.2,
      clientWaits: 0.3,
    };
    const runs = [cost, { ...cost, walSyncs: 100 }, { ...cost, walSyncs: 5 }];
    const samples = runs.map((each) => ({ seconds: 2, cpuSeconds: 1, serverCpuSeconds: 2, cost: each }));
    const [found] = summarise(new Map([[{ ...contestant('c', []), records: 500_000 }, samples]]), null);
    expect(found!.cost).toEqual({ ...cost, walSyncs: 5 });
    const markdown = formatMarkdown([{ ...result, baseline: null, rows: [found!] }]);
    expect(markdown).toContain(
      '| c | 2.0 s | 2.0 s | 4.0 s | 6 MB | 10 | 10,000 | 0 MB | 2 MB | 4 MB | 14 | 16 | 10 % | 20 % | 30 % |',
    );
  });

  it('take the place of what was between the markers, and of nothing else', () => {
    const document = 'before\n<!-- make bench writes from here -->\n\nold\n\n<!-- to here -->\nafter\n';
    const once = replaceBetweenMarkers(document, 'new');
    expect(once).toBe(document.replace('old', 'new'));
    expect(replaceBetweenMarkers(once, 'old')).toBe(document);
    expect(() => replaceBetweenMarkers('no markers', 'x')).toThrow('missing');
  });
});
