/** The oracle checks what the generator promises. */
import { expect, test } from 'vitest';
import { type ExpectedCounts, generateCertifications, UNKNOWN_COUNTY } from '#support/records/certifications.ts';
import { expectCertifications } from '#support/records/oracle.ts';

const make = (options: Parameters<typeof generateCertifications>[0]) => {
  const { pieces, counts } = generateCertifications(options);
  return { file: Buffer.concat([...pieces]), counts };
};

function countByOracle(file: Buffer): ExpectedCounts {
  const counts: ExpectedCounts = { records: 0, succeeded: 0, failed: 0, duplicate: 0, codes: {} };
  for (const record of expectCertifications(file)) {
    counts.records += 1;
    counts[record.outcome] += 1;
    if (record.outcome === 'succeeded') continue;
    const code = record.outcome === 'failed' ? record.code : 'DUP_001';
    counts.codes[code] = (counts.codes[code] ?? 0) + 1;
  }
  return counts;
}

test('equal by seed, different by another', () => {
  const file = make({ records: 3000, seed: 5 }).file;
  expect(make({ records: 3000, seed: 5 }).file.equals(file)).toBe(true);
  expect(make({ records: 3000, seed: 6 }).file.equals(file)).toBe(false);
});

test.each(['\n', '\r\n'] as const)(
  'what it says it put in is what the oracle finds, lines ending with %j',
  (lineEnd) => {
    const { file, counts } = make({ records: 20_000, seed: 8, lineEnd });
    expect(countByOracle(file)).toEqual(counts);
    expect(counts.failed / counts.records).toBeCloseTo(0.01, 2);
    expect(counts.duplicate).toBeGreaterThan(5);
  },
);

test('the sums of row numbers are those of the first and of the last record of each key', () => {
  const { pieces, rowSums } = generateCertifications({ records: 20_000, seed: 12, duplicates: 0.1 });
  const file = Buffer.concat([...pieces]);
  const first = new Map<string, number>();
  const last = new Map<string, number>();
  const outcomes = new Map([...expectCertifications(file)].map(({ row, outcome }) => [row, outcome]));
  // Only a street has a line end of its own, and each member has one key.
  for (const [i, record] of file
    .toString('latin1')
    .split(/\n(?!Apt 4)/)
    .entries()) {
    const row = i + 1;
    const key = record.split(',')[0]!;
    if (row === 1 || (outcomes.get(row) ?? 'failed') === 'failed') continue;
    if (!first.has(key)) first.set(key, row);
    last.set(key, row);
  }
  expect(first.size).toBeGreaterThan(15_000);
  const sum = (rows: Map<string, number>) => [...rows.values()].reduce((all, row) => all + row, 0);
  expect(rowSums).toEqual({ first: sum(first), last: sum(last) });
  expect(rowSums.last).toBeGreaterThan(rowSums.first);
});

test('records that a table refuses have a county of their own, and no duplicate repeats them', () => {
  const { file, counts } = make({ records: 20_000, seed: 13, duplicates: 0.01, refused: 0.1 });
  const unknown = file.toString('latin1').split(UNKNOWN_COUNTY).length - 1;
  expect(unknown / counts.records).toBeCloseTo(0.1, 2);
  expect(counts.codes['DB_001']).toBe(unknown);
  const { codes, ...withoutRefusals } = countByOracle(file);
  const { DB_001: _, ...others } = counts.codes;
  expect(codes).toEqual(others);
  expect(withoutRefusals).toMatchObject({ succeeded: counts.succeeded + unknown, failed: counts.failed - unknown });
});

test('duplicates are near and far, and differ from the record they repeat', () => {
  const { file } = make({ records: 20_000, seed: 9, duplicates: 0.02 });
  const first = new Map<string, { i: number; line: string }>();
  const distances: number[] = [];
  for (const [i, line] of file
    .toString('latin1')
    .split(/\n(?=M)/)
    .entries()) {
    const fields = line.split(',');
    const key = `${fields[0]} ${fields[1]}`;
    const original = first.get(key);
    if (!original) first.set(key, { i, line });
    else {
      distances.push(i - original.i);
      expect(line).not.toBe(original.line);
    }
  }
  expect(distances.filter((distance) => distance <= 60).length).toBeGreaterThan(50);
  expect(distances.filter((distance) => distance > 2000).length).toBeGreaterThan(50);
});

test('holds what real files hold', () => {
  const text = make({ records: 5000, seed: 10 }).file.toString();
  for (const piece of ['"Smith, Jr."', 'Lane\nApt 4"', '""The Elms""', '山田', 'Zoë', '\n\n'])
    expect(text).toContain(piece);
});
