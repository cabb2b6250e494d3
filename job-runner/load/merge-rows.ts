/**
 * The last of the strategies (write-records.ts): stages rows and merges them, first by one statement. Where PostgreSQL
 * refuses that, the rows that refer to nothing are set aside by one question, and what else it refuses is found by trying
 * each row on the server (merge-each.ts).
 */
import type { DatabaseError } from 'pg';
import { sqlState } from '#ledger/connection/postgres.ts';
import { copyParts } from './copy-parts.ts';
import { readForeignKeys } from './foreign-keys.ts';
import { mergeStaged } from './merge.ts';
import { insertNew, mergeByRecord, needsRecordMerge } from './merge-by-record.ts';
import { mergeEach } from './merge-each.ts';
import { refusalMessage } from './refusals.ts';
import { attempt, FOREIGN_KEY_VIOLATION, RowsSuppressed } from './savepoints.ts';
import { type CopyOptions, copyRecords, stageRecords, type WriteOptions } from './stage-records.ts';
import { keyOf } from './target.ts';
import { takeWaiting, type WaitingRow } from './waiting-rows.ts';
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

type Refusal = DatabaseError | RowsSuppressed;

const isReference = (error: Refusal) => sqlState(error) === FOREIGN_KEY_VIOLATION;

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
  addSuppressed(outcome, merged.suppressed);
  addHashes(outcome, merged.hashes);
}

function addSuppressed(outcome: WriteOutcome, rowNumbers: readonly number[]): void {
  outcome.refused = outcome.refused.concat(rowNumbers.map((rowNumber) => ({ rowNumber, message: SUPPRESSED_MESSAGE })));
}

/** Writes rows, and adds what became of each to the outcome. Where the schema has no key, the rows are appended. */
export async function mergeOrHalve(options: WriteOptions, outcome: WriteOutcome): Promise<void> {
  if (options.target.byKey === null) {
    await copyParts(options, outcome, { copy: (part) => copyRecords(part as CopyOptions), isStored: true });
    return;
  }
  const rows = await stageReadable(options, outcome);
  await mergeStage({ ...options, rows }, outcome);
}

/** Stages the rows whose values PostgreSQL can read. @returns their positions. */
function stageReadable(options: WriteOptions, outcome: WriteOutcome): Promise<number[]> {
  return copyParts(options, outcome, { copy: stageRecords, isStored: false });
}

/** Merges the rows, which are staged, and empties the stage. */
async function mergeStage(options: WriteOptions, outcome: WriteOutcome): Promise<void> {
  const { client, target, rows } = options;
  if (rows.length === 0) return;
  const { recordMerge } = keyOf(target);
  const byRecord = await needsRecordMerge(client, recordMerge);
  let refusal = await mergeAll(options, outcome, byRecord);
  if (refusal === null) return;
  let staged = rows;
  if (isReference(refusal)) {
    const waiting = addWaiting(outcome, await takeWaiting(client, target));
    staged = without(options, waiting);
    if (waiting.size > 0 && staged.length > 0)
      refusal = await mergeAll({ ...options, rows: staged }, outcome, byRecord);
    if (refusal === null || staged.length === 0) return;
    if (byRecord && isReference(refusal) && (await insertNewFirst({ ...options, rows: staged }, outcome))) return;
  }
  await mergeOneByOne({ ...options, rows: staged }, outcome, byRecord);
}

/** @returns the error of PostgreSQL, if it has refused a row; the rows are then still staged. */
async function mergeAll(options: WriteOptions, outcome: WriteOutcome, byRecord: boolean): Promise<Refusal | null> {
  // The end of the savepoint may still refuse what the merge has told.
  const tried = emptyOutcome('merge');
  const merged = await attempt(options.client, () => mergeInto(tried, options, byRecord));
  if (!merged.ok) return merged.error;
  join(outcome, tried);
  return null;
}

/**
 * Inserts the rows with new keys by one statement, and merges the others after them. The merge by record is one statement
 * for each row, and would refuse a row that refers to a later one.
 * @returns false when nothing was done.
 */
async function insertNewFirst(options: WriteOptions, outcome: WriteOutcome): Promise<boolean> {
  const { client, target, buffer, rows } = options;
  const { recordMerge, merge } = keyOf(target);
  const inserted = await attempt(client, async () => {
    const hashes = await insertNew(client, recordMerge, merge);
    if (hashes === null || hashes.size === 0) throw new RowsSuppressed('the rows are merged one by one');
    return hashes;
  });
  if (!inserted.ok) return false;
  const { value: hashes } = inserted;
  addHashes(outcome, hashes);
  const others = rows.filter((row) => !hashes.has(buffer.rowNumber(row)));
  await stageRecords({ ...options, rows: others });
  await mergeStage({ ...options, rows: others }, outcome);
  return true;
}

