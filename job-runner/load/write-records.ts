/**
 * Writes rows inside a chunk's transaction.
 *
 * | way        | when                                   | on a refusal of the database                          |
 * |------------|----------------------------------------|-------------------------------------------------------|
 * | together   | several chunks, no conflict lately     | transaction rolled back, each chunk alone             |
 * | optimistic | one chunk                              | savepoint rolled back, merge                          |
 * | merge      | after a unique violation, or asked for | class 22, 23, P0001: halved down to the record (DB_001) |
 *
 * Everything else is a fault of the chunk: thrown, and the whole transaction is tried again.
 */
import type { ClientBase, DatabaseError } from 'pg';
import type { RowBuffer } from '#runner/processor/row-buffer.ts';
import { copyRows } from '#runner/storage/copy.ts';
import { sqlState } from '#runner/storage/postgres.ts';
import type { Target } from './target.ts';

export interface WriteOutcome {
  /** Row numbers that are duplicates now. Not all need to be of this chunk: a later record of another one may be displaced. */
  duplicates: number[];
  /** Rows that PostgreSQL refused one by one. */
  refused: { rowNumber: number; message: string }[];
  way: 'optimistic' | 'merge';
}

export const NOTHING_REFUSED: WriteOutcome = { duplicates: [], refused: [], way: 'optimistic' };

export interface WriteOptions {
  client: ClientBase;
  target: Target;
  uploadId: string;
  rows: RowBuffer;
  /** Skip the optimistic attempt. */
  mergeOnly: boolean;
}

/** All rows of the buffer by one COPY. @throws what PostgreSQL says; see {@link isRefusal} */
export async function writeTogether(client: ClientBase, target: Target, rows: RowBuffer): Promise<void> {
  if (rows.rows > 0) await copyAll(client, target.copyIntoTarget, { data: rows.slice(), count: rows.rows });
}

/** Rows [from, to) of the buffer. */
export async function writeRecords(options: WriteOptions, from: number, to: number): Promise<WriteOutcome> {
  const { client, target, rows, mergeOnly } = options;
  if (from === to) return NOTHING_REFUSED;
  if (!mergeOnly) {
    const data = { data: rows.slice(from, to), count: to - from };
    const copied = await attempt(client, () => copyAll(client, target.copyIntoTarget, data));
    if (copied.ok) return NOTHING_REFUSED;
  }
  const outcome: WriteOutcome = { duplicates: [], refused: [], way: 'merge' };
  await mergeOrHalve(options, { from, to }, outcome);
  outcome.duplicates.sort((a, b) => a - b);
  return outcome;
}

interface Range {
  from: number;
  to: number;
}

async function mergeOrHalve(options: WriteOptions, range: Range, outcome: WriteOutcome): Promise<void> {
  const { from, to } = range;
  const merged = await attempt(options.client, () => merge(options, range));
  if (merged.ok) {
    outcome.duplicates.push(...merged.value);
    return;
  }
  if (to - from === 1) {
    outcome.refused.push({ rowNumber: options.rows.rowNumber(from), message: refusalMessage(merged.error) });
    return;
  }
  const middle = (from + to) >> 1;
  await mergeOrHalve(options, { from, to: middle }, outcome);
  await mergeOrHalve(options, { from: middle, to }, outcome);
}

/**
 * Of equal keys in one file the lowest row number stays, whichever chunk commits first: a record that meets a later
 * one of its own upload takes its place, and the displaced record becomes the duplicate.
 */
async function merge({ client, target, uploadId, rows }: WriteOptions, { from, to }: Range): Promise<number[]> {
  await copyAll(client, target.copyIntoStage, { data: rows.sliceWithRowNumbers(from, to), count: to - from });
  const result = await client.query<{ row: number }>(target.insertStaged);
  const missing = new Set(result.rows.map(({ row }) => row));
  if (missing.size > 0 && target.lockDisplaced && target.displace) {
    const displaced = await client.query<{ row: number; displaced: number }>(target.lockDisplaced, [
      [...missing],
      uploadId,
    ]);
    if (displaced.rows.length > 0) {
      await client.query(target.displace, [displaced.rows.map(({ row }) => row)]);
      for (const { row, displaced: loser } of displaced.rows) {
        missing.delete(row);
        missing.add(loser);
      }
    }
  }
  await client.query(target.clearStage);
  return [...missing];
}

async function copyAll(
  client: ClientBase,
  statement: string,
  { data, count }: { data: Buffer; count: number },
): Promise<void> {
  const taken = await copyRows(client, statement, data);
  if (taken !== count) throw new Error(`COPY took ${taken} of ${count} rows: the chunk is not written`);
}

/** Is the error about the data, so that it comes again with every try? */
export function isRefusal(error: unknown): error is DatabaseError {
  const state = sqlState(error);
  return state !== undefined && (state.startsWith('22') || state.startsWith('23') || state === 'P0001');
}

type Attempt<T> = { ok: true; value: T } | { ok: false; error: DatabaseError };

/** Runs work under a savepoint; an error that is about the data is a value, with the savepoint rolled back. */
async function attempt<T>(client: ClientBase, work: () => Promise<T>): Promise<Attempt<T>> {
  await client.query('SAVEPOINT write');
  try {
    const value = await work();
    await client.query('RELEASE SAVEPOINT write');
    return { ok: true, value };
  } catch (error) {
    if (!isRefusal(error)) throw error;
    await client.query('ROLLBACK TO SAVEPOINT write; RELEASE SAVEPOINT write');
    return { ok: false, error };
  }
}

/** From SQLSTATE, constraint and column alone: PostgreSQL's own messages carry values. */
export function refusalMessage(error: DatabaseError): string {
  const where = [error.column && `column ${error.column}`, error.constraint && `constraint ${error.constraint}`].filter(
    Boolean,
  );
  return `PostgreSQL refused this record: ${STATES[error.code ?? ''] ?? 'SQLSTATE'} (${error.code})${where.length > 0 ? `, ${where.join(', ')}` : ''}`;
}

const STATES: Record<string, string> = {
  '22001': 'a value is too long for its column',
  '22003': 'a number is out of range',
  '22007': 'a date or time is not valid',
  '22008': 'a date or time is out of range',
  '22P02': 'a value does not have the type of its column',
  '23502': 'a required column is empty',
  '23503': 'it refers to a row that does not exist',
  '23505': 'another unique index already has this value',
  '23514': 'a check constraint is violated',
  P0001: 'a trigger of the table refused it',
};
