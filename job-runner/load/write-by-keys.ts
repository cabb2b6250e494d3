/**
 * Writes a chunk when the target table cannot tell which of its rows belong to this upload: in mode Validate no row
 * stays in the table, and with Update the table may have no columns for the upload's id and the row number. The keys of
 * the upload's records are kept in the ledger instead, in the same transaction:
 *
 * 1. The records are written and rolled back. That finds the records that PostgreSQL refuses, and those that lose to
 *    stored rows or within the chunk.
 * 2. The keys of the other records are merged into the ledger by the policy. That finds the losers in the whole file.
 * 3. With Update, the winners are written, and replace the rows of other uploads. Mode Validate rolls this back too.
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
  const trial = await runAndRollBack(client, () => writeRecords(options));
  // A displaced record is always one of this chunk: of other chunks the table has no rows, or none that it can
  // attribute.
  const lost = [...trial.lost, ...trial.displaced.map(({ row }) => row)];
  const accepted = without(options, [
    ...lost,
    ...[...trial.refused, ...trial.waiting].map(({ rowNumber }) => rowNumber),
  ]);
  const keys = await registerKeys(accepted);
  const outcome: WriteOutcome = { ...trial, lost: [...lost, ...keys.lost], displaced: keys.displaced, updated: [] };
  if (target.onDuplicate !== 'Update') return outcome;
  const winners = without(accepted, keys.lost);
  const written = await (target.rolledBack
    ? runAndRollBack(client, () => writeRecords(winners))
    : writeRecords(winners));
  if (written.refused.length + written.waiting.length > 0) throw refusedOnSecondWrite();
  // A row of another upload that a displaced record had replaced was already counted as updated.
  const counted = new Set(keys.displaced.map(({ by }) => by));
  return { ...outcome, updated: written.updated.filter((row) => !counted.has(row)) };
}

export async function registerKeys(options: WriteByKeysOptions): Promise<MergeResult> {
  const { client, target, keys, uploadId } = options;
  await stageRecords(options);
  await client.query(keys.stage, [uploadId]);
  await client.query(target.merge.clearStage);
  return mergeStaged(client, keys.merge, uploadId);
}

export function without(options: WriteByKeysOptions, rowNumbers: readonly number[]): WriteByKeysOptions {
  const out = new Set(rowNumbers);
  return { ...options, rows: options.rows.filter((row) => !out.has(options.buffer.rowNumber(row))) };
}

export async function runAndRollBack<T>(client: ClientBase, work: () => Promise<T>): Promise<T> {
  await client.query('SAVEPOINT trial');
  const result = await work();
  await client.query('ROLLBACK TO SAVEPOINT trial; RELEASE SAVEPOINT trial');
  return result;
}

/** The keys of refused records must not stay in the ledger, so the whole chunk is tried again. */
function refusedOnSecondWrite(): Fault {
  return new Fault({
    code: 'DB_CHANGED_MEANWHILE',
    category: 'retryable',
    reason: 'DatabaseError',
    message: 'The database refused a record that it had accepted a moment before. The chunk is tried again.',
  });
}
