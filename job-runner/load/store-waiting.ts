import { insertPending } from '#ledger/pending/pending-records.ts';
import type { PreparedChunk } from './prepare-chunk.ts';
import { stageRecords, type WriteOptions } from './stage-records.ts';
import { stagedRows } from './stored-records.ts';
import { keyOf } from './target.ts';
import type { RefusedRow } from './write-outcome.ts';

/** Stores the records of a chunk that wait as pending, with their place in the file. */
export async function storeWaiting(
  options: WriteOptions,
  waiting: readonly RefusedRow[],
  { chunk, positionOf, rowData }: PreparedChunk,
): Promise<void> {
  if (waiting.length === 0) return;
  const { client, target, uploadId, buffer, rows } = options;
  const numbers = new Set(waiting.map(({ rowNumber }) => rowNumber));
  await stageRecords({ ...options, rows: rows.filter((row) => numbers.has(buffer.rowNumber(row))) });
  await insertPending(
    client,
    { uploadId, chunk: chunk.number, staged: stagedRows(target) },
    waiting.map(({ rowNumber }) => ({
      rowNumber,
      ...(positionOf(rowNumber) ?? { byteOffset: null, byteLength: null }),
      rowData: rowData(rowNumber),
    })),
  );
  await client.query(keyOf(target).merge.clearStage);
}
