/**
 * Merges staged rows one by one into a table whose BEFORE triggers may change or suppress rows. The set-based merge finds
 * a row that it has inserted by the row's key, and a trigger may have given the row another key. Here each row is one
 * INSERT, which says by itself what became of the row:
 *
 * | the statement                               | what became of the row                                    |
 * |---------------------------------------------|-----------------------------------------------------------|
 * | returns a row                               | the row is in the table                                   |
 * | evaluates the condition of its DO UPDATE    | the row met a stored row, which is locked from then on    |
 * | does neither                                | a trigger has suppressed the row                          |
 *
 * The condition of DO UPDATE sees the stored row, and by EXCLUDED the new row as the triggers have left it. A setting of
 * the transaction carries what the condition has seen to the statement after it.
 */
import type { ClientBase } from 'pg';
import pg from 'pg';
import { Fault } from '#common/faults.ts';
import { assignments, compareKeys, type MergeOptions, type MergeResult, STAGE_ROW } from './merge.ts';

/** The hashes of a key, as texts of 64-bit integers. */
export type KeyHashes = readonly [string, string];

export interface RecordMerge {
  /** The table's name, quoted. */
  table: string;
  createFunction: string;
  run: string;
  /** Leaves the best row of each key that is not stored in the stage, and no other row. */
  keepNew: string;
  /** Inserts all staged rows by one statement, in the order of their row numbers. */
  insertStaged: string;
}

export interface RecordMergeResult extends MergeResult {
  /** Row numbers of staged rows that a trigger kept out of the table. */
  suppressed: number[];
  /** The key of each row that was written, as the triggers left the key; empty unless hashes were asked for. */
  hashes: Map<number, KeyHashes>;
}

const FUNCTION = 'pg_temp.batch_upload_merge_by_record';
const SEEN = "'batch_upload.met_row'";
/** The names of the function's variables; the names of columns never hide them, since columns are always qualified. */
export const STAGED = '"staged row"';
const WRITTEN = '"written row"';
const MET = '"met row"';
const STAYS = '"owner stays"';
const SUPPRESSES = '"a trigger may suppress"';
export const variables = ({ table }: Pick<RecordMergeOptions, 'table'>) =>
  `${STAGED} record; ${WRITTEN} json; ${MET} json; ${STAYS} boolean;
    ${SUPPRESSES} boolean := EXISTS (${beforeTriggersSql(pg.escapeLiteral(table), 4)})`;
/** Was the row simply written, so that nobody needs to know more than that? */
export const IS_PLAIN = `${WRITTEN} IS NOT NULL AND ${MET} IS NULL AND ${STAYS} IS NOT FALSE`;
/** The pairs of an {@link Outcome} as arguments of json_build_object(). */
export const OUTCOME = `'row', ${STAGED}.${STAGE_ROW}, 'written', ${WRITTEN}, 'met', ${MET}, 'stays', ${STAYS}`;

export interface RecordMergeOptions extends MergeOptions {
  /** The quoted name of the stage with its schema. */
  staged: string;
  /** Are the hashes of keys needed? Some types cannot be hashed. */
  hashed: boolean;
}

export function describeRecordMerge(options: RecordMergeOptions): RecordMerge {
  const { table, columns, key, staged, onDuplicate } = options;
  const list = columns.map(pg.escapeIdentifier).join(', ');
  const keys = key.map(pg.escapeIdentifier).join(', ');
  // The winner of equal keys in one chunk comes first, so that the winner need not displace the others.
  const order = onDuplicate === 'Update' ? 'DESC' : 'ASC';
  // Where no row displaces another one, the first of equal keys stays, and only the triggers know which keys are equal.
  const inOrder = replacesRows(options) ? `${keys}, ${STAGE_ROW} ${order}` : STAGE_ROW;
  return {
    table,
    createFunction: `CREATE FUNCTION ${FUNCTION}(uuid) RETURNS SETOF json LANGUAGE plpgsql AS ${pg.escapeLiteral(`
      #variable_conflict use_column
      DECLARE ${variables(options)};
      BEGIN
        FOR ${STAGED} IN SELECT * FROM ${staged} ORDER BY ${inOrder} LOOP
          ${mergeOne(options)}
          RETURN NEXT json_build_object(${OUTCOME});
        END LOOP;
      END`)}`,
    run: `SELECT ${FUNCTION}($1) AS outcome`,
    keepNew: `DELETE FROM ${staged} WHERE ${STAGE_ROW} NOT IN (
      SELECT DISTINCT ON (${keys}) ${STAGE_ROW} FROM ${staged} s
      WHERE NOT EXISTS (SELECT FROM ${table} t WHERE ${compareKeys(key.map(pg.escapeIdentifier))('t', 's')})
      ORDER BY ${keys}, ${STAGE_ROW} ${order})`,
    insertStaged: `INSERT INTO ${table} AS t (${list}) OVERRIDING SYSTEM VALUE
      SELECT ${list} FROM ${staged} ORDER BY ${STAGE_ROW} RETURNING ${hashesOf('t', options)} AS hashes`,
  };
}

