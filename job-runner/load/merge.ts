/**
 * Merges staged rows into a table. Rows are inserted in the order of the key, so that pods rarely deadlock. A row that
 * was not inserted has met an equal key, and the policy says which of the two rows stays:
 *
 * | policy       | winner of equal keys in one file | stored row of another upload |
 * |--------------|----------------------------------|------------------------------|
 * | Skip, Fail   | the lowest row number            | stays                        |
 * | Update       | the highest row number           | is replaced                  |
 *
 * The winner in a file does not depend on which chunk commits first: a row that meets a weaker row of its own upload
 * displaces it. That needs columns for the upload's id and the row number. Without these columns the row that was
 * committed first stays (Skip, Fail) or is replaced (Update).
 */
import type { ClientBase } from 'pg';
import pg from 'pg';
import { Fault } from '#common/faults.ts';
import { RESTORE_SETTINGS_SQL } from '#ledger/connection/postgres.ts';
import { type OwnerColumns, STAGE_ROW_NAME, type STAGES } from '#runner/target/names.ts';
import type { Overlay } from './absent-fields.ts';

export interface MergeOptions {
  /** The quoted name. */
  table: string;
  columns: string[];
  /** Columns whose values a stored row keeps when another record replaces it. */
  kept?: readonly string[];
  /** Columns whose values are made of the new row and of the stored one. */
  overlays?: ReadonlyMap<string, Overlay>;
  key: string[];
  owner: OwnerColumns | null;
  onDuplicate: 'Skip' | 'Update' | 'Fail';
  /**
   * A session keeps one temporary table of each kind, emptied at every commit: one for each chunk would bloat the
   * catalog.
   */
  stage: (typeof STAGES)[keyof typeof STAGES];
}

export interface Merge {
  owner: OwnerColumns | null;
  /** The quoted names of the key's columns. */
  key: string[];
  stage: string;
  createStage: string;
  /** Runs behind triggers, which may have changed the role. */
  clearStage: string;
  copyIntoStage: string;
  /**
   * Inserts the best row of each key for upload $1. Returns all other rows; `best` marks those that met a stored row, and
   * `settled` those whose stored row is known to stay.
   */
  insert: string;
  /**
   * Tries the rows $1, which have lost to another staged row. They are not inserted: the statement is there for what
   * PostgreSQL refuses, which is a failed record, whatever the key.
   */
  tryLost: string;
  /** Locks the stored rows that the rows $1 of upload $2 may replace; null when the policy replaces no row. */
  lockStored: string | null;
  /** Replaces the stored rows that have the keys of the rows $1. */
  replace: string;
  /** Must `lockStored` find a stored row for every best row? */
  replacesAll: boolean;
}

export interface MergeResult {
  /** Row numbers of staged rows that were not written. */
  lost: number[];
  /** Stored rows of the same upload that were displaced. */
  displaced: { row: number; by: number }[];
  /** Row numbers of staged rows that replaced a row of another upload, or a row whose upload is unknown. */
  updated: number[];
}

/** The stage's own column for the row number. A target whose column has this name is not accepted. */
export const STAGE_ROW = pg.escapeIdentifier(STAGE_ROW_NAME);

/** @param keys quoted column names. @returns a function that makes the condition for equal keys of two relations. */
export function compareKeys(keys: readonly string[]): (a: string, b: string) => string {
  return (a, b) => keys.map((column) => `${a}.${column} = ${b}.${column}`).join(' AND ');
}

