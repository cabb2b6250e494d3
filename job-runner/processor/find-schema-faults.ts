import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { matchHeader } from '#runner/csv/header.ts';
import { compileField, type FieldCheck } from './check-field.ts';
import { compileColumn } from './columns.ts';
import { compileSchema, requireDistinctNames, requireKeyColumns } from './process-record.ts';
import { compileRule } from './rules.ts';
import { SchemaError } from './schema-error.ts';

/** Finds everything that keeps a schema from being compiled, in the order of the spec; empty for a sound schema. */
export function findSchemaFaults(schema: RecordSchemaSpec): SchemaError[] {
  const faults: SchemaError[] = [];
  const attempt = <T>(work: () => T): T | null => {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof SchemaError)) throw error;
      faults.push(error);
      return null;
    }
  };
  attempt(() => requireDistinctNames(schema));
  const names = schema.fields.map(({ name }) => name);
  attempt(() => {
    const match = matchHeader(names, schema);
    if (!match.ok) throw new SchemaError('spec.fields', match.message);
  });
  const checks = schema.fields.map((field, i): FieldCheck => {
    const options = { path: `spec.fields[${i}]`, required: false, missingValues: schema.missingValues ?? [] };
    // Rules and columns that use a field with a fault are compiled with a field that has none.
    return attempt(() => compileField(field, options)) ?? compileField({ name: field.name, type: 'string' }, options);
  });
  attempt(() => requireKeyColumns(schema));
  for (const [i, rule] of (schema.rules ?? []).entries())
    attempt(() => compileRule(rule, `spec.rules[${i}]`, { schema, checks }));
  for (const [i, column] of schema.target.columns.entries())
    attempt(() =>
      compileColumn(column, `spec.target.columns[${i}]`, { schema, checks }, { encoding: null, type: null }),
    );
  // The last word is that of the compiler which an upload runs.
  if (faults.length === 0) attempt(() => compileSchema(schema, null));
  return faults;
}
