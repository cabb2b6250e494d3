/**
 * The program of one completion index of a Job. It loads the index's own chunks, then helps indexes that are not done,
 * and at last completes the records that had to wait for other chunks.
 */
import { canonicalSchema } from '#api/file-schema.ts';
import { systemClock } from '#common/clock.ts';
import { toFault } from '#common/faults.ts';
import { chunksOfIndex } from '#common/job-contract.ts';
import { type ChunkRange, type PendingRun, readPendingChunks, readPendingRuns } from '#ledger/chunks/chunks.ts';
import type { Chunk, PlannedUpload } from '#ledger/types.ts';
import { keepTarget } from '#ledger/uploads/keep-target.ts';
import type { RunnerDeps } from '#runner/deps.ts';
import { findAbsentFields } from '#runner/load/absent-fields.ts';
import { chooseHelp, chooseOwn } from '#runner/load/choose-chunks.ts';
import { createPace, MOST_CHUNKS } from '#runner/load/pace.ts';
import { createChunkPreparer } from '#runner/load/prepare-chunk.ts';
import { SeenKeys } from '#runner/load/seen-keys.ts';
import { describeTarget, prepareSession } from '#runner/load/target.ts';
import { targetReplaced } from '#runner/load/target-columns.ts';
import { createGroupBuffers, type LoadContext, loadChunks, type ReadChunk } from '#runner/load-chunks.ts';
import { chooseEncodings } from '#runner/processor/column-encoding.ts';
import { JSON_FAULT } from '#runner/processor/faults.ts';
import { createBrake } from '#runner/protect/brake.ts';
import { createByteReader } from '#runner/storage/byte-reader.ts';
import { readBlocks } from '#runner/storage/read-blocks.ts';
import { quoteTable } from '#runner/target/names.ts';
import { readTargetColumns } from '#runner/target/read-columns.ts';
import { isSame, type ObjectIdentity, type ReadObject } from '#s3/object-identity.ts';
import { completePending } from './complete-pending.ts';
import { explainByTarget } from './explain-by-target.ts';
import { explainGone } from './storage/copy-faults.ts';
import { createRetryOptions } from './storage/retry-options.ts';

/**
 * One block is used while the next one arrives. Blocks may be small, since processing records takes longer than reading
 * them.
 */
const READING = { readsAtOnce: 2, blockBytes: 4 * 1024 * 1024 };

/** @param object the whole object, where this pod has just read it to plan the upload. */
export async function processIndex(deps: RunnerDeps, upload: PlannedUpload, object: ReadObject | null): Promise<void> {
  try {
    await loadIndex(deps, upload, object);
  } catch (error) {
    if (mayGiveUp(deps, upload, error)) return;
    throw await explainByTarget(deps, upload.schema, error);
  }
}

/**
 * A pod whose index is beyond the plan only helps, so that a fault that passes must not fail its index, and with it the upload.
 * A pod that is stopped has not ended well, however: another one takes its place.
 */
function mayGiveUp({ config, log, signal }: RunnerDeps, { plan }: PlannedUpload, error: unknown): boolean {
  const { category, code, message } = toFault(error);
  if (config.completionIndex < indexesOf(plan) || category !== 'retryable' || signal.aborted) return false;
  log.warn({ code, explanation: message }, 'stopped helping');
  return true;
}

function indexesOf({ execution, totalIndexes }: PlannedUpload['plan']): number {
  return execution === 'Inline' ? 1 : totalIndexes;
}

