/**
 * Chooses the chunks that a pod works on next: first those of its own index, then some that other pods have not
 * reached. All pods that have finished so share the chunks of the slowest one, whatever slowed it down. Two pods may
 * choose the same chunk: the lock of its row lets only one of them write it, and the other one has worked for nothing.
 * For that reason the chosen chunks lie far from where other pods work.
 */
import type { ChunkRange, PendingRun } from '#ledger/chunks/chunks.ts';

/** A run is shared only above this size: its owner has about as much under way, being written and being prepared. */
const LEAST_BYTES = 8 * 1024 * 1024;
/** Limit for the chunks whose positions are in memory at a time, however large the file is. */
const MOST_CHUNKS = 2000;

/**
 * Chooses from the pending runs of the pod's own index, from the front.
 * @param metOthers whether another pod had done some of the chunks that were chosen before
 */
export function chooseOwn(pending: readonly PendingRun[], metOthers: boolean): ChunkRange | null {
  const help = metOthers ? chooseHelp(pending, metOthers) : null;
  if (help || !pending[0]) return help;
  const { first, end } = pending[0];
  return { first, end: Math.min(end, first + MOST_CHUNKS) };
}

/**
 * Chooses from the pending runs of the whole upload: the second half of the longest run, since its owner works from the
 * front. Where several pods help, each takes a random part at the end of that half.
 * @returns null when pods already work on all chunks that are left.
 */
export function chooseHelp(pending: readonly PendingRun[], metOthers: boolean): ChunkRange | null {
  const longest = pending.reduce<PendingRun | null>(
    (most, run) => (most && most.bytes >= run.bytes ? most : run),
    null,
  );
  if (!longest || longest.bytes < LEAST_BYTES) return null;
  const half = Math.floor((longest.end - longest.first - 1) / 2);
  const count = metOthers ? Math.ceil(half * Math.random()) : half;
  return count === 0 ? null : { first: longest.end - Math.min(count, MOST_CHUNKS), end: longest.end };
}
