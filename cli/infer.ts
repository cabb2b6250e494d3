/** `batch-upload infer`: proposes a RecordSchema from a file. */
import { writeFile } from 'node:fs/promises';
import { InvalidArgumentError } from 'commander';
import { count } from '#common/text.ts';
import { NODE_PLATFORM } from '#runner/node/platform.ts';
import type { AddCommand } from './command.ts';
import { inferSchema, type Proposal } from './infer/infer-schema.ts';
import { writeProposal } from './infer/write-yaml.ts';
import { InputError } from './input-error.ts';
import { MAX_RECORD_BYTES } from './input-file.ts';
import { EXIT } from './io/exit-codes.ts';
import { addFormatOptions, readFormatOptions } from './io/format-options.ts';
import { formatProblems } from './io/load-schema.ts';
import { openInput } from './io/open-input.ts';
import { refuseOverwrite } from './io/output-file.ts';
import { createProgress } from './io/progress.ts';
import { paintFor, type Terminal, write } from './io/terminal.ts';
import { readSchema } from './schema/read-schema.ts';

const EXAMPLES = `
Examples:
  batch-upload infer people.csv > people.yaml
  batch-upload infer people.csv --table hr.people --write people.yaml
  batch-upload infer events.ndjson.gz --key tenant,event_id --name events

Exit codes:
  0  a schema was written, and every record of the file is valid by it
  1  a schema was written, but some records cannot be read by any schema; they are named
  2  nothing was written: wrong arguments, or a file that cannot be read`;

interface InferOptions {
  table?: string;
  name?: string;
  key?: string[];
  write?: string;
}

export const addInfer: AddCommand = (program, { terminal, setExitCode }) => {
  const command = program
    .command('infer')
    .summary('propose a schema from a file')
    .description(
      'Reads a whole file, proposes a RecordSchema with types, formats, required fields and a key, and checks the file by the proposal. Guesses are marked by comments.',
    )
    .argument('<file>', 'file to read; - for the standard input')
    .option('-t, --table <table>', "target table, as in people or hr.people (default: made of the file's name)")
    .option('--name <name>', "name of the RecordSchema (default: made of the file's name)")
    .option(
      '-k, --key <fields>',
      'fields of the key, separated by commas (default: found in the file; without one, records are appended)',
      readNames,
    )
    .option('-w, --write <file>', 'write the schema to a file instead of the standard output')
    .addHelpText('after', EXAMPLES);
  addFormatOptions(command).action(async (file: string, options: InferOptions) => {
    setExitCode(await infer(file, options, terminal));
  });
};

function readNames(text: string): string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.every((name) => name !== '')) return names;
  throw new InvalidArgumentError('Give names of columns, separated by commas.');
}

async function infer(path: string, { write: output, ...options }: InferOptions, terminal: Terminal): Promise<number> {
  await using file = await openInput(path, terminal);
  if (output !== undefined) await refuseOverwrite(output, '--write', [path]);
  const progress = createProgress(terminal.stderr, 'reading');
  let proposal: Proposal;
  try {
    proposal = await inferSchema(file, {
      ...options,
      declared: readFormatOptions(options as unknown as Record<string, unknown>),
      platform: NODE_PLATFORM,
      maxRecordBytes: MAX_RECORD_BYTES,
      onProgress: (step, records) => progress.update(records, file.share(), step),
    });
  } finally {
    progress.clear();
  }
  const text = writeProposal(proposal, file.name);
  // A wrong --table or --name gives a proposal that kubectl would refuse, so that the command refuses it now.
  const checked = readSchema(text);
  if (!checked.ok) throw new InputError(formatProblems('The proposal', checked.problems));
  if (output === undefined) await write(terminal.stdout, text);
  else
    await writeFile(output, text).catch((error) => {
      throw new InputError(
        `The schema could not be written to ${output} (${error.code}). Name another file in --write.`,
      );
    });
  terminal.stderr.write(summarize(proposal, output ?? null, terminal));
  return proposal.report.failed > 0 ? EXIT.recordsFail : EXIT.ok;
}

function summarize({ report, spec, fields }: Proposal, output: string | null, { stderr, stdout }: Terminal): string {
  const paint = paintFor(stderr);
  const guesses = fields.filter((field) => field.guesses.length > 0).length;
  const key = spec.primaryKey ? `key ${spec.primaryKey.join(' + ')}` : 'no key';
  const what = `${count(fields.length, 'field')}, ${key}, ${count(guesses, 'field')} with guesses to confirm`;
  const lines = [`${paint('green', '✔')} ${paint('bold', output ?? 'schema')}: ${what}`];
  if (report.failed === 0)
    lines.push(paint('dim', `  ${count(report.records, 'record')} of the file checked by the schema: all are valid.`));
  if (report.failed > 0) {
    lines.push(
      `${paint('yellow', '!')} ${count(report.failed, 'record')} of ${report.records.toLocaleString('en')} cannot be read by any schema:`,
    );
    for (const { code, count: faults, first } of report.faults)
      lines.push(
        `  ${code}  ${count(faults, 'fault')}, row ${first.map(({ row }) => row).join(', ')}: ${first[0]!.message}`,
      );
  }
  if (!spec.primaryKey)
    lines.push(
      `${paint('yellow', '!')} No key was found, so that every record is appended: another file that repeats records adds them again. Name a key with --key.`,
    );
  if (report.repeatedKeys && report.repeatedKeys.records > 0)
    lines.push(
      `${paint('yellow', '!')} ${count(report.repeatedKeys.records, 'record')} with the key of an earlier record would be skipped, the first in row ${report.repeatedKeys.firstRows[0]}.`,
    );
  if (output === null && stdout.isTTY) lines.push(paint('dim', '  Keep the schema with --write FILE.'));
  return `${lines.join('\n')}\n`;
}
