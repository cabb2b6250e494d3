/** Schemas that the tests of the command line share. */
import { readFileSync } from 'node:fs';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { readSchema } from '#cli/schema/read-schema.ts';

export const EXAMPLE_FILES = ['airports', 'certifications', 'weather'].map(
  (name) => `crds/examples/recordschema-${name}.yaml`,
);

/** The schema of a text, which must be one without mistakes. */
export function specOf(text: string): RecordSchemaSpec {
  const result = readSchema(text);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.spec;
}

export function specOfFile(path: string): RecordSchemaSpec {
  return specOf(readFileSync(path, 'utf8'));
}

/** A schema of these fields, each in a column of its own; the first one is the key. */
export function specOfFields(fields: readonly object[], more: Partial<RecordSchemaSpec> = {}): RecordSchemaSpec {
  const names = fields.map((field) => (field as { name: string }).name);
  const target = { table: 'records', columns: names.map((name, i) => ({ name: `c${i}`, field: name })) };
  return specOf(JSON.stringify({ fields, primaryKey: [names[0]], target, ...more }));
}
