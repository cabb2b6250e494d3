/**
 * Finds the staged rows that a foreign key would refuse, for all rows at once and in one round trip. A row waits when it
 * refers to a row that is neither stored nor staged, or to a staged row that waits itself. All other staged rows can be
 * written by one statement, also when they refer to each other in a circle, since PostgreSQL checks foreign keys at the
 * end of a statement.
 *
 * The catalog says what a row refers to (foreign-keys.ts). What the catalog does not say is found by trying each row
 * (merge-each.ts): a row that is refused by a foreign key that cannot be judged, or by a trigger.
 */
import type { ClientBase, QueryArrayResult } from 'pg';
import pg from 'pg';
import { STAGES } from '#runner/target/names.ts';
import { type ForeignKey, readForeignKeys } from './foreign-keys.ts';
import { compareKeys, STAGE_ROW } from './merge.ts';
import { keyOf, type Target } from './target.ts';

export interface WaitingRow {
  rowNumber: number;
  /** The name of the foreign key that would refuse the row. */
  constraint: string;
}

/**
 * References to rows that are not stored. `parent` is the staged row that a staged row refers to; null: there is none.
 * `position` is that of the foreign key in its list, so that an error names the same one as PostgreSQL.
 */
const REFERENCES = `pg_temp.${STAGES.references}`;
export const CREATE_REFERENCES = `CREATE TEMPORARY TABLE IF NOT EXISTS ${STAGES.references}
    (child bigint, parent bigint, position integer, constraint_name text) ON COMMIT DELETE ROWS;
  CREATE INDEX IF NOT EXISTS ${STAGES.references}_parent ON ${REFERENCES} (parent);
  CREATE INDEX IF NOT EXISTS ${STAGES.references}_child ON ${REFERENCES} (child)`;

/**
 * Finds the rows of the stage that wait, as far as the catalog tells. The stage stays as it is.
 * @param registeredBy an upload whose keys in the ledger count as stored.
 */
export async function findWaitingByCatalog(
  client: ClientBase,
  target: Target,
  registeredBy?: string,
): Promise<WaitingRow[]> {
  const keys = await readForeignKeys(client, target);
  if (keys.length === 0) return [];
  const registered =
    registeredBy === undefined
      ? []
      : keys.map((key, i) => removeRegistered(target, { key, position: i, registeredBy }));
  return ask(client, [...storeReferences(target, keys), ...registered, ...FIND_WAITING, READ_WAITING]);
}

/** Takes the rows that wait, as far as the catalog tells, out of the stage. */
export async function takeWaiting(client: ClientBase, target: Target): Promise<WaitingRow[]> {
  const keys = await readForeignKeys(client, target);
  if (keys.length === 0) return [];
  const { stage } = keyOf(target).merge;
  return ask(client, [
    ...storeReferences(target, keys),
    ...FIND_WAITING,
    'SET LOCAL enable_nestloop = off',
    `DELETE FROM ${stage} WHERE ${STAGE_ROW} IN (SELECT child FROM ${REFERENCES} WHERE position = -1)`,
    'SET LOCAL enable_nestloop TO DEFAULT',
    READ_WAITING,
  ]);
}

/** Finds what rows of the stage refer to that is not in a table, but may be staged. A row may be found several times. */
export async function findUnstored(client: ClientBase, target: Target): Promise<WaitingRow[]> {
  const keys = await readForeignKeys(client, target);
  return ask(client, [
    ...storeReferences(target, keys),
    `SELECT DISTINCT child::float8, constraint_name FROM ${REFERENCES}`,
  ]);
}

/** Runs statements in one round trip. @returns the rows of the last one. */
async function ask(client: ClientBase, statements: readonly string[]): Promise<WaitingRow[]> {
  const results = (await client.query<[number, string]>({
    rowMode: 'array',
    text: statements.join(';\n'),
  })) as unknown as QueryArrayResult<[number, string]>[];
  return results.at(-1)!.rows.map(([rowNumber, constraint]) => ({ rowNumber, constraint }));
}

