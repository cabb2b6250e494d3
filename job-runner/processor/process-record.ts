/** One record by the rules of its schema: the same for every source of files. Pure; compiled once per schema. */
import { matchHeader, normalizeName } from '#runner/csv/header.ts';
import type { RecordFault } from '#runner/ledger/insert-errors.ts';
import { compileField } from './check-field.ts';
import { type ColumnWriter, compileColumn, type RecordContext, type Values } from './columns.ts';
import { CODES, fieldCountFault, fieldTextFault, sortFaults } from './faults.ts';
import type { RecordSchemaSpec } from './record-schema.gen.ts';
import { SchemaError } from './schema-error.ts';

export type RecordResult =
  /** In the order of the target's columns, in PostgreSQL's text form. */
  { ok: true; values: (string | null)[] } | { ok: false; faults: RecordFault[] };

export interface RecordProcessor {
  /**
   * `fields` in the order of the file's columns. All faults at once, the record's code first.
   * `unreadable`: numbers of the fields whose bytes are not text; they fail if the schema reads them.
   */
  process(fields: readonly string[], context: RecordContext, unreadable?: readonly number[]): RecordResult;
  /**
   * The record for people: values of sensitive fields masked. When nobody can say which value is which field's (the
   * number of fields is wrong, or `malformed` quoting moved them), all of them are.
   */
  mask(fields: readonly string[], malformed?: boolean): string[];
}

const MASK = '***';

/**
 * Compiles a schema for a file with this header (null: as if the file had the schema's own).
 * @throws SchemaError
 */
export function compileSchema(schema: RecordSchemaSpec, header: readonly string[] | null): RecordProcessor {
  requireDistinctNames(schema);
  const match = matchHeader(header ?? schema.fields.map(({ name }) => name), schema);
  if (!match.ok) throw new SchemaError('spec.fields', match.message);
  const { positions, columns } = match.match;
  const checks = schema.fields.map((field, i) =>
    compileField(field, {
      path: `spec.fields[${i}]`,
      required: (field.constraints?.required ?? false) || schema.primaryKey.includes(field.name),
      missingValues: schema.missingValues ?? [],
    }),
  );
  requireKeyColumns(schema);
  const writers: ColumnWriter[] = schema.target.columns.map((column, i) =>
    compileColumn(column, `spec.target.columns[${i}]`, { schema, checks }),
  );
  const sensitive = new Set(
    schema.fields.flatMap((field, i) => (field.sensitive && positions[i] !== -1 ? [positions[i]!] : [])),
  );

  return {
    process(fields, context, unreadable = []) {
      if (!hasColumns(fields, columns)) return { ok: false, faults: [fieldCountFault(columns, fields.length)] };
      const faults: RecordFault[] = [];
      const values: (string | undefined)[] = new Array(checks.length);
      for (let i = 0; i < checks.length; i += 1) {
        const check = checks[i]!;
        const position = positions[i]!;
        if (unreadable.length > 0 && unreadable.includes(position)) {
          faults.push(fieldTextFault(check.name));
          continue;
        }
        // A field that the file does not have is missing.
        const value = check.read(fields[position]);
        values[i] = value;
        check.collect(value, faults);
      }
      if (faults.length > 0) return { ok: false, faults: sortFaults(faults) };
      return writeColumns(schema, writers, { values, context });
    },
    mask(fields, malformed = false) {
      const all = sensitive.size > 0 && (malformed || !hasColumns(fields, columns));
      return fields.map((text, i) => ((all || sensitive.has(i)) && text !== '' ? MASK : text));
    },
  };
}

function writeColumns(
  schema: RecordSchemaSpec,
  writers: ColumnWriter[],
  { values, context }: { values: Values; context: RecordContext },
): RecordResult {
  const row: (string | null)[] = new Array(writers.length);
  for (let i = 0; i < writers.length; i += 1) {
    try {
      row[i] = writers[i]!(values, context);
    } catch {
      const column = schema.target.columns[i]!.name;
      const message = `The expression of column ${column} cannot be computed from this record`;
      return { ok: false, faults: [{ code: CODES.type, field: null, message }] };
    }
  }
  return { ok: true, values: row };
}

/** More fields than columns are fine when they are blank: spreadsheets write such. */
function hasColumns(fields: readonly string[], columns: number): boolean {
  if (fields.length < columns) return false;
  for (let i = columns; i < fields.length; i += 1) if (fields[i]!.trim() !== '') return false;
  return true;
}

function requireKeyColumns(schema: RecordSchemaSpec): void {
  for (const name of schema.primaryKey) {
    if (!schema.target.columns.some((column) => column.field === name)) {
      throw new SchemaError('spec.target.columns', `no column gets the key field ${name}`);
    }
  }
}

/** A header's column must be one field's: names and aliases differ in more than case, spaces, `_` and `-`. */
function requireDistinctNames(schema: RecordSchemaSpec): void {
  const owners = new Map<string, number>();
  for (const [i, { name, aliases = [] }] of schema.fields.entries()) {
    for (const text of [name, ...aliases]) {
      const key = normalizeName(text);
      const path = `spec.fields[${i}].${text === name ? 'name' : 'aliases'}`;
      if (key === '') throw new SchemaError(path, `${text} has no letter or digit`);
      const owner = owners.get(key);
      if (owner !== undefined && owner !== i)
        throw new SchemaError(path, `in a header ${text} could also be the field ${schema.fields[owner]!.name}`);
      owners.set(key, i);
    }
  }
}