export function describeMerge(options: MergeOptions): Merge {
  const { table, columns, key, owner, onDuplicate, stage } = options;
  const update = onDuplicate === 'Update';
  const list = columns.map(pg.escapeIdentifier).join(', ');
  const keys = key.map(pg.escapeIdentifier);
  const keyList = keys.join(', ');
  const staged = `pg_temp.${stage}`;
  const sameKey = compareKeys(keys);
  const set = assignments(options, 's');
  return {
    owner,
    key: keys,
    stage: staged,
    createStage: `DROP TABLE IF EXISTS ${staged}; CREATE TEMPORARY TABLE ${stage} ON COMMIT DELETE ROWS AS
      SELECT ${list}, 0::bigint AS ${STAGE_ROW} FROM ${table} WITH NO DATA`,
    clearStage: `RESET ROLE; DELETE FROM ${staged}`,
    copyIntoStage: `COPY ${staged} (${list}, ${STAGE_ROW}) FROM STDIN`,
    insert: `WITH best AS MATERIALIZED (
        SELECT DISTINCT ON (${keyList}) * FROM ${staged} ORDER BY ${keyList}, ${STAGE_ROW} ${update ? 'DESC' : 'ASC'}),
      inserted AS (
        INSERT INTO ${table} (${list}) OVERRIDING SYSTEM VALUE SELECT ${list} FROM best ORDER BY ${keyList}
        ON CONFLICT (${keyList}) DO NOTHING RETURNING ${keyList})
      SELECT s.${STAGE_ROW}::float8 AS row, b.${STAGE_ROW} IS NOT NULL AS best, coalesce(t.settled, false) AS settled
      FROM ${staged} s LEFT JOIN best b ON b.${STAGE_ROW} = s.${STAGE_ROW} LEFT JOIN inserted i ON ${sameKey('i', 's')}
      LEFT JOIN LATERAL (${lookUpStored({ table, owner, update, sameKey })}) t ON true
      WHERE b.${STAGE_ROW} IS NULL OR i.${keys[0]} IS NULL ORDER BY 1`,
    tryLost: `INSERT INTO ${table} (${list}) OVERRIDING SYSTEM VALUE SELECT ${list} FROM ${staged}
      WHERE ${STAGE_ROW} = ANY($1) ON CONFLICT (${keyList}) DO NOTHING`,
    lockStored: lockStored({ table, keys, owner, staged, update, sameKey }),
    replace:
      set === ''
        ? 'SELECT $1::bigint[]'
        : `UPDATE ${table} t SET ${set} FROM ${staged} s WHERE s.${STAGE_ROW} = ANY($1) AND ${sameKey('t', 's')}`,
    replacesAll: update,
  };
}

/**
 * Makes the SET list of the statement that replaces the stored row `t` by the row of the relation `fresh`; empty when every
 * column stays.
 */
export function assignments({ columns, kept = [], overlays }: MergeOptions, fresh: string): string {
  const written = columns.filter((name) => !kept.includes(name));
  const set = written.map((name) => {
    const column = pg.escapeIdentifier(name);
    return `${column} = ${overlays?.get(name)?.(fresh, 't') ?? `${fresh}.${column}`}`;
  });
  return set.join(', ');
}

interface LockOptions extends Pick<MergeOptions, 'table' | 'owner'> {
  keys: string[];
  staged: string;
  update: boolean;
  sameKey: (a: string, b: string) => string;
}

/**
 * Under Skip and Fail nearly every stored row stays, and need not be locked then: a stored row is only ever displaced by
 * an earlier row of the same file. LIMIT makes PostgreSQL look each row up by the index. A row that another transaction
 * has just stored is not found, and is locked first.
 */
function lookUpStored({ table, owner, update, sameKey }: Omit<LockOptions, 'keys' | 'staged'>): string {
  if (!owner || update) return 'SELECT $1::uuid IS NULL AS settled WHERE false';
  return `SELECT (t.${pg.escapeIdentifier(owner.uploadId)} = $1 AND t.${pg.escapeIdentifier(owner.rowNumber)}::bigint > s.${STAGE_ROW})
    IS NOT TRUE AS settled FROM ${table} t WHERE ${sameKey('t', 's')} LIMIT 1`;
}

