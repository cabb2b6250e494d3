/**
 * How many chunks share a transaction, and the way that they are written by. A commit costs as much as some hundred records
 * (one a chunk of 1,000 records: 16 s for a million instead of 12.5), but one conflict undoes all that share it. So, as a
 * sender's window on a network that may be busy: it grows while all goes well, and begins anew at one after a conflict. What
 * one chunk had to be written by is what the next ones begin with, since they probably meet the same.
 */
import type { Chunk } from '#ledger/types.ts';
import { WAYS, type Way } from './write-records.ts';

export const MOST_CHUNKS = 10;
/** Most loads meet no conflict at all. */
const FIRST_CHUNKS = 4;
/** Of the source: what is prepared and not yet committed is kept in memory, twice. */
const MOST_BYTES = 2 * 1024 * 1024;
/** Chunks without a conflict after which the faster way is tried again. */
const CALM = 16;

export interface Pace {
  /** By which the next chunks begin. By the merge each goes alone. */
  readonly way: Way;
  /** The chunks from `first` on that are written next: at least one, if there is one. */
  nextGroup(chunks: readonly Chunk[], first: number): Chunk[];
  /** Told about every commit: by which way it went in the end, and how many records met another one with their key. */
  committed(chunks: number, end: { way: Way; conflicts: number }): void;
  /** The group could not be written together. */
  separated(): void;
}

/** @param mostChunks that may share a transaction */
export function createPace(mostChunks: number): Pace {
  let window = Math.min(FIRST_CHUNKS, mostChunks);
  let rank = 0;
  let calm = 0;
  return {
    get way() {
      return WAYS[rank]!;
    },
    nextGroup(chunks, first) {
      let end = first;
      let bytes = 0;
      for (; end < chunks.length && end - first < window; end += 1) {
        const { startByte, endByte } = chunks[end]!;
        bytes += endByte - startByte;
        if (end > first && bytes > MOST_BYTES) break;
      }
      return chunks.slice(first, end);
    },
    committed(chunks, { way, conflicts }) {
      const reached = WAYS.indexOf(way);
      if (reached > rank) {
        [rank, calm, window] = [reached, 0, 1];
        return;
      }
      // By the merge each goes alone, and what follows it begins anew.
      window = this.way === 'merge' ? 1 : Math.min(window * 2, mostChunks);
      // The merge is for two that are in each other's way, which no count of conflicts tells.
      calm = this.way === 'probe' && conflicts > 0 ? 0 : calm + chunks;
      if (rank > 0 && calm >= CALM) [rank, calm] = [rank - 1, 0];
    },
    separated() {
      window = 1;
    },
  };
}
