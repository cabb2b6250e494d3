/**
 * Writes pending records of an upload, in one transaction with the audit row that counts them and the errors of those
 * that failed. A record that still waits stays pending, unless this is the last try.
 */
import type { ClientBase } from 'pg';
import { DUPLICATE_CODE } from '#ledger/errors/duplicate-code.ts';
import {
  beginPending,
  type CompletedPending,
  commitPending,
  insertPendingErrors,
  type PendingError,
} from '#ledger/pending/complete-pending.ts';
import { readPending } from '#ledger/pending/pending-records.ts';
import type { ColumnType } from '#runner/processor/column-encoding.ts';
import { REFUSED_CODE } from '#runner/processor/faults.ts';
import { DUPLICATE_MESSAGES, lostRows } from './commit-chunk-group.ts';
import { CodeCounts } from './failed-rows.ts';
import { StoredRecords } from './stored-records.ts';
import { lockTargetSql, type Target } from './target.ts';
import { expectColumnTypes } from './target-columns.ts';
import { validatePending } from './validate-pending.ts';
import { writeByKeys } from './write-by-keys.ts';
import type { WriteOutcome } from './write-outcome.ts';
import { writeRecords } from './write-records.ts';

export interface PendingTransaction {
  client: ClientBase;
  target: Target;
  uploadId: string;
  attempt: number;
  /** The column types of the stage; null when the role may not lock the table. */
  columnTypes: readonly ColumnType[] | null;
  /** Pod and index, for the audit row. */
  metadata: Record<string, unknown>;
}

/** No record has this row number or a greater one. */
export const BEHIND_ALL = Number.MAX_SAFE_INTEGER;

/** The records to try: at most `limit` with row numbers below `before`, from the greatest one down. */
export interface PendingWindow {
  before: number;
  limit: number;
  /** Do records that still wait fail now? */
  isLast: boolean;
}

export interface WindowOutcome {
  /** The least row number of the window; null: no pending record is left below `before`. */
  first: number | null;
  /** Null when every record of the window still waits. */
  completed: CompletedPending | null;
}

/**
 * @returns null when another pod completes pending records at this moment.
 * @throws Fault FENCED, or an error of PostgreSQL; the transaction is then rolled back and can be tried again.
 */
export async function commitPendingWindow(
  transaction: PendingTransaction,
  window: PendingWindow,
): Promise<WindowOutcome | null> {
  const { client, target, uploadId, attempt, columnTypes } = transaction;
  try {
    const alsoRun = columnTypes ? lockTargetSql(target) : '';
    if (!(await beginPending(client, { id: uploadId, attempt, alsoRun }))) {
      await client.query('ROLLBACK');
      return null;
    }
    if (columnTypes) await expectColumnTypes(client, target, columnTypes);
    const rows = await readPending(client, { uploadId, ...window });
    const first = rows.at(-1) ?? null;
    const written = await writePending(transaction, rows);
    const isStuck = written.waiting.length === rows.length;
    const isAll = window.before === BEHIND_ALL && rows.length < window.limit;
    const outcome =
      window.isLast || (isStuck && isAll)
        ? { ...written, refused: written.refused.concat(written.waiting), waiting: [] }
        : written;
    if (outcome.waiting.length === rows.length) {
      await client.query('ROLLBACK');
      return { first, completed: null };
    }
    const completed = await storeOutcome(transaction, rows, outcome);
    return { first, completed };
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

function writePending(
  { client, target, uploadId }: PendingTransaction,
  numbers: readonly number[],
): Promise<WriteOutcome> {
  const rows = [...numbers].reverse();
  const buffer = new StoredRecords(uploadId);
  const options = { client, target, uploadId, buffer, rows, strategy: 'merge' } as const;
  if (!target.keys) return writeRecords(options);
  const byKeys = { ...options, keys: target.keys };
  return target.rolledBack ? validatePending(byKeys) : writeByKeys(byKeys);
}

/** A displaced record was counted as succeeded before; the record that displaced it counts as a duplicate instead. */
async function storeOutcome(
  { client, target, uploadId, metadata }: PendingTransaction,
  rows: readonly number[],
  outcome: WriteOutcome,
): Promise<CompletedPending> {
  const errors = errorsOf(outcome, target);
  const codes = new CodeCounts();
  for (const { code, message } of errors) codes.add({ faults: [{ code, field: null, message }] });
  const waiting = new Set(outcome.waiting.map(({ rowNumber }) => rowNumber));
  const left = rows.filter((row) => !waiting.has(row));
  const duplicate = target.onDuplicate === 'Fail' ? 0 : lostRows(outcome).length;
  const completed: CompletedPending = {
    rows: left,
    succeeded: left.length - errors.length,
    updated: outcome.updated.length,
    failed: errors.length - duplicate,
    duplicate,
    codes: codes.list(),
    metadata,
  };
  await insertPendingErrors(client, uploadId, errors);
  await commitPending(client, uploadId, completed);
  return completed;
}

function errorsOf(outcome: WriteOutcome, { onDuplicate }: Target): PendingError[] {
  const lost = lostRows(outcome).map((rowNumber) => ({
    rowNumber,
    code: DUPLICATE_CODE,
    message: DUPLICATE_MESSAGES[onDuplicate],
    keepsText: onDuplicate === 'Fail',
  }));
  return [
    ...outcome.refused.map(({ rowNumber, message }) => ({ rowNumber, code: REFUSED_CODE, message, keepsText: true })),
    ...lost,
  ];
}
