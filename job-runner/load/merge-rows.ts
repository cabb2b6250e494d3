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
export async function mergeRows(options: WriteOptions, outcome: WriteOutcome): Promise<void> {
  if (options.target.byKey === null) {
    await copyParts(options, outcome, { copy: (part) => copyRecords(part as CopyOptions), isStored: true });
    return;
  }
  // Mostly nothing is refused any more, and one savepoint does for all.
  const tried = emptyOutcome('merge');
  let isStaged = false;
  const merged = await attempt(options.client, async () => {
    await stageRecords(options);
    isStaged = true;
    const byRecord = await needsRecordMerge(options.client, keyOf(options.target).recordMerge);
    const rows = options.asksReferences ? await setWaitingAside(options, tried) : options.rows;
    if (rows.length > 0) await mergeInto(tried, options, byRecord);
  });
  if (merged.ok) {
    join(outcome, tried);
    return;
  }
  if (isStaged) await stageRecords(options);
  const rows = isStaged ? options.rows : await copyParts(options, outcome, { copy: stageRecords, isStored: false });
  await mergeStage({ ...options, rows }, outcome, isStaged ? merged.error : null);
}

/**
 * Merges the rows, which are staged, and empties the stage.
 * @param met the error of PostgreSQL that a merge of the rows has met
 */
async function mergeStage(options: WriteOptions, outcome: WriteOutcome, met: Refusal | null = null): Promise<void> {
  const { client, target, rows } = options;
  if (rows.length === 0) return;
  const byRecord = await needsRecordMerge(client, keyOf(target).recordMerge);
  const asks = options.asksReferences || (met !== null && isReference(met));
  let staged = asks ? await setWaitingAside(options, outcome) : rows;
  const mergeRest = () => mergeAll({ ...options, rows: staged }, outcome, byRecord);
  let refusal = met;
  if (met === null || (isReference(met) && staged.length < rows.length)) refusal = await mergeRest();
  if (!asks && refusal && isReference(refusal)) {
    staged = await setWaitingAside(options, outcome);
    if (staged.length < rows.length) refusal = await mergeRest();
  }
  if (refusal === null) return;
  const left = { ...options, rows: staged };
  if (byRecord && isReference(refusal) && (await insertNewFirst(left, outcome))) return;
  await mergeOneByOne(left, outcome, byRecord);
}

/** Takes the rows that wait out of the stage, as far as the catalog tells. @returns the other rows */
async function setWaitingAside(options: WriteOptions, outcome: WriteOutcome): Promise<readonly number[]> {
  const found = await takeWaiting(options.client, options.target);
  if (found.length === 0) return options.rows;
  outcome.waiting = outcome.waiting.concat(explainWaiting(found));
  return without(options, found);
}

/** @returns the error of PostgreSQL, if it has refused a row; the rows are then still staged. */
async function mergeAll(options: WriteOptions, outcome: WriteOutcome, byRecord: boolean): Promise<Refusal | null> {
  if (options.rows.length === 0) return null;
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
  const { client, target, buffer } = options;
  const outcome = emptyOutcome('merge');
  const rows = await stageStored(options, outcome);
  await mergeStage({ ...options, rows, asksReferences: true }, outcome);
  if (outcome.waiting.length === 0 || !(await needsRecordMerge(client, keyOf(target).recordMerge))) return outcome;
  // A trigger may change what a row refers to.
  const waiting = new Set(outcome.waiting.map(({ rowNumber }) => rowNumber));
  const left = { ...options, rows: options.rows.filter((row) => waiting.has(buffer.rowNumber(row))) };
  await stageRecords(left);
  outcome.waiting = await mergeEachInto(outcome, left, true);
  return outcome;
}

/**
 * Stages pending records. The type of a column may have changed since a record was stored, so that the record can no
 * longer be read: it is added to the refused rows of the outcome.
 * @returns the rows that are staged
 */
export function stageStored(options: WriteOptions, outcome: WriteOutcome): Promise<number[]> {
  return copyParts(options, outcome, { copy: stageRecords, isStored: false });
}

function without({ rows, buffer }: WriteOptions, found: readonly { rowNumber: number }[]): number[] {
  const out = new Set(found.map(({ rowNumber }) => rowNumber));
  return rows.filter((row) => !out.has(buffer.rowNumber(row)));
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
