/** Reads a schema file of this machine, and says everything that is wrong with it at once. */
import { readFile } from 'node:fs/promises';
import { findColumnFault } from '#api/file-schema.ts';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { DeclaredFormat } from '#api/source-format.ts';
import { InputError } from '#cli/input-error.ts';
import type { SchemaProblem } from '#cli/schema/problem.ts';
import { readSchema } from '#cli/schema/read-schema.ts';
import { count } from '#common/text.ts';
import { notOpened } from '#runner/node/local-file.ts';

/** @throws InputError, Fault (permanent) */
export async function loadSchema(path: string): Promise<{ spec: RecordSchemaSpec; name: string | null }> {
  const text = await readFile(path, 'utf8').catch((error) => {
    throw notOpened(path, error);
  });
  const result = readSchema(text);
  if (result.ok) return result;
  throw new InputError(formatProblems(path, result.problems));
}

/** @throws InputError when the columns that the options name cannot be fields of the schema */
export function requireColumns(schema: RecordSchemaSpec, declared: DeclaredFormat): void {
  const fault = findColumnFault(schema, declared);
  if (fault !== null) throw new InputError(`--format.columns does not fit the schema: ${fault}.`);
}

export function formatProblems(file: string, problems: readonly SchemaProblem[]): string {
  const lines = problems.map(
    ({ path, message, line }) =>
      `  ${line === null ? '' : `line ${line}  `}${path === '' ? '' : `${path}: `}${message}`,
  );
  return [`${file} is not a RecordSchema that can be used: ${count(problems.length, 'mistake')}.`, ...lines].join('\n');
}
