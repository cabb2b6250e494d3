/**
 * Chooses how many chunks share a transaction, and by which strategy they are written. A commit costs as much as some
 * hundred records (with one commit for each chunk of 1,000 records, a million take 16 s instead of 12.5), but some faults
 * undo all chunks of their transaction. The number therefore behaves like the congestion window of TCP: it grows while
 * nothing goes wrong, and starts again at one after such a fault.
 *
 * A probe costs about an eighth of what COPY costs. A conflict costs a part of the COPY, half of it on average. The probe
 * therefore comes first while more than a quarter of the transactions meet a conflict. A foreign key refuses rows only at
 * the end of the COPY, so that the question what refers to nothing comes first from an eighth.
 */
import type { Chunk } from '#ledger/types.ts';
import type { WriteStrategy } from './write-outcome.ts';

export const MOST_CHUNKS = 10;
/** The window starts above one, since most loads meet no conflict at all. */
const FIRST_CHUNKS = 4;
/** Limit for the file's bytes in one group, and in the groups of all sessions of a pod. */
const MOST_BYTES = 2 * 1024 * 1024;
const MOST_BYTES_OF_POD = 4 * 1024 * 1024;
/** The shares of the transactions are moving averages; so much of them is the latest transaction. */
const WEIGHT = 0.3;
const PROBES_FROM = 0.25;
const ASKS_FROM = 0.125;
/** After transactions that blocked each other this many chunks are merged, since the transactions probably meet again. */
const CHUNKS_OF_MERGE = 16;

export interface Pace {
  /** The first strategy for the next chunks. With `merge` each chunk has its own transaction. */
  readonly strategy: WriteStrategy;
  /** Is it asked first which rows refer to nothing? */
  readonly asksReferences: boolean;
  /** @returns the chunks from `first` on that are written next: at least one, if there is one. */
  nextGroup(chunks: readonly Chunk[], first: number): Chunk[];
  /**
   * Called after every commit. `conflicts` counts the rows whose keys were stored although no filter had told, `waiting`
   * those that refer to nothing.
   */
  committed(chunks: number, end: { conflicts: number; waiting: number }): void;
  /** Called when a group could not be written in one transaction. */
  separated(): void;
  /** Called when a transaction was ended by the database, as after a deadlock. */
  blocked(): void;
}

/**
 * @param mostChunks limit for the chunks that share a transaction
 * @param sessions the number of transactions at a time
 */
export function createPace(mostChunks: number, sessions = 1): Pace {
  const mostBytes = Math.min(MOST_BYTES, MOST_BYTES_OF_POD / sessions);
  let window = Math.min(FIRST_CHUNKS, mostChunks);
  let conflictShare = 0;
  let waitingShare = 0;
  let merges = 0;
  return {
    get strategy() {
      if (merges > 0) return 'merge';
      return conflictShare > PROBES_FROM ? 'probe' : 'optimistic';
    },
    get asksReferences() {
      return waitingShare > ASKS_FROM;
    },
    nextGroup(chunks, first) {
      let end = first;
      let bytes = 0;
      for (; end < chunks.length && end - first < window; end += 1) {
        const { startByte, endByte } = chunks[end]!;
        bytes += endByte - startByte;
        if (end > first && bytes > mostBytes) break;
      }
      return chunks.slice(first, end);
    },
    committed(chunks, { conflicts, waiting }) {
      if (merges > 0) {
        merges = Math.max(0, merges - chunks);
        return;
      }
      conflictShare += WEIGHT * (Math.min(conflicts, 1) - conflictShare);
      waitingShare += WEIGHT * (Math.min(waiting, 1) - waitingShare);
      window = Math.min(window * 2, mostChunks);
    },
    separated() {
      window = 1;
    },
    blocked() {
      window = 1;
      merges = CHUNKS_OF_MERGE;
    },
  };
}
