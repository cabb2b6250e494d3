/**
 * One transaction per chunk, the exactly-once rule: rows, failed records, audit row and the chunk's mark commit
 * together or not at all, and only while the upload is running with this pod's attempt.
 */
import type { ClientBase } from 'pg';
import { type ChunkResult, completeChunk, DUPLICATE_CODE, lockChunk } from '#runner/ledger/chunks.ts';
import { type FailedRow, insertErrors } from '#runner/ledger/insert-errors.ts';
import { lockUploadShared } from '#runner/ledger/lock-upload.ts';
import type { ErrorSummary } from '#runner/ledger/types.ts';
import type { PreparedChunk } from './prepare-chunk.ts';
import type { OnDuplicate, Target } from './target.ts';
import { writeByKeys } from './write-by-keys.ts';
import { type WriteOutcome, writeRecords } from './write-records.ts';

export interface ChunkTransaction {
  client: ClientBase;
  target: Target;
  uploadId: string;
  attempt: number;
  mergeOnly: boolean;
  /** Who did it, for the audit row: pod, index, tries. */
  metadata: Record<string, unknown>;
}

export interface ChunkOutcome {
  /** Null when another pod had completed the chunk. */
  result: ChunkResult | null;
  way: WriteOutcome['way'] | null;
}

const DUPLICATE_MESSAGES: Record<OnDuplicate, string> = {
  Skip: 'A record with this key is already stored, or an earlier record of this file has the key',
  Update: 'A later record of this file has the key and took its place',
  Fail: 'A record with this key is already stored, or an earlier record of this file has the key',
};

export async function processChunk(transaction: ChunkTransaction, prepared: PreparedChunk): Promise<ChunkOutcome> {
  const { client, uploadId, attempt } = transaction;
  const startedAt = performance.now();
  await client.query('BEGIN');
  try {
    await lockUploadShared(client, { id: uploadId, attempt, status: 'Processing' });
    if (!(await lockChunk(client, uploadId, prepared.chunk.number))) {
      await client.query('ROLLBACK');
      return { result: null, way: null };
    }
    await client.query('SET CONSTRAINTS ALL IMMEDIATE');
    const { keys } = transaction.target;
    const options = { ...transaction, records: prepared.valid };
    const written = await (keys ? writeByKeys({ ...options, keys }) : writeRecords(options));
    const failed = [
      ...prepared.failed,
      ...refusedRows(written, prepared),
      ...duplicateRows(transaction.target, written, prepared),
    ];
    await insertErrors(client, uploadId, failed);
    const result = summarize(transaction, prepared, { written, failed, durationMs: performance.now() - startedAt });
    await completeChunk(client, uploadId, result);
    await client.query('COMMIT');
    return { result, way: written.way };
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

function duplicateRows({ onDuplicate }: Target, written: WriteOutcome, prepared: PreparedChunk): FailedRow[] {
  const message = DUPLICATE_MESSAGES[onDuplicate];
  return lostRows(written).map((rowNumber) => {
    // A displaced record may be one of another chunk: then only its row number is known here.
    const position = prepared.positions.get(rowNumber);
    return {
      rowNumber,
      faults: [{ code: DUPLICATE_CODE, field: null, message }],
      ...(position ?? { byteOffset: null, byteLength: null }),
      rowData: onDuplicate === 'Fail' && position ? prepared.rowData(rowNumber) : null,
    };
  });
}

/** In the order of the file. Not all need to be of this chunk. */
function lostRows({ lost, displaced }: WriteOutcome): number[] {
  return [...lost, ...displaced.map(({ row }) => row)].sort((a, b) => a - b);
}

function refusedRows(written: WriteOutcome, prepared: PreparedChunk): FailedRow[] {
  return written.refused.map(({ rowNumber, message }) => ({
    rowNumber,
    faults: [{ code: 'DB_001', field: null, message }],
    ...(prepared.positions.get(rowNumber) ?? { byteOffset: null, byteLength: null }),
    rowData: prepared.rowData(rowNumber),
  }));
}

/**
 * Counts of the chunk. A displaced record was counted as succeeded by its own chunk; the record that took its place
 * is counted as duplicate here in its stead, so that the sums over all chunks are exact.
 */
function summarize(
  { metadata, target }: ChunkTransaction,
  prepared: PreparedChunk,
  { written, failed, durationMs }: { written: WriteOutcome; failed: FailedRow[]; durationMs: number },
): ChunkResult {
  const codes = new Map<string, ErrorSummary>();
  for (const { faults } of failed) {
    const first = faults[0]!;
    const entry = codes.get(first.code);
    if (entry) entry.count += 1;
    else codes.set(first.code, { code: first.code, count: 1, message: first.message });
  }
  const duplicate = target.onDuplicate === 'Fail' ? 0 : lostRows(written).length;
  return {
    number: prepared.chunk.number,
    records: prepared.chunk.recordCount,
    succeeded: prepared.chunk.recordCount - failed.length,
    updated: written.updated.length,
    failed: failed.length - duplicate,
    duplicate,
    durationMs,
    codes: [...codes.values()],
    metadata: { ...metadata, way: written.way },
  };
}
