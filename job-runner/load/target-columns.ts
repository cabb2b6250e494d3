/**
 * Checks in each transaction that the target still has the columns and the key for which rows were prepared, and that
 * committed rows stay in it.
 */
import type { ClientBase } from 'pg';
import { Fault } from '#common/faults.ts';
import type { ColumnType } from '#runner/processor/column-encoding.ts';
import { IS_UNIQUE_KEY } from '#runner/target/unique-index.ts';
import type { Target } from './target.ts';

/** Is there a unique index on exactly the columns `key`, which finds every duplicate at once? */
const hasKey = (table: string, key: string) => `EXISTS (
    SELECT FROM pg_index i CROSS JOIN LATERAL (
      SELECT array_agg(a.attname::text) AS names FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, position)
      JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum WHERE k.position <= i.indnkeyatts) c
    WHERE i.indrelid = ${table}::text::regclass AND ${IS_UNIQUE_KEY} AND i.indimmediate
      AND c.names @> ${key}::text[] AND c.names <@ ${key}::text[])`;

/** Every transaction runs this statement; it is named, so that PostgreSQL plans it once for each session. */
const SAME_TYPES = {
  name: 'batch_upload_same_types',
  text: `SELECT count(*)::int AS same, ${hasKey('$1', '$6')} AS keyed, $1::text::regclass <> $7::oid AS replaced,
      (SELECT relpersistence = 'u' AND relkind = 'r' FROM pg_class WHERE oid = $1::text::regclass) AS unlogged
    FROM unnest($3::text[], $4::int[], $5::int[]) AS c (name, oid, modifier),
      unnest(ARRAY[$1::text::regclass, $2::text::regclass]) AS t (id)
    JOIN LATERAL (SELECT atttypid, atttypmod, attname FROM pg_attribute WHERE attrelid = t.id) a ON true
    WHERE a.attname = c.name AND a.atttypid = c.oid::oid AND a.atttypmod = c.modifier`,
};

/**
 * Checks that the columns of the locked target and of the session's stage have the types that rows were prepared for.
 * PostgreSQL would take the bytes of an integer for a date without an error, and a stage with the old types would round
 * or refuse values that the table accepts. Without the key's index COPY would store duplicates, and from an UNLOGGED table
 * a crash would take rows that the ledger counts.
 * @throws Fault DB_TARGET_CHANGED, DB_TARGET_REPLACED
 */
export async function expectColumnTypes(
  client: ClientBase,
  { table, oid, columns, key, byKey }: Target,
  expected: readonly ColumnType[],
): Promise<void> {
  const oids = expected.map(({ oid }) => oid);
  const modifiers = expected.map(({ modifier }) => modifier);
  const { rows } = await client.query<{ same: number; keyed: boolean; replaced: boolean | null; unlogged: boolean }>({
    ...SAME_TYPES,
    values: [table, byKey?.merge.stage ?? table, columns, oids, modifiers, key, oid],
  });
  if (rows[0]!.replaced) throw targetReplaced(table);
  const { same, keyed, unlogged } = rows[0]!;
  if (same === 2 * columns.length && (keyed || key.length === 0) && !unlogged) return;
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
    message: `The columns, the key or the storage of ${table} were changed while records were prepared for them. The records are prepared again.`,
  });
}
