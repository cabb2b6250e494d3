/**
 * Writes the valid records of one chunk inside its transaction.
 *
 * | way        | when                                   | on a refusal of the database                          |
 * |------------|----------------------------------------|-------------------------------------------------------|
 * | optimistic | no conflict was seen lately            | savepoint rolled back, merge                            |
 * | merge      | after a unique violation, or asked for | class 22, 23, P0001: halved down to the record (DB_001) |
 *
 * Everything else is a fault of the chunk: thrown, and the whole transaction is tried again.
 */
import type { ClientBase, DatabaseError } from 'pg';
import { copyRows, encodeRow } from '#runner/storage/copy.ts';
import { sqlState } from '#runner/storage/postgres.ts';
import { type MergeResult, mergeStaged } from './merge.ts';
import type { Target } from './target.ts';

export interface ValidRecord {
  rowNumber: number;
  /** In the order of the target's columns, in PostgreSQL's text form. */
  values: (string | null)[];
}

export interface WriteOutcome extends MergeResult {
  /** Rows that PostgreSQL refused one by one. */
  refused: { rowNumber: number; message: string }[];
  way: 'optimistic' | 'merge';
}

export interface WriteOptions {
  client: ClientBase;
  target: Target;
  uploadId: string;
  records: ValidRecord[];
  /** Skip the optimistic attempt. */
  mergeOnly: boolean;
}

export async function writeRecords(options: WriteOptions): Promise<WriteOutcome> {
  const { client, target, records, mergeOnly } = options;
  const outcome: WriteOutcome = { lost: [], displaced: [], updated: [], refused: [], way: 'optimistic' };
  if (records.length === 0) return outcome;
  if (!mergeOnly) {
    const copied = await attempt(client, () => copyAll(client, target.copyIntoTarget, records, plainRow));
    if (copied.ok) return outcome;
  }
  outcome.way = 'merge';
  await mergeOrHalve(options, records, outcome);
  return outcome;
}

async function mergeOrHalve(options: WriteOptions, records: ValidRecord[], outcome: WriteOutcome): Promise<void> {
  const { client, target, uploadId } = options;
  const merged = await attempt(client, async () => {
    await stageRecords(options, records);
    return mergeStaged(client, target.merge, uploadId);
  });
  if (merged.ok) {
    outcome.lost.push(...merged.value.lost);
    outcome.displaced.push(...merged.value.displaced);
    outcome.updated.push(...merged.value.updated);
    return;
  }
  if (records.length === 1) {
    outcome.refused.push({ rowNumber: records[0]!.rowNumber, message: refusalMessage(merged.error) });
    return;
  }
  const middle = records.length >> 1;
  await mergeOrHalve(options, records.slice(0, middle), outcome);
  await mergeOrHalve(options, records.slice(middle), outcome);
}

export function stageRecords({ client, target }: Pick<WriteOptions, 'client' | 'target'>, records: ValidRecord[]) {
  return copyAll(client, target.merge.copyIntoStage, records, stagedRow);
}

const plainRow = (record: ValidRecord) => encodeRow(record.values);
const stagedRow = (record: ValidRecord) => encodeRow([...record.values, String(record.rowNumber)]);

async function copyAll(
  client: ClientBase,
  statement: string,
  records: ValidRecord[],
  encode: (record: ValidRecord) => string,
): Promise<void> {
  const rows = (function* () {
    for (const record of records) yield encode(record);
  })();
  const taken = await copyRows(client, statement, rows);
  if (taken !== records.length)
    throw new Error(`COPY took ${taken} of ${records.length} rows: the chunk is not written`);
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
    const state = sqlState(error);
    if (state === undefined || !(state.startsWith('22') || state.startsWith('23') || state === 'P0001')) throw error;
    await client.query('ROLLBACK TO SAVEPOINT write; RELEASE SAVEPOINT write');
    return { ok: false, error: error as DatabaseError };
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
