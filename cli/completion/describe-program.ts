/** The words of a commander program, for scripts that complete them. Pure. */
import type { Command } from 'commander';

export interface ProgramWords {
  name: string;
  options: OptionWords[];
  commands: CommandWords[];
}

export interface CommandWords {
  name: string;
  summary: string;
  options: OptionWords[];
  /** The words of the argument; null where the argument is a file. */
  argumentChoices: readonly string[] | null;
}

export interface OptionWords {
  short: string | null;
  long: string;
  description: string;
  takesValue: boolean;
  /** The words of the value; null where the value is a file or free. */
  choices: readonly string[] | null;
}

const HELP: OptionWords = {
  short: '-h',
  long: '--help',
  description: 'print this help',
  takesValue: false,
  choices: null,
};

export function describeProgram(program: Command): ProgramWords {
  return {
    name: program.name(),
    options: [...program.options.map(describeOption), HELP],
    commands: program.commands.map((command) => ({
      name: command.name(),
      summary: command.summary(),
      options: [...command.options.filter(({ hidden }) => !hidden).map(describeOption), HELP],
      argumentChoices: command.registeredArguments[0]?.argChoices ?? null,
    })),
  };
}

function describeOption(option: Command['options'][number]): OptionWords {
  return {
    short: option.short ?? null,
    long: option.long!,
    description: option.description,
    takesValue: option.required || option.optional,
    choices: option.argChoices ?? null,
  };
}
