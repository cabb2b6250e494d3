/** Checks whether a runner can load into the target table. Each explanation says what SQL to run. */
import type { ClientBase } from 'pg';
import pg from 'pg';
import type { UploadExplanation } from '#api/explanation.ts';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { checkBehaviour, checkKeyIndexes, readBehaviour, type TargetBehaviour } from './check-behaviour.ts';
import { checkNames, inLedger, LEDGER_SCHEMA } from './check-names.ts';
import { checkReplicaIdentity, checkSafety, readParts, type TargetPart } from './check-parts.ts';
import { createTableSql } from './create-target.ts';
import { keyColumns, quoteTable, replacesRows } from './names.ts';
import { IS_UNIQUE_KEY } from './unique-index.ts';

/** @returns null when the runner can load into the table. */
export async function verifyTarget(client: ClientBase, schema: RecordSchemaSpec): Promise<UploadExplanation | null> {
  const misnamed = checkNames(schema);
  if (misnamed) return misnamed;
  const table = await readTable(client, schema);
  if (table === null) return tableMissing(schema);
  const behaviour = await readBehaviour(client, table.oid, schema);
  return (
    checkTarget(schema, table, behaviour) ??
    checkBehaviour(schema, behaviour) ??
    checkReplicaIdentity(schema, table.parts)
  );
}

export interface TargetTable {
  oid: number;
  /** The schema in which PostgreSQL found the table's name. */
  schema: string;
  /** pg_class.relkind. */
  kind: string;
  user: string;
  canInsert: boolean;
  canSelect: boolean;
  canUpdate: boolean;
  canMakeTemporaryTables: boolean;
  columns: { name: string; required: boolean; generated: boolean }[];
  /** The columns of each unique index that can find duplicates: valid, immediate, not partial, without expressions or WITHOUT OVERLAPS. */
  uniqueKeys: string[][];
  /** Those of the table and its partitions on which a load cannot rely. */
  parts: TargetPart[];
}

/** Checks a table that {@link verifyTarget} has read. Pure. */
export function checkTarget(
  schema: RecordSchemaSpec,
  table: TargetTable,
  behaviour: TargetBehaviour,
): UploadExplanation | null {
  return (
    (table.schema === LEDGER_SCHEMA ? inLedger(schema.target.table) : null) ??
    checkKind(schema, table) ??
    checkSafety(schema, table.parts) ??
    checkColumns(schema, table) ??
    checkRequired(schema, table) ??
    checkKeyIndexes(schema, behaviour) ??
    checkKey(schema, table) ??
    checkRights(schema, table)
  );
}

export function tableMissing(schema: RecordSchemaSpec): UploadExplanation {
  const sql = createTableSql(schema).replaceAll(/\n\s*/g, ' ');
  return {
    reason: 'TargetTableMissing',
    message: `The table ${schema.target.table} does not exist. Set spec.target.create: true in the RecordSchema, or create it: ${sql};`,
  };
}

function checkKind({ target }: RecordSchemaSpec, { kind }: TargetTable): UploadExplanation | null {
  if (kind === 'r' || kind === 'p') return null;
  return {
    reason: 'TargetTableMissing',
    message: `${target.table} is not a table. Name a table in spec.target.table of the RecordSchema, or create one.`,
  };
}

function checkColumns({ target }: RecordSchemaSpec, { columns }: TargetTable): UploadExplanation | null {
  const known = new Map(columns.map((column) => [column.name, column]));
  const missing = target.columns.map(({ name }) => name).filter((name) => !known.has(name));
  if (missing.length > 0) {
    return {
      reason: 'TargetColumnMissing',
      message: `The table ${target.table} has no column ${missing.join(', ')}. Add it (ALTER TABLE ${quoteTable(target.table)} ${missing.map((name) => `ADD COLUMN ${pg.escapeIdentifier(name)} …`).join(', ')}), or correct spec.target.columns of the RecordSchema.`,
    };
  }
  const generated = target.columns.map(({ name }) => name).filter((name) => known.get(name)?.generated);
  if (generated.length === 0) return null;
  return {
    reason: 'TargetColumnMissing',
    message: `The column ${generated.join(', ')} of the table ${target.table} is generated and cannot be loaded. Take it out of spec.target.columns of the RecordSchema.`,
  };
}

