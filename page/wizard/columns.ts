/** What a person chose for the columns of a file, as `spec.format.columns` says it. Pure. */
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { ColumnMapping } from '#api/source-format.ts';
import { visibleName } from '#api/visible-name.ts';
import { matchColumns } from '#page/check/match-columns.ts';
import type { Choice } from './propose-columns.ts';

/**
 * Names only the columns whose own names do not say what was chosen, so that a file of thousands of columns needs few.
 */
export function toMapping(
  header: readonly string[],
  spec: RecordSchemaSpec,
  choices: readonly Choice[],
): ColumnMapping[] {
  const { fieldOfColumn, unknown, repeated } = matchColumns(header, spec);
  const misfits = new Set([...unknown, ...repeated]);
  return header.flatMap((name, i): ColumnMapping[] => {
    const choice = choices[i] ?? 'ignore';
    const own = fieldOfColumn[i] ?? null;
    if (choice !== 'ignore') return choice.field === own ? [] : [{ name, field: choice.field }];
    // No upload can name a column without a name.
    if (visibleName(name) === '') return [];
    return own !== null || misfits.has(name) ? [{ name, ignore: true }] : [];
  });
}

/** Every column, so that the next file with the header needs no choice. */
export function toColumns(header: readonly string[], choices: readonly Choice[]): ColumnMapping[] {
  const names = new Set<string>();
  return header.flatMap((name, i): ColumnMapping[] => {
    const visible = visibleName(name);
    const choice = choices[i] ?? 'ignore';
    if (visible === '' || names.has(visible)) return [];
    names.add(visible);
    return [choice === 'ignore' ? { name, ignore: true } : { name, field: choice.field }];
  });
}

/** Two columns that are to be the same field. @returns the field by each of these columns */
export function findTwice(choices: readonly Choice[]): Map<number, string> {
  const first = new Map<string, number>();
  const twice = new Map<number, string>();
  for (const [column, choice] of choices.entries()) {
    if (choice === 'ignore') continue;
    const other = first.get(choice.field);
    if (other === undefined) first.set(choice.field, column);
    else {
      twice.set(other, choice.field);
      twice.set(column, choice.field);
    }
  }
  return twice;
}

/** Columns that nobody can tell apart by their names. @returns by each of them, all that have its name */
export function findSameNames(header: readonly string[]): Map<number, readonly number[]> {
  const named = Map.groupBy(header.keys(), (column) => visibleName(header[column]!));
  const groups = [...named.values()].filter((columns) => columns.length > 1);
  return new Map(groups.flatMap((columns) => columns.map((column) => [column, columns] as const)));
}