/**
 * Tries each staged row. A row that only a foreign key refuses may refer to another one of them: those rows are merged
 * together behind the others, as long as that goes on.
 */
async function mergeOneByOne(options: WriteOptions, outcome: WriteOutcome, byRecord: boolean): Promise<void> {
  const { client, target, rows, buffer } = options;
  const refused = await mergeEachInto(outcome, options, byRecord);
  if (refused.length === 0) return;
  const selfKeys = (await readForeignKeys(client, target)).filter(({ isSelf }) => isSelf).map(({ name }) => name);
  const mayMove = ({ constraint }: WaitingRow) => selfKeys.includes(constraint);
  const isStuck = refused.length === rows.length && refused.every(mayMove);
  outcome.waiting = outcome.waiting.concat(isStuck ? refused : refused.filter((row) => !mayMove(row)));
  if (isStuck) return;
  const others = new Set(refused.filter(mayMove).map(({ rowNumber }) => rowNumber));
  const left = { ...options, rows: rows.filter((row) => others.has(buffer.rowNumber(row))) };
  await stageRecords(left);
  await mergeStage(left, outcome);
}

/** Tries each staged row, and empties the stage. @returns the rows that a foreign key has refused. */
export async function mergeEachInto(
  outcome: WriteOutcome,
  { client, target, uploadId, rows }: WriteOptions,
  byRecord: boolean,
): Promise<(WaitingRow & RefusedRow)[]> {
  const { eachMerge, merge } = keyOf(target);
  const of = { uploadId, clearStage: merge.clearStage, count: rows.length };
  const { refused, suppressed, hashes, ...merged } = await mergeEach(client, eachMerge, of);
  addTo(outcome, merged);
  addSuppressed(outcome, suppressed);
  if (byRecord) addHashes(outcome, hashes);
  const references = refused.filter(({ error }) => isReference(error));
  const others = refused.filter(({ error }) => !isReference(error));
  outcome.refused = outcome.refused.concat(
    others.map(({ rowNumber, error }) => ({ rowNumber, ...explainRefusal(error, target, true) })),
  );
  return references.map(({ rowNumber, error }) => ({
    ...{ rowNumber, constraint: error.constraint ?? '' },
    message: refusalMessage(error, target.columns),
  }));
}

/** Merges pending records. Most of them may wait still, and one that waits would undo the merge of all. */
export async function mergeStored(options: WriteOptions): Promise<WriteOutcome> {
  const { client, target } = options;
  const outcome = emptyOutcome('merge');
  await stageRecords(options);
  const found = await takeWaiting(client, target);
  const waiting = new Set(found.map(({ rowNumber }) => rowNumber));
  await mergeStage({ ...options, rows: without(options, waiting) }, outcome);
  if (waiting.size === 0 || !(await needsRecordMerge(client, keyOf(target).recordMerge))) {
    addWaiting(outcome, found);
    return outcome;
  }
  // A trigger may change what a row refers to.
  const left = { ...options, rows: options.rows.filter((row) => waiting.has(options.buffer.rowNumber(row))) };
  await stageRecords(left);
  outcome.waiting = outcome.waiting.concat(await mergeEachInto(outcome, left, true));
  return outcome;
}

function without({ rows, buffer }: WriteOptions, rowNumbers: ReadonlySet<number>): number[] {
  return rows.filter((row) => !rowNumbers.has(buffer.rowNumber(row)));
}

/** @returns the row numbers. */
function addWaiting(outcome: WriteOutcome, found: readonly WaitingRow[]): Set<number> {
  outcome.waiting = outcome.waiting.concat(explainWaiting(found));
  return new Set(found.map(({ rowNumber }) => rowNumber));
}

export function explainWaiting(found: readonly WaitingRow[]): RefusedRow[] {
  // There are many rows and few foreign keys, so that rows share their messages.
  const messages = new Map<string, string>();
  return found.map(({ rowNumber, constraint }) => {
    const message = messages.get(constraint) ?? refusalMessage({ code: FOREIGN_KEY_VIOLATION, constraint });
    messages.set(constraint, message);
    return { rowNumber, message };
  });
}
