import { FAULT_CODES } from '#common/fault-codes.ts';
import { EXIT_CODES } from '#common/faults.ts';
import { listFaultReasons } from './fault-reasons.ts';
import { type CodeFile, markdownTable, pageHead, readConstant, readDescribedEntries, readUnion } from './text.ts';

const SQLSTATE_FILE = 'ledger/connection/postgres.ts';
const SQLSTATE_REASONS = '`DatabaseAccessDenied`, `DatabaseError`, `DatabaseUnavailable`';

/** The page of the codes of records and of faults. */
export function describeErrorCodes(files: readonly CodeFile[]): string {
  const textOf = (path: string) => files.find((file) => file.path === path)!.text;
  const faults = textOf('job-runner/processor/faults.ts');
  const recordCodes = [
    ...readDescribedEntries(faults, 'CODES').map(({ value, comment }) => ({ value: unquote(value), comment })),
    readConstant(textOf('ledger/errors/duplicate-code.ts'), 'DUPLICATE_CODE'),
    readConstant(faults, 'REFUSED_CODE'),
  ];
  const faultRows = Object.entries(FAULT_CODES).map(([code, meaning]) => {
    const reasons = listFaultReasons(files, code).map((reason) => `\`${reason}\``);
    return [`\`${code}\``, meaning, reasons.join(', '), findUse(files, code)];
  });
  const categories = readUnion(textOf('common/faults.ts'), 'FaultCategory');
  return [
    pageHead(
      'Error codes',
      'A record that fails has the code of its first fault; a fault of a pod or a program has one code.',
    ),
    '## Records\n',
    'These codes stand in `batch_upload.batch_upload_errors` and in `status.topErrors`. A schema may add codes `BIZ_…` of its own.\n',
    markdownTable(
      ['code', 'what it says'],
      recordCodes.map(({ value, comment }) => [`\`${value}\``, comment]),
    ),
    '## Faults\n',
    'These codes stand in the logs, and in the termination message of a pod. A fault that ends an upload gives its reason to the condition `Failed`; a fault that the operator waits out, to another condition.\n',
    markdownTable(
      ['code', 'what happened', 'reason in the condition', 'where the code is given'],
      [
        ...faultRows,
        ['`DB_<SQLSTATE>`', 'PostgreSQL answered with this SQLSTATE.', SQLSTATE_REASONS, `\`${SQLSTATE_FILE}\``],
      ],
    ),
    '## Exit codes of the job runner\n',
    'The category of a fault decides what its pod ends with; the Job’s `podFailurePolicy` says the same, one to one.\n',
    markdownTable(
      ['category', 'exit code', 'what it says'],
      Object.entries(EXIT_CODES).map(([category, code]) => [`\`${category}\``, `${code}`, categories.get(category)!]),
    ),
  ].join('\n');
}

/** @throws Error for a code that nothing uses: the page would list a fault that cannot happen */
function findUse(files: readonly CodeFile[], code: string): string {
  const users = files.filter(({ path, text }) => path !== 'common/fault-codes.ts' && text.includes(`'${code}'`));
  if (users.length === 0) throw new Error(`common/fault-codes.ts has ${code}, which nothing gives`);
  return users.map(({ path }) => `\`${path}\``).join(', ');
}

const unquote = (literal: string) => literal.replaceAll("'", '');