async function loadIndex(deps: RunnerDeps, upload: PlannedUpload, object: ReadObject | null): Promise<void> {
  const { config, log, session, sessions } = deps;
  const { plan } = upload;
  const indexes = indexesOf(plan);
  const run = chunksOfIndex(config.completionIndex, indexes, plan.totalChunks);
  if (plan.header === null || plan.totalChunks === 0) return;
  const { format: declared = {} } = upload.request;
  const schema = canonicalSchema(upload.schema, declared, plan.format ?? { type: 'csv' });
  const absent = findAbsentFields(schema, { header: plan.header, format: plan.format });
  const table = quoteTable(schema.target.table);
  const names = schema.target.columns.map(({ name }) => name);
  const found = await session.run((client) => readTargetColumns(client, { table, columns: names }));
  const { types: columnTypes, baseTypes } = found;
  const rolledBack = upload.request.mode === 'Validate';
  if (found.oid !== undefined && !rolledBack) await expectSameTable(deps, { id: upload.id, table, oid: found.oid });
  const target = describeTarget(schema, { rolledBack, absent, found });
  // Chunks whose keys go into the ledger are tried and rolled back. Those of several pods block each other the more often,
  // the more sessions there are.
  const isAlone = indexes === 1 && config.completionIndex === 0;
  const loading = target.keys && !isAlone ? sessions.slice(0, 1) : sessions;
  for (const each of loading) each.prepareBy((client) => prepareSession(client, target));
  const encodings = columnTypes && chooseEncodings(schema, columnTypes);
  const format = encodings ? 'binary' : 'text';
  log.info({ index: config.completionIndex, ...run, format }, 'processing');
  const preparer = createChunkPreparer({
    schema,
    header: plan.header,
    uploadId: upload.id,
    storeRowData: upload.request.storeRowData ?? true,
    encodings,
    baseTypes,
    ...(plan.format ? { delimiter: plan.format.chunkDelimiter } : {}),
    typedValues: plan.format?.typedValues ?? false,
    ...(plan.format?.type === 'ndjson' ? { malformedFault: JSON_FAULT } : {}),
  });
  const buffers = Array.from({ length: loading.length + 1 }, () => createGroupBuffers(upload.id, format));
  // A pod may come to load more than its own index, when it helps.
  const seen = target.byKey && new SeenKeys(target.byKey.probe.columns, plan.totalRecords);
  // Each chunk whose keys go into the ledger is written in its own transaction.
  const pace = createPace(target.keys ? 1 : MOST_CHUNKS, loading.length);
  const reads = { retries: object?.retries ?? 0 };
  const { protect, attempt, completionIndex } = config;
  const pod = { id: upload.id, attempt, completionIndex };
  const policy = deps.protectPolicy;
  const brake = protect && createBrake({ limits: protect, policy, pod, clock: systemClock, log, signal: deps.signal });
  const context = {
    ...deps,
    sessions: loading,
    preparer,
    upload,
    object,
    target,
    columnTypes,
    seen,
    pace,
    brake,
    buffers,
    reads,
  };
  await processRange(context, run, chooseOwn);
  log.info({ index: config.completionIndex }, 'processed');
  // Also the only index of a plan gets others beside it, when spec.parallelism is raised.
  await helpOthers(context);
  await completePending(context);
  await brake?.end(session);
}

/** @throws Fault DB_TARGET_REPLACED when chunks of the upload are in another table than the one that has the name now. */
async function expectSameTable(
  { session }: RunnerDeps,
  { id, table, oid }: { id: string; table: string; oid: number },
): Promise<void> {
  if (!(await session.run((client) => keepTarget(client, { id, oid })))) throw targetReplaced(table);
}

/**
 * This index is done, so a retryable fault while it helps must not fail it: the chunks' owner tries again, and may not
 * even meet the fault.
 */
async function helpOthers(context: IndexContext): Promise<void> {
  const { log, upload } = context;
  try {
    await processRange(context, { first: 0, end: upload.plan.totalChunks }, chooseHelp);
  } catch (error) {
    const { category, code, message } = toFault(error);
    if (category !== 'retryable') throw error;
    log.warn({ code, explanation: message }, 'stopped helping');
  }
}

interface IndexContext extends LoadContext {
  /** The whole object, where this pod has read it to plan the upload. */
  object: ReadObject | null;
}

/**
 * Processes a range of chunks: asks the ledger which are pending, and processes those that `choose` takes, until it
 * takes none.
 */
async function processRange(
  context: IndexContext,
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
async function processRun(context: IndexContext, chunks: Chunk[]): Promise<boolean> {
  const { upload, store, object } = context;
  const { plan, request } = upload;
  const identity: ObjectIdentity = plan.work ?? {
    bucket: request.s3.bucket,
    key: request.s3.key,
    eTag: plan.eTag,
    versionId: plan.versionId,
    sizeBytes: plan.sizeBytes,
  };
  if (object && isSame(object.identity, identity))
    return loadChunks(context, chunks, async ({ startByte, endByte }) => object.bytes.subarray(startByte, endByte));
  const retry = createRetryOptions(context, () => {
    context.reads.retries += 1;
  });
  const range = { start: chunks[0]!.startByte, end: chunks.at(-1)!.endByte };
  const reader = createByteReader(readBlocks(store, identity, { ...range, ...READING }, retry));
  let position = range.start;
  const read: ReadChunk = async ({ startByte, endByte }, arena) => {
    // Blank lines between two chunks belong to neither.
    await reader.skip(startByte - position);
    position = endByte;
    return reader.take(arena.allocate(endByte - startByte));
  };
  try {
    return await loadChunks(context, chunks, read);
  } catch (error) {
    throw plan.work ? explainGone(error, plan.work) : error;
  } finally {
    await reader.close();
  }
}
