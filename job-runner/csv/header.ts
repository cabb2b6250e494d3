/** Matches a file's header with the fields of a schema. */
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';

export interface HeaderMatch {
  /** The position of each field's column in the file, in the schema's order; -1 for a field without a column. */
  positions: number[];
  /** The number of columns in the file, without nameless columns at the end. */
  columns: number;
}

export type HeaderResult = { ok: true; match: HeaderMatch } | { ok: false; message: string };

/** Two names are the same when they differ only in letter case, spaces, `_`, `-` or the way an accent is encoded. */
export function normalizeName(name: string): string {
  return name
    .normalize('NFC')
    .toLowerCase()
    .replace(/[\s_-]+/g, '');
}

/**
 * Matches names in any order (`exact`: in the schema's order), and reports all problems at once. The message names
 * columns only when at least one is a field: else the first row may be a record, whose values must not be shown.
 */
export function matchHeader(header: readonly string[], schema: RecordSchemaSpec): HeaderResult {
  const names = dropTrailingBlanks(header);
  if (names.some((name) => name.includes('\0'))) {
    return {
      ok: false,
      message: 'The first row holds NUL characters: save the file as CSV in UTF-8 and upload it again.',
    };
  }
  const keys = names.map(normalizeName);
  const positions = findPositions(schema, keys);
  const matched = new Set(positions.filter((position) => position !== -1));
  const expected = `Expected: ${shorten(schema.fields.map(({ name }) => name).join(', '))}.`;
  if (matched.size === 0) {
    return {
      ok: false,
      message: `No column of the first row is a field of the schema. ${expected} Add the header row, or correct it.`,
    };
  }
  const repeated = new Set(repeatedColumns(schema, keys, matched));
  const unknown = names.flatMap((_, i) => (matched.has(i) || repeated.has(i) ? [] : [i]));
  const show = (columns: Iterable<number>) => [...columns].map((i) => names[i]!.trim() || '(a column without a name)');
  const problems = [
    ...list('the column is there twice', show(repeated)),
    ...list('missing', missingFields(schema, positions)),
    ...list('unknown', allowsUnknown(schema) ? [] : show(unknown)),
    ...orderProblem(schema, positions),
  ];
  if (problems.length === 0) return { ok: true, match: { positions, columns: names.length } };
  return {
    ok: false,
    message: `The file's header does not match the schema: ${problems.join('; ')}. ${expected} Correct the header, or the schema (fields, aliases, fieldsMatch).`,
  };
}

/** Finds each field's first column by name, else by an alias; an alias never takes another field's own column. */
function findPositions(schema: RecordSchemaSpec, keys: readonly string[]): number[] {
  const free = new Map<string, number>();
  for (const [i, key] of keys.entries()) if (key !== '' && !free.has(key)) free.set(key, i);
  const take = (name: string): number => {
    const key = normalizeName(name);
    const position = free.get(key) ?? -1;
    free.delete(key);
    return position;
  };
  const positions = schema.fields.map(({ name }) => take(name));
  return schema.fields.map(({ aliases = [] }, i) =>
    aliases.reduce((position, alias) => (position === -1 ? take(alias) : position), positions[i]!),
  );
}

/** Finds the columns whose name or alias is that of a field with another column. */
function repeatedColumns(schema: RecordSchemaSpec, keys: readonly string[], matched: Set<number>): number[] {
  const known = new Set(schema.fields.flatMap(({ name, aliases = [] }) => [name, ...aliases].map(normalizeName)));
  return keys.flatMap((key, i) => (key !== '' && !matched.has(i) && known.has(key) ? [i] : []));
}

function missingFields(schema: RecordSchemaSpec, positions: number[]): string[] {
  const optional = schema.fieldsMatch === 'superset' || schema.fieldsMatch === 'partial';
  return schema.fields
    .filter((field, i) => {
      const needed = !optional || field.constraints?.required || schema.primaryKey?.includes(field.name);
      return positions[i] === -1 && needed;
    })
    .map(({ name }) => name);
}

function allowsUnknown(schema: RecordSchemaSpec): boolean {
  return schema.fieldsMatch === 'subset' || schema.fieldsMatch === 'partial';
}

function orderProblem(schema: RecordSchemaSpec, positions: number[]): string[] {
  if (schema.fieldsMatch !== 'exact' || positions.every((position, i) => position === i || position === -1)) return [];
  return ['the columns are not in the order of the schema'];
}

/** Spreadsheets write nameless columns at the end; a value in such a column is a fault of its record. */
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
