/** Cuts a file's records into chunks, as they are found. Pure. */
import type { PlannedChunk } from '#ledger/types.ts';

export interface ChunkLimits {
  records: number;
  /** A chunk ends before it grows beyond this; one larger record is a chunk alone. */
  bytes: number;
}

export interface ChunkCutter {
  /** Takes the next record of the file: [startByte, endByte). */
  add(startByte: number, endByte: number, rowNumber: number): void;
  /** All chunks; the cutter is done. */
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
