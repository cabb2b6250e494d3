/** Builds the commander program, and runs it with an exit code for everything that can happen. */
import { Command, CommanderError } from 'commander';
import { Fault } from '#common/faults.ts';
import packageFile from '../package.json' with { type: 'json' };
import { COMMANDS } from './commands.ts';
import { InputError } from './input-error.ts';
import { EXIT } from './io/exit-codes.ts';
import type { Interrupts } from './io/interrupts.ts';
import { paintFor, type Terminal } from './io/terminal.ts';
import { inWordsOfOptions } from './io/words-of-options.ts';

const EXAMPLES = `
Examples:
  batch-upload infer people.csv --write people.yaml       propose a schema from a file
  batch-upload validate people.csv --schema people.yaml   check a file, without a database
  batch-upload load people.csv --schema people.yaml       load a file into PostgreSQL
  batch-upload describe people.yaml > people.md           tell senders what a file must look like
  eval "$(batch-upload completion bash)"                  complete commands with the tab key`;

export interface BuiltProgram {
  program: Command;
  exitCode(): number;
}

/** Where nobody presses Ctrl-C. */
const NO_INTERRUPTS: Interrupts = { handleOnce: () => undefined };

export function buildProgram(terminal: Terminal, interrupts = NO_INTERRUPTS): BuiltProgram {
  let exitCode: number = EXIT.ok;
  const program = new Command('batch-upload')
    .description('Loads record files into PostgreSQL, and checks them and the schemas that describe them.')
    .version(packageFile.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .addHelpText('after', EXAMPLES)
    .configureOutput({
      writeOut: (text) => void terminal.stdout.write(text),
      writeErr: (text) => void terminal.stderr.write(text),
      outputError: (text, writeError) => writeError(formatError(text, terminal)),
    })
    .showHelpAfterError('Run the command with --help to see its arguments and examples.')
    .showSuggestionAfterError()
    .exitOverride();
  const setExitCode = (code: number) => {
    exitCode = code;
  };
  for (const add of COMMANDS) add(program, { terminal, interrupts, setExitCode });
  for (const command of program.commands) command.copyInheritedSettings(program);
  return { program, exitCode: () => exitCode };
}

/** @param args without Node and the program's own path. @returns the exit code */
export async function runProgram(
  args: readonly string[],
  terminal: Terminal,
  interrupts?: Interrupts,
): Promise<number> {
  const { program, exitCode } = buildProgram(terminal, interrupts);
  if (args.length === 0) {
    program.outputHelp();
    return EXIT.ok;
  }
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode();
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.badInput;
    terminal.stderr.write(formatError(explain(error), terminal));
    return exitCodeOf(error);
  }
}

function exitCodeOf(error: unknown): number {
  if (error instanceof InputError) return EXIT.badInput;
  if (!(error instanceof Fault) || error.category === 'unknown') return EXIT.defect;
  return error.category === 'retryable' ? EXIT.callAgain : EXIT.badInput;
}

function explain(error: unknown): string {
  if (error instanceof InputError) return error.message;
  if (error instanceof Fault && error.category !== 'unknown') return inWordsOfOptions(error.message);
  if (error instanceof Fault && error.cause !== undefined) return explain(error.cause);
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `This is a defect of batch-upload ${packageFile.version}; please report it with these lines:\n${stack}`;
}

function formatError(text: string, { stderr }: Terminal): string {
  const clean = text.replace(/^error: /, '').trimEnd();
  return `${paintFor(stderr)('red', 'error:')} ${clean}\n`;
}
