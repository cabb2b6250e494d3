/**
 * The exactly-once rule: a chunk's rows, failed records, audit row and completion mark commit together or not at all,
 * and only while the upload is running with this pod's attempt. Several chunks may share a transaction.
 */

import type { ClientBase } from 'pg';
import { beginChunks, type ChunkResult, commitChunks } from '#ledger/chunks/chunks.ts';
import { RESTORE_SETTINGS_SQL } from '#ledger/connection/postgres.ts';
import { DUPLICATE_CODE } from '#ledger/errors/duplicate-code.ts';
import { type FailedRow, insertErrors } from '#ledger/errors/insert-errors.ts';
import type { ColumnType } from '#runner/processor/column-encoding.ts';
import { REFUSED_CODE } from '#runner/processor/faults.ts';
import type { RowBuffer } from '#runner/processor/row-buffer.ts';
import { CodeCounts, createFailedRows, type FailedRows } from './failed-rows.ts';
import type { PreparedChunk } from './prepare-chunk.ts';
import { isRefusal, RowsSuppressed, runAndRollBack } from './savepoints.ts';
import { storeWaiting } from './store-waiting.ts';
import { lockTargetSql, type OnDuplicate, type Target } from './target.ts';
import { expectColumnTypes } from './target-columns.ts';
import { waitEarlier } from './wait-earlier.ts';
import { writeByKeys } from './write-by-keys.ts';
import type { WriteOutcome, WriteStrategy } from './write-outcome.ts';
import { writeRecords, writeTogether } from './write-records.ts';

export interface ChunkTransaction {
  client: ClientBase;
  target: Target;
  uploadId: string;
  attempt: number;
  /** The column types that the rows were prepared for; null when the role may not lock the table. */
  columnTypes: readonly ColumnType[] | null;
  /** The strategy that is tried first. */
  strategy: WriteStrategy;
  /** Is it asked first which rows refer to nothing? */
  asksReferences?: boolean;
  /** Pod, index and tries, for the audit row. */
  metadata: Record<string, unknown>;
}

/** Chunks that share a transaction, in the order of the file, and the buffers that hold their rows. */
export interface ChunkGroup {
  chunks: PreparedChunk[];
  rows: RowBuffer;
  failed: FailedRows;
  /** Rows whose key a row has that was prepared before. */
  withheld: ReadonlySet<number>;
  /** Resolves when the groups that were prepared before, and that other sessions write, are written or have failed. */
  earlier: Promise<unknown>;
}

export type GroupOutcome =
  /**
   * The group is committed. A chunk without a result had been completed by another pod. `conflicts` counts the rows whose
   * keys were stored although no filter had told, `waiting` those that refer to nothing.
   */
  | { done: true; results: ChunkResult[]; strategy: WriteStrategy; conflicts: number; waiting: number }
  /**
   * Nothing was written: one of several chunks met a conflict or had been completed. Each chunk needs its own
   * transaction.
   */
  | { done: false };

export const DUPLICATE_MESSAGES: Record<OnDuplicate, string> = {
  Skip: 'A record with this key is already stored, or an earlier record of this file has the key',
  Update: 'A later record of this file has the key and took its place',
  Fail: 'A record with this key is already stored, or an earlier record of this file has the key',
};

/**
 * @throws Fault FENCED, or an error of PostgreSQL; the transaction is then rolled back and can be tried again as a
 * whole.
 */
export async function commitChunkGroup(transaction: ChunkTransaction, group: ChunkGroup): Promise<GroupOutcome> {
  const { client, target, uploadId, attempt, columnTypes } = transaction;
  // Rows that are tried and rolled back would block each other, and the keys in the ledger as well.
  if (target.keys && group.withheld.size > 0) await waitEarlier(group.earlier);
  const startedAt = performance.now();
  try {
    const chunks = group.chunks.map(({ chunk }) => chunk);
    const pending = await beginChunks(client, {
      id: uploadId,
      attempt,
      chunks,
      alsoRun: columnTypes ? lockTargetSql(target) : '',
    });
    if (pending.size < chunks.length) {
      await client.query('ROLLBACK');
      return chunks.length > 1
        ? { done: false }
        : { done: true, results: [], strategy: 'optimistic', conflicts: 0, waiting: 0 };
    }
    if (columnTypes) await expectColumnTypes(client, target, columnTypes);
    const written = await writeGroup(transaction, group);
    if (written === null) {
      await client.query('ROLLBACK');
      return { done: false };
    }
    const results = await storeResults(transaction, group, { written, startedAt });
    const { strategy, conflicts = 0, waiting } = written;
    return { done: true, results, strategy, conflicts, waiting: waiting.length };
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    // A constraint that a trigger has deferred is checked by COMMIT. Chunks alone are checked before.
    if (group.chunks.length > 1 && isRefusal(error)) return { done: false };
    throw error;
  }
}

/** @returns null when the chunks cannot be written in one transaction. */
async function writeGroup(transaction: ChunkTransaction, group: ChunkGroup): Promise<WriteOutcome | null> {
  const { client, target, strategy } = transaction;
  const rows = numbersOf(group.chunks[0]!.from, group.chunks.at(-1)!.to);
  const options = { ...transaction, buffer: group.rows, rows, withheld: group.withheld, earlier: group.earlier };
  const write = <T>(work: () => Promise<T>) => (target.rolledBack ? runAndRollBack(client, work) : work());
  if (group.chunks.length === 1) {
    const written = await (target.keys
      ? writeByKeys({ ...options, keys: target.keys })
      : write(() => writeRecords(options)));
    await storeWaiting(options, written.waiting, group.chunks[0]!);
    return written;
  }
  if (target.keys || strategy === 'merge') return null;
  try {
    const written = await write(() => writeTogether(options));
    await storeWaiting(options, written.waiting, ...group.chunks);
    return written;
  } catch (error) {
    if (isRefusal(error) || error instanceof RowsSuppressed) return null;
    throw error;
  }
}

