/** Matches a file's header with the fields of a schema. */
import type { FileSchema } from '#api/file-schema.ts';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { visibleName } from '#api/visible-name.ts';

export interface HeaderMatch {
  /** The position of each field's column in the file, in the schema's order; -1 for a field without a column. */
  positions: number[];
  /** The number of columns in the file, without nameless columns at the end. */
  columns: number;
}

export type HeaderResult = { ok: true; match: HeaderMatch } | { ok: false; message: string };

/**
 * Two names are alike when they differ only in letter case, spaces, `_`, `-`, invisible characters, or the way an accent
 * is encoded. A name of such characters alone is like no other.
 */
export function normalizeName(name: string): string {
  return visibleName(name)
    .toLowerCase()
    .replace(/[\s_-]+/g, '');
}

/** The field of a column, and how well the names fit: the least is best. */
export interface NamedField {
  /** {@link LEFT_OUT} for a column that the upload leaves out. */
  field: number;
  rank: number;
}

export const LEFT_OUT = -1;

/**
 * Finds the field of a column or key. A name that is the same wins over one that looks the same, and this one wins over
 * one that is alike; where two fields are alike, neither is found. A field's name wins over another field's alias. What
 * the upload says of a column wins over all names.
 */
export function createFieldFinder({
  fields,
  columns = [],
}: Pick<FileSchema, 'fields' | 'columns'>): (name: string) => NamedField | null {
  const mapped = new Map<string, number>();
  for (const { name, field } of columns) {
    const found = field === undefined ? LEFT_OUT : fields.findIndex((each) => each.name === field);
    if (field === undefined || found !== -1) mapped.set(visibleName(name), found);
  }
  const forms = [(name: string) => name, visibleName, normalizeName];
  const tiers = forms.flatMap((form) => [
    { form, fields: collectNames(fields.map(({ name }) => [form(name)])) },
    { form, fields: collectNames(fields.map(({ aliases = [] }) => aliases.map(form))) },
  ]);
  return (name) => {
    const own = mapped.get(visibleName(name));
    if (own !== undefined) return { field: own, rank: -1 };
    for (const [rank, tier] of tiers.entries()) {
      const form = tier.form(name);
      const found = form === '' ? undefined : tier.fields.get(form);
      if (found !== undefined) return found === AMBIGUOUS ? null : { field: found, rank };
    }
    return null;
  };
}

const AMBIGUOUS = -1;

function collectNames(names: readonly (readonly string[])[]): Map<string, number> {
  const fields = new Map<string, number>();
  for (const [i, all] of names.entries())
    for (const name of all) fields.set(name, (fields.get(name) ?? i) === i ? i : AMBIGUOUS);
  return fields;
}

/** What each column of a header is, and what the schema asks of the header. Numbers are positions in `names`. */
export interface HeaderColumns {
  /** The header's names without nameless columns at the end. */
  names: readonly string[];
  /** The position of each field's column, in the schema's order; -1 for a field without a column. */
  positions: number[];
  /** The columns whose field another column is, whose name fits better or comes first. */
  repeated: Set<number>;
  /** The columns that the upload leaves out. */
  leftOut: Set<number>;
  /** The columns that are no field, whether the schema allows them or not. */
  unknown: number[];
  /** The names of `columns` that the header does not have. */
  absent: string[];
  /** The fields that must have a column and have none. */
  missing: string[];
  /** True when the schema wants its own order, and the columns have another one. */
  isDisordered: boolean;
}

/** Matches names in any order; the schema's own order is asked of the header by `exact` alone. */
export function findColumns(header: readonly string[], schema: FileSchema): HeaderColumns {
  const names = dropTrailingBlanks(header);
  const { positions, repeated, leftOut } = findPositions(schema, names);
  const matched = new Set(positions);
  return {
    names,
    positions,
    repeated,
    leftOut,
    unknown: names.flatMap((_, i) => (matched.has(i) || repeated.has(i) || leftOut.has(i) ? [] : [i])),
    absent: absentColumns(schema, names),
    missing: missingFields(schema, positions),
    isDisordered: isDisordered(schema, positions),
  };
}

/**
 * Reports all problems of a header at once. The message names columns only when at least one is a field: else the first
 * row may be a record, whose values must not be shown.
 */
export function matchHeader(header: readonly string[], schema: FileSchema): HeaderResult {
  if (dropTrailingBlanks(header).some((name) => name.includes('\0'))) {
    return {
      ok: false,
      message: 'The first row holds NUL characters: save the file as CSV in UTF-8 and upload it again.',
    };
  }
  const { names, positions, repeated, unknown, absent, missing, isDisordered } = findColumns(header, schema);
  const expected = `Expected: ${shorten(schema.fields.map(({ name }) => name).join(', '))}.`;
  if (positions.every((position) => position === -1)) {
    return {
      ok: false,
      message: `No column of the first row is a field of the schema. ${expected} Add the header row, or correct it.`,
    };
  }
  const show = (columns: Iterable<number>) => [...columns].map((i) => names[i]!.trim() || '(a column without a name)');
  const problems = [
    ...list('the column is there twice', show(repeated)),
    ...list('spec.format.columns names columns that are not there', absent),
    ...list('missing', missing),
    ...list('unknown', allowsUnknown(schema) ? [] : show(unknown)),
    ...(isDisordered ? ['the columns are not in the order of the schema'] : []),
  ];
  if (problems.length === 0) return { ok: true, match: { positions, columns: names.length } };
  return {
    ok: false,
    message: `The file's header does not match the schema: ${problems.join('; ')}. ${expected} Correct the header, or the schema (fields, aliases, fieldsMatch), or say in spec.format.columns which column is which field.`,
  };
}

/** Finds each field's column: the first of those whose names fit best. The others of them are repeated. */
function findPositions(
  schema: FileSchema,
  names: readonly string[],
): { positions: number[]; repeated: Set<number>; leftOut: Set<number> } {
  const fieldOf = createFieldFinder(schema);
  const best: ({ column: number; rank: number } | undefined)[] = new Array(schema.fields.length).fill(undefined);
  const repeated = new Set<number>();
  const leftOut = new Set<number>();
  for (const [column, name] of names.entries()) {
    const found = fieldOf(name);
    if (!found) continue;
    if (found.field === LEFT_OUT) {
      leftOut.add(column);
      continue;
    }
    const known = best[found.field];
    if (known && known.rank <= found.rank) repeated.add(column);
    else {
      if (known) repeated.add(known.column);
      best[found.field] = { column, rank: found.rank };
    }
  }
  return { positions: best.map((each) => each?.column ?? -1), repeated, leftOut };
}

function absentColumns({ columns = [] }: FileSchema, names: readonly string[]): string[] {
  const there = new Set(names.map(visibleName));
  return columns.flatMap(({ name }) => (there.has(visibleName(name)) ? [] : [name]));
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

/** May the header have columns that are no field? */
export function allowsUnknown(schema: Pick<RecordSchemaSpec, 'fieldsMatch'>): boolean {
  return schema.fieldsMatch === 'subset' || schema.fieldsMatch === 'partial';
}

function isDisordered(schema: RecordSchemaSpec, positions: number[]): boolean {
  return schema.fieldsMatch === 'exact' && positions.some((position, i) => position !== i && position !== -1);
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
