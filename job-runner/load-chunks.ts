/**
 * Loads chunks: reads and prepares them in groups, and commits each group, again after faults of the database. One reader
 * prepares the groups in the order of the file, and each group goes to a session that is free. The next group is prepared
 * while PostgreSQL works on those before it.
 */
import { setImmediate as letOthersRun } from 'node:timers/promises';
import { toFault } from '#common/faults.ts';
import type { ChunkResult } from '#ledger/chunks/chunks.ts';
import type { Chunk, PlannedUpload } from '#ledger/types.ts';
import { type ChunkGroup, commitChunkGroup, type GroupOutcome } from '#runner/load/commit-chunk-group.ts';
import { createFailedRows, type FailedRows } from '#runner/load/failed-rows.ts';
import type { Pace } from '#runner/load/pace.ts';
import type { ChunkPreparer } from '#runner/load/prepare-chunk.ts';
import type { SeenKeys } from '#runner/load/seen-keys.ts';
import type { Target } from '#runner/load/target.ts';
import type { WriteStrategy } from '#runner/load/write-outcome.ts';
import type { ColumnType } from '#runner/processor/column-encoding.ts';
import type { CopyFormat } from '#runner/processor/escapes.ts';
import { RowBuffer } from '#runner/processor/row-buffer.ts';
import type { Brake } from '#runner/protect/brake.ts';
import { type ByteArena, createByteArena } from '#runner/storage/byte-arena.ts';
import type { RunnerDeps } from './deps.ts';
import type { Session } from './session.ts';

/** Limit for the file's bytes in all groups that are in memory, but for a single group that is larger. */
const MOST_BYTES = 16 * 1024 * 1024;

export interface LoadContext extends RunnerDeps {
  preparer: ChunkPreparer;
  upload: PlannedUpload;
  target: Target;
  /** The column types that rows are prepared for; null when the role may not lock the table. */
  columnTypes: readonly ColumnType[] | null;
  /** The keys that this process has prepared; null where rows have no key. */
  seen: SeenKeys | null;
  /** One more than sessions: PostgreSQL takes the rows of all but one, which is filled. */
  buffers: readonly GroupBuffers[];
  pace: Pace;
  /** Holds the next group up while a limit of spec.target.protect is exceeded; null: there is none. */
  brake: Brake | null;
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
 * Prepares and commits chunks in groups of one transaction each.
 * @returns false when the loading ended early, at chunks that another pod had done.
 */
export async function loadChunks(context: LoadContext, chunks: Chunk[], read: ReadChunk): Promise<boolean> {
  const { pace, brake } = context;
  const buffers = [...context.buffers];
  const sessions = [...context.sessions];
  const running = new Set<Promise<void>>();
  const faults: unknown[] = [];
  let bytes = 0;
  let metOthers = false;
  const isOver = () => faults.length > 0 || metOthers;
  const fail = (error: unknown) => {
    faults.push(error);
    // A session that waits for a lock, or for the database, would keep the process for minutes.
    if (isFinal(error)) context.stop(error);
  };
  const write = async (group: ChunkGroup, to: { buffer: GroupBuffers; session: Session; size: number }) => {
    try {
      if (!(await commitGroup({ ...context, session: to.session }, group, pace))) metOthers = true;
    } catch (error) {
      fail(error);
    }
    buffers.push(to.buffer);
    sessions.unshift(to.session);
    bytes -= to.size;
  };
  try {
    for (let next = 0; next < chunks.length && !isOver(); ) {
      const chosen = pace.nextGroup(chunks, next);
      const size = chosen.at(-1)!.endByte - chosen[0]!.startByte;
      while (running.size > 0 && (buffers.length === 0 || bytes + size > MOST_BYTES)) await Promise.race(running);
      if (isOver()) break;
      bytes += size;
      const buffer = buffers.pop()!;
      const group = await prepareGroup(context, chosen, { read, buffer });
      next += chosen.length;
      while (sessions.length === 0) await Promise.race(running);
      const session = sessions.shift()!;
      if (brake) await brake.ready(session, size);
      // Its keys are known as seen: a group that is prepared is written, also where another pod has done a chunk.
      if (faults.length > 0) break;
      const earlier = Promise.all(running);
      const written = write({ ...group, earlier }, { buffer, session, size }).finally(() => running.delete(written));
      running.add(written);
    }
  } catch (error) {
    fail(error);
  }
  await Promise.all(running);
  if (faults.length > 0) throw faults.find(isFinal) ?? faults[0];
  return !metOthers;
}

const isFinal = (error: unknown) => toFault(error).category !== 'retryable';

async function prepareGroup(
  { preparer, seen }: LoadContext,
  chunks: readonly Chunk[],
  { read, buffer }: { read: ReadChunk; buffer: GroupBuffers },
): Promise<Omit<ChunkGroup, 'earlier'>> {
  const { bytes, rows, failed } = buffer;
  for (const each of [bytes, rows, failed.buffer]) each.clear();
  const withheld = new Set<number>();
  const group = { chunks: [] as ChunkGroup['chunks'], rows, failed, withheld };
  for (const chunk of chunks) {
    const prepared = preparer.prepare(chunk, await read(chunk, bytes), group);
    group.chunks.push(prepared);
    for (const row of seen?.add(rows, prepared) ?? []) withheld.add(row);
    // The sessions need their turn: what is prepared here takes as long as PostgreSQL needs for some messages.
    await letOthersRun();
  }
  return group;
}

/**
 * Writes the group in one transaction where that is possible, else each chunk in its own.
 * @returns false when another pod had done one of the chunks.
 */
async function commitGroup(context: LoadContext, group: ChunkGroup, pace: Pace): Promise<boolean> {
  let tries = 0;
  if (pace.strategy !== 'merge') {
    const together = await commitWithRetries(context, group, { pace, triesBefore: 0 });
    tries = together.tries;
    if (together.outcome.done) {
      if (tries > 1) pace.blocked();
      pace.committed(group.chunks.length, together.outcome);
      return together.outcome.results.length === group.chunks.length;
    }
    if (tries > 1) pace.blocked();
    else pace.separated();
  }
  let wereAllPending = true;
  for (const chunk of group.chunks) {
    const alone = { ...group, chunks: [chunk] };
    const { outcome } = await commitWithRetries(context, alone, { pace, triesBefore: tries });
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
  { pace, triesBefore }: { pace: Pace; triesBefore: number },
): Promise<{ outcome: GroupOutcome; tries: number }> {
  const { session, telemetry, log, config, upload, target, columnTypes } = context;
  const numbers = group.chunks.map(({ chunk }) => chunk);
  const { strategy, asksReferences } = pace;
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
          asksReferences,
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
