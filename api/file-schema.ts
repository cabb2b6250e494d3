/** A schema, and which of its fields the columns of one file are. Pure. */
import type { RecordSchemaSpec } from './record-schema.gen.ts';
import type { ColumnMapping, DeclaredFormat, SourceFormat } from './source-format.ts';
import { visibleName } from './visible-name.ts';

export interface FileSchema extends RecordSchemaSpec {
  /** These columns are what the upload says they are, whatever their names say. */
  columns?: readonly ColumnMapping[];
}

/** Checks the columns that an upload names. @returns what is wrong with them by the schema; null when nothing is. */
export function findColumnFault(
  { fields }: Pick<RecordSchemaSpec, 'fields'>,
  { columns = [] }: Pick<DeclaredFormat, 'columns'>,
): string | null {
  const names = new Set(fields.map(({ name }) => name));
  const used = new Set<string>();
  const seen = new Set<string>();
  for (const { name, field, ignore = false } of columns) {
    if ((field !== undefined) === ignore) return `the column ${name} needs either a field or ignore: true`;
    const visible = visibleName(name);
    if (seen.has(visible)) return `the column ${visible} is there twice, in names that look the same`;
    seen.add(visible);
    if (field === undefined) continue;
    if (!names.has(field)) return `the column ${name} is to be the field ${field}, which the schema does not have`;
    if (used.has(field)) return `two columns are to be the field ${field}`;
    used.add(field);
  }
  return null;
}

/** The schema by which the file's own columns, or keys, are read. */
export function fileSchema(schema: RecordSchemaSpec, { columns = [] }: Pick<DeclaredFormat, 'columns'>): FileSchema {
  return columns.length === 0 ? schema : { ...schema, columns };
}

/** The schema by which the canonical records are read. Those of NDJSON have the schema's fields as columns. */
export function canonicalSchema(
  schema: RecordSchemaSpec,
  declared: Pick<DeclaredFormat, 'columns'>,
  { type }: Pick<SourceFormat, 'type'>,
): FileSchema {
  return type === 'ndjson' ? schema : fileSchema(schema, declared);
}
