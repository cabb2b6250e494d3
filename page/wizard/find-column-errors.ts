/** What is wrong with the columns as a person has chosen them. Pure. */
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { visibleName } from '#api/visible-name.ts';
import { matchColumns } from '#page/check/match-columns.ts';
import { findSameNames, findTwice, toMapping } from './columns.ts';
import type { Choice } from './propose-columns.ts';

export type ColumnError =
  | { kind: 'Twice'; column: number; field: string }
  | { kind: 'SameName'; column: number }
  | { kind: 'Nameless'; column: number }
  | { kind: 'LongName'; column: number }
  | { kind: 'TooMany' }
  | { kind: 'Missing'; fields: string[] }
  | { kind: 'Order' }
  | { kind: 'Nothing' };

/** The most columns that an upload can say something of, and the most characters of their names. */
export const MOST_COLUMNS = 1000;
export const MOST_NAME_CHARACTERS = 1024;

/** @returns nothing when a file with these columns is loaded */
export function findColumnErrors(
  header: readonly string[],
  spec: RecordSchemaSpec,
  choices: readonly Choice[],
): ColumnError[] {
  const mapping = toMapping(header, spec, choices);
  const match = matchColumns(header, spec, mapping);
  const named = new Set(mapping.map(({ name }) => name));
  const columns = match.fieldOfColumn.map((_, column) => column);
  const twice = findTwice(choices);
  const same = findSameNames(header);
  // Columns of one name are no mistake where nothing is loaded from all of them.
  const isUnclear = (column: number) =>
    same.has(column) && (isWrong(match, header[column]!) || same.get(column)!.some((i) => choices[i] !== 'ignore'));
  const errors: ColumnError[] = columns.flatMap((column): ColumnError[] => {
    const name = header[column]!;
    if (twice.has(column)) return [{ kind: 'Twice', column, field: twice.get(column)! }];
    if (visibleName(name) === '') return match.unknown.includes(name) ? [{ kind: 'Nameless', column }] : [];
    if (named.has(name) && [...name].length > MOST_NAME_CHARACTERS) return [{ kind: 'LongName', column }];
    return isUnclear(column) ? [{ kind: 'SameName', column }] : [];
  });
  if (mapping.length > MOST_COLUMNS) errors.push({ kind: 'TooMany' });
  if (!match.positions.some((position) => position !== -1)) return [...errors, { kind: 'Nothing' }];
  if (match.missing.length > 0) errors.push({ kind: 'Missing', fields: match.missing });
  if (match.isDisordered) errors.push({ kind: 'Order' });
  return errors;
}

function isWrong({ repeated, unknown }: ReturnType<typeof matchColumns>, name: string): boolean {
  return repeated.includes(name) || unknown.includes(name);
}
