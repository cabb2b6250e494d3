/**
 * Which chunks a pod takes next: first those of its own index, then some that other pods have not come to. So the last
 * pod's chunks are shared by all that are done, whatever slowed it down. Two pods that take the same chunk are never wrong (its row
 * is locked, and done once); one of them has worked for nothing, which is why what is chosen lies far from where others work.
 */
import type { ChunkRange, PendingRun } from '#ledger/chunks/chunks.ts';

/** What a pod writes and what it prepares meanwhile: no help is worth less. */
const LEAST_BYTES = 4 * 1024 * 1024;
/** Chunks that are in memory at a time, however large the file is. */
const MOST_CHUNKS = 2000;

/**
 * Of an index' runs of pending chunks, from the front.
 * @param metOthers another pod was at the last ones that were chosen
 */
export function chooseOwn(pending: readonly PendingRun[], metOthers: boolean): ChunkRange | null {
  const help = metOthers ? chooseHelp(pending, metOthers) : null;
  if (help || !pending[0]) return help;
  const { first, end } = pending[0];
  return { first, end: Math.min(end, first + MOST_CHUNKS) };
}

/**
 * Of an upload's runs of pending chunks: the second half of the longest, since its owner goes through it from the front; of
 * that half only the end, by chance, where several pods help.
 * @returns null when what is left is under way already
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
