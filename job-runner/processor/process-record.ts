/** One record by the rules of its schema: the same for every source of files. Pure; compiled once per schema. */
import { matchHeader } from '#runner/csv/header.ts';
import type { RecordFault } from '#runner/ledger/insert-errors.ts';
import { compileField } from './check-field.ts';
import { type ColumnWriter, compileColumn, type RecordContext } from './columns.ts';
import { CODES, fieldCountFault, sortFaults } from './faults.ts';
import type { RecordSchemaSpec } from './record-schema.gen.ts';
import { SchemaError } from './schema-error.ts';

export type RecordResult =
  /** In the order of the target's columns, in PostgreSQL's text form. */
  { ok: true; values: (string | null)[] } | { ok: false; faults: RecordFault[] };

export interface RecordProcessor {
  /** `fields` in the order of the file's columns. All faults at once, the record's code first. */
  process(fields: readonly string[], context: RecordContext): RecordResult;
  /** The record for people: values of sensitive fields masked. */
  mask(fields: readonly string[]): string[];
}

/**
 * Compiles a schema for a file with this header (null: as if the file had the schema's own).
 * @throws SchemaError
 */
export function compileSchema(schema: RecordSchemaSpec, header: readonly string[] | null): RecordProcessor {
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
  const sensitive = new Set(schema.fields.flatMap((field, i) => (field.sensitive ? [positions[i]!] : [])));

  return {
    process(fields, context) {
      if (!hasColumns(fields, columns)) return { ok: false, faults: [fieldCountFault(columns, fields.length)] };
      const faults: RecordFault[] = [];
      for (let i = 0; i < checks.length; i += 1) checks[i]!.collect(fields[positions[i]!], faults);
      if (faults.length > 0) return { ok: false, faults: sortFaults(faults) };
      const read = (index: number) => {
        const text = fields[positions[index]!];
        return text === undefined || checks[index]!.isMissing(text) ? undefined : text;
      };
      return writeColumns(schema, writers, { read, context });
    },
    mask: (fields) => fields.map((text, i) => (sensitive.has(i) && text !== '' ? '***' : text)),
  };
}

function writeColumns(
  schema: RecordSchemaSpec,
  writers: ColumnWriter[],
  { read, context }: { read: (index: number) => string | undefined; context: RecordContext },
): RecordResult {
  const values: (string | null)[] = new Array(writers.length);
  for (let i = 0; i < writers.length; i += 1) {
    try {
      values[i] = writers[i]!(read, context);
    } catch {
      const column = schema.target.columns[i]!.name;
      const message = `The expression of column ${column} cannot be computed from this record`;
      return { ok: false, faults: [{ code: CODES.type, field: null, message }] };
    }
  }
  return { ok: true, values };
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
