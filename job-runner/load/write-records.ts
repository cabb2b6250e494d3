/**
 * Writes rows inside a chunk's transaction.
 *
 * | way        | when                                   | on a refusal of the database                            |
 * |------------|----------------------------------------|---------------------------------------------------------|
 * | together   | several chunks, no conflict lately     | transaction rolled back, each chunk alone               |
 * | optimistic | one chunk                              | savepoint rolled back, merge                            |
 * | merge      | after a unique violation, or asked for | class 22, 23, P0001: halved down to the record (DB_001) |
 *
 * Everything else is a fault of the chunk: thrown, and the whole transaction is tried again.
 */
import type { ClientBase, DatabaseError } from 'pg';
import type { CopyFormat } from '#runner/processor/escapes.ts';
import type { RowBuffer } from '#runner/processor/row-buffer.ts';
import { copyRows } from '#runner/storage/copy.ts';
import { sqlState } from '#runner/storage/postgres.ts';
import { type MergeResult, mergeStaged } from './merge.ts';
import type { Target } from './target.ts';

export interface WriteOutcome extends MergeResult {
  /** Rows that PostgreSQL refused one by one. */
  refused: { rowNumber: number; message: string }[];
  way: 'optimistic' | 'merge';
}

/** Everything went in. */
export const ALL_WRITTEN: WriteOutcome = { lost: [], displaced: [], updated: [], refused: [], way: 'optimistic' };

export interface WriteOptions {
  client: ClientBase;
  target: Target;
  uploadId: string;
  buffer: RowBuffer;
  /** Numbers of the buffer's rows that are written, in their order. */
  rows: readonly number[];
  /** Skip the optimistic attempt. */
  mergeOnly: boolean;
}

/** All rows of the buffer by one COPY. @throws what PostgreSQL says; see {@link isRefusal} */
export async function writeTogether(client: ClientBase, target: Target, buffer: RowBuffer): Promise<void> {
  if (buffer.rows > 0)
    await copyAll(client, target.copyIntoTarget, { parts: buffer.all(), count: buffer.rows, format: buffer.format });
}

export async function writeRecords(options: WriteOptions): Promise<WriteOutcome> {
  const { client, target, buffer, rows, mergeOnly } = options;
  if (rows.length === 0) return ALL_WRITTEN;
  if (!mergeOnly) {
    const data = { parts: buffer.select(rows), count: rows.length, format: buffer.format };
    const copied = await attempt(client, () => copyAll(client, target.copyIntoTarget, data));
    if (copied.ok) return ALL_WRITTEN;
  }
  const outcome: WriteOutcome = { lost: [], displaced: [], updated: [], refused: [], way: 'merge' };
  await mergeOrHalve(options, outcome);
  return outcome;
}

async function mergeOrHalve(options: WriteOptions, outcome: WriteOutcome): Promise<void> {
  const { client, target, uploadId, buffer, rows } = options;
  const merged = await attempt(client, async () => {
    await stageRecords(options);
    return mergeStaged(client, target.merge, uploadId);
  });
  if (merged.ok) {
    outcome.lost.push(...merged.value.lost);
    outcome.displaced.push(...merged.value.displaced);
    outcome.updated.push(...merged.value.updated);
    return;
  }
  if (rows.length === 1) {
    outcome.refused.push({ rowNumber: buffer.rowNumber(rows[0]!), message: refusalMessage(merged.error) });
    return;
  }
  const middle = rows.length >> 1;
  await mergeOrHalve({ ...options, rows: rows.slice(0, middle) }, outcome);
  await mergeOrHalve({ ...options, rows: rows.slice(middle) }, outcome);
}

export async function stageRecords({ client, target, buffer, rows }: WriteOptions): Promise<void> {
  const data = { parts: buffer.selectWithRowNumbers(rows), count: rows.length, format: buffer.format };
  await copyAll(client, target.merge.copyIntoStage, data);
}

async function copyAll(
  client: ClientBase,
  statement: string,
  { parts, count, format }: { parts: readonly Buffer[]; count: number; format: CopyFormat },
): Promise<void> {
  // Without any bytes the binary format would have no header, which COPY asks for.
  if (count === 0) return;
  const taken = await copyRows(client, format === 'binary' ? `${statement} WITH (FORMAT binary)` : statement, parts);
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
