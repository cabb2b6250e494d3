/**
 * Processes one completion index: its run of chunks, from one ranged read of the object, a few in a transaction.
 * The next ones are read and checked while PostgreSQL works on the current ones. Then it helps the indexes that are not done.
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
import { createFailedRows, type FailedRows } from '#runner/load/failed-rows.ts';
import { createPace, MOST_CHUNKS, type Pace } from '#runner/load/pace.ts';
import { createPreparer, type Preparer } from '#runner/load/prepare-chunk.ts';
import { type ChunkGroup, type GroupOutcome, processChunks } from '#runner/load/process-chunks.ts';
import { describeTarget, prepareSession, readColumnTypes, type Target } from '#runner/load/target.ts';
import type { Way } from '#runner/load/write-records.ts';
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

/** One block is used while the next one comes: records take longer than their bytes, so that neither needs to be large. */
const READING = { readsAtOnce: 2, blockBytes: 4 * 1024 * 1024 };

export interface ProcessDeps {
  session: Session;
  config: RunnerConfig;
  s3: S3Client;
  telemetry: Telemetry;
  log: Logger;
  signal: AbortSignal;
}

/** @param object what this pod has read already, to plan the upload */
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
  const preparer = createPreparer({
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
  await processAll(context, run, chooseOwn);
  log.info({ index: config.completionIndex }, 'processed');
  if (indexes > 1) await helpOthers(context);
}

/** This index is done: a fault that its owner would try again, and may not even meet, is none of it. */
async function helpOthers(context: RunContext): Promise<void> {
  const { log, upload } = context;
  try {
    await processAll(context, { first: 0, end: upload.plan.totalChunks }, chooseHelp);
  } catch (error) {
    const { category, code, message } = toFault(error);
    if (category !== 'retryable') throw error;
    log.warn({ code, explanation: message }, 'stopped helping');
  }
}

interface RunContext extends ProcessDeps {
  preparer: Preparer;
  upload: PlannedUpload;
  object: ReadObject | null;
  target: Target;
  /** What rows are prepared for; null when this role may not lock the table. */
  columnTypes: readonly ColumnType[] | null;
  /** One is being written by PostgreSQL while the other is filled. */
  buffers: readonly [GroupBuffers, GroupBuffers];
  /** Of this pod so far, for the audit rows. */
  reads: { retries: number };
}

/** Asks again and again what is left of a range of chunks and does what is chosen of it, until nothing is. */
async function processAll(
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

/** @returns false when it came to chunks that another pod had done, and ended there */
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

/** The chunk's bytes, which may lie in the arena. */
type ReadChunk = (chunk: Chunk, arena: ByteArena) => Promise<Buffer>;

/** What a group is read into and written to. Used again and again: buffers for each would wait for a garbage collection. */
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
  // Chunks whose keys go into the ledger are written one by one.
  const pace = createPace(context.target.keys ? 1 : MOST_CHUNKS);
  let taken = 0;
  const prepareNext = async ({ source, rows, failed }: GroupBuffers): Promise<ChunkGroup> => {
    for (const buffer of [source, rows, failed.buffer]) buffer.clear();
    const group: ChunkGroup = { chunks: [], rows, failed };
    for (const chunk of pace.nextGroup(chunks, taken)) {
      group.chunks.push(preparer.prepare(chunk, await read(chunk, source), group));
      taken += 1;
    }
    return group;
  };
  let next = prepareNext(buffers[0]);
  for (let turn = 1; ; turn += 1) {
    const group = await next;
    if (group.chunks.length === 0) return true;
    next = prepareNext(buffers[turn % 2]!);
    // Awaited in the next turn; a fault of the storage must not be an unhandled rejection until then.
    next.catch(() => undefined);
    if (!(await commitGroup(context, group, pace))) {
      // It fills a buffer that is used again.
      await next.catch(() => undefined);
      return false;
    }
  }
}

/**
 * Writes the group in one transaction where that goes, else each of its chunks in its own.
 * @returns false when another pod had done one of them
 */
async function commitGroup(context: RunContext, group: ChunkGroup, pace: Pace): Promise<boolean> {
  let tries = 0;
  if (pace.way !== 'merge') {
    const together = await commit(context, group, { way: pace.way, triesBefore: 0 });
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
    const { outcome } = await commit(context, alone, { way: tries > 1 ? 'merge' : pace.way, triesBefore: tries });
    if (outcome.done) {
      pace.committed(1, outcome);
      if (outcome.results.length === 0) wereAllPending = false;
    }
  }
  return wereAllPending;
}

async function commit(
  context: RunContext,
  group: ChunkGroup,
  { way, triesBefore }: { way: Way; triesBefore: number },
): Promise<{ outcome: GroupOutcome; tries: number }> {
  const { session, telemetry, log, config, upload, target, columnTypes } = context;
  const numbers = group.chunks.map(({ chunk }) => chunk);
  let tries = triesBefore;
  const outcome = await telemetry.traceChunks(numbers, () =>
    session.run(async (client, triesNow) => {
      tries = triesBefore + triesNow;
      // A try that failed may have met a deadlock: of these ways only the merge goes in the order of the keys.
      if (triesNow > 1 && group.chunks.length > 1) return { done: false } as const;
      return processChunks(
        {
          ...{ client, target, columnTypes },
          uploadId: upload.id,
          attempt: config.attempt,
          way: triesNow > 1 ? 'merge' : way,
          metadata: { pod: config.podName, index: config.completionIndex, tries, readRetries: context.reads.retries },
        },
        group,
      );
    }),
  );
  if (outcome.done) report(outcome.results, { telemetry, log, way: outcome.way, chunks: numbers });
  return { outcome, tries };
}

function report(
  results: ChunkResult[],
  { telemetry, log, way, chunks }: Pick<RunContext, 'telemetry' | 'log'> & { way: Way; chunks: Chunk[] },
): void {
  for (const result of results) {
    telemetry.chunkCommitted(result);
    const { number, records, succeeded, updated, failed, duplicate } = result;
    log.debug({ chunk: number, records, succeeded, updated, failed, duplicate, way }, 'chunk committed');
  }
  if (results.length === 0) log.info({ chunks: chunks.map(({ number }) => number) }, 'chunk was already done');
}
