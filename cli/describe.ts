/** `batch-upload describe`: tells the senders of files what a schema asks for. */
import { Option } from 'commander';
import { findExample, formatTemplate } from '#runner/report/example-record.ts';
import type { AddCommand } from './command.ts';
import { describeSchema } from './describe/describe-schema.ts';
import { EXIT } from './io/exit-codes.ts';
import { loadSchema } from './io/load-schema.ts';
import { paintFor, type Terminal, write } from './io/terminal.ts';

const EXAMPLES = `
Examples:
  batch-upload describe people.yaml > people.md
  batch-upload describe people.yaml -o template > people-template.csv

Exit codes:
  0  the description was written
  2  nothing was written: wrong arguments, or a schema with mistakes`;

interface DescribeOptions {
  output: 'markdown' | 'template';
}

export const addDescribe: AddCommand = (program, { terminal, setExitCode }) => {
  program
    .command('describe')
    .summary('tell senders what a file must look like')
    .description(
      'Writes what a sender of files needs to know of a RecordSchema: columns, types, allowed values, rules and the key as Markdown, or a CSV template with an example row.',
    )
    .argument('<schema>', 'RecordSchema: the YAML file that kubectl apply takes, or its spec alone')
    .addOption(
      new Option('-o, --output <format>', 'what is written').choices(['markdown', 'template']).default('markdown'),
    )
    .addHelpText('after', EXAMPLES)
    .action(async (schema: string, options: DescribeOptions) => {
      setExitCode(await describe(schema, options, terminal));
    });
};

async function describe(path: string, { output }: DescribeOptions, { stdout, stderr }: Terminal): Promise<number> {
  const { spec, name } = await loadSchema(path);
  if (output === 'markdown') {
    await write(stdout, await describeSchema(spec, name ?? spec.target.table));
    return EXIT.ok;
  }
  const example = await findExample(spec);
  await write(stdout, formatTemplate(spec, example));
  if (example === null)
    stderr.write(
      `${paintFor(stderr)('yellow', '!')} No example row was found that meets all patterns and rules: the template has the header alone.\n`,
    );
  return EXIT.ok;
}
