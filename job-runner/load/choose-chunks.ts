/**
 * Which chunks a pod takes next: first those of its own index, then some that other pods have not come to. So the last
 * pod's chunks are shared by all that are done, whatever slowed it down. Two pods that take the same chunk are never wrong (its row
 * is locked, and done once); one of them has worked for nothing, which is why what is chosen lies far from where others work.
 */
import type { Chunk } from '#runner/ledger/types.ts';

/** What a pod writes and what it prepares meanwhile: no help is worth less. */
const LEAST_BYTES = 4 * 1024 * 1024;

/** Chunks that follow one another without a gap, so that what is done is not read again. */
export function groupContiguous(chunks: readonly Chunk[]): Chunk[][] {
  const runs: Chunk[][] = [];
  for (const chunk of chunks) {
    const last = runs.at(-1);
    if (last && last.at(-1)!.number + 1 === chunk.number) last.push(chunk);
    else runs.push([chunk]);
  }
  return runs;
}

/**
 * Of an index' chunks that nobody has completed.
 * @param metOthers another pod was at the last ones that were chosen
 */
export function chooseOwn(pending: readonly Chunk[], metOthers: boolean): Chunk[] {
  const help = metOthers ? chooseHelp(pending, metOthers) : [];
  return help.length > 0 ? help : (groupContiguous(pending)[0] ?? []);
}

/**
 * Of an upload's chunks that nobody has completed: the second half of the longest run, since its owner goes through it from
 * the front; of that half only the end, by chance, where several pods help.
 * @returns none when what is left is under way already
 */
export function chooseHelp(pending: readonly Chunk[], metOthers: boolean): Chunk[] {
  const runs = groupContiguous(pending);
  const longest = runs.reduce<Chunk[]>((most, run) => (bytesOf(run) > bytesOf(most) ? run : most), []);
  if (bytesOf(longest) < LEAST_BYTES) return [];
  const half = Math.floor((longest.length - 1) / 2);
  const count = metOthers ? Math.ceil(half * Math.random()) : half;
  return longest.slice(longest.length - count);
}

function bytesOf(run: readonly Chunk[]): number {
  return run.length === 0 ? 0 : run.at(-1)!.endByte - run[0]!.startByte;
}