async function storeResults(
  { client, uploadId, metadata, target }: ChunkTransaction,
  { chunks, failed }: ChunkGroup,
  { written, startedAt }: { written: WriteOutcome; startedAt: number },
): Promise<ChunkResult[]> {
  const found = numbersOf(chunks[0]!.failed.from, chunks.at(-1)!.failed.to);
  const late = createFailedRows(uploadId);
  const results = chunks.map((prepared, i) =>
    countRecords(prepared, { target, written: shareOf(written, prepared, chunks[i + 1]), late }),
  );
  const parts = [...failed.buffer.select(found), ...late.buffer.all()];
  const count = found.length + late.buffer.rows;
  // Chunks that share a transaction are written without a savepoint, whose end restores the settings.
  if (count > 0 && chunks.length > 1) await client.query(RESTORE_SETTINGS_SQL);
  await insertErrors(client, { parts, count });
  const durationMs = (performance.now() - startedAt) / chunks.length;
  // People query the audit rows, so the strategy keeps the name `way` there.
  const complete = results.map((result) => ({
    ...result,
    durationMs,
    metadata: { ...metadata, way: written.strategy },
  }));
  await commitChunks(client, uploadId, complete);
  return complete;
}

/**
 * @returns the part of the outcome that belongs to one chunk. A displaced record belongs to the chunk whose record
 * displaced it.
 */
function shareOf(written: WriteOutcome, { chunk }: PreparedChunk, next: PreparedChunk | undefined): WriteOutcome {
  const end = next ? next.chunk.firstRowNumber : Number.POSITIVE_INFINITY;
  const isHere = (row: number) => row >= chunk.firstRowNumber && row < end;
  return {
    ...written,
    lost: written.lost.filter(isHere),
    updated: written.updated.filter(isHere),
    displaced: written.displaced.filter(({ by }) => isHere(by)),
    refused: written.refused.filter(({ rowNumber }) => isHere(rowNumber)),
    waiting: written.waiting.filter(({ rowNumber }) => isHere(rowNumber)),
  };
}

/** @returns the numbers of [from, to). */
function numbersOf(from: number, to: number): number[] {
  // This runs for every record, and Array.from() with a function is twenty times as slow.
  const numbers: number[] = [];
  for (let number = from; number < to; number += 1) numbers.push(number);
  return numbers;
}

/** @returns the failed rows that only the table found: refused records and duplicates. */
function lateRows(target: Target, written: WriteOutcome, prepared: PreparedChunk): FailedRow[] {
  return [...refusedRows(written, prepared), ...duplicateRows(target, written, prepared)];
}

function duplicateRows({ onDuplicate }: Target, written: WriteOutcome, prepared: PreparedChunk): FailedRow[] {
  const message = DUPLICATE_MESSAGES[onDuplicate];
  return lostRows(written).map((rowNumber) => {
    // A displaced record may belong to another chunk. Then only its row number is known here.
    const position = prepared.positionOf(rowNumber);
    return {
      rowNumber,
      faults: [{ code: DUPLICATE_CODE, field: null, message }],
      ...(position ?? { byteOffset: null, byteLength: null }),
      rowData: onDuplicate === 'Fail' && position ? prepared.rowData(rowNumber) : null,
    };
  });
}

/** @returns row numbers in the order of the file; displaced rows may belong to other chunks. */
export function lostRows({ lost, displaced }: WriteOutcome): number[] {
  return [...lost, ...displaced.map(({ row }) => row)].sort((a, b) => a - b);
}

function refusedRows(written: WriteOutcome, prepared: PreparedChunk): FailedRow[] {
  return written.refused.map(({ rowNumber, message }) => ({
    rowNumber,
    faults: [{ code: REFUSED_CODE, field: null, message }],
    ...(prepared.positionOf(rowNumber) ?? { byteOffset: null, byteLength: null }),
    rowData: prepared.rowData(rowNumber),
  }));
}

/**
 * Counts the chunk's records and adds those that the table refused to `late`. A displaced record was counted as
 * succeeded by its own chunk. The record that displaced it is counted as a duplicate here instead, so that the sums
 * over all chunks are exact. Pending records are counted when they are no longer pending.
 */
function countRecords(
  prepared: PreparedChunk,
  { target, written, late }: { target: Target; written: WriteOutcome; late: FailedRows },
): Omit<ChunkResult, 'durationMs' | 'metadata'> {
  const { chunk, failed } = prepared;
  const codes = new CodeCounts(failed.codes);
  const refused = lateRows(target, written, prepared);
  for (const row of refused) {
    late.add(row);
    codes.add(row);
  }
  const all = failed.to - failed.from + refused.length;
  const duplicate = target.onDuplicate === 'Fail' ? 0 : lostRows(written).length;
  const records = chunk.recordCount - written.waiting.length;
  return {
    number: chunk.number,
    records,
    succeeded: records - all,
    updated: written.updated.length,
    failed: all - duplicate,
    duplicate,
    codes: codes.list(),
  };
}
