/** Reads what the catalog knows of a target's columns and key, when a pod begins and again in each transaction. */
import type { ClientBase } from 'pg';
import { Fault } from '#common/faults.ts';
import type { ColumnType } from '#runner/processor/column-encoding.ts';
import type { Target } from './target.ts';

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
  { table, columns }: Pick<Target, 'table' | 'columns'>,
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

/** Is there a unique index on exactly the columns `key`, which finds every duplicate at once? */
const hasKey = (table: string, key: string) => `EXISTS (
    SELECT FROM pg_index i CROSS JOIN LATERAL (
      SELECT array_agg(a.attname::text) AS names FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, position)
      JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum WHERE k.position <= i.indnkeyatts) c
    WHERE i.indrelid = ${table}::text::regclass AND i.indisunique AND i.indisvalid AND i.indimmediate
      AND i.indpred IS NULL AND i.indexprs IS NULL AND c.names @> ${key}::text[] AND c.names <@ ${key}::text[])`;

/** Every transaction runs this statement; it is named, so that PostgreSQL plans it once for each session. */
const SAME_TYPES = {
  name: 'batch_upload_same_types',
  text: `SELECT count(*)::int AS same, ${hasKey('$1', '$6')} AS keyed, $1::text::regclass <> $7::oid AS replaced
    FROM unnest($3::text[], $4::int[], $5::int[]) AS c (name, oid, modifier),
      unnest(ARRAY[$1::text::regclass, $2::text::regclass]) AS t (id)
    JOIN LATERAL (SELECT atttypid, atttypmod, attname FROM pg_attribute WHERE attrelid = t.id) a ON true
    WHERE a.attname = c.name AND a.atttypid = c.oid::oid AND a.atttypmod = c.modifier`,
};

/**
 * Checks that the columns of the locked target and of the session's stage have the types that rows were prepared for.
 * PostgreSQL would take the bytes of an integer for a date without an error, and a stage with the old types would round
 * or refuse values that the table accepts. Without the key's index COPY would store duplicates.
 * @throws Fault DB_TARGET_CHANGED, DB_TARGET_REPLACED
 */
export async function expectColumnTypes(
  client: ClientBase,
  { table, oid, columns, key, byKey }: Target,
  expected: readonly ColumnType[],
): Promise<void> {
  const oids = expected.map(({ oid }) => oid);
  const modifiers = expected.map(({ modifier }) => modifier);
  const { rows } = await client.query<{ same: number; keyed: boolean; replaced: boolean | null }>({
    ...SAME_TYPES,
    values: [table, byKey?.merge.stage ?? table, columns, oids, modifiers, key, oid],
  });
  if (rows[0]!.replaced) throw targetReplaced(table);
  if (rows[0]!.same === 2 * columns.length && (rows[0]!.keyed || key.length === 0)) return;
  throw targetChanged(table);
}

/**
 * Checks that the target has the key, and the columns that it had when the session's stage was made; without a stage, that
 * the columns exist. No other column may need a value.
 * @throws Fault DB_TARGET_CHANGED, or the error of PostgreSQL when the table does not exist any more
 */
export async function expectSameColumns(client: ClientBase, { table, columns, key, byKey }: Target): Promise<void> {
  const { rows } = await client.query<{ same: number; keyed: boolean; needsMore: boolean }>(
    `SELECT count(*)::int AS same, ${hasKey('$1', '$4')} AS keyed, EXISTS (
       SELECT FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped AND attnotnull
         AND NOT atthasdef AND attidentity = '' AND attgenerated = '' AND attname <> ALL($3)) AS "needsMore"
     FROM pg_attribute t JOIN pg_attribute s USING (attname, atttypid, atttypmod)
     WHERE t.attrelid = $1::text::regclass AND s.attrelid = $2::text::regclass AND attname = ANY($3)`,
    [table, byKey?.merge.stage ?? table, columns, key],
  );
  const { same, keyed, needsMore } = rows[0]!;
  if (same === columns.length && (keyed || key.length === 0) && !needsMore) return;
  throw targetChanged(table);
}

export function targetReplaced(table: string): Fault {
  return new Fault({
    code: 'DB_TARGET_REPLACED',
    category: 'permanent',
    reason: 'DatabaseError',
    message: `Another table has taken the place of ${table} while records were loaded. The records that were stored before are in the table that had the name before. Load the whole file into the new table by a new BatchUpload with spec.reload: true.`,
  });
}

function targetChanged(table: string): Fault {
  return new Fault({
    code: 'DB_TARGET_CHANGED',
    category: 'retryable',
    restart: true,
    reason: 'DatabaseError',
    message: `The columns or the key of ${table} were changed while records were prepared for them. The records are prepared again.`,
  });
}
