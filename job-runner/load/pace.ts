/**
 * Chooses how many chunks share a transaction, and by which strategy they are written. A commit costs as much as some
 * hundred records (with one commit for each chunk of 1,000 records, a million take 16 s instead of 12.5), but one
 * conflict undoes all chunks of its transaction. The number therefore behaves like the congestion window of TCP: it
 * grows while nothing goes wrong, and starts again at one after a conflict. The strategy that one chunk needed is the
 * first one for the next chunks, which probably meet the same conflicts.
 */
import type { Chunk } from '#ledger/types.ts';
import { WRITE_STRATEGIES, type WriteStrategy } from './write-outcome.ts';

export const MOST_CHUNKS = 10;
/** The window starts above one, since most loads meet no conflict at all. */
const FIRST_CHUNKS = 4;
/** Limit for the file's bytes in one group. Two groups are in memory: one is written while the next one is prepared. */
const MOST_BYTES = 2 * 1024 * 1024;
/** After this many chunks without a conflict the next faster strategy is tried again. */
const CHUNKS_BEFORE_FASTER = 16;

export interface Pace {
  /** The first strategy for the next chunks. With `merge` each chunk has its own transaction. */
  readonly strategy: WriteStrategy;
  /** @returns the chunks from `first` on that are written next: at least one, if there is one. */
  nextGroup(chunks: readonly Chunk[], first: number): Chunk[];
  /**
   * Called after every commit, with the strategy that succeeded and the number of records that were not simply written.
   */
  committed(chunks: number, end: { strategy: WriteStrategy; conflicts: number }): void;
  /** Called when a group could not be written in one transaction. */
  separated(): void;
}

/** @param mostChunks limit for the chunks that share a transaction. */
export function createPace(mostChunks: number): Pace {
  let window = Math.min(FIRST_CHUNKS, mostChunks);
  let rank = 0;
  let withoutConflict = 0;
  return {
    get strategy() {
      return WRITE_STRATEGIES[rank]!;
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
    committed(chunks, { strategy, conflicts }) {
      const reached = WRITE_STRATEGIES.indexOf(strategy);
      if (reached > rank) {
        rank = reached;
        withoutConflict = 0;
        window = 1;
        return;
      }
      // With the merge each chunk has its own transaction, and the strategy after it starts with one chunk as well.
      window = this.strategy === 'merge' ? 1 : Math.min(window * 2, mostChunks);
      // Conflicts of a merge do not count: it is for transactions that block each other, which their number does not
      // show.
      withoutConflict = this.strategy === 'probe' && conflicts > 0 ? 0 : withoutConflict + chunks;
      if (rank > 0 && withoutConflict >= CHUNKS_BEFORE_FASTER) {
        rank -= 1;
        withoutConflict = 0;
      }
    },
    separated() {
      window = 1;
    },
  };
}
