import { FAULT_CODES } from '#common/fault-codes.ts';
import { EXIT_CODES } from '#common/faults.ts';
import { markdownTable, pageHead, readEntries } from './text.ts';

interface CodeFile {
  path: string;
  text: string;
}

/** The page of the codes of records and of faults. */
export function describeErrorCodes(files: readonly CodeFile[]): string {
  const records = files.find(({ path }) => path === 'job-runner/processor/faults.ts')!;
  const recordRows = readEntries(records.text, 'CODES').map(({ value, comment }) => [unquote(value), comment]);
  const faultRows = Object.entries(FAULT_CODES).map(([code, meaning]) => [code, meaning, findUse(files, code)]);
  return [
    pageHead(
      'Error codes',
      'A record that fails has the code of its first fault; a fault of a pod or a program has one code.',
    ),
    '## Records\n',
    'These codes stand in `batch_upload.batch_upload_errors` and in `status.topErrors`. A schema may add codes `BIZ_…` of its own.\n',
    markdownTable(['code', 'what it says'], recordRows),
    '## Faults\n',
    'These codes stand in the logs, and in the termination message of a pod.\n',
    markdownTable(
      ['code', 'what happened', 'where the code is given'],
      [...faultRows, ['DB_<SQLSTATE>', 'PostgreSQL answered with this SQLSTATE.', '`ledger/connection/postgres.ts`']],
    ),
    '## Exit codes of the job runner\n',
    'The category of a fault decides what its pod ends with; the Job’s `podFailurePolicy` says the same, one to one.\n',
    markdownTable(
      ['category', 'exit code'],
      Object.entries(EXIT_CODES).map(([category, code]) => [category, `${code}`]),
    ),
  ].join('\n');
}

/** @throws Error for a code that nothing gives: the table would tell of what can't happen */
function findUse(files: readonly CodeFile[], code: string): string {
  const users = files.filter(({ path, text }) => path !== 'common/fault-codes.ts' && text.includes(`'${code}'`));
  if (users.length === 0) throw new Error(`common/fault-codes.ts has ${code}, which nothing gives`);
  return users.map(({ path }) => `\`${path}\``).join(', ');
}

const unquote = (literal: string) => literal.replaceAll("'", '');
