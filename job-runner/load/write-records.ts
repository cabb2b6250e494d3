/**
 * Writes rows inside a chunk's transaction.
 *
 * | way        | what it does                                                           | when the database refuses a row    |
 * |------------|------------------------------------------------------------------------|------------------------------------|
 * | optimistic | all rows by one COPY                                                   | unique violation: probe; or merge  |
 * | probe      | keys looked up; COPY of the new ones, merge of those that are contested | merge                              |
 * | merge      | all rows staged, merged in the order of their keys                      | halved down to the record (DB_001) |
 *
 * Each under a savepoint. Several chunks go together by one of the first two; a refusal then undoes the transaction, and each
 * goes alone. A refusal is of class 22 or 23, or P0001. Everything else is a fault of the chunk: thrown, and the whole
 * transaction is tried again.
 */
import type { ClientBase, DatabaseError } from 'pg';
import { copyRows } from '#ledger/connection/copy-rows.ts';
import { sqlState } from '#ledger/connection/postgres.ts';
import type { CopyFormat } from '#runner/processor/escapes.ts';
import type { RowBuffer } from '#runner/processor/row-buffer.ts';
import { type MergeResult, mergeStaged } from './merge.ts';
import { askProbe } from './probe.ts';
import type { Target } from './target.ts';

/** From the fastest to the one that takes everything. */
export const WAYS = ['optimistic', 'probe', 'merge'] as const;
export type Way = (typeof WAYS)[number];

export interface WriteOutcome extends MergeResult {
  /** Rows that PostgreSQL refused one by one. */
  refused: { rowNumber: number; message: string }[];
  /** By which it went in the end. */
  way: Way;
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
  /** The first one that is tried. */
  way: Way;
}

/** Rows [from, to) of the buffer. */
export interface RowRange {
  from: number;
  to: number;
}

/** The rows of several chunks, by one way and without a savepoint. @throws what PostgreSQL says; see {@link isRefusal} */
export async function writeTogether(options: WriteOptions, chunks: readonly RowRange[]): Promise<WriteOutcome> {
  if (options.way === 'probe') return writeByProbe(options, chunks);
  await copyRecords(options);
  return ALL_WRITTEN;
}

export async function writeRecords(options: WriteOptions): Promise<WriteOutcome> {
  const { client, rows } = options;
  if (rows.length === 0) return ALL_WRITTEN;
  let { way } = options;
  if (way === 'optimistic') {
    const copied = await attempt(client, () => copyRecords(options));
    if (copied.ok) return ALL_WRITTEN;
    way = copied.error.code === UNIQUE_VIOLATION ? 'probe' : 'merge';
  }
  if (way === 'probe') {
    const probed = await attempt(client, () => writeByProbe(options));
    if (probed.ok) return probed.value;
  }
  const outcome: WriteOutcome = { lost: [], displaced: [], updated: [], refused: [], way: 'merge' };
  await mergeOrHalve(options, outcome);
  return outcome;
}

async function copyRecords({ client, target, buffer, rows }: WriteOptions): Promise<void> {
  const data = { parts: buffer.select(rows), count: rows.length, format: buffer.format };
  await copyAll(client, target.copyIntoTarget, data);
}

async function writeByProbe(options: WriteOptions, chunks: readonly RowRange[] = []): Promise<WriteOutcome> {
  const { client, target, uploadId, buffer, rows } = options;
  const { probe } = target;
  const keys = { parts: buffer.selectColumns(rows, probe.columns), count: rows.length, format: buffer.format };
  await copyAll(client, probe.copyKeys, keys);
  const { contested, repeated } = await askProbe(client, probe);
  const isContested = (row: number) => contested.has(buffer.rowNumber(row));
  await copyRecords({ ...options, rows: rows.filter((row) => !isContested(row)) });
  const outcome: WriteOutcome = { lost: [], displaced: [], updated: [], refused: [], way: 'probe' };
  // Equal keys of two chunks meet in the table, as they do when each goes alone: one that the table refuses is never just lost.
  const others = rows.filter(isContested);
  const parts = repeated && chunks.length > 0 ? chunks.map((chunk) => others.filter(isIn(chunk))) : [others];
  for (const merged of parts) {
    if (merged.length === 0) continue;
    await stageRecords({ ...options, rows: merged });
    addTo(outcome, await mergeStaged(client, target.merge, uploadId));
  }
  return outcome;
}

function isIn({ from, to }: RowRange): (row: number) => boolean {
  return (row) => row >= from && row < to;
}

function addTo(outcome: WriteOutcome, { lost, displaced, updated }: MergeResult): void {
  // Not by push(...): a function takes some hundred thousand arguments, and not one more.
  outcome.lost = outcome.lost.concat(lost);
  outcome.displaced = outcome.displaced.concat(displaced);
  outcome.updated = outcome.updated.concat(updated);
}

async function mergeOrHalve(options: WriteOptions, outcome: WriteOutcome): Promise<void> {
  const { client, target, uploadId, buffer, rows } = options;
  const merged = await attempt(client, async () => {
    await stageRecords(options);
    return mergeStaged(client, target.merge, uploadId);
  });
  if (merged.ok) {
    addTo(outcome, merged.value);
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

const UNIQUE_VIOLATION = '23505';

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
