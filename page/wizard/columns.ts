/** What a person chose for the columns of a file, as `spec.format.columns` says it. Pure. */
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { ColumnMapping } from '#api/source-format.ts';
import { matchColumns } from '#page/check/match-columns.ts';
import type { Choice } from './propose-columns.ts';

/** Names only the columns whose own names do not say what was chosen, so that a file of thousands of columns needs few. */
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
    return own !== null || misfits.has(name) ? [{ name, ignore: true }] : [];
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

/** Columns that nobody can tell apart by their names: a mapping says one thing for all of them. */
export function findSameNames(header: readonly string[], visible: (name: string) => string): Set<number> {
  const first = new Map<string, number>();
  const same = new Set<number>();
  for (const [column, name] of header.entries()) {
    const known = first.get(visible(name));
    if (known === undefined) first.set(visible(name), column);
    else same.add(known).add(column);
  }
  return same;
}
