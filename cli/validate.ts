/** `batch-upload validate`: checks a file by a schema, without a database. */
import { Option } from 'commander';
import { NODE_PLATFORM } from '#runner/node/platform.ts';
import type { PreparedRecord } from '#runner/record-processor.ts';
import { formatCsvRow } from '#runner/report/failed-records-csv.ts';
import type { AddCommand } from './command.ts';
import { InputError } from './input-error.ts';
import { MAX_RECORD_BYTES } from './input-file.ts';
import { createErrorsFile, ERRORS_OPTION } from './io/errors-file.ts';
import { EXIT, EXIT_CODES_HELP } from './io/exit-codes.ts';
import { addColumnsOption, addFormatOptions, readFormatOptions } from './io/format-options.ts';
import { loadSchema, requireColumns } from './io/load-schema.ts';
import { openInput } from './io/open-input.ts';
import { refuseOverwrite } from './io/output-file.ts';
import { createProgress } from './io/progress.ts';
import { readCount } from './io/read-count.ts';
import { paintFor, type Terminal, write } from './io/terminal.ts';
import { checkFile } from './validate/check-file.ts';
import { formatJson, formatText, isOk } from './validate/format-report.ts';

/** The keys take 130 MB then, and at most 200 MB while their table grows. */
const MAX_KEYS = 10_000_000;

const EXAMPLES = `
Examples:
  batch-upload validate people.csv --schema people.yaml
  batch-upload validate people.csv.gz -s people.yaml --errors failed.csv
  batch-upload validate export.txt -s people.yaml --format.dialect.delimiter '|' -o json
  unzip -p people.zip | batch-upload validate - -s people.yaml
${EXIT_CODES_HELP}`;

interface ValidateOptions {
  schema?: string;
  output: 'text' | 'json' | 'csv';
  errors?: string;
  rows: number;
}

export const addValidate: AddCommand = (program, { terminal, setExitCode }) => {
  const command = program
    .command('validate')
    .summary('check a file by a schema, without a database')
    .description(
      'Checks every record of a file by a RecordSchema, by the rules of an upload, without a database. CSV, NDJSON and XLSX files are read, also in gzip, zstd and ZIP.',
    )
    .argument('<file>', 'file to check; - for the standard input')
    .option('-s, --schema <file>', 'RecordSchema: the YAML file that kubectl apply takes, or its spec alone')
    .addOption(new Option('-o, --output <format>', 'what is printed').choices(['text', 'json', 'csv']).default('text'))
    .option(...ERRORS_OPTION)
    .option('-n, --rows <count>', 'first rows that are shown for each code', readCount, 5)
    .addHelpText('after', EXAMPLES);
  addColumnsOption(addFormatOptions(command)).action(async (file: string, options: ValidateOptions) => {
    setExitCode(await validate(file, options, terminal));
  });
};

async function validate(path: string, options: ValidateOptions, terminal: Terminal): Promise<number> {
  // Commander would tell of the missing option before a misspelt one.
  if (options.schema === undefined)
    throw new InputError(
      `Name the schema with --schema FILE. Where there is none yet, propose one: batch-upload infer ${path} --write schema.yaml`,
    );
  const { spec: schema } = await loadSchema(options.schema);
  const declared = readFormatOptions(options as unknown as Record<string, unknown>);
  requireColumns(schema, declared);
  await using file = await openInput(path, terminal);
  if (options.errors !== undefined) await refuseOverwrite(options.errors, '--errors', [path, options.schema]);
  const { stdout, stderr } = terminal;
  const progress = createProgress(stderr, 'checking');
  const startedAt = performance.now();
  const sink = options.errors === undefined ? null : createErrorsFile(options.errors);
  if (options.output === 'csv') await write(stdout, formatCsvRow(['row', 'code', 'field', 'message']));
  try {
    const report = await checkFile(file, {
      schema,
      declared,
      platform: NODE_PLATFORM,
      maxRecordBytes: MAX_RECORD_BYTES,
      rowsOfCode: options.rows,
      maxKeys: MAX_KEYS,
      onHeader: (header, read) => sink?.start(header, read),
      async onFailed(record) {
        if (options.output === 'csv') await write(stdout, formatFaults(record));
        await sink?.add(record);
      },
      onProgress: (records) => progress.update(records, file.share()),
    });
    await sink?.end();
    progress.clear();
    const context = { file: file.name, schema, durationMs: Math.round(performance.now() - startedAt) };
    if (options.output === 'json') await write(stdout, formatJson(report, context));
    else {
      // Rows of CSV are for a program; what a person reads goes beside them.
      const stream = options.output === 'csv' ? stderr : stdout;
      await write(stream, formatText(report, context, paintFor(stream)));
      if (sink && report.failed > 0) stderr.write(`  The failed records are in ${options.errors}.\n`);
    }
    return isOk(report, schema) ? EXIT.ok : EXIT.recordsFail;
  } finally {
    progress.clear();
  }
}

function formatFaults({ rowNumber, faults }: PreparedRecord): string {
  return faults.map(({ code, field, message }) => formatCsvRow([rowNumber, code, field ?? '', message])).join('');
}
