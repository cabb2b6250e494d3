/** The parts of a verb of the command line. Each verb is a file beside this one. */
import type { Command } from 'commander';
import type { Interrupts } from './io/interrupts.ts';
import type { Terminal } from './io/terminal.ts';

export interface CliContext {
  terminal: Terminal;
  interrupts: Interrupts;
  /** Called with the exit code when a command has ended. */
  setExitCode(code: number): void;
}

/** Adds a verb to the program. */
export type AddCommand = (program: Command, context: CliContext) => void;