/** Makes the statements that merge one staged row. */
export function mergeOne(options: RecordMergeOptions): string {
  return `${MET} := NULL; ${STAYS} := NULL; ${replacesRows(options) ? insertOrReplace(options) : insertOnly(options)}`;
}

function replacesRows({ onDuplicate, owner }: MergeOptions): boolean {
  return onDuplicate === 'Update' || owner !== null;
}

function insertInto({ table, columns }: RecordMergeOptions): string {
  const list = columns.map(pg.escapeIdentifier);
  // A trigger of the row before may have changed the role.
  return `RESET ROLE; INSERT INTO ${table} AS t (${list.join(', ')}) OVERRIDING SYSTEM VALUE
    VALUES (${list.map((column) => `${STAGED}.${column}`).join(', ')})`;
}

function insertOrReplace(options: RecordMergeOptions): string {
  const { columns, kept = [], key, owner, onDuplicate } = options;
  const own = owner ? `t.${pg.escapeIdentifier(owner.uploadId)}::text IS NOT DISTINCT FROM $1::text` : 'false';
  const stored = owner ? `t.${pg.escapeIdentifier(owner.rowNumber)}::bigint` : 'NULL::bigint';
  const comesLater = `(${own} AND ${stored} > ${STAGED}.${STAGE_ROW})`;
  const replaced = onDuplicate === 'Update' ? `${comesLater} IS NOT TRUE` : `${comesLater} IS TRUE`;
  const set = columns.filter((name) => !kept.includes(name)).map(pg.escapeIdentifier);
  const rowOf = (relation: string) => `ROW(${set.map((column) => `${relation}.${column}`).join(', ')})::text`;
  // A trigger such as suppress_redundant_updates_trigger() suppresses the update of a row that has the values already.
  const seen = `json_build_object('own', ${own}, 'stored', ${stored}, 'replaced', ${replaced},
    'same', ${rowOf('t')} = ${rowOf('EXCLUDED')}, 'key', ${hashesOf('EXCLUDED', options)},
    'stays', ${ownerStays('EXCLUDED', options)})`;
  // A row of which every column stays has met a row with the same values; an identity takes no other assignment.
  const nothing = `${pg.escapeIdentifier(key[0]!)} = DEFAULT`;
  return `PERFORM set_config(${SEEN}, '', true);
    ${insertInto(options)}
    ON CONFLICT (${key.map(pg.escapeIdentifier).join(', ')}) DO UPDATE SET ${assignments(options, 'EXCLUDED') || nothing}
    WHERE CASE WHEN set_config(${SEEN}, ${seen}::text, true) <> '' THEN ${set.length > 0 ? replaced : 'false'} END
    RETURNING ${hashesOf('t', options)}, ${ownerStays('t', options)} INTO ${WRITTEN}, ${STAYS};
    ${MET} := nullif(current_setting(${SEEN}), '')::json;`;
}

/**
 * A policy that replaces no row needs no right to UPDATE. Without a trigger that runs before an INSERT, a row that DO NOTHING
 * did not insert has met a stored one. Such a trigger may also have suppressed the row, for which a plain INSERT does not
 * fail. If it fails, then all that it did is undone, so that the INSERT with DO NOTHING finds the same tables, and fails
 * again unless the row met an equal key: the failure may also come from another index, or from another table to which a
 * trigger writes. Every trigger has thus run once for each row. The block costs a transaction id for each row.
 */
function insertOnly(options: RecordMergeOptions): string {
  const insert = insertInto(options);
  const returning = `RETURNING ${hashesOf('t', options)} INTO ${WRITTEN};`;
  const insertNew = `${insert} ON CONFLICT (${options.key.map(pg.escapeIdentifier).join(', ')}) DO NOTHING ${returning}
    IF NOT FOUND THEN ${MET} := json_build_object('replaced', false); END IF;`;
  return `IF ${SUPPRESSES} THEN
      BEGIN
        ${insert} ${returning}
      EXCEPTION WHEN unique_violation OR exclusion_violation THEN
        ${insertNew}
      END;
    ELSE
      ${insertNew}
    END IF;`;
}

/** Do the columns for the upload's id and the row number have the record's own values behind the triggers? */
function ownerStays(relation: string, { owner }: MergeOptions): string {
  if (!owner) return 'true';
  const [upload, row] = [owner.uploadId, owner.rowNumber].map((name) => `${relation}.${pg.escapeIdentifier(name)}`);
  return `(${upload}::text IS NOT DISTINCT FROM $1::text AND ${row}::bigint IS NOT DISTINCT FROM ${STAGED}.${STAGE_ROW})`;
}

function hashesOf(relation: string, { key, hashed }: RecordMergeOptions): string {
  if (!hashed) return `'[]'::json`;
  const row = `ROW(${key.map((name) => `${relation}.${pg.escapeIdentifier(name)}`).join(', ')})`;
  return `json_build_array(hash_record_extended(${row}, 1)::text, hash_record_extended(${row}, 2)::text)`;
}

