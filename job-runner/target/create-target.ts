/** Makes the statement that creates a target table, and runs it. */
import type { ClientBase } from 'pg';
import pg from 'pg';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { ColumnType } from '#runner/processor/column-encoding.ts';
import { keyColumns, quoteTable } from './names.ts';

type Column = RecordSchemaSpec['target']['columns'][number];
type Field = RecordSchemaSpec['fields'][number];
type TypeName = NonNullable<Column['type']>;

/** The column type of each field type. Integers of more than 18 digits need `type: numeric` in the column. */
const TYPES: Record<Field['type'], TypeName> = {
  string: 'text',
  any: 'text',
  integer: 'bigint',
  number: 'numeric',
  boolean: 'boolean',
  date: 'date',
  time: 'time',
  datetime: 'timestamptz',
  year: 'integer',
  yearmonth: 'text',
  duration: 'interval',
  object: 'jsonb',
  array: 'jsonb',
};

/** pg_type.oid by the name of the type; the oids of built-in types never change. */
const OIDS: Record<TypeName, number> = {
  boolean: 16,
  bigint: 20,
  integer: 23,
  text: 25,
  json: 114,
  'double precision': 701,
  date: 1082,
  time: 1083,
  timestamptz: 1184,
  interval: 1186,
  numeric: 1700,
  uuid: 2950,
  jsonb: 3802,
};

/** @returns the types that the columns get when {@link createTableSql} is run, in their order. */
export function createdTypes(schema: RecordSchemaSpec): ColumnType[] {
  return schema.target.columns.map((column) => ({ oid: OIDS[columnType(column, schema)], modifier: -1 }));
}

/** @returns `CREATE TABLE IF NOT EXISTS …` with the schema's key, where it has one, as primary key. */
export function createTableSql(schema: RecordSchemaSpec): string {
  const key = new Set(keyColumns(schema));
  const columns = schema.target.columns.map((column) => {
    const notNull = key.has(column.name) || column.system !== undefined;
    return `  ${pg.escapeIdentifier(column.name)} ${columnType(column, schema)}${notNull ? ' NOT NULL' : ''}`;
  });
  const primaryKey = key.size > 0 ? [`  PRIMARY KEY (${[...key].map(pg.escapeIdentifier).join(', ')})`] : [];
  return `CREATE TABLE IF NOT EXISTS ${quoteTable(schema.target.table)} (\n${[...columns, ...primaryKey].join(',\n')}\n)`;
}

function columnType(column: Column, schema: RecordSchemaSpec): TypeName {
  if (column.type !== undefined) return column.type;
  if (column.json !== undefined) return 'jsonb';
  if (column.system !== undefined) return column.system === 'rowNumber' ? 'bigint' : 'uuid';
  const field = schema.fields.find(({ name }) => name === column.field);
  if (field?.format === 'uuid') return 'uuid';
  return TYPES[field?.type ?? 'string'];
}

/**
 * Creates the table under a lock: two `CREATE TABLE IF NOT EXISTS` at once can both find no table and collide in the
 * catalog.
 */
export async function createTarget(client: ClientBase, schema: RecordSchemaSpec): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 1))', [schema.target.table]);
    await client.query(createTableSql(schema));
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}
