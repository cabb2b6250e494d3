/**
 * The program of one completion index of a Job. It loads the index's own chunks, then helps indexes that are not done.
 *
 * Chunks are read in ranges of the object and written in groups, one transaction each. The next group is read and
 * prepared while PostgreSQL works on the current one.
 */
import type { S3Client } from '@aws-sdk/client-s3';
import { toFault } from '#common/faults.ts';
import { chunksOfIndex, type RunnerConfig } from '#common/job-contract.ts';
import type { Logger } from '#common/log.ts';
import {
  type ChunkRange,
  type ChunkResult,
  type PendingRun,
  readPendingChunks,
  readPendingRuns,
} from '#ledger/chunks/chunks.ts';
import type { Chunk, PlannedUpload } from '#ledger/types.ts';
import { chooseHelp, chooseOwn } from '#runner/load/choose-chunks.ts';
import { type ChunkGroup, commitChunkGroup, type GroupOutcome } from '#runner/load/commit-chunk-group.ts';
import { createFailedRows, type FailedRows } from '#runner/load/failed-rows.ts';
import { createPace, MOST_CHUNKS, type Pace } from '#runner/load/pace.ts';
import { type ChunkPreparer, createChunkPreparer } from '#runner/load/prepare-chunk.ts';
import { describeTarget, prepareSession, readColumnTypes, type Target } from '#runner/load/target.ts';
import type { WriteStrategy } from '#runner/load/write-records.ts';
import { type ColumnType, chooseEncodings } from '#runner/processor/column-encoding.ts';
import type { CopyFormat } from '#runner/processor/escapes.ts';
import { JSON_FAULT } from '#runner/processor/faults.ts';
import { RowBuffer } from '#runner/processor/row-buffer.ts';
import type { Session } from '#runner/session.ts';
import { type ByteArena, createByteArena } from '#runner/storage/byte-arena.ts';
import { createByteReader } from '#runner/storage/byte-reader.ts';
import { readBlocks } from '#runner/storage/read-blocks.ts';
import type { Telemetry } from '#runner/telemetry/datadog.ts';
import { isSame, type ObjectIdentity, type ReadObject } from '#s3/object-identity.ts';
import { createRetryOptions } from './storage/retry-options.ts';

/**
 * One block is used while the next one arrives. Blocks may be small, since processing records takes longer than reading
 * them.
 */
const READING = { readsAtOnce: 2, blockBytes: 4 * 1024 * 1024 };

export interface ProcessDeps {
  session: Session;
  config: RunnerConfig;
  s3: S3Client;
  telemetry: Telemetry;
  log: Logger;
  signal: AbortSignal;
}

/** @param object the whole object, where this pod has just read it to plan the upload. */
export async function processIndex(deps: ProcessDeps, upload: PlannedUpload, object: ReadObject | null): Promise<void> {
  const { config, log, session } = deps;
  const { plan } = upload;
  const indexes = plan.execution === 'Inline' ? 1 : plan.totalIndexes;
  const run = chunksOfIndex(config.completionIndex, indexes, plan.totalChunks);
  if (plan.header === null || run.first === run.end) return;
  const target = describeTarget(upload.schema, { rolledBack: upload.request.mode === 'Validate' });
  session.prepareBy((client) => prepareSession(client, target));
  const columnTypes = await session.run((client) => readColumnTypes(client, target));
  const encodings = columnTypes && chooseEncodings(upload.schema, columnTypes);
  const format = encodings ? 'binary' : 'text';
  log.info({ index: config.completionIndex, ...run, format }, 'processing');
  const preparer = createChunkPreparer({
    schema: upload.schema,
    header: plan.header,
    uploadId: upload.id,
    storeRowData: upload.request.storeRowData ?? true,
    encodings,
    ...(plan.format ? { delimiter: plan.format.chunkDelimiter } : {}),
    ...(plan.format?.type === 'ndjson' ? { malformedFault: JSON_FAULT } : {}),
  });
  const createBuffers = () => createGroupBuffers(upload.id, format);
  const buffers = [createBuffers(), createBuffers()] as const;
  const reads = { retries: object?.retries ?? 0 };
  const context = { ...deps, preparer, upload, object, target, columnTypes, buffers, reads };
  await processRange(context, run, chooseOwn);
  log.info({ index: config.completionIndex }, 'processed');
  if (indexes > 1) await helpOthers(context);
}

/**
 * This index is done, so a retryable fault while it helps must not fail it: the chunks' owner tries again, and may not
 * even meet the fault.
 */
async function helpOthers(context: RunContext): Promise<void> {
  const { log, upload } = context;
  try {
    await processRange(context, { first: 0, end: upload.plan.totalChunks }, chooseHelp);
  } catch (error) {
    const { category, code, message } = toFault(error);
    if (category !== 'retryable') throw error;
    log.warn({ code, explanation: message }, 'stopped helping');
  }
}

