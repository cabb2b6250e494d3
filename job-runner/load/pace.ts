/**
 * How many chunks share a transaction. A commit costs as much as some hundred records (one a chunk of 1,000 records: 16 s
 * for a million instead of 12.5), but one conflict undoes all that share it. So, as a sender's window on a network
 * that may be busy: it grows while all goes well, and begins anew at one after a conflict. The chunks right after a
 * conflict go straight to the merge, since they probably meet one too.
 */
import type { Chunk } from '#runner/ledger/types.ts';

export const MOST_CHUNKS = 10;
/** Of the source: what is prepared and not yet committed is kept in memory, twice. */
const MOST_BYTES = 2 * 1024 * 1024;
const MERGE_AFTER_CONFLICT = 16;

export interface Pace {
  /** The next chunks go straight to the merge, one by one. */
  readonly merging: boolean;
  /** The chunks from `first` on that are written next: at least one, if there is one. */
  nextGroup(chunks: readonly Chunk[], first: number): Chunk[];
  /** Told about every commit. */
  committed(chunks: number, way: 'optimistic' | 'merge'): void;
  /** The group could not be written together. */
  separated(): void;
}

/** @param mostChunks that may share a transaction */
export function createPace(mostChunks: number): Pace {
  let window = 1;
  let mergesLeft = 0;
  return {
    get merging() {
      return mergesLeft > 0;
    },
    nextGroup(chunks, first) {
      const most = mergesLeft > 0 ? 1 : window;
      let end = first;
      let bytes = 0;
      for (; end < chunks.length && end - first < most; end += 1) {
        const { startByte, endByte } = chunks[end]!;
        bytes += endByte - startByte;
        if (end > first && bytes > MOST_BYTES) break;
      }
      return chunks.slice(first, end);
    },
    committed(chunks, way) {
      if (way === 'optimistic') window = Math.min(window * 2, mostChunks);
      else {
        window = 1;
        mergesLeft = mergesLeft > 0 ? mergesLeft - chunks : MERGE_AFTER_CONFLICT;
      }
    },
    separated() {
      window = 1;
    },
  };
}