/** `written` and `key` are the hashes of the key, which are empty unless they were asked for. */
export interface Outcome {
  row: number;
  written: KeyHashes | null;
  met: { own: boolean; stored: number; replaced: boolean; same: boolean; key: KeyHashes; stays?: boolean } | null;
  /** Does a row that was written name its record? Null where nothing was written, or nobody needs to know. */
  stays: boolean | null;
}

/** Merges all staged rows and empties the stage. */
export async function mergeByRecord(
  client: ClientBase,
  merge: RecordMerge,
  { uploadId, clearStage }: { uploadId: string; clearStage: string },
): Promise<RecordMergeResult> {
  const { rows } = await client.query<{ outcome: Outcome }>(merge.run, [uploadId]);
  const result = emptyResult();
  for (const { outcome } of rows) addOutcome(result, outcome);
  await client.query(clearStage);
  return result;
}

/**
 * Inserts the staged rows whose key is new, the best one of each key, by one statement, and empties the stage. PostgreSQL
 * looks at their foreign keys at the end of that statement, so that the rows may refer to each other.
 * @returns the hashes by row numbers; null when a trigger has suppressed rows, and the statement is to be undone.
 */
export async function insertNew(
  client: ClientBase,
  { keepNew, insertStaged }: RecordMerge,
  { stage, clearStage }: { stage: string; clearStage: string },
): Promise<Map<number, KeyHashes> | null> {
  await client.query(keepNew);
  const { rows } = await client.query<[number]>({
    rowMode: 'array',
    text: `SELECT ${STAGE_ROW}::float8 FROM ${stage} ORDER BY ${STAGE_ROW}`,
  });
  const inserted = await client.query<{ hashes: KeyHashes }>(insertStaged);
  await client.query(clearStage);
  if (inserted.rows.length < rows.length) return null;
  return new Map(rows.map(([row], i) => [row, inserted.rows[i]!.hashes]));
}

export const emptyResult = (): RecordMergeResult => ({
  ...{ lost: [], displaced: [], updated: [], suppressed: [], hashes: new Map() },
});

export function addOutcome(result: RecordMergeResult, { row, written, met, stays }: Outcome): void {
  if (stays === false || met?.stays === false) throw ownerChanged();
  const hashes = written ?? (met?.replaced && met.same ? met.key : null);
  if (hashes === null) {
    if (met && !met.replaced) result.lost.push(row);
    else result.suppressed.push(row);
    return;
  }
  result.hashes.set(row, hashes);
  if (met?.own) result.displaced.push({ row: met.stored, by: row });
  else if (met) result.updated.push(row);
}

/** Without the owner columns nobody knows which record wrote a row, and no count of equal keys would be right. */
function ownerChanged(): Fault {
  return new Fault({
    code: 'DB_OWNER_CHANGED',
    category: 'permanent',
    reason: 'TargetNotSupported',
    message:
      "A BEFORE trigger of the target table changes the column for the upload's id or for the row number (system: uploadId, rowNumber). A load tells by these columns which record of the file has written a row. Let the trigger leave them as they are, or take both columns out of spec.target.columns of the RecordSchema.",
  });
}

/**
 * Finds the enabled row triggers that run before a statement on the table or on its partitions.
 * @param table the quoted name of the table as an SQL expression
 * @param statements bits of pg_trigger.tgtype: 4 INSERT, 16 UPDATE
 */
const beforeTriggersSql = (
  table: string,
  statements: number,
) => `SELECT t.tgname AS name, t.tgfoid AS function FROM pg_trigger t
  WHERE t.tgrelid IN (SELECT ${table}::text::regclass UNION SELECT relid FROM pg_partition_tree(${table}::text::regclass))
    AND t.tgtype & 3 = 3 AND t.tgtype & ${statements} <> 0
    AND t.tgenabled IN ('A', CASE current_setting('session_replication_role') WHEN 'replica' THEN 'R' ELSE 'O' END)`;

/** Finds those that run before an INSERT or UPDATE of the table $1. */
export const BEFORE_TRIGGERS_SQL = beforeTriggersSql('$1', 4 | 16);

/**
 * Looks whether the table has triggers that need a merge by record, and then makes sure that the session has the
 * function. A trigger can be added at any time; a table that the transaction has locked gets none until its end.
 */
export async function needsRecordMerge(client: ClientBase, { table, createFunction }: RecordMerge): Promise<boolean> {
  const { rows } = await client.query<{ needed: boolean; exists: boolean }>(
    `SELECT EXISTS (${BEFORE_TRIGGERS_SQL}) AS needed, to_regprocedure('${FUNCTION}(uuid)') IS NOT NULL AS exists`,
    [table],
  );
  const { needed, exists } = rows[0]!;
  if (needed && !exists) await client.query(createFunction);
  return needed;
}
