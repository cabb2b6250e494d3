/** The verbs of the command line, in the order of the help. A new verb is one more file, and one more line here. */
import type { AddCommand } from './command.ts';
import { addCompletion } from './completion.ts';
import { addDatabase } from './database.ts';
import { addDescribe } from './describe.ts';
import { addInfer } from './infer.ts';
import { addLoad } from './load.ts';
import { addValidate } from './validate.ts';

export const COMMANDS: readonly AddCommand[] = [
  addInfer,
  addValidate,
  addLoad,
  addDatabase,
  addDescribe,
  addCompletion,
];
