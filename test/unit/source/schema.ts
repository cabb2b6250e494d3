import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';

/** Fields `id` and `full name` (also `name`), with this rule for the header. */
export function schemaOf(fieldsMatch: RecordSchemaSpec['fieldsMatch'] = 'equal'): RecordSchemaSpec {
  return {
    fields: [
      { name: 'id', type: 'string' },
      { name: 'full name', type: 'string', aliases: ['name'] },
    ],
    fieldsMatch,
    primaryKey: ['id'],
    target: { table: 't', create: false, onDuplicate: 'Skip', columns: [{ name: 'id', field: 'id' }] },
  };
}
