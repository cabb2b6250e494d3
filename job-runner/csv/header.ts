/** A file's header against the fields of a schema. */
import type { RecordSchemaSpec } from '#runner/processor/record-schema.gen.ts';

export interface HeaderMatch {
  /** For each field of the schema the position of its column in the file, or -1. */
  positions: number[];
  /** Columns in the file, without those at the end that have no name. */
  columns: number;
}

export type HeaderResult = { ok: true; match: HeaderMatch } | { ok: false; message: string };

/** Letter case, spaces, `_` and `-` do not matter. */
export function normalizeName(name: string): string {
  return name.toLowerCase().replace(/[\s_-]+/g, '');
}

/** Matches names in any order (`exact`: in the schema's order); says everything that is wrong at once. */
export function matchHeader(header: readonly string[], schema: RecordSchemaSpec): HeaderResult {
  const names = dropTrailingBlanks(header);
  const byName = new Map<string, number>();
  const repeated: string[] = [];
  for (const [i, name] of names.entries()) {
    const key = normalizeName(name);
    if (byName.has(key)) repeated.push(name);
    else byName.set(key, i);
  }
  const taken = new Set<number>();
  const positions = schema.fields.map((field) => {
    for (const name of [field.name, ...(field.aliases ?? [])]) {
      const position = byName.get(normalizeName(name));
      if (position !== undefined && !taken.has(position)) {
        taken.add(position);
        return position;
      }
    }
    return -1;
  });
  const problems = [
    ...list('the column is there twice', repeated),
    ...list('missing', missingFields(schema, positions)),
    ...list('unknown', unknownColumns(schema, names, taken)),
    ...orderProblem(schema, positions),
  ];
  if (schema.fieldsMatch === 'partial' && taken.size === 0) problems.push('no column is a field of the schema');
  if (problems.length === 0) return { ok: true, match: { positions, columns: names.length } };
  const expected = schema.fields.map(({ name }) => name).join(', ');
  return {
    ok: false,
    message: `The file's header does not match the schema: ${problems.join('; ')}. Expected: ${shorten(expected)}. Correct the header, or the schema (fields, aliases, fieldsMatch).`,
  };
}

function missingFields(schema: RecordSchemaSpec, positions: number[]): string[] {
  const optional = schema.fieldsMatch === 'superset' || schema.fieldsMatch === 'partial';
  return schema.fields
    .filter((field, i) => {
      const needed = !optional || field.constraints?.required || schema.primaryKey.includes(field.name);
      return positions[i] === -1 && needed;
    })
    .map(({ name }) => name);
}

function unknownColumns(schema: RecordSchemaSpec, names: readonly string[], taken: Set<number>): string[] {
  if (schema.fieldsMatch === 'subset' || schema.fieldsMatch === 'partial') return [];
  return names.filter((_, i) => !taken.has(i)).map((name) => (name.trim() === '' ? '(a column without a name)' : name));
}

function orderProblem(schema: RecordSchemaSpec, positions: number[]): string[] {
  if (schema.fieldsMatch !== 'exact' || positions.every((position, i) => position === i || position === -1)) return [];
  return ['the columns are not in the order of the schema'];
}

/** Spreadsheets write columns without a name at the end; a value in them is a fault of its record. */
function dropTrailingBlanks(header: readonly string[]): readonly string[] {
  let end = header.length;
  while (end > 0 && header[end - 1]!.trim() === '') end -= 1;
  return header.slice(0, end);
}

function list(what: string, names: readonly string[]): string[] {
  return names.length === 0 ? [] : [`${what}: ${shorten(names.join(', '))}`];
}

function shorten(text: string): string {
  return text.length > 500 ? `${text.slice(0, 500)}…` : text;
}