/** Removes references to keys that the ledger keeps for the upload; it keeps the hashes of primary keys alone. */
function removeRegistered(
  target: Target,
  { key, position, registeredBy }: { key: ForeignKey; position: number; registeredBy: string },
): string {
  const { merge } = keyOf(target);
  const { columns, referencedColumns, referencedTypes } = key;
  const at = merge.key.map((name) => referencedColumns.findIndex((column) => pg.escapeIdentifier(column) === name));
  if (!key.isSelf || at.length !== columns.length || at.includes(-1)) return '';
  const row = `ROW(${at.map((i) => `s.${pg.escapeIdentifier(columns[i]!)}::${referencedTypes[i]}`).join(', ')})`;
  return `DELETE FROM ${REFERENCES} r USING ${merge.stage} s, batch_upload.batch_upload_keys k
    WHERE r.position = ${position} AND s.${STAGE_ROW} = r.child AND k.batch_upload_id = ${pg.escapeLiteral(registeredBy)}
      AND k.hash_1 = hash_record_extended(${row}, 1) AND k.hash_2 = hash_record_extended(${row}, 2)`;
}

function storeReferences(target: Target, keys: readonly ForeignKey[]): string[] {
  const statements = [CREATE_REFERENCES, `DELETE FROM ${REFERENCES}`];
  for (const [i, key] of keys.entries()) {
    statements.push(insertReferences(target, key, i));
    if (!key.isSelf) continue;
    statements.push('SET LOCAL enable_nestloop = off', findParents(target, key, i));
    statements.push('SET LOCAL enable_nestloop TO DEFAULT');
  }
  return statements;
}

/**
 * A row whose key is stored does not wait under Skip and Fail: such a row is never written, and PostgreSQL does not
 * check what it refers to. LIMIT makes PostgreSQL look each row up by the index; a table that has just been filled has
 * misleading statistics.
 */
function insertReferences(target: Target, key: ForeignKey, position: number): string {
  const { table, onDuplicate } = target;
  const { merge } = keyOf(target);
  const find = (relation: string, condition: string) =>
    `LEFT JOIN LATERAL (SELECT true AS found FROM ${relation} t WHERE ${condition} LIMIT 1)`;
  return `INSERT INTO ${REFERENCES} SELECT s.${STAGE_ROW}, NULL, ${position}, ${pg.escapeLiteral(key.name)}
    FROM ${merge.stage} s
    ${find(key.referenced, refersTo('t', key))} referenced ON true
    ${find(table, onDuplicate === 'Update' ? 'false' : compareKeys(merge.key)('t', 's'))} stored ON true
    WHERE ${key.columns.map((name) => `s.${pg.escapeIdentifier(name)} IS NOT NULL`).join(' AND ')}
      AND referenced.found IS NULL AND stored.found IS NULL`;
}

/**
 * Looks the references of one foreign key up among the staged rows. The caller forbids nested loops: PostgreSQL expects
 * few references, and would read the whole stage for each of them.
 */
function findParents(target: Target, key: ForeignKey, position: number): string {
  const { merge } = keyOf(target);
  return `WITH own AS (DELETE FROM ${REFERENCES} WHERE position = ${position} RETURNING child, constraint_name)
    INSERT INTO ${REFERENCES} SELECT own.child, p.${STAGE_ROW}, ${position}, own.constraint_name
    FROM own JOIN ${merge.stage} s ON s.${STAGE_ROW} = own.child LEFT JOIN ${merge.stage} p ON ${refersTo('p', key)}`;
}

/** @returns the condition that a row of `relation` is what the staged row `s` refers to. */
export function refersTo(relation: string, { columns, referencedColumns, operators }: ForeignKey): string {
  return referencedColumns
    .map((name, i) => `${relation}.${pg.escapeIdentifier(name)} ${operators[i]} s.${pg.escapeIdentifier(columns[i]!)}`)
    .join(' AND ');
}

/** PostgreSQL has no statistics of the references, and would read all of them for every step of the recursion. */
const BY_INDEX = 'SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_seqscan = off';
const BY_ANY_PLAN =
  'SET LOCAL enable_hashjoin TO DEFAULT; SET LOCAL enable_mergejoin TO DEFAULT; SET LOCAL enable_seqscan TO DEFAULT';

/** Adds each row that waits with the first foreign key that refuses it, as a reference with the position -1. */
const FIND_WAITING = [
  BY_INDEX,
  `WITH RECURSIVE waiting AS (
      SELECT child FROM ${REFERENCES} WHERE parent IS NULL
      UNION
      SELECT r.child FROM waiting w JOIN ${REFERENCES} r ON r.parent = w.child)
    INSERT INTO ${REFERENCES} SELECT DISTINCT ON (child) child, NULL, -1, constraint_name
    FROM waiting JOIN ${REFERENCES} USING (child) ORDER BY child, position`,
  BY_ANY_PLAN,
];
const READ_WAITING = `SELECT child::float8, constraint_name FROM ${REFERENCES} WHERE position = -1 ORDER BY child`;
