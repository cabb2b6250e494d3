/** Cuts a file's records into chunks while the records are found. Pure. */
import type { PlannedChunk } from '#ledger/types.ts';

export interface ChunkLimits {
  records: number;
  /** A chunk ends before it grows beyond this size. A record that is larger is a chunk of its own. */
  bytes: number;
}

export interface ChunkCutter {
  /** Adds the next record of the file, which lies at [startByte, endByte). */
  add(startByte: number, endByte: number, rowNumber: number): void;
  /** Ends the last chunk. @returns all chunks, and the number of their records. */
  finish(): { chunks: PlannedChunk[]; records: number };
}

export function createChunkCutter(limits: ChunkLimits): ChunkCutter {
  const chunks: PlannedChunk[] = [];
  let records = 0;
  let open: PlannedChunk | null = null;
  return {
    add(startByte, endByte, rowNumber) {
      records += 1;
      if (open && open.recordCount < limits.records && endByte - open.startByte <= limits.bytes) {
        open.endByte = endByte;
        open.recordCount += 1;
        return;
      }
      if (open) chunks.push(open);
      open = { startByte, endByte, firstRowNumber: rowNumber, recordCount: 1 };
    },
    finish() {
      if (open) chunks.push(open);
      open = null;
      return { chunks, records };
    },
  };
}
