/** `batch-upload completion`: scripts that let a shell complete the commands. */
import { Argument } from 'commander';
import type { AddCommand } from './command.ts';
import { describeProgram } from './completion/describe-program.ts';
import { SHELLS, type Shell, writeCompletion } from './completion/write-script.ts';
import { EXIT } from './io/exit-codes.ts';
import { write } from './io/terminal.ts';

const EXAMPLES = `
Examples:
  eval "$(batch-upload completion bash)"        in ~/.bashrc
  eval "$(batch-upload completion zsh)"         in ~/.zshrc, after compinit
  batch-upload completion fish | source         in ~/.config/fish/config.fish`;

export const addCompletion: AddCommand = (program, { terminal, setExitCode }) => {
  program
    .command('completion')
    .summary('print a script that completes commands in a shell')
    .description('Prints a script that lets bash, zsh or fish complete commands, options and their values.')
    .addArgument(new Argument('<shell>', 'shell').choices(SHELLS))
    .addHelpText('after', EXAMPLES)
    .action(async (shell: Shell) => {
      await write(terminal.stdout, writeCompletion(shell, describeProgram(program)));
      setExitCode(EXIT.ok);
    });
};
