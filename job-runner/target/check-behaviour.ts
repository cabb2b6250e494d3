/**
 * Checks what the statements of a load rely on beyond columns, keys and rights: that COPY and INSERT store a row as it is
 * sent, that both see every row, and that the unique index takes the same keys for equal as the statements do. What
 * cannot be relied on is refused before the first record, with the SQL that mends it.
 */
import type { ClientBase } from 'pg';
import pg from 'pg';
import type { UploadExplanation } from '#api/explanation.ts';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { keyColumns, quoteTable, replacesRows } from './names.ts';
import { IS_UNIQUE_KEY } from './unique-index.ts';

export interface TargetBehaviour {
  user: string;
  /** Has the role the rights of the table's owner? */
  owns: boolean;
  database: string;
  searchPath: string;
  readOnly: boolean;
  /** Is the server a standby, which takes no writes at all? */
  standby: boolean;
  /** Does row-level security apply to the role? */
  rowSecurity: boolean;
  rules: string[];
  /** Do other tables inherit from the table, without being its partitions or an extension's own? */
  hasChildren: boolean;
  /** Does a BEFORE INSERT trigger of the table run for each row? */
  hasInsertTrigger: boolean;
  /** `oid` and `modifier` are those of a column's type, of a domain those of the type below it. */
  columns: { name: string; alwaysIdentity: boolean; type: string; oid: number; modifier: number }[];
  /** Unique indexes on exactly the key's columns that find other duplicates than the statements of a load do. */
  otherKeys: { index: string; name: string; why: 'collation' | 'operator' | 'deferrable' }[];
  /** Schemas of key columns' operators for equality that the search path lacks. */
  hiddenSchemas: string[];
}

/** Pure. @returns null when a load can rely on the table. */
export function checkBehaviour(schema: RecordSchemaSpec, found: TargetBehaviour): UploadExplanation | null {
  return (
    checkReadOnly(found) ??
    checkRules(schema, found) ??
    checkRowSecurity(schema, found) ??
    checkChildren(schema, found) ??
    checkIdentity(schema, found) ??
    checkTypes(schema, found)
  );
}

function checkReadOnly({ readOnly, standby, user, database }: TargetBehaviour): UploadExplanation | null {
  if (!readOnly) return null;
  return {
    reason: 'DatabaseReadOnly',
    message: standby
      ? "The server is a standby, which takes no writes. Put the host of the primary server into the Secret's uri."
      : `The role's transactions are read-only, by a setting of the role ${user} or of the database ${database}. Run: ALTER ROLE ${pg.escapeIdentifier(user)} SET default_transaction_read_only = off;`,
  };
}

function checkRules({ target }: RecordSchemaSpec, { rules }: TargetBehaviour): UploadExplanation | null {
  if (rules.length === 0) return null;
  const disabled = rules.map((rule) => `DISABLE RULE ${pg.escapeIdentifier(rule)}`).join(', ');
  return notSupported(
    `The table ${target.table} has the rule ${rules.join(', ')} for INSERT or UPDATE. COPY ignores rules, and INSERT … ON CONFLICT is not possible with them. Make the rule a trigger, or run: ALTER TABLE ${quoteTable(target.table)} ${disabled};`,
  );
}

function checkRowSecurity({ target }: RecordSchemaSpec, found: TargetBehaviour): UploadExplanation | null {
  if (!found.rowSecurity) return null;
  const { user, owns } = found;
  const sql = owns
    ? `ALTER TABLE ${quoteTable(target.table)} NO FORCE ROW LEVEL SECURITY;`
    : `ALTER ROLE ${pg.escapeIdentifier(user)} BYPASSRLS;`;
  return notSupported(
    `Row-level security of the table ${target.table} applies to the role ${user}. COPY is not possible with it, and duplicates are not found in rows that the role does not see. Load as a role to which it does not apply, or run as an administrator: ${sql}`,
  );
}

function checkChildren(schema: RecordSchemaSpec, found: TargetBehaviour): UploadExplanation | null {
  if (!found.hasChildren || !(found.hasInsertTrigger || replacesRows(schema))) return null;
  const { table } = schema.target;
  return notSupported(
    `Other tables inherit from the table ${table}. Its unique index does not cover their rows, and rows that a trigger moves there cannot be counted. Name one of these tables in spec.target.table of the RecordSchema, make ${table} a partitioned table, or detach each of them: ALTER TABLE … NO INHERIT ${quoteTable(table)};`,
  );
}

