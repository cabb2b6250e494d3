/** Proposes which field each column of a file is, where its name does not say it. A person decides. Pure. */
import type { ColumnMapping } from '#api/source-format.ts';
import { visibleName } from '#api/visible-name.ts';
import { likenessOf, type PreparedName, prepareName } from './likeness.ts';
import { type FieldKind, fitOf } from './value-kinds.ts';

export interface SchemaField extends FieldKind {
  name: string;
  title?: string | undefined;
  aliases?: readonly string[] | undefined;
}

/** What a column is to be: the name of a field, or nothing that is loaded. */
export type Choice = { field: string } | 'ignore';

export interface ProposedColumn {
  choice: Choice;
  /** Why: its own name says so, somebody chose so for this header before, the names or values are alike, or nothing. */
  reason: 'Name' | 'Before' | 'Likeness' | 'Nothing';
}

export interface Proposal {
  header: readonly string[];
  fields: readonly SchemaField[];
  /** The field of each column by the schema's names and aliases; null where there is none. */
  fieldOfColumn: readonly (string | null)[];
  /** What was chosen for this header before. */
  before?: readonly ColumnMapping[];
  /** The first values of each column, as far as they are known. */
  samples?: readonly (readonly string[])[];
}

/** A likeness below this is chance. */
const LEAST_SCORE = 0.55;
/** Values of a kind that is distinct say enough without a name, where no other column and no other field is such. */
const BY_VALUES = 0.56;
/**
 * More pairs of columns and fields would hold up the page; then names alone count, which the schema has found already.
 */
const MOST_PAIRS = 40_000;

interface Pair {
  column: number;
  field: SchemaField;
  score: number;
}

/** @returns what each column of the header is proposed to be; no field is proposed twice */
export function proposeColumns(asked: Proposal): ProposedColumn[] {
  const { header, fields, fieldOfColumn, before = [] } = asked;
  const proposed: (ProposedColumn | undefined)[] = header.map(() => undefined);
  const free = new Map(fields.map((field) => [field.name, field]));
  const take = (column: number, name: string, reason: ProposedColumn['reason']) => {
    if (proposed[column] !== undefined || !free.delete(name)) return;
    proposed[column] = { choice: { field: name }, reason };
  };
  const chosen = new Map(before.map(({ name, field }) => [visibleName(name), field]));
  for (const [column, name] of header.entries()) {
    if (!chosen.has(visibleName(name))) continue;
    const field = chosen.get(visibleName(name));
    if (field === undefined) proposed[column] = { choice: 'ignore', reason: 'Before' };
    else take(column, field, 'Before');
  }
  for (const [column, field] of fieldOfColumn.entries()) if (field !== null) take(column, field, 'Name');
  const open = header.flatMap((_, column) => (proposed[column] === undefined ? [column] : []));
  for (const { column, field } of rankPairs(asked, open, [...free.values()])) take(column, field.name, 'Likeness');
  return proposed.map((each) => each ?? { choice: 'ignore', reason: 'Nothing' });
}

/** The pairs that may be proposed, the best first. */
function rankPairs(
  { header, samples = [] }: Proposal,
  columns: readonly number[],
  fields: readonly SchemaField[],
): Pair[] {
  if (columns.length * fields.length > MOST_PAIRS) return [];
  const prepared = fields.map((field) => ({ field, names: namesOf(field) }));
  const pairs: Pair[] = [];
  const byValues: Pair[] = [];
  for (const column of columns) {
    const name = prepareName(header[column]!);
    for (const { field, names } of prepared) {
      const fit = fitOf(field, samples[column] ?? []);
      const likeness = Math.max(...names.map((each) => likenessOf(name, each)));
      const score = scoreOf(likeness, fit);
      if (score >= LEAST_SCORE) pairs.push({ column, field, score });
      else if (fit === 'Distinct') byValues.push({ column, field, score: BY_VALUES });
    }
  }
  const isAlone = ({ column, field }: Pair) =>
    byValues.every((other) => (other.column === column) === (other.field === field));
  return [...pairs, ...byValues.filter(isAlone)].sort((a, b) => b.score - a.score);
}

function namesOf({ name, title, aliases = [] }: SchemaField): PreparedName[] {
  return [name, ...aliases, ...(title === undefined ? [] : [title])].map(prepareName);
}

/** Values that cannot be of the field take more away than values that can be of the field add. */
function scoreOf(likeness: number, fit: ReturnType<typeof fitOf>): number {
  if (fit === 'Unlikely') return likeness * 0.6;
  if (fit === 'Unknown') return likeness;
  return likeness >= 0.35 ? Math.min(1, likeness + (fit === 'Distinct' ? 0.2 : 0.1)) : likeness;
}

/** When a person comes back to the columns, what was chosen stands there. */
export function proposeAgain(proposed: readonly ProposedColumn[], choices: readonly Choice[] | null): ProposedColumn[] {
  return proposed.map((each, i) => ({ ...each, choice: choices?.[i] ?? each.choice }));
}