interface RunContext extends ProcessDeps {
  preparer: ChunkPreparer;
  upload: PlannedUpload;
  object: ReadObject | null;
  target: Target;
  /** The column types that rows are prepared for; null when the role may not lock the table. */
  columnTypes: readonly ColumnType[] | null;
  /** PostgreSQL takes the rows of one while the other one is filled. */
  buffers: readonly [GroupBuffers, GroupBuffers];
  /** Requests to the storage that this pod has tried again so far, for the audit rows. */
  reads: { retries: number };
}

/**
 * Processes a range of chunks: asks the ledger which are pending, and processes those that `choose` takes, until it
 * takes none.
 */
async function processRange(
  context: RunContext,
  range: ChunkRange,
  choose: (pending: PendingRun[], metOthers: boolean) => ChunkRange | null,
): Promise<void> {
  const { session, upload } = context;
  const { id } = upload;
  let metOthers = false;
  for (;;) {
    const pending = await session.run((client) => readPendingRuns(client, { id, ...range }));
    const chosen = choose(pending, metOthers);
    if (!chosen) return;
    const chunks = await session.run((client) => readPendingChunks(client, { id, ...chosen }));
    metOthers = chunks.length === 0 || !(await processRun(context, chunks));
  }
}

/** @returns false when the run ended early, at chunks that another pod had done. */
async function processRun(context: RunContext, chunks: Chunk[]): Promise<boolean> {
  const { upload, s3, object } = context;
  const { plan, request } = upload;
  const identity: ObjectIdentity = plan.work ?? {
    bucket: request.s3.bucket,
    key: request.s3.key,
    eTag: plan.eTag,
    versionId: plan.versionId,
    sizeBytes: plan.sizeBytes,
  };
  if (object && isSame(object.identity, identity))
    return processInOrder(context, chunks, async ({ startByte, endByte }) => object.bytes.subarray(startByte, endByte));
  const retry = createRetryOptions(context, () => {
    context.reads.retries += 1;
  });
  const range = { start: chunks[0]!.startByte, end: chunks.at(-1)!.endByte };
  const reader = createByteReader(readBlocks(s3, identity, { ...range, ...READING }, retry));
  let position = range.start;
  const read: ReadChunk = async ({ startByte, endByte }, arena) => {
    // Blank lines between two chunks belong to neither.
    await reader.skip(startByte - position);
    position = endByte;
    return reader.take(arena.allocate(endByte - startByte));
  };
  try {
    return await processInOrder(context, chunks, read);
  } finally {
    await reader.close();
  }
}

/** Reads a chunk's bytes, which may lie in the arena. */
type ReadChunk = (chunk: Chunk, arena: ByteArena) => Promise<Buffer>;

/**
 * The buffers that a group is read into and prepared in. They are reused, since new ones for each group would pile up
 * as garbage.
 */
interface GroupBuffers {
  source: ByteArena;
  rows: RowBuffer;
  failed: FailedRows;
}

const createGroupBuffers = (uploadId: string, format: CopyFormat): GroupBuffers => ({
  source: createByteArena(),
  rows: new RowBuffer(format),
  failed: createFailedRows(uploadId),
});

async function processInOrder(context: RunContext, chunks: Chunk[], read: ReadChunk): Promise<boolean> {
  const { preparer, buffers } = context;
  // Each chunk whose keys go into the ledger is written in its own transaction.
  const pace = createPace(context.target.keys ? 1 : MOST_CHUNKS);
  let started = 0;
  const prepareNext = async ({ source, rows, failed }: GroupBuffers): Promise<ChunkGroup> => {
    for (const buffer of [source, rows, failed.buffer]) buffer.clear();
    const group: ChunkGroup = { chunks: [], rows, failed };
    for (const chunk of pace.nextGroup(chunks, started)) {
      group.chunks.push(preparer.prepare(chunk, await read(chunk, source), group));
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
async function commitGroup(context: RunContext, group: ChunkGroup, pace: Pace): Promise<boolean> {
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
  context: RunContext,
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
  }: Pick<RunContext, 'telemetry' | 'log'> & { strategy: WriteStrategy; chunks: Chunk[] },
): void {
  for (const result of results) {
    telemetry.chunkCommitted(result);
    const { number, records, succeeded, updated, failed, duplicate } = result;
    log.debug({ chunk: number, records, succeeded, updated, failed, duplicate, way: strategy }, 'chunk committed');
  }
  if (results.length === 0) log.info({ chunks: chunks.map(({ number }) => number) }, 'chunk was already done');
}
