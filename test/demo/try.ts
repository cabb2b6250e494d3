/**
 * `make try` loads a public CSV file into a PostgreSQL of this machine, with one broken record, and shows what became of it:
 * `node test/demo/try.ts [folder]`. Everything is done by the command line, whose lines are shown as a person types them.
 * With `--before-cluster` nothing is proposed in the end, because `make demo` goes on by itself.
 */
import { spawn } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { dim, formatDuration, title } from './screen.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'before-cluster': { type: 'boolean' } },
});
const folder = positionals[0] ?? '.try';
const TABLE = 'try_weather';
const SCHEMA_LINES = 13;
/** 2012 had a 29 February, and no year has a 30. */
const [GOOD_DATE, BROKEN_DATE] = ['2012-02-29', '2012-02-30'];

const startedAt = Date.now();
process.chdir(root);
await mkdir(folder, { recursive: true });
const file = join(folder, 'weather.csv');
const delivery = join(folder, 'weather-broken.csv');
const schema = join(folder, 'weather.yaml');
const weather = await readFile('node_modules/vega-datasets/data/seattle-weather.csv', 'utf8');
await writeFile(file, weather);
await writeFile(delivery, weather.replace(`\n${GOOD_DATE},`, `\n${BROKEN_DATE},`));

title(`1. A schema from a public file: four years of Seattle's weather`);
await run('infer', file, '--table', TABLE, '--write', schema);
const lines = (await readFile(schema, 'utf8')).split('\n').filter((line) => !line.startsWith('#'));
console.log(
  lines
    .slice(0, SCHEMA_LINES)
    .map((line) => `  ${line}`)
    .join('\n'),
);
console.log(dim(`  … and the table: ${schema} is what kubectl apply takes.`));

title(`2. Load a file with one broken record: ${GOOD_DATE} has become ${BROKEN_DATE}`);
await run('database', 'start');
await using database = await connect();
const { rows: earlier } = await database.query(`SELECT to_regclass('${TABLE}') AS name`);
await database.query(`DROP TABLE IF EXISTS ${TABLE}`);
// The same content is loaded once, and the rows of an earlier `make try` are removed above.
await run('load', delivery, '--schema', schema, ...(earlier[0].name === null ? [] : ['--reload']));

title('3. What is in PostgreSQL now');
console.log(`${dim('$')} psql "$(node cli/main.ts database url)"`);
await show(`SELECT date, temp_max, weather, row_number FROM ${TABLE} ORDER BY date LIMIT 3`);
await show('SELECT row_number, error_message, row_data FROM batch_upload.batch_upload_errors ORDER BY id DESC LIMIT 1');

const seconds = formatDuration(Date.now() - startedAt);
title(options['before-cluster'] ? `That took ${seconds}` : `That took ${seconds}. What to try next`);
if (!options['before-cluster']) showNext();

function showNext(): void {
  const next = [
    ['export PATH=$PWD/node_modules/.bin:$PATH', "the project's own Node 24"],
    [`node cli/main.ts validate ${delivery} -s ${schema}`, 'check a file without a database'],
    ['node cli/main.ts infer YOUR.csv --write YOUR.yaml', 'then the same with a file of your own'],
    ['node cli/main.ts load YOUR.csv --schema YOUR.yaml', 'docs/your-own-csv.md goes on from here'],
    ['node cli/main.ts database stop', 'the data stays'],
    ['make demo', 'the same in a Kubernetes cluster'],
  ];
  const width = Math.max(...next.map(([command]) => command!.length));
  for (const [command, what] of next) console.log(`  ${command!.padEnd(width)}  ${dim(`# ${what}`)}`);
}

/** Runs the command line, which may end with 1: a record fails on purpose. */
async function run(...args: string[]): Promise<void> {
  console.log(`${dim('$')} node cli/main.ts ${args.join(' ')}`);
  const child = spawn(process.execPath, ['cli/main.ts', ...args], { stdio: 'inherit', env: withoutDatabase() });
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code === 0 || (code === 1 && args[0] === 'load')) return;
  console.error(`\n${args[0]} ended with code ${code}, and says above why.`);
  process.exit(1);
}

/** A database that the person has set for other work gets no rows of ours. */
function withoutDatabase(): NodeJS.ProcessEnv {
  const { DATABASE_URL: _, ...env } = process.env;
  return env;
}

async function connect(): Promise<pg.Client & AsyncDisposable> {
  const child = spawn(process.execPath, ['cli/main.ts', 'database', 'url'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const pieces = await Array.fromAsync(child.stdout as AsyncIterable<Buffer>);
  const client = new pg.Client({ connectionString: Buffer.concat(pieces).toString().trim() });
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}

async function show(query: string): Promise<void> {
  console.log(`${dim('postgres=#')} ${query};`);
  const { rows, fields } = await database.query({
    text: query,
    rowMode: 'array',
    types: { getTypeParser: () => String },
  });
  const cells = [fields.map(({ name }) => name), ...rows.map((row: string[]) => row.map(String))];
  const widths = fields.map((_, i) => Math.max(...cells.map((row) => row[i]!.length)));
  for (const row of cells) console.log(`  ${row.map((cell, i) => cell.padEnd(widths[i]!)).join('  ')}`.trimEnd());
}
