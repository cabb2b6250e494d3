/** Loads chunks: reads and prepares them in groups, and commits each group, again after faults of the database. */
import type { ChunkResult } from '#ledger/chunks/chunks.ts';
import type { Chunk, PlannedUpload } from '#ledger/types.ts';
import { type ChunkGroup, commitChunkGroup, type GroupOutcome } from '#runner/load/commit-chunk-group.ts';
import { createFailedRows, type FailedRows } from '#runner/load/failed-rows.ts';
import { createPace, MOST_CHUNKS, type Pace } from '#runner/load/pace.ts';
import type { ChunkPreparer } from '#runner/load/prepare-chunk.ts';
import type { Target } from '#runner/load/target.ts';
import type { WriteStrategy } from '#runner/load/write-outcome.ts';
import type { ColumnType } from '#runner/processor/column-encoding.ts';
import type { CopyFormat } from '#runner/processor/escapes.ts';
import { RowBuffer } from '#runner/processor/row-buffer.ts';
import { type ByteArena, createByteArena } from '#runner/storage/byte-arena.ts';
import type { RunnerDeps } from './deps.ts';

export interface LoadContext extends RunnerDeps {
  preparer: ChunkPreparer;
  upload: PlannedUpload;
  target: Target;
  /** The column types that rows are prepared for; null when the role may not lock the table. */
  columnTypes: readonly ColumnType[] | null;
  /** PostgreSQL takes the rows of one buffer while the other one is filled. */
  buffers: readonly [GroupBuffers, GroupBuffers];
  /** Requests to the storage that this pod has tried again so far, for the audit rows. */
  reads: { retries: number };
}

/** Reads a chunk's bytes, which may lie in the arena. */
export type ReadChunk = (chunk: Chunk, arena: ByteArena) => Promise<Buffer>;

/**
 * The buffers that a group is read into and prepared in. They are reused, since new ones for each group would pile up
 * as garbage.
 */
export interface GroupBuffers {
  bytes: ByteArena;
  rows: RowBuffer;
  failed: FailedRows;
}

export const createGroupBuffers = (uploadId: string, format: CopyFormat): GroupBuffers => ({
  bytes: createByteArena(),
  rows: new RowBuffer(format),
  failed: createFailedRows(uploadId),
});

/**
 * Prepares and commits chunks in their order, in groups of one transaction each. The next group is read and prepared
 * while PostgreSQL works on the current one.
 * @returns false when the loading ended early, at chunks that another pod had done.
 */
export async function loadChunks(context: LoadContext, chunks: Chunk[], read: ReadChunk): Promise<boolean> {
  const { preparer, buffers } = context;
  // Each chunk whose keys go into the ledger is written in its own transaction.
  const pace = createPace(context.target.keys ? 1 : MOST_CHUNKS);
  let started = 0;
  const prepareNext = async ({ bytes, rows, failed }: GroupBuffers): Promise<ChunkGroup> => {
    for (const buffer of [bytes, rows, failed.buffer]) buffer.clear();
    const group: ChunkGroup = { chunks: [], rows, failed };
    for (const chunk of pace.nextGroup(chunks, started)) {
      group.chunks.push(preparer.prepare(chunk, await read(chunk, bytes), group));
      started += 1;
    }
    return group;
  };
  let next = prepareNext(buffers[0]);
  for (let round = 1; ; round += 1) {
    const group = await next;
    if (group.chunks.length === 0) return true;
    next = prepareNext(buffers[round % 2]!);
    // The next round awaits this promise. Until then a fault of the storage must not count as an unhandled rejection.
    next.catch(() => undefined);
    if (!(await commitGroup(context, group, pace))) {
      // The preparation that is under way still fills a buffer that will be reused.
      await next.catch(() => undefined);
      return false;
    }
  }
}

/**
 * Writes the group in one transaction where that is possible, else each chunk in its own.
 * @returns false when another pod had done one of the chunks.
 */
async function commitGroup(context: LoadContext, group: ChunkGroup, pace: Pace): Promise<boolean> {
  let tries = 0;
  if (pace.strategy !== 'merge') {
    const together = await commitWithRetries(context, group, { strategy: pace.strategy, triesBefore: 0 });
    if (together.outcome.done) {
      pace.committed(group.chunks.length, together.outcome);
      return together.outcome.results.length === group.chunks.length;
    }
    pace.separated();
    tries = together.tries;
  }
  let wereAllPending = true;
  for (const chunk of group.chunks) {
    const alone = { ...group, chunks: [chunk] };
    const { outcome } = await commitWithRetries(context, alone, {
      strategy: tries > 1 ? 'merge' : pace.strategy,
      triesBefore: tries,
    });
    if (outcome.done) {
      pace.committed(1, outcome);
      if (outcome.results.length === 0) wereAllPending = false;
    }
  }
  return wereAllPending;
}

async function commitWithRetries(
  context: LoadContext,
  group: ChunkGroup,
  { strategy, triesBefore }: { strategy: WriteStrategy; triesBefore: number },
): Promise<{ outcome: GroupOutcome; tries: number }> {
  const { session, telemetry, log, config, upload, target, columnTypes } = context;
  const numbers = group.chunks.map(({ chunk }) => chunk);
  let tries = triesBefore;
  const outcome = await telemetry.traceChunks(numbers, () =>
    session.run(async (client, triesNow) => {
      tries = triesBefore + triesNow;
      // A try that failed may have met a deadlock. Of the strategies only the merge writes in the order of the keys.
      if (triesNow > 1 && group.chunks.length > 1) return { done: false } as const;
      return commitChunkGroup(
        {
          client,
          target,
          columnTypes,
          uploadId: upload.id,
          attempt: config.attempt,
          strategy: triesNow > 1 ? 'merge' : strategy,
          metadata: { pod: config.podName, index: config.completionIndex, tries, readRetries: context.reads.retries },
        },
        group,
      );
    }),
  );
  if (outcome.done) report(outcome.results, { telemetry, log, strategy: outcome.strategy, chunks: numbers });
  return { outcome, tries };
}

function report(
  results: ChunkResult[],
  {
    telemetry,
    log,
    strategy,
    chunks,
  }: Pick<LoadContext, 'telemetry' | 'log'> & { strategy: WriteStrategy; chunks: Chunk[] },
): void {
  for (const result of results) {
    telemetry.chunkCommitted(result);
    const { number, records, succeeded, updated, failed, duplicate } = result;
    log.debug({ chunk: number, records, succeeded, updated, failed, duplicate, way: strategy }, 'chunk committed');
  }
  if (results.length === 0) log.info({ chunks: chunks.map(({ number }) => number) }, 'chunk was already done');
}
