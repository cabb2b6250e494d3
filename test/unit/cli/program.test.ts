import { execFileSync } from 'node:child_process';
import { expect, it, test } from 'vitest';
import { describeProgram } from '#cli/completion/describe-program.ts';
import { SHELLS, writeCompletion } from '#cli/completion/write-script.ts';
import { readFormatOptions } from '#cli/io/format-options.ts';
import { describe as describeProgress, formatBar, formatDuration } from '#cli/io/progress.ts';
import { inWordsOfOptions } from '#cli/io/words-of-options.ts';
import { buildProgram } from '#cli/program.ts';
import packageFile from '../../../cli/npm/package.json' with { type: 'json' };
import rootFile from '../../../package.json' with { type: 'json' };

const { stdin, stdout, stderr } = process;
const { program } = buildProgram({ stdin, stdout, stderr });
const words = describeProgram(program);

test('every command has examples and every option a description', () => {
  expect(program.commands.map((command) => command.name())).toEqual([
    'infer',
    'validate',
    'load',
    'database',
    'describe',
    'completion',
  ]);
  for (const command of program.commands) {
    let help = '';
    command.configureOutput({ writeOut: (text) => (help += text) });
    command.outputHelp();
    expect(help).toContain('Examples:');
    for (const option of command.options) expect(option.description, option.long ?? '').not.toBe('');
  }
});

function complete(...typed: string[]): string[] {
  const line = typed.map((word) => `'${word}'`).join(' ');
  const script = `${writeCompletion('bash', words)}
COMP_WORDS=(batch-upload ${line}); COMP_CWORD=${typed.length}; _batch_upload; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['-c', script], { encoding: 'utf8' }).trim().split('\n');
}

test.each([
  [['v'], ['validate']],
  [['validate', '--sch'], ['--schema']],
  [
    ['validate', '-o', ''],
    ['text', 'json', 'csv'],
  ],
  [
    ['infer', '--format.encoding', 'utf-1'],
    ['utf-16le', 'utf-16be'],
  ],
  [['completion', 'z'], ['zsh']],
  [['validate', 'package-l'], ['package-lock.json']],
  [['validate', 'x.csv', '--schema', 'biome'], ['biome.json']],
])('bash completes %j', (typed, expected) => expect(complete(...typed)).toEqual(expected));

test.each(SHELLS)('the script of %s has every command and option', (shell) => {
  const script = writeCompletion(shell, words);
  for (const { name, options } of words.commands) {
    expect(script).toContain(name);
    for (const { long } of options) expect(script).toContain(shell === 'fish' ? `-l ${long.slice(2)}` : long);
  }
  expect(script).not.toContain('allow-append');
});

it('reads the options of the format in the words of spec.format', () => {
  expect(
    readFormatOptions({
      schema: 'x',
      'format.type': 'csv',
      'format.dialect.delimiter': '\t',
      'format.dialect.noDoubleQuote': true,
    }),
  ).toEqual({ type: 'csv', dialect: { delimiter: '\t', doubleQuote: false } });
});

test.each([
  [
    'spec.format declares compression gzip, but the object is not compressed. Create a BatchUpload that declares what the file is, or declares nothing.',
    'The options --format.… declare compression gzip, but the file is not compressed. Declare what the file is, or declare nothing.',
  ],
  [
    'Declare spec.format.encoding utf-16le or utf-16be in a new BatchUpload, or save it as CSV in UTF-8.',
    'Declare --format.encoding utf-16le or utf-16be, or save it as CSV in UTF-8.',
  ],
  [
    'The object is a PDF: export the table as CSV, and upload that.',
    'The file is a PDF: export the table as CSV, and try again.',
  ],
  [
    'The archive is cut off or broken: check it, and upload it again.',
    'The archive is cut off or broken: check it, and try again.',
  ],
])('%s', (message, said) => expect(inWordsOfOptions(message)).toBe(said));

it('shows how far a file is read', () => {
  expect(formatBar(0)).toBe(`▕${' '.repeat(24)}▏`);
  expect(formatBar(0.5)).toBe(`▕${'█'.repeat(12)}${' '.repeat(12)}▏`);
  expect(formatBar(2)).toBe(`▕${'█'.repeat(24)}▏`);
  expect(describeProgress(1000, 0.25, 2)).toBe('25%, 1,000 records, 500/s, 6 s left');
  expect([0.2, 59.5, 61, 3700].map(formatDuration)).toEqual(['1 s', '1 min 0 s', '1 min 1 s', '1 h 1 min']);
});

it('is packed with the version of the project', () => expect(packageFile.version).toBe(rootFile.version));
