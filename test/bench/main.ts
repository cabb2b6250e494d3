/**
 * `make bench` runs our job runner against `\copy`, pgloader and csv-parse, side by side on one PostgreSQL server and
 * one S3 server. The program prints tables and writes test/bench/results/latest.json and the tables of docs/bench.md.
 * No time is asserted; a wrong count fails.
 *
 * RECORDS=1000000  RUNS=3  BENCH=certification,flat,uploads,small-uploads,duplicates,memory
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { formatMarkdown, formatText, type PartResult, replaceBetweenMarkers } from './format.ts';
import { PARTS, type PartName } from './parts.ts';
import { runPart } from './run.ts';
import { startStage } from './stage.ts';

const RESULTS = new URL('results/latest.json', import.meta.url);
const DOCUMENT = new URL('../../docs/bench.md', import.meta.url);

const records = positive('RECORDS', 1_000_000);
const runs = positive('RUNS', 3);
const parts = chooseParts(process.env['BENCH']);
const say = (line: string) => console.log(line);

await using stage = await startStage();
for (const part of parts) {
  say(`\n==> ${part}: ${records.toLocaleString('en')} records`);
  const result = await runPart(part, stage, { records, runs, pgloader: true, say });
  say(`\n${formatText(result)}`);
  await keepResult(result);
}

/** Stores the result of a part in place of the part's last result, and keeps the results of the other parts. */
async function keepResult(result: PartResult): Promise<void> {
  const known = JSON.parse(await readFile(RESULTS, 'utf8').catch(() => '[]')) as PartResult[];
  const others = known.filter(({ part }) => part !== result.part);
  const rank = ({ part }: PartResult) => PARTS.findIndex((name) => part.startsWith(name));
  const results = [...others, result].sort((a, b) => rank(a) - rank(b) || a.records - b.records);
  await mkdir(new URL('.', RESULTS), { recursive: true });
  await writeFile(RESULTS, `${JSON.stringify(results, null, 2)}\n`);
  await writeFile(DOCUMENT, replaceBetweenMarkers(await readFile(DOCUMENT, 'utf8'), formatMarkdown(results)));
}

function chooseParts(text: string | undefined): PartName[] {
  const names = text ? text.split(',') : [...PARTS];
  const unknown = names.find((name) => !(PARTS as readonly string[]).includes(name));
  if (unknown !== undefined) throw new Error(`BENCH=${unknown} is unknown; there are ${PARTS.join(', ')}`);
  return names as PartName[];
}

function positive(name: string, fallback: number): number {
  const value = Number(process.env[name] ?? fallback);
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`${name} must be a whole number of at least 1`);
  return value;
}
