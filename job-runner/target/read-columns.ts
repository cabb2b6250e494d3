/** Reads what the catalog knows of a target's columns. */
import type { ClientBase } from 'pg';
import type { ColumnType } from '#runner/processor/column-encoding.ts';

export interface TargetColumns {
  /** The quoted name with its schema, and pg_class.oid; absent when no column was found. */
  table?: string;
  oid?: number;
  /** The types in the order of the columns; null when the role may not lock the table. */
  types: ColumnType[] | null;
  /** The same; of a domain the type below it. */
  baseTypes: ColumnType[] | null;
  /**
   * The columns that are GENERATED ALWAYS AS IDENTITY. COPY writes them, INSERT with OVERRIDING SYSTEM VALUE too, but no
   * UPDATE: a stored row keeps them, which are equal anyway where they are the key.
   */
  identities: ReadonlySet<string>;
}

/**
 * Reads what the catalog knows of the target's columns. The types are null when a column is missing. A right on single
 * columns is enough to insert, but not to lock the table.
 * @param columns their names, with the quoted name of the table
 * @throws the error of PostgreSQL when the table does not exist
 */
export async function readTargetColumns(
  client: ClientBase,
  { table, columns }: { table: string; columns: readonly string[] },
): Promise<TargetColumns> {
  const { rows } = await client.query<{
    table: string;
    tableOid: number;
    name: string;
    isIdentity: boolean;
    canLock: boolean;
    type: ColumnType;
    base: ColumnType;
  }>(COLUMNS_SQL, [table, columns]);
  const isWhole = rows.length === columns.length;
  const [first] = rows;
  return {
    ...(first ? { table: first.table, oid: first.tableOid } : {}),
    types: isWhole && rows.every(({ canLock }) => canLock) ? rows.map(({ type }) => type) : null,
    baseTypes: isWhole ? rows.map(({ base }) => base) : null,
    identities: new Set(rows.filter(({ isIdentity }) => isIdentity).map(({ name }) => name)),
  };
}

const COLUMNS_SQL = `
  WITH RECURSIVE types AS (
    SELECT c.position, c.name, a.attrelid, a.attidentity, a.atttypid AS oid, a.atttypmod AS modifier,
      a.atttypid AS base, a.atttypmod AS base_modifier
    FROM unnest($2::text[]) WITH ORDINALITY AS c (name, position)
    JOIN pg_attribute a ON a.attrelid = $1::text::regclass AND a.attname = c.name AND NOT a.attisdropped
    UNION ALL
    SELECT d.position, d.name, d.attrelid, d.attidentity, d.oid, d.modifier, t.typbasetype, t.typtypmod
    FROM types d JOIN pg_type t ON t.oid = d.base AND t.typtype = 'd')
  SELECT (SELECT format('"%s"."%s"', replace(n.nspname, '"', '""'), replace(r.relname, '"', '""'))
      FROM pg_class r JOIN pg_namespace n ON n.oid = r.relnamespace WHERE r.oid = c.attrelid) AS "table",
    c.attrelid::bigint::float8 AS "tableOid", c.name, c.attidentity = 'a' AS "isIdentity", has_table_privilege(c.attrelid, 'INSERT') AS "canLock",
    json_build_object('oid', c.oid::int, 'modifier', c.modifier) AS type,
    json_build_object('oid', c.base::int, 'modifier', c.base_modifier) AS base
  FROM types c JOIN pg_type t ON t.oid = c.base AND t.typtype <> 'd' ORDER BY c.position`;
