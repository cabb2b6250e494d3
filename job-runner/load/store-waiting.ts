import { insertPending } from '#ledger/pending/pending-records.ts';
import type { PreparedChunk } from './prepare-chunk.ts';
import { stageRecords, type WriteOptions } from './stage-records.ts';
import { stagedRows } from './stored-records.ts';
import { keyOf } from './target.ts';
import type { RefusedRow } from './write-outcome.ts';

/** Stores the records of chunks that wait as pending, with their place in the file. */
export async function storeWaiting(
  options: WriteOptions,
  waiting: readonly RefusedRow[],
  ...chunks: readonly PreparedChunk[]
): Promise<void> {
  if (waiting.length === 0) return;
  const { client, target, uploadId, buffer, rows } = options;
  const numbers = new Set(waiting.map(({ rowNumber }) => rowNumber));
  await stageRecords({ ...options, rows: rows.filter((row) => numbers.has(buffer.rowNumber(row))) });
  // Both lists are in the order of the file.
  let at = 0;
  const records = waiting
    .toSorted((a, b) => a.rowNumber - b.rowNumber)
    .map(({ rowNumber }) => {
      while (at + 1 < chunks.length && chunks[at + 1]!.chunk.firstRowNumber <= rowNumber) at += 1;
      const { chunk, positionOf, rowData } = chunks[at]!;
      const position = positionOf(rowNumber) ?? { byteOffset: null, byteLength: null };
      return { rowNumber, chunk: chunk.number, ...position, rowData: rowData(rowNumber) };
    });
  await insertPending(client, { uploadId, staged: stagedRows(target) }, records);
  await client.query(keyOf(target).merge.clearStage);
}
