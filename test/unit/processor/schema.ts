/** Small schemas for the tests of the processor. */
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';

type Spec = RecordSchemaSpec;
type PartialField = Partial<Spec['fields'][number]>;

/** Makes a schema: field `k` is the key, `fields` follow. Without `columns` each field has a column of its name. */
export function schemaOf(
  fields: Record<string, PartialField>,
  rest: Partial<Omit<Spec, 'target'>> & { columns?: Spec['target']['columns'] } = {},
): Spec {
  const { columns, ...others } = rest;
  const all = Object.entries({ k: {}, ...fields }).map(([name, field]) => ({
    name,
    type: 'string' as const,
    ...field,
  }));
  return {
    fields: all,
    fieldsMatch: 'equal',
    primaryKey: ['k'],
    target: {
      table: 't',
      create: false,
      onDuplicate: 'Skip',
      columns: columns ?? all.map(({ name }) => ({ name, field: name })),
    },
    ...others,
  };
}
