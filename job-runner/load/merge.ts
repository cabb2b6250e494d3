/**
 * The merge of staged rows into a table: inserted in the order of the key, so that pods rarely deadlock; what did not go
 * in has met an equal key, and the policy says which of the two stays.
 *
 * | policy       | of equal keys in one file | a row of another upload |
 * |--------------|---------------------------|-------------------------|
 * | Skip, Fail   | the lowest row number     | stays                   |
 * | Update       | the highest row number    | is replaced             |
 *
 * The winner in a file does not depend on which chunk commits first: a row that meets a weaker one of its own upload takes its
 * place, and the displaced one is lost. That takes columns for the upload's id and the row number; without them the first
 * to commit stays (Skip, Fail) or is replaced (Update).
 */
import type { ClientBase } from 'pg';
import pg from 'pg';
import { Fault } from '#common/faults.ts';
import type { OwnerColumns, STAGES } from '#runner/target/names.ts';

export interface MergeOptions {
  /** Quoted. */
  table: string;
  columns: string[];
  /** Those of them that a stored row keeps when another record takes its place. */
  kept?: readonly string[];
  key: string[];
  owner: OwnerColumns | null;
  onDuplicate: 'Skip' | 'Update' | 'Fail';
  /** One per session and kind, emptied at every commit; one per chunk would bloat the catalog. */
  stage: (typeof STAGES)[keyof typeof STAGES];
}

export interface Merge {
  owner: OwnerColumns | null;
  /** Quoted. */
  key: string[];
  stage: string;
  createStage: string;
  clearStage: string;
  copyIntoStage: string;
  /** Inserts the best row of each key; returns the others, `best` of those that met a stored row. */
  insert: string;
  /** Locks the stored rows that the rows $1 may replace for the upload $2; null when there are none. */
  lockStored: string | null;
  /** The rows $1 take the place of those that have their keys. */
  replace: string;
  /** Every best row must be found again by `lockStored`. */
  replacesAll: boolean;
}

export interface MergeResult {
  /** Row numbers of staged rows that lost. */
  lost: number[];
  /** Rows of the same upload that were stored and lost their place. */
  displaced: { row: number; by: number }[];
  /** Row numbers of staged rows that took the place of a row of another upload, or of one that nobody can tell. */
  updated: number[];
}

/** Beside the columns of the target: no name that one of these may have. */
export const STAGE_ROW = '"row of the stage"';

/** @param keys quoted columns @returns the condition that two relations have the same key */
export function compareKeys(keys: readonly string[]): (a: string, b: string) => string {
  return (a, b) => keys.map((column) => `${a}.${column} = ${b}.${column}`).join(' AND ');
}

export function describeMerge(options: MergeOptions): Merge {
  const { table, columns, kept = [], key, owner, onDuplicate, stage } = options;
  const update = onDuplicate === 'Update';
  const list = columns.map(pg.escapeIdentifier).join(', ');
  const keys = key.map(pg.escapeIdentifier);
  const keyList = keys.join(', ');
  const staged = `pg_temp.${stage}`;
  const sameKey = compareKeys(keys);
  return {
    owner,
    key: keys,
    stage: staged,
    createStage: `CREATE TEMPORARY TABLE ${stage} ON COMMIT DELETE ROWS AS
      SELECT ${list}, 0::bigint AS ${STAGE_ROW} FROM ${table} WITH NO DATA`,
    clearStage: `DELETE FROM ${staged}`,
    copyIntoStage: `COPY ${staged} (${list}, ${STAGE_ROW}) FROM STDIN`,
    insert: `WITH best AS MATERIALIZED (
        SELECT DISTINCT ON (${keyList}) * FROM ${staged} ORDER BY ${keyList}, ${STAGE_ROW} ${update ? 'DESC' : 'ASC'}),
      inserted AS (
        INSERT INTO ${table} (${list}) SELECT ${list} FROM best ORDER BY ${keyList}
        ON CONFLICT (${keyList}) DO NOTHING RETURNING ${keyList})
      SELECT s.${STAGE_ROW}::float8 AS row, b.${STAGE_ROW} IS NOT NULL AS best
      FROM ${staged} s LEFT JOIN best b ON b.${STAGE_ROW} = s.${STAGE_ROW} LEFT JOIN inserted i ON ${sameKey('i', 's')}
      WHERE b.${STAGE_ROW} IS NULL OR i.${keys[0]} IS NULL ORDER BY 1`,
    lockStored: lockStored({ table, keys, owner, staged, update, sameKey }),
    replace: `UPDATE ${table} t SET ${columns
      .filter((name) => !kept.includes(name))
      .map((name) => `${pg.escapeIdentifier(name)} = s.${pg.escapeIdentifier(name)}`)
      .join(', ')}
      FROM ${staged} s WHERE s.${STAGE_ROW} = ANY($1) AND ${sameKey('t', 's')}`,
    replacesAll: update,
  };
}