function checkIdentity(schema: RecordSchemaSpec, { columns }: TargetBehaviour): UploadExplanation | null {
  if (!replacesRows(schema)) return null;
  const key = new Set(keyColumns(schema));
  const always = new Set(columns.filter(({ alwaysIdentity }) => alwaysIdentity).map(({ name }) => name));
  const written = schema.target.columns.filter(({ name, system }) => system !== 'uuid' && !key.has(name));
  const names = written.map(({ name }) => name).filter((name) => always.has(name));
  if (names.length === 0) return null;
  const table = quoteTable(schema.target.table);
  const sql = names.map((name) => `ALTER COLUMN ${pg.escapeIdentifier(name)} SET GENERATED BY DEFAULT`).join(', ');
  return notSupported(
    `The column ${names.join(', ')} of the table ${schema.target.table} is GENERATED ALWAYS AS IDENTITY, and a record that takes the place of a stored row cannot set it. Take the column out of spec.target.columns of the RecordSchema, or run: ALTER TABLE ${table} ${sql};`,
  );
}

const WHY_OTHER = {
  collation: 'compares keys by another collation than the column',
  operator: 'compares keys by another operator than = of the type of the column',
  deferrable: 'is deferrable, and ON CONFLICT does not take it',
};

/** Pure. @returns null when every unique index on the key finds the same duplicates as the statements of a load. */
export function checkKeyIndexes(schema: RecordSchemaSpec, found: TargetBehaviour): UploadExplanation | null {
  const { table } = schema.target;
  const [other] = found.otherKeys;
  if (other) {
    const key = keyColumns(schema).map(pg.escapeIdentifier).join(', ');
    const sql =
      other.why === 'deferrable'
        ? `ALTER TABLE ${quoteTable(table)} DROP CONSTRAINT ${pg.escapeIdentifier(other.name)}, ADD UNIQUE (${key});`
        : `DROP INDEX ${other.index}; CREATE UNIQUE INDEX ON ${quoteTable(table)} (${key});`;
    return notSupported(
      `The unique index ${other.name} of the table ${table} ${WHY_OTHER[other.why]}, so that duplicates could not be found as the index finds them. Run: ${sql}`,
    );
  }
  if (found.hiddenSchemas.length === 0) return null;
  const schemas = found.hiddenSchemas.map(pg.escapeIdentifier).join(', ');
  return notSupported(
    `The type of a key column of the table ${table} has its operators in the schema ${found.hiddenSchemas.join(', ')}, which is not in the search path of the role ${found.user}: keys would be compared as texts. Run: ALTER ROLE ${pg.escapeIdentifier(found.user)} SET search_path = ${found.searchPath || '""'}, ${schemas};`,
  );
}

const NAME_OID = 19;
const CHAR_OID = 18;
/** date, time and timetz. */
const PARTS_OF_DATETIME = new Set([1082, 1083, 1266]);

const TEXT = { type: 'text', lost: 'the end of long texts' };
const INTERVAL = { type: 'interval', lost: 'the smaller units of an interval' };

const INTERVAL_OID = 1186;
const ALL_UNITS = 0x7fff;
const SECONDS = 1 << 12;

/** Some intervals keep larger units alone, such as `interval year to month`; the upper half of the modifier has the units. */
function cutsUnits({ oid, modifier }: { oid: number; modifier: number }): boolean {
  const units = (modifier >> 16) & ALL_UNITS;
  return oid === INTERVAL_OID && modifier !== -1 && units !== ALL_UNITS && (units & SECONDS) === 0;
}

/** Types that would lose a part of every value, or nearly; column-fit.ts looks at single values. */
function checkTypes({ fields, target }: RecordSchemaSpec, { columns }: TargetBehaviour): UploadExplanation | null {
  const known = new Map(columns.map((column) => [column.name, column]));
  for (const { name, field } of target.columns) {
    const column = known.get(name);
    if (!column) continue;
    const isDatetime = fields.find((each) => each.name === field)?.type === 'datetime';
    const better =
      column.oid === NAME_OID || column.oid === CHAR_OID
        ? TEXT
        : cutsUnits(column)
          ? INTERVAL
          : isDatetime && PARTS_OF_DATETIME.has(column.oid)
            ? { type: 'timestamptz', lost: `a part of the datetime in the field ${field}` }
            : null;
    if (better === null) continue;
    const { type, lost } = better;
    // A day and a time of the day are no datetimes, so the column cannot just be given the other type.
    const using = type === 'timestamptz' ? ` USING ${column.oid === 1082 ? pg.escapeIdentifier(name) : 'NULL'}` : '';
    return {
      reason: 'TargetTypeLossy',
      message: `The column ${name} of the table ${target.table} has the type ${column.type}, which would lose ${lost} without an error. Correct the field of the RecordSchema, or run: ALTER TABLE ${quoteTable(target.table)} ALTER COLUMN ${pg.escapeIdentifier(name)} TYPE ${type}${using};`,
    };
  }
  return null;
}

export function notSupported(message: string): UploadExplanation {
  return { reason: 'TargetNotSupported', message };
}

