/** `batch-upload load`: loads a file into PostgreSQL as a cluster would, in this process. */
import { resolve } from 'node:path';
import { Option } from 'commander';
import type { AddCommand, CliContext } from './command.ts';
import { defaultFolder, type LocalDatabase, startDatabase } from './database/local-database.ts';
import { InputError } from './input-error.ts';
import { ERRORS_OPTION } from './io/errors-file.ts';
import { EXIT } from './io/exit-codes.ts';
import { addColumnsOption, addFormatOptions, readFormatOptions } from './io/format-options.ts';
import { loadSchema, requireColumns } from './io/load-schema.ts';
import { checkWritable, refuseOverwrite } from './io/output-file.ts';
import type { Paint } from './io/paint.ts';
import { readCount } from './io/read-count.ts';
import { paintFor, write } from './io/terminal.ts';
import { headFirst } from './load/first-contact.ts';
import { formatLoad, formatLoadJson } from './load/format-load.ts';
import { runLoad } from './load/run-load.ts';
import { openSource } from './load/source.ts';

const EXAMPLES = `
Examples:
  batch-upload load people.csv --schema people.yaml --database postgres://me:secret@localhost:5432/app
  DATABASE_URL=postgres://… batch-upload load people.csv.gz -s people.yaml --mode validate
  batch-upload load people.csv -s people.yaml                  into a PostgreSQL of this machine
  batch-upload load s3://inbox/people.csv -s people.yaml --parallelism 4

The same content is loaded once: a second call says so, unless --reload is given. A call that was interrupted goes on where
it was when the same command is called again.

Exit codes:
  0   all records are loaded or are duplicates, or the same content was loaded before
  1   some records failed, or more of them than the limit allows
  2   nothing more was loaded: wrong arguments, a schema with mistakes, a file or a database that cannot be used,
      another process loads the file, or the failed records could not be written to the file of --errors
  75  interrupted, or the database or the storage has answered and went away: call the same command again`;

interface LoadOptions {
  schema?: string;
  database?: string;
  data: string;
  namespace: string;
  mode: 'commit' | 'validate';
  reload?: boolean;
  parallelism: number;
  chunkRecords: number;
  maxFailedRecords?: number;
  maxFailedPercent?: number;
  output: 'text' | 'json';
  errors?: string;
  rows: number;
  spool?: string;
}

export const addLoad: AddCommand = (program, context) => {
  const command = program
    .command('load')
    .summary('load a file into PostgreSQL')
    .description(
      'Loads a file into a table of PostgreSQL by a RecordSchema, with the same plan, checks and ledger as an upload in a cluster.',
    )
    .argument('<file>', 'file to load: a path, s3://bucket/key, or - for the standard input')
    .option('-s, --schema <file>', 'RecordSchema: the YAML file that kubectl apply takes, or its spec alone')
    .addOption(
      new Option(
        '-d, --database <uri>',
        'database, as postgres://user:password@host:5432/name (default: a PostgreSQL of this machine)',
      ).env('DATABASE_URL'),
    )
    .addOption(
      new Option('--data <folder>', 'folder of the PostgreSQL of this machine')
        .default(defaultFolder())
        .conflicts('database'),
    )
    .option('--namespace <name>', 'whose load it is: the same content is loaded once in a namespace', userName())
    .addOption(
      new Option('--mode <mode>', 'validate does all in the database, and rolls it back')
        .choices(['commit', 'validate'])
        .default('commit'),
    )
    .option('--reload', 'load the file although the same content was loaded before')
    .option('-p, --parallelism <count>', 'sessions of the database that load at a time', readCount, 2)
    .option('--chunk-records <count>', 'records of a chunk', readCount, 1000)
    .option('--max-failed-records <count>', 'end the load when more records fail', readCount)
    .option('--max-failed-percent <percent>', 'end the load when more than this share of all records fails', readCount)
    .addOption(new Option('-o, --output <format>', 'what is printed').choices(['text', 'json']).default('text'))
    .option(...ERRORS_OPTION)
    .option('-n, --rows <count>', 'first rows that are shown for each code', readCount, 5)
    .option('--spool <folder>', 'folder for the plain copies of compressed files and workbooks while they are loaded')
    .addHelpText('after', EXAMPLES);
  addColumnsOption(addFormatOptions(command)).action(async (file: string, options: LoadOptions) => {
    context.setExitCode(await load(file, options, context));
  });
};

function userName(): string {
  return process.env['USER'] || process.env['USERNAME'] || 'local';
}

async function load(path: string, options: LoadOptions, { terminal, interrupts }: CliContext): Promise<number> {
  if (options.schema === undefined)
    throw new InputError(
      `Name the schema with --schema FILE. Where there is none yet, propose one: batch-upload infer ${path} --write schema.yaml`,
    );
  const { spec: schema } = await loadSchema(options.schema);
  if (options.parallelism === 0) throw new InputError('--parallelism must be at least 1.');
  if (options.chunkRecords === 0) throw new InputError('--chunk-records must be at least 1.');
  await using source = await openSource(path, { spool: options.spool, terminal });
  const declared = readFormatOptions(options as unknown as Record<string, unknown>);
  requireColumns(schema, declared);
  const { stderr, stdout } = terminal;
  if (options.errors !== undefined) {
    await refuseOverwrite(options.errors, '--errors', [path, options.schema]);
    await checkWritable(options.errors, '--errors');
  }
  // No server is started for a file that does not exist.
  if (options.database === undefined) await headFirst(source.store, source.location, new AbortController().signal);
  const local =
    options.database === undefined
      ? await startDatabase(resolve(options.data), (text) => void stderr.write(`${text}\n`))
      : null;
  const result = await runLoad(source, {
    schema,
    databaseUri: options.database ?? local!.url,
    isOwnDatabase: local !== null,
    namespace: options.namespace,
    request: {
      s3: source.location,
      chunkRecords: options.chunkRecords,
      mode: options.mode === 'validate' ? 'Validate' : 'Commit',
      reload: options.reload ?? false,
      work: { s3: { bucket: source.workBucket } },
      ...(Object.keys(declared).length > 0 ? { format: declared } : {}),
    },
    limits: { maxFailedRecords: options.maxFailedRecords, maxFailedPercent: options.maxFailedPercent },
    parallelism: options.parallelism,
    rowsOfCode: options.rows,
    errors: options.errors,
    terminal,
    interrupts,
  });
  await write(stdout, options.output === 'json' ? formatLoadJson(result) : formatLoad(result, paintFor(stdout)));
  if (options.errors !== undefined && (result.records.failed > 0 || result.alreadyLoaded))
    stderr.write(`The failed records are in ${options.errors}.\n`);
  if (local) stderr.write(`${formatDatabase(local, schema.target.table, paintFor(stderr))}\n`);
  return result.status === 'Complete' && result.records.failed === 0 ? EXIT.ok : EXIT.recordsFail;
}

/** Goes to the standard error, so that the standard output of -o json is one document. */
function formatDatabase({ folder, url }: LocalDatabase, table: string, paint: Paint): string {
  const query = `SELECT * FROM ${table} LIMIT 5`;
  return [`PostgreSQL of this machine in ${folder}`, `  ${url}`, `  psql '${url}' -c '${query}'`]
    .map((line) => paint('dim', line))
    .join('\n');
}