interface LockOptions extends Pick<MergeOptions, 'table' | 'owner'> {
  keys: string[];
  staged: string;
  update: boolean;
  sameKey: (a: string, b: string) => string;
}

/** For Skip and Fail only later rows of the same upload are locked: most duplicates are of rows that stay. */
function lockStored({ table, keys, owner, staged, update, sameKey }: LockOptions): string | null {
  if (!owner && !update) return null;
  const uploadId = owner && `t.${pg.escapeIdentifier(owner.uploadId)} = $2`;
  const rowNumber = owner && `t.${pg.escapeIdentifier(owner.rowNumber)}`;
  return `SELECT s.${STAGE_ROW}::float8 AS row, ${uploadId ?? '$2::uuid IS NULL'} AS own, ${rowNumber ?? 'NULL'}::float8 AS stored
    FROM ${table} t JOIN ${staged} s ON ${sameKey('t', 's')}
    WHERE s.${STAGE_ROW} = ANY($1) ${update ? '' : `AND ${uploadId} AND ${rowNumber} > s.${STAGE_ROW}`}
    ORDER BY ${keys.map((column) => `s.${column}`).join(', ')} FOR UPDATE OF t`;
}

/** Merges what is staged, and empties the stage. */
export async function mergeStaged(client: ClientBase, merge: Merge, uploadId: string): Promise<MergeResult> {
  const result: MergeResult = { lost: [], displaced: [], updated: [] };
  const missing = await client.query<{ row: number; best: boolean }>(merge.insert);
  const met = new Set<number>();
  for (const { row, best } of missing.rows) {
    if (best) met.add(row);
    else result.lost.push(row);
  }
  if (met.size > 0 && merge.lockStored) await replaceStored(client, merge, { uploadId, met, result });
  for (const row of met) result.lost.push(row);
  await client.query(merge.clearStage);
  return result;
}

/** Of a table that has just been filled nothing is known, and a chunk's few rows would be joined with all of it. */
const BY_INDEX = 'SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off';
const BY_ANY_PLAN = 'SET LOCAL enable_hashjoin TO DEFAULT; SET LOCAL enable_mergejoin TO DEFAULT';

/** Takes those that replace a stored row out of `met`. */
async function replaceStored(
  client: ClientBase,
  merge: Merge,
  { uploadId, met, result }: { uploadId: string; met: Set<number>; result: MergeResult },
): Promise<void> {
  await client.query(BY_INDEX);
  const stored = await client.query<{ row: number; own: boolean | null; stored: number }>(merge.lockStored!, [
    [...met],
    uploadId,
  ]);
  if (merge.replacesAll && stored.rows.length < met.size) throw rowVanished();
  const winners: number[] = [];
  for (const { row, own, stored: number } of stored.rows) {
    // A stored row of another upload is only locked to be replaced.
    if (own && merge.replacesAll && number > row) continue;
    if (own) result.displaced.push({ row: number, by: row });
    else result.updated.push(row);
    winners.push(row);
    met.delete(row);
  }
  if (winners.length > 0) await client.query(merge.replace, [winners]);
  await client.query(BY_ANY_PLAN);
}

function rowVanished(): Fault {
  return new Fault({
    code: 'DB_ROW_VANISHED',
    category: 'retryable',
    reason: 'DatabaseError',
    message: 'Rows of the target table were deleted while they were being replaced. The chunk is tried again.',
  });
}
