/**
 * The exactly-once rule: a chunk's rows, failed records, audit row and mark commit together or not at all, and only
 * while the upload is running with this pod's attempt. Several chunks may share a transaction.
 */
import type { ClientBase } from 'pg';
import { beginChunks, type ChunkResult, commitChunks, DUPLICATE_CODE } from '#runner/ledger/chunks.ts';
import { type FailedRow, insertErrors } from '#runner/ledger/insert-errors.ts';
import type { ErrorSummary } from '#runner/ledger/types.ts';
import type { RowBuffer } from '#runner/processor/row-buffer.ts';
import type { PreparedChunk } from './prepare-chunk.ts';
import type { Target } from './target.ts';
import { isRefusal, NOTHING_REFUSED, type WriteOutcome, writeRecords, writeTogether } from './write-records.ts';

export interface ChunkTransaction {
  client: ClientBase;
  target: Target;
  uploadId: string;
  attempt: number;
  /** Leaves out the optimistic way. */
  mergeOnly: boolean;
  /** Who did it, for the audit row: pod, index, tries. */
  metadata: Record<string, unknown>;
}

/** Chunks that follow one another and the buffer that holds their rows. */
export interface ChunkGroup {
  chunks: PreparedChunk[];
  rows: RowBuffer;
}

export type GroupOutcome =
  /** Committed; another pod had completed the chunks that have no result. */
  | { done: true; results: ChunkResult[]; way: WriteOutcome['way'] }
  /** Nothing was written: one of several chunks met a conflict or was completed by another pod. Each has to go alone. */
  | { done: false };

const DUPLICATE = {
  code: DUPLICATE_CODE,
  message: 'A record with this key is already stored, or an earlier record of this file has the key',
};

/** @throws Fault FENCED; an error of PostgreSQL after which everything can be tried again */
export async function processChunks(transaction: ChunkTransaction, group: ChunkGroup): Promise<GroupOutcome> {
  const { client, uploadId, attempt } = transaction;
  const startedAt = performance.now();
  try {
    const chunks = group.chunks.map(({ chunk }) => chunk);
    const pending = await beginChunks(client, { id: uploadId, attempt, chunks });
    if (pending.size < chunks.length) {
      await client.query('ROLLBACK');
      return chunks.length > 1 ? { done: false } : { done: true, results: [], way: 'optimistic' };
    }
    const written = await write(transaction, group);
    if (written === null) {
      await client.query('ROLLBACK');
      return { done: false };
    }
    const results = await storeResults(transaction, group, { written, startedAt });
    return { done: true, results, way: written.way };
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

/** Null when several chunks cannot be written together. */
async function write(transaction: ChunkTransaction, { chunks, rows }: ChunkGroup): Promise<WriteOutcome | null> {
  const { client, target } = transaction;
  if (chunks.length === 1) {
    const [{ from, to }] = chunks as [PreparedChunk];
    return writeRecords({ ...transaction, rows }, from, to);
  }
  try {
    await writeTogether(client, target, rows);
    return NOTHING_REFUSED;
  } catch (error) {
    if (isRefusal(error)) return null;
    throw error;
  }
}

async function storeResults(
  { client, uploadId, metadata }: ChunkTransaction,
  { chunks }: ChunkGroup,
  { written, startedAt }: { written: WriteOutcome; startedAt: number },
): Promise<ChunkResult[]> {
  const failed = chunks.map((prepared) => [
    ...prepared.failed,
    ...refusedRows(written, prepared),
    ...duplicateRows(written, prepared),
  ]);
  await insertErrors(client, uploadId, failed.flat());
  const durationMs = (performance.now() - startedAt) / chunks.length;
  const results = chunks.map((prepared, i) => ({
    ...countRecords(prepared, written, failed[i]!),
    durationMs,
    metadata: { ...metadata, way: written.way },
  }));
  await commitChunks(client, uploadId, results);
  return results;
}

function duplicateRows(written: WriteOutcome, prepared: PreparedChunk): FailedRow[] {
  return written.duplicates.map((rowNumber) => ({
    rowNumber,
    faults: [{ ...DUPLICATE, field: null }],
    // A displaced record is one of another chunk: only its row number is known here.
    ...(prepared.positionOf(rowNumber) ?? { byteOffset: null, byteLength: null }),
    rowData: null,
  }));
}

function refusedRows(written: WriteOutcome, prepared: PreparedChunk): FailedRow[] {
  return written.refused.map(({ rowNumber, message }) => ({
    rowNumber,
    faults: [{ code: 'DB_001', field: null, message }],
    ...(prepared.positionOf(rowNumber) ?? { byteOffset: null, byteLength: null }),
    rowData: prepared.rowData(rowNumber),
  }));
}

/**
 * Counts of the chunk. A displaced record was counted as succeeded by its own chunk; the record that took its place
 * is counted as duplicate here in its stead, so that the sums over all chunks are exact.
 */
function countRecords(
  { chunk, failed: faulty }: PreparedChunk,
  { refused, duplicates }: WriteOutcome,
  failed: readonly FailedRow[],
): Omit<ChunkResult, 'durationMs' | 'metadata'> {
  const codes = new Map<string, ErrorSummary>();
  for (const { faults } of failed) {
    const first = faults[0]!;
    const entry = codes.get(first.code);
    if (entry) entry.count += 1;
    else codes.set(first.code, { code: first.code, count: 1, message: first.message });
  }
  const failedCount = faulty.length + refused.length;
  return {
    number: chunk.number,
    records: chunk.recordCount,
    succeeded: chunk.recordCount - failedCount - duplicates.length,
    failed: failedCount,
    duplicate: duplicates.length,
    codes: [...codes.values()],
  };
}