const ROLE_SQL = `
  SELECT current_user AS user, pg_has_role(c.relowner, 'USAGE') AS owns, current_database() AS database,
    current_setting('search_path') AS "searchPath", current_setting('transaction_read_only')::boolean AS "readOnly",
    pg_is_in_recovery() AS standby, row_security_active(c.oid) AS "rowSecurity",
    ARRAY(SELECT rulename::text FROM pg_rewrite WHERE ev_class = c.oid AND ev_type IN ('2', '3') AND ev_enabled <> 'D')
      AS rules,
    c.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits WHERE inhparent = c.oid) AND NOT EXISTS (
      SELECT FROM pg_trigger g JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = g.tgfoid
        AND d.deptype = 'e' WHERE g.tgrelid = c.oid) AS "hasChildren",
    EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.oid AND tgtype & 7 = 7 AND tgenabled <> 'D') AS "hasInsertTrigger"
  FROM pg_class c WHERE c.oid = $1`;

const COLUMNS_SQL = `
  WITH RECURSIVE types AS (
    SELECT attname, attidentity, format_type(atttypid, atttypmod) AS type, atttypid AS base, atttypmod AS modifier
    FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT a.attname, a.attidentity, a.type, t.typbasetype, t.typtypmod
    FROM types a JOIN pg_type t ON t.oid = a.base AND t.typtype = 'd')
  SELECT attname::text AS name, attidentity = 'a' AS "alwaysIdentity", type, base::int AS oid, modifier
  FROM types JOIN pg_type t ON t.oid = base AND t.typtype <> 'd'`;

/**
 * Strategy 3 of a btree's operator family is equality. An index WITHOUT OVERLAPS is no btree: ON CONFLICT passes it over,
 * and a record that it alone refuses fails.
 */
const KEYS_SQL = `
  WITH keys AS (
    SELECT i.indexrelid, i.indimmediate, a.attcollation, i.indcollation[k.position - 1] AS used,
      a.atttypid, o.oid AS class, o.opcfamily, o.opcintype, (
        SELECT amopopr FROM pg_amop WHERE amopfamily = o.opcfamily AND amopstrategy = 3
          AND amoplefttype = o.opcintype AND amoprighttype = o.opcintype) AS equal
    FROM pg_index i
    CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, position)
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
    JOIN pg_opclass o ON o.oid = i.indclass[k.position - 1]
    WHERE i.indrelid = $1 AND ${IS_UNIQUE_KEY} AND k.position <= i.indnkeyatts AND $2::text[] @> columns_of(i) AND columns_of(i) @> $2::text[])`;

function keysSql(select: string): string {
  const columns = `(SELECT array_agg(b.attname::text) FROM pg_attribute b WHERE b.attrelid = i.indrelid
    AND b.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]))`;
  return `${KEYS_SQL.replaceAll('columns_of(i)', columns)} ${select}`;
}

const OTHER_KEYS_SQL = keysSql(`
  SELECT DISTINCT indexrelid::regclass::text AS index, (SELECT relname::text FROM pg_class WHERE oid = indexrelid) AS name, CASE
      WHEN NOT indimmediate THEN 'deferrable'
      WHEN used <> attcollation AND NOT (
        SELECT bool_and(collisdeterministic) FROM pg_collation WHERE oid IN (used, attcollation)) THEN 'collation'
      WHEN keys.equal <> own.equal THEN 'operator' END AS why
  FROM keys LEFT JOIN LATERAL (
    SELECT p.amopopr AS equal FROM pg_opclass d JOIN pg_amop p ON p.amopfamily = d.opcfamily AND p.amopstrategy = 3
      AND p.amoplefttype = d.opcintype AND p.amoprighttype = d.opcintype
    WHERE d.opcintype = atttypid AND d.opcdefault AND d.opcmethod = (SELECT oid FROM pg_am WHERE amname = 'btree')) own
    ON true`);

const HIDDEN_SQL = keysSql(`
  SELECT DISTINCT o.oprnamespace::regnamespace::text AS schema FROM keys JOIN pg_operator o ON o.oid = keys.equal
  WHERE NOT pg_operator_is_visible(o.oid)`);

export async function readBehaviour(
  client: ClientBase,
  oid: number,
  schema: RecordSchemaSpec,
): Promise<TargetBehaviour> {
  const key = keyColumns(schema);
  const role = await client.query(ROLE_SQL, [oid]);
  const columns = await client.query(COLUMNS_SQL, [oid]);
  const keys = await client.query(OTHER_KEYS_SQL, [oid, key]);
  const hidden = await client.query<{ schema: string }>(HIDDEN_SQL, [oid, key]);
  return {
    ...role.rows[0],
    columns: columns.rows,
    otherKeys: keys.rows.filter(({ why }) => why !== null),
    hiddenSchemas: hidden.rows.map((row) => row.schema),
  };
}