function checkRequired({ target }: RecordSchemaSpec, { columns }: TargetTable): UploadExplanation | null {
  const filled = new Set(target.columns.map(({ name }) => name));
  const required = columns.filter(({ name, required }) => required && !filled.has(name)).map(({ name }) => name);
  if (required.length === 0) return null;
  return {
    reason: 'TargetColumnRequired',
    message: `The column ${required.join(', ')} of the table ${target.table} is NOT NULL, has no default and gets nothing from the RecordSchema. Add it to spec.target.columns, or run: ALTER TABLE ${quoteTable(target.table)} ${required.map((name) => `ALTER COLUMN ${pg.escapeIdentifier(name)} DROP NOT NULL`).join(', ')};`,
  };
}

function checkKey(schema: RecordSchemaSpec, { uniqueKeys }: TargetTable): UploadExplanation | null {
  const key = keyColumns(schema);
  if (key.length === 0) return null;
  const wanted = [...key].sort().join('\0');
  if (uniqueKeys.some((columns) => [...columns].sort().join('\0') === wanted)) return null;
  const list = key.map(pg.escapeIdentifier).join(', ');
  return {
    reason: 'TargetKeyMissing',
    message: `The table ${schema.target.table} has no unique index on exactly (${key.join(', ')}) that is valid, covers all rows, is not deferrable and does not say WITHOUT OVERLAPS; without it duplicates are not found. Run: CREATE UNIQUE INDEX ON ${quoteTable(schema.target.table)} (${list});`,
  };
}

function checkRights(schema: RecordSchemaSpec, table: TargetTable): UploadExplanation | null {
  const { target } = schema;
  // To append, a role needs no more than COPY does: nothing is looked up, sorted or replaced.
  const appends = keyColumns(schema).length === 0;
  const missing = [
    ...(table.canSelect || appends ? [] : ['SELECT']),
    ...(table.canInsert ? [] : ['INSERT']),
    ...(table.canUpdate || !replacesRows(schema) ? [] : ['UPDATE']),
  ];
  const user = pg.escapeIdentifier(table.user);
  if (missing.length > 0) {
    return {
      reason: 'TargetAccessDenied',
      message: `The role ${table.user} may not ${missing.join(', ')} on the table ${target.table}. Run: GRANT ${missing.join(', ')} ON ${quoteTable(target.table)} TO ${user};`,
    };
  }
  if (table.canMakeTemporaryTables || appends) return null;
  return {
    reason: 'TargetAccessDenied',
    message: `The role ${table.user} may not make temporary tables, in which chunks with duplicates are sorted. Run as an administrator: GRANT TEMPORARY ON DATABASE … TO ${user};`,
  };
}

/**
 * Rights on some columns may be enough, so this asks for any column. The runner reports a right that is missing later.
 */
const TABLE_SQL = `
  SELECT c.oid, c.relnamespace::regnamespace::text AS schema, c.relkind AS kind, current_user AS "user",
         has_any_column_privilege(c.oid, 'SELECT') AS "canSelect", has_any_column_privilege(c.oid, 'INSERT') AS "canInsert",
         has_any_column_privilege(c.oid, 'UPDATE') AS "canUpdate",
         has_database_privilege(current_database(), 'TEMPORARY') AS "canMakeTemporaryTables"
  FROM pg_class c WHERE c.oid = to_regclass($1)`;

const COLUMNS_SQL = `
  SELECT attname AS name, attgenerated <> '' AS generated,
         attnotnull AND NOT atthasdef AND attidentity = '' AND attgenerated = '' AS required
  FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped`;

const KEYS_SQL = `
  SELECT array_agg(a.attname::text) AS columns
  FROM pg_index i
  CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, position)
  JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
  WHERE i.indrelid = $1 AND ${IS_UNIQUE_KEY} AND i.indimmediate AND k.position <= i.indnkeyatts
  GROUP BY i.indexrelid`;

async function readTable(client: ClientBase, schema: RecordSchemaSpec): Promise<TargetTable | null> {
  const found = await client.query(TABLE_SQL, [quoteTable(schema.target.table)]);
  const row = found.rows[0];
  if (!row) return null;
  const columns = await client.query(COLUMNS_SQL, [row.oid]);
  const keys = await client.query<{ columns: string[] }>(KEYS_SQL, [row.oid]);
  const parts = await readParts(client, row.oid, schema);
  return { ...row, columns: columns.rows, uniqueKeys: keys.rows.map((key) => key.columns), parts };
}
