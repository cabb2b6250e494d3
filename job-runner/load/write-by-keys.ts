/**
 * Writes a chunk when the target table cannot tell which of its rows are of this upload: in mode Validate none of them
 * ever stays, and for Update it may have no columns that say so. The keys of the upload's records are kept in the ledger
 * instead, in the same transaction:
 *
 * 1. The records are written and rolled back: what PostgreSQL refuses, and what has lost to stored rows and in the chunk.
 * 2. The keys of the others are merged into the ledger by the policy: what has lost in the whole file.
 * 3. Update only: what is left is written; it replaces the rows of other uploads. For Validate this is rolled back too.
 */
import type { ClientBase } from 'pg';
import { Fault } from '#common/faults.ts';
import { type MergeResult, mergeStaged } from './merge.ts';
import type { KeyRegister } from './target.ts';
import { stageRecords, type WriteOptions, type WriteOutcome, writeRecords } from './write-records.ts';

export interface WriteByKeysOptions extends WriteOptions {
  keys: KeyRegister;
}

export async function writeByKeys(options: WriteByKeysOptions): Promise<WriteOutcome> {
  const { client, target } = options;
  const trial = await rolledBack(client, () => writeRecords(options));
  // A displaced record was of the same chunk: of the others nothing is in the table, or nothing that can be told.
  const lost = [...trial.lost, ...trial.displaced.map(({ row }) => row)];
  const accepted = without(options, [...lost, ...trial.refused.map(({ rowNumber }) => rowNumber)]);
  const keys = await registerKeys(accepted);
  const outcome: WriteOutcome = { ...trial, lost: [...lost, ...keys.lost], displaced: keys.displaced, updated: [] };
  if (target.onDuplicate !== 'Update') return outcome;
  const winners = without(accepted, keys.lost);
  const written = await (target.rolledBack ? rolledBack(client, () => writeRecords(winners)) : writeRecords(winners));
  if (written.refused.length > 0) throw refusedLater();
  // What a displaced record had replaced was counted with it.
  const counted = new Set(keys.displaced.map(({ by }) => by));
  return { ...outcome, updated: written.updated.filter((row) => !counted.has(row)) };
}

async function registerKeys(options: WriteByKeysOptions): Promise<MergeResult> {
  const { client, target, keys, uploadId } = options;
  await stageRecords(options);
  await client.query(keys.stage, [uploadId]);
  await client.query(target.merge.clearStage);
  return mergeStaged(client, keys.merge, uploadId);
}

function without(options: WriteByKeysOptions, rowNumbers: readonly number[]): WriteByKeysOptions {
  const out = new Set(rowNumbers);
  return { ...options, rows: options.rows.filter((row) => !out.has(options.buffer.rowNumber(row))) };
}

async function rolledBack<T>(client: ClientBase, work: () => Promise<T>): Promise<T> {
  await client.query('SAVEPOINT trial');
  const result = await work();
  await client.query('ROLLBACK TO SAVEPOINT trial; RELEASE SAVEPOINT trial');
  return result;
}

/** The keys of refused records must not count; so all is done again. */
function refusedLater(): Fault {
  return new Fault({
    code: 'DB_CHANGED_MEANWHILE',
    category: 'retryable',
    reason: 'DatabaseError',
    message: 'The database refused a record that it had accepted a moment before. The chunk is tried again.',
  });
}
