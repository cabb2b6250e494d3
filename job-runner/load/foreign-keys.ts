/** The foreign keys of a target table, from PostgreSQL's catalog. */
import type { ClientBase } from 'pg';
import type { Target } from './target.ts';

export interface ForeignKey {
  name: string;
  /** Does the foreign key refer to the table that it belongs to? */
  isSelf: boolean;
  /** The quoted name of the table that it refers to, with ONLY where PostgreSQL looks into no other table. */
  referenced: string;
  columns: string[];
  /** The columns that `columns` refer to, in the same order. */
  referencedColumns: string[];
  /** The types of `referencedColumns`. */
  referencedTypes: string[];
  /** PostgreSQL's operators, with the referenced column on the left. */
  operators: string[];
}

/**
 * The order is that of PostgreSQL's triggers: the first one that finds no row names the error. The statement is named, so
 * that PostgreSQL plans it once for each session.
 */
const FOREIGN_KEYS = {
  name: 'batch_upload_foreign_keys',
  text: `
  SELECT c.conname AS name, c.confrelid = c.conrelid AS "isSelf",
    CASE p.relkind WHEN 'r' THEN 'ONLY ' ELSE '' END || c.confrelid::regclass AS referenced,
    ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY k (num, n)
      JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.num ORDER BY k.n) AS columns,
    ARRAY(SELECT a.attname::text FROM unnest(c.confkey) WITH ORDINALITY k (num, n)
      JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.num ORDER BY k.n) AS "referencedColumns",
    ARRAY(SELECT format_type(a.atttypid, -1) FROM unnest(c.confkey) WITH ORDINALITY k (num, n)
      JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.num ORDER BY k.n) AS "referencedTypes",
    ARRAY(SELECT format('OPERATOR(%I.%s)', n.nspname, o.oprname) FROM unnest(c.conpfeqop) WITH ORDINALITY k (id, n)
      JOIN pg_operator o ON o.oid = k.id JOIN pg_namespace n ON n.oid = o.oprnamespace ORDER BY k.n) AS operators,
    has_table_privilege(c.confrelid, 'SELECT') AND has_schema_privilege(p.relnamespace, 'USAGE')
      AND NOT row_security_active(c.confrelid) AND NOT coalesce((to_jsonb(c)->>'conperiod')::boolean, false) AS "isReadable"
  FROM pg_constraint c JOIN pg_class p ON p.oid = c.confrelid
  WHERE c.conrelid = $1::text::regclass AND c.contype = 'f' AND coalesce((to_jsonb(c)->>'conenforced')::boolean, true)
    AND NOT EXISTS (SELECT FROM pg_constraint whole WHERE whole.oid = c.conparentid AND whole.conrelid = c.conrelid)
  ORDER BY (SELECT min(t.tgname::text COLLATE "C") FROM pg_trigger t
    WHERE t.tgconstraint = c.oid AND t.tgrelid = c.conrelid AND t.tgtype & 4 = 4)`,
};

/** Splits the foreign keys of a table into those that can be judged by what the role reads, and the others. */
async function readAllKeys(
  client: ClientBase,
  { table, columns }: Target,
): Promise<{ readable: ForeignKey[]; others: ForeignKey[] }> {
  const { rows } = await client.query<ForeignKey & { isReadable: boolean }>({ ...FOREIGN_KEYS, values: [table] });
  const isFilled = (name: string) => columns.includes(name);
  const isJudged = (key: ForeignKey & { isReadable: boolean }) =>
    key.isReadable && key.columns.every(isFilled) && (!key.isSelf || key.referencedColumns.every(isFilled));
  return { readable: rows.filter(isJudged), others: rows.filter((key) => !isJudged(key)) };
}

/**
 * Reads the foreign keys that can be judged by their columns: those to tables that the role reads as a whole, with
 * columns that the load fills.
 */
export async function readForeignKeys(client: ClientBase, target: Target): Promise<ForeignKey[]> {
  return (await readAllKeys(client, target)).readable;
}

/** @returns whether the table has foreign keys that {@link readForeignKeys} leaves out. */
export async function hasUnreadableKeys(client: ClientBase, target: Target): Promise<boolean> {
  return (await readAllKeys(client, target)).others.length > 0;
}