/** Skip and Fail lock only rows that come later in the same upload, since most duplicates are of rows that stay. */
function lockStored({ table, keys, owner, staged, update, sameKey }: LockOptions): string | null {
  if (!owner && !update) return null;
  const uploadId = owner && `t.${pg.escapeIdentifier(owner.uploadId)} = $2`;
  const rowNumber = owner && `t.${pg.escapeIdentifier(owner.rowNumber)}`;
  return `SELECT s.${STAGE_ROW}::float8 AS row, ${uploadId ?? '$2::uuid IS NULL'} AS own, ${rowNumber ?? 'NULL'}::float8 AS stored
    FROM ${table} t JOIN ${staged} s ON ${sameKey('t', 's')}
    WHERE s.${STAGE_ROW} = ANY($1) ${update ? '' : `AND ${uploadId} AND ${rowNumber}::bigint > s.${STAGE_ROW}`}
    ORDER BY ${keys.map((column) => `s.${column}`).join(', ')} FOR UPDATE OF t`;
}

/** Merges all staged rows and empties the stage. */
export async function mergeStaged(client: ClientBase, merge: Merge, uploadId: string): Promise<MergeResult> {
  const result: MergeResult = { lost: [], displaced: [], updated: [] };
  const missing = await client.query<{ row: number; best: boolean; settled: boolean }>(merge.insert, [uploadId]);
  const blocked = new Set<number>();
  const settled: number[] = [];
  for (const { row, best, settled: stays } of missing.rows) {
    if (!best) result.lost.push(row);
    else if (stays) settled.push(row);
    else blocked.add(row);
  }
  if (result.lost.length > 0) {
    const { rowCount } = await client.query(merge.tryLost, [result.lost]);
    if (rowCount !== 0) throw rowVanished();
  }
  if (blocked.size > 0 && merge.lockStored) await replaceStored(client, merge, { uploadId, blocked, result });
  for (const rows of [settled, blocked]) for (const row of rows) result.lost.push(row);
  await client.query(`${BY_ANY_PLAN}; ${merge.clearStage}`);
  return result;
}

/**
 * PostgreSQL has no statistics of a table that has just been filled, and would join a chunk's few rows with the whole
 * table: also by a nested loop that reads all staged rows for each row of the table, which took two minutes for one chunk.
 */
const BY_INDEX = `${RESTORE_SETTINGS_SQL}; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off;
  SET LOCAL enable_seqscan = off`;
const BY_ANY_PLAN = `SET LOCAL enable_hashjoin TO DEFAULT; SET LOCAL enable_mergejoin TO DEFAULT;
  SET LOCAL enable_seqscan TO DEFAULT`;

/**
 * Replaces stored rows by staged ones. Removes these staged rows from `blocked`, the best rows that met a stored row.
 */
async function replaceStored(
  client: ClientBase,
  merge: Merge,
  { uploadId, blocked, result }: { uploadId: string; blocked: Set<number>; result: MergeResult },
): Promise<void> {
  await client.query(BY_INDEX);
  const stored = await client.query<{ row: number; own: boolean | null; stored: number }>(merge.lockStored!, [
    [...blocked],
    uploadId,
  ]);
  if (merge.replacesAll && stored.rows.length < blocked.size) throw rowVanished();
  const winners: number[] = [];
  for (const { row, own, stored: number } of stored.rows) {
    // A stored row of another upload was locked only because it is to be replaced.
    if (own && merge.replacesAll && number > row) continue;
    if (own) result.displaced.push({ row: number, by: row });
    else result.updated.push(row);
    winners.push(row);
    blocked.delete(row);
  }
  if (winners.length > 0) await client.query(merge.replace, [winners]);
}

function rowVanished(): Fault {
  return new Fault({
    code: 'DB_ROW_VANISHED',
    category: 'retryable',
    reason: 'DatabaseError',
    message: 'Rows of the target table were deleted while they were being replaced. The chunk is tried again.',
  });
}
