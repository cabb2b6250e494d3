/** One chunk's bytes to the records that go into the table and those that failed. Pure. */
import type { FailedRow } from '#runner/ledger/insert-errors.ts';
import type { Chunk } from '#runner/ledger/types.ts';
import type { ValidRecord } from './write-records.ts';

export interface Position {
  byteOffset: number;
  byteLength: number;
}

export interface PreparedChunk {
  chunk: Chunk;
  valid: ValidRecord[];
  failed: FailedRow[];
  /** Where each record of the chunk lies in the source, by row number. */
  positions: Map<number, Position>;
  /** The record's text for people: masked, capped, NUL-escaped. */
  rowData(rowNumber: number): string | null;
}
