/**
 * `make bench` runs our job runner against `\copy` and other loaders, side by side on one PostgreSQL server and one S3
 * server. The program prints tables and writes test/bench/results/latest.json and the tables of docs/bench.md.
 * No time is asserted; a wrong count fails.
 *
 * RECORDS=1000000  RUNS=3  BENCH=certification,flat,…  CONTESTANTS=all (or some: copy-2,duckdb,…)
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { OTHERS, USUAL_OTHERS } from './contestants/others.ts';
import { formatMarkdown, formatText, type PartResult, replaceBetweenMarkers } from './format.ts';
import { OPTIONAL_PARTS, PARTS, type PartName } from './parts.ts';
import { runPart } from './run.ts';
import { startStage } from './stage.ts';

const RESULTS = new URL('results/latest.json', import.meta.url);
const DOCUMENT = new URL('../../docs/bench.md', import.meta.url);

const records = positive('RECORDS', 1_000_000);
const runs = positive('RUNS', 3);
const usualParts = PARTS.filter((part) => !OPTIONAL_PARTS.includes(part));
const parts = choose('BENCH', { names: PARTS, usual: usualParts });
const others = choose('CONTESTANTS', { names: OTHERS, usual: USUAL_OTHERS });
const say = (line: string) => console.log(line);

await using stage = await startStage();
for (const part of parts) {
  say(`\n==> ${part}: ${records.toLocaleString('en')} records`);
  const result = await runPart(part, stage, { records, runs, others, say });
  say(`\n${formatText(result)}`);
  await keepResult(result);
}

/** Stores the result of a part in place of the part's last result, and keeps the results of the other parts. */
async function keepResult(result: PartResult): Promise<void> {
  const known = JSON.parse(await readFile(RESULTS, 'utf8').catch(() => '[]')) as PartResult[];
  const others = known.filter(({ part }) => part !== result.part);
  const rank = ({ part }: PartResult) => PARTS.indexOf(part.replace(/-\d+$/, '') as PartName);
  const results = [...others, result].sort((a, b) => rank(a) - rank(b) || a.records - b.records);
  await mkdir(new URL('.', RESULTS), { recursive: true });
  await writeFile(RESULTS, `${JSON.stringify(results, null, 2)}\n`);
  await writeFile(DOCUMENT, replaceBetweenMarkers(await readFile(DOCUMENT, 'utf8'), formatMarkdown(results)));
}

/** Reads a list of names from a variable of the environment: `all`, or names with commas between them. */
function choose<T extends string>(
  variable: string,
  { names, usual }: { names: readonly T[]; usual: readonly T[] },
): readonly T[] {
  const text = process.env[variable];
  if (!text) return usual;
  if (text === 'all') return names;
  const chosen = text.split(',');
  const unknown = chosen.find((name) => !(names as readonly string[]).includes(name));
  if (unknown !== undefined) throw new Error(`${variable}=${unknown} is unknown; there are all, ${names.join(', ')}`);
  return chosen as T[];
}

function positive(name: string, fallback: number): number {
  const value = Number(process.env[name] ?? fallback);
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`${name} must be a whole number of at least 1`);
  return value;
}
