/** What was chosen for a header before, by anybody who sends files here: the gateway keeps it by schema and header. */
import type { ColumnMapping } from '#api/source-format.ts';
import { headerKey } from '#api/visible-name.ts';
import { call } from '#page/api/api.ts';
import { apiPath } from '#page/api/client.ts';
import { ProblemError } from '#page/api/problem-error.ts';
import { toColumns } from './columns.ts';
import type { Choice } from './propose-columns.ts';

/** The most that the gateway keeps of a header. */
const MOST_COLUMNS = 1000;

/** @returns nothing where nothing was chosen, or where nobody can say what was. @throws the signal's reason */
export async function loadRemembered(
  namespace: string,
  schema: string,
  header: readonly string[],
  signal: AbortSignal,
): Promise<ColumnMapping[]> {
  const path = `${apiPath(namespace, 'schemas', schema, 'columns')}?header=${await hashOf(header)}`;
  try {
    const { columns } = await call<{ columns: ColumnMapping[] | null }>('GET', path, undefined, { signal });
    return columns ?? [];
  } catch (error) {
    // A proposal less is no reason to stop.
    if (error instanceof ProblemError) return [];
    throw error;
  }
}

/** The upload is made already: a choice that cannot be kept is asked for again next time. */
export function rememberColumns(
  namespace: string,
  schema: string,
  header: readonly string[],
  choices: readonly Choice[],
): void {
  const columns = toColumns(header, choices);
  if (columns.length === 0 || header.length > MOST_COLUMNS) return;
  call('PUT', apiPath(namespace, 'schemas', schema, 'columns'), { header, columns }).catch(() => undefined);
}

async function hashOf(header: readonly string[]): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(headerKey(header)));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
