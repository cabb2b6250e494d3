/** The reasons of conditions that faults give, as the code says them. */
import { type CodeFile, readEntries } from './text.ts';

const STORAGE_REFUSAL = ['BucketNotFound', 'ObjectNotFound', 'StorageAccessDenied', 'StorageError'];

/** Reasons of faults that the code takes from another fault or an explanation. */
const PASSED_ON: Record<string, readonly string[]> = {
  CFG_SECRET: ['SecretMissing', 'SecretNotAllowed'],
  DB_LEDGER: [
    'DatabaseAccessDenied',
    'DatabaseError',
    'DatabaseUnavailable',
    'MigrationRequired',
    'PoolerNotSupported',
  ],
  DB_LEDGER_OUTDATED: ['MigrationRequired'],
  S3_WORK_COPY: STORAGE_REFUSAL,
  S3_WRITE: STORAGE_REFUSAL,
};

/** The reasons that faults with the code have, sorted. @throws Error for a code without a reason */
export function listFaultReasons(files: readonly CodeFile[], code: string): string[] {
  const reasons = [...(PASSED_ON[code] ?? []), ...findLiterals(files, code), ...findSftpReasons(files, code)];
  if (reasons.length === 0) throw new Error(`${code} has no reason beside it in the code: name it in PASSED_ON`);
  return [...new Set(reasons)].sort();
}

/** Reasons that stand beside the code: `code: 'X', …, reason: 'Y'` or `('X', 'Y'`; those of FILE_FORMAT have a function. */
function findLiterals(files: readonly CodeFile[], code: string): string[] {
  return findAll(files, [
    new RegExp(`'${code}',\\s*'([A-Z][a-z]\\w+)'`, 'g'),
    new RegExp(`code: '${code}',(?:(?!\\bcode: |\\breason: )[^;])*\\breason: '(\\w+)'`, 'g'),
    ...(code === 'FILE_FORMAT' ? [/\bformatFault\(\s*'(\w+)'/g] : []),
  ]);
}

function findSftpReasons(files: readonly CodeFile[], code: string): string[] {
  const { text } = files.find(({ path }) => path === 'operator/bridge/sftp/fault.ts')!;
  const reasons = new Map(readEntries(text, 'SFTP_REASONS').map(({ key, value }) => [key, value.replaceAll("'", '')]));
  return findAll(files, [new RegExp(`'${code}',\\s*SFTP_REASONS\\.(\\w+)`, 'g')]).map((key) => reasons.get(key)!);
}

function findAll(files: readonly CodeFile[], patterns: readonly RegExp[]): string[] {
  return patterns.flatMap((pattern) =>
    files.flatMap(({ text }) => [...text.matchAll(pattern)].map(([, name]) => name!)),
  );
}
