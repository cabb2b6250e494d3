/**
 * The last of the strategies (write-records.ts): stages rows and merges them. Rows that only a foreign key refuses are set
 * aside; what PostgreSQL refuses otherwise is halved down to the record.
 */
import type { ClientBase } from 'pg';
import { sqlState } from '#ledger/connection/postgres.ts';
import { mergeStaged } from './merge.ts';
import { insertNew, mergeByRecord, needsRecordMerge } from './merge-by-record.ts';
import { refusalMessage } from './refusals.ts';
import { attempt, FOREIGN_KEY_VIOLATION, RowsSuppressed } from './savepoints.ts';
import { canCopy, copyRecords, stageRecords, type WriteOptions } from './stage-records.ts';
import { keyOf, type Target } from './target.ts';
import { findRefusedAlone, findWaitingByCatalog, findWaitingRows, type WaitingRow } from './waiting-rows.ts';
import {
  addHashes,
  addTo,
  emptyOutcome,
  explainRefusal,
  join,
  type RefusedRow,
  SUPPRESSED_MESSAGE,
  type WriteOutcome,
} from './write-outcome.ts';

/** Merges the staged rows and adds what became of them to the outcome. */
export async function mergeInto(
  outcome: WriteOutcome,
  { client, target, uploadId }: WriteOptions,
  byRecord: boolean,
): Promise<void> {
  const { merge, recordMerge } = keyOf(target);
  if (!byRecord) {
    addTo(outcome, await mergeStaged(client, merge, uploadId));
    return;
  }
  const { clearStage } = merge;
  const merged = await mergeByRecord(client, recordMerge, { uploadId, clearStage });
  addTo(outcome, merged);
  const suppressed = merged.suppressed.map((rowNumber) => ({ rowNumber, message: SUPPRESSED_MESSAGE }));
  outcome.refused = outcome.refused.concat(suppressed);
  addHashes(outcome, merged.hashes);
}

export async function mergeOrHalve(options: WriteOptions, outcome: WriteOutcome): Promise<void> {
  const { client, target, buffer, rows } = options;
  // Rows that are appended go into the table itself.
  let isStaged = target.byKey === null;
  // The end of the savepoint may still refuse what the merge has told.
  const tried = emptyOutcome('merge');
  const merged = await attempt(client, async () => {
    if (target.byKey === null && canCopy(options)) {
      await copyRecords(options);
      return;
    }
    await stageRecords(options);
    isStaged = true;
    await mergeInto(tried, options, await needsRecordMerge(client, keyOf(target).recordMerge));
  });
  if (merged.ok) {
    join(outcome, tried);
    return;
  }
  const isReference = target.byKey !== null && sqlState(merged.error) === FOREIGN_KEY_VIOLATION;
  if (rows.length === 1) {
    const row = { rowNumber: buffer.rowNumber(rows[0]!), ...explainRefusal(merged.error, target, isStaged) };
    (isReference ? outcome.waiting : outcome.refused).push(row);
    return;
  }
  if (isReference && (await mergeWithoutWaiting(options, outcome))) return;
  if (isReference && (await insertNewFirst(options, outcome))) return;
  const middle = rows.length >> 1;
  await mergeOrHalve({ ...options, rows: rows.slice(0, middle) }, outcome);
  await mergeOrHalve({ ...options, rows: rows.slice(middle) }, outcome);
}

/** Merges the rows that do not wait. @returns false when no row waits, and nothing was done. */
async function mergeWithoutWaiting(options: WriteOptions, outcome: WriteOutcome): Promise<boolean> {
  const found = await findWaiting(options, findWaitingRows);
  if (found.length === 0) return false;
  outcome.waiting = outcome.waiting.concat(found);
  await mergeOthers(options, found, outcome);
  return true;
}

/**
 * Inserts the rows with new keys by one statement, and merges the others after them. The merge by record is one statement
 * for each row, and would refuse a row that refers to a later one.
 * @returns false when nothing was done.
 */
async function insertNewFirst(options: WriteOptions, outcome: WriteOutcome): Promise<boolean> {
  const { client, target, buffer, rows } = options;
  const { recordMerge, merge } = keyOf(target);
  if (!(await needsRecordMerge(client, recordMerge))) return false;
  const inserted = await attempt(client, async () => {
    await stageRecords(options);
    const hashes = await insertNew(client, recordMerge, merge);
    if (hashes === null) throw new RowsSuppressed('a trigger has suppressed rows: they are merged one by one');
    return hashes;
  });
  if (!inserted.ok || inserted.value.size === 0) return false;
  const { value: hashes } = inserted;
  addHashes(outcome, hashes);
  const others = rows.filter((row) => !hashes.has(buffer.rowNumber(row)));
  if (others.length > 0) await mergeOrHalve({ ...options, rows: others }, outcome);
  return true;
}

/** Merges pending records. Most of them may wait still, and one that waits would undo the merge of all. */
export async function mergeStored(options: WriteOptions): Promise<WriteOutcome> {
  const outcome = emptyOutcome('merge');
  let waiting = await findWaiting(options, findWaitingByCatalog);
  await mergeOthers(options, waiting, outcome);
  if (waiting.length > 0 && (await needsRecordMerge(options.client, keyOf(options.target).recordMerge))) {
    const found = new Set(waiting.map(({ rowNumber }) => rowNumber));
    const left = { ...options, rows: options.rows.filter((row) => found.has(options.buffer.rowNumber(row))) };
    waiting = await findWaiting(left, findRefusedAlone);
    await mergeOthers(left, waiting, outcome);
  }
  outcome.waiting = outcome.waiting.concat(waiting);
  return outcome;
}

async function mergeOthers(
  options: WriteOptions,
  waiting: readonly RefusedRow[],
  outcome: WriteOutcome,
): Promise<void> {
  const out = new Set(waiting.map(({ rowNumber }) => rowNumber));
  const others = options.rows.filter((row) => !out.has(options.buffer.rowNumber(row)));
  if (others.length > 0) await mergeOrHalve({ ...options, rows: others }, outcome);
}

export async function findWaiting(
  options: WriteOptions,
  find: (client: ClientBase, target: Target) => Promise<WaitingRow[]>,
): Promise<RefusedRow[]> {
  const { client, target } = options;
  await stageRecords(options);
  const found = await find(client, target);
  await client.query(keyOf(target).merge.clearStage);
  // There are many rows and few foreign keys, so that rows share their messages.
  const messages = new Map<string, string>();
  return found.map(({ rowNumber, constraint }) => {
    const message = messages.get(constraint) ?? refusalMessage({ code: FOREIGN_KEY_VIOLATION, constraint });
    messages.set(constraint, message);
    return { rowNumber, message };
  });
}
