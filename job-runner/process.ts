/**
 * Processes one completion index: its run of chunks, from one ranged read of the object, each in one transaction.
 * The next chunk is read and checked while PostgreSQL works on the current one.
 */
import type { S3Client } from '@aws-sdk/client-s3';
import { chunksOfIndex, type RunnerConfig } from '#runner/contract.ts';
import { Fault } from '#runner/errors.ts';
import { readPendingChunks } from '#runner/ledger/chunks.ts';
import type { Chunk, UploadRow } from '#runner/ledger/types.ts';
import { createPreparer, type PreparedChunk, type Preparer } from '#runner/load/prepare-chunk.ts';
import { processChunk } from '#runner/load/process-chunk.ts';
import { describeTarget, prepareSession } from '#runner/load/target.ts';
import { createSession, type Session } from '#runner/session.ts';
import { createByteReader } from '#runner/storage/byte-reader.ts';
import { type ObjectIdentity, type RetryOptions, readRange } from '#runner/storage/s3.ts';
import type { Telemetry } from '#runner/telemetry/datadog.ts';
import type { Logger } from '#runner/telemetry/log.ts';

export interface ProcessDeps {
  config: RunnerConfig;
  s3: S3Client;
  telemetry: Telemetry;
  log: Logger;
  signal: AbortSignal;
}

/** Chunks that go straight to the merge after one that met a conflict: its neighbours probably meet one too. */
const MERGE_AFTER_CONFLICT = 16;

/** A planned upload, as the ledger holds it. */
export type PlannedUpload = UploadRow & { plan: NonNullable<UploadRow['plan']> };

export async function processIndex(deps: ProcessDeps, upload: PlannedUpload): Promise<void> {
  const { config, log, signal } = deps;
  const { plan } = upload;
  const indexes = plan.execution === 'Inline' ? 1 : plan.totalIndexes;
  const run = chunksOfIndex(config.completionIndex, indexes, plan.totalChunks);
  if (plan.header === null || run.first === run.end) return;
  const target = describeTarget(upload.schema, { rolledBack: upload.request.mode === 'Validate' });
  const session = createSession({
    database: { uri: config.databaseUri, caCert: config.databaseCaCert },
    uploadId: upload.id,
    role: `process-${config.completionIndex}`,
    retrySeconds: config.retrySeconds,
    signal,
    log,
    prepare: (client) => prepareSession(client, target),
  });
  try {
    const pending = await session.run((client) => readPendingChunks(client, { id: upload.id, ...run }));
    log.info({ index: config.completionIndex, ...run, pending: pending.length }, 'processing');
    const { schema, request } = upload;
    const storeRowData = request.storeRowData ?? true;
    const preparer = createPreparer({ schema, header: plan.header, uploadId: upload.id, storeRowData });
    for (const contiguous of groupContiguous(pending)) {
      await processRun({ ...deps, session, preparer, upload, target }, contiguous);
    }
    log.info({ index: config.completionIndex }, 'processed');
  } finally {
    await session.close();
  }
}

/** Splits chunks into runs without a gap, so that what is done is not read again. */
export function groupContiguous(chunks: readonly Chunk[]): Chunk[][] {
  const runs: Chunk[][] = [];
  for (const chunk of chunks) {
    const last = runs.at(-1);
    if (last && last.at(-1)!.number + 1 === chunk.number) last.push(chunk);
    else runs.push([chunk]);
  }
  return runs;
}

interface RunContext extends ProcessDeps {
  session: Session;
  preparer: Preparer;
  upload: PlannedUpload;
  target: ReturnType<typeof describeTarget>;
}

async function processRun(context: RunContext, chunks: Chunk[]): Promise<void> {
  const { upload, s3, log, signal, config } = context;
  const { plan, request } = upload;
  const identity: ObjectIdentity = {
    bucket: request.s3.bucket,
    key: request.s3.key,
    eTag: plan.eTag,
    versionId: plan.versionId,
    sizeBytes: plan.sizeBytes,
  };
  const retry: RetryOptions = {
    signal,
    retrySeconds: config.retrySeconds,
    onRetry: (fault, attempt) => log.warn({ code: fault.code, attempt }, 'storage fault, trying again'),
  };
  const range = { start: chunks[0]!.startByte, end: chunks.at(-1)!.endByte };
  const reader = createByteReader(readRange(s3, identity, range, retry));
  let position = range.start;
  const prepareNext = async (chunk: Chunk | undefined): Promise<PreparedChunk | null> => {
    if (!chunk) return null;
    // Blank lines between two chunks belong to neither.
    await reader.skip(chunk.startByte - position);
    position = chunk.endByte;
    return context.preparer.prepare(chunk, await reader.take(chunk.endByte - chunk.startByte));
  };
  try {
    await processInOrder(context, chunks, prepareNext);
  } finally {
    await reader.close();
  }
}

async function processInOrder(
  context: RunContext,
  chunks: Chunk[],
  prepareNext: (chunk: Chunk | undefined) => Promise<PreparedChunk | null>,
): Promise<void> {
  let mergeFor = 0;
  let next = prepareNext(chunks[0]);
  for (let i = 0; i < chunks.length; i += 1) {
    const prepared = (await next)!;
    next = prepareNext(chunks[i + 1]);
    // Awaited in the next turn; a fault of the storage must not be an unhandled rejection until then.
    next.catch(() => undefined);
    const way = await commitChunk(context, prepared, mergeFor > 0);
    mergeFor = way === 'merge' && mergeFor === 0 ? MERGE_AFTER_CONFLICT : Math.max(0, mergeFor - 1);
  }
}

async function commitChunk(context: RunContext, prepared: PreparedChunk, mergeOnly: boolean): Promise<string | null> {
  const { session, telemetry, log, config, upload, target } = context;
  const { chunk } = prepared;
  return telemetry.traceChunk(chunk, async () => {
    const { result, way } = await session.run((client, tries) =>
      processChunk(
        {
          client,
          target,
          uploadId: upload.id,
          attempt: config.attempt,
          // A try that failed may have met a deadlock between two optimistic COPYs.
          mergeOnly: mergeOnly || tries > 1,
          metadata: { pod: config.podName, index: config.completionIndex, tries },
        },
        prepared,
      ),
    );
    if (result) {
      telemetry.chunkCommitted(result);
      const { number, records, succeeded, updated, failed, duplicate } = result;
      log.debug({ chunk: number, records, succeeded, updated, failed, duplicate, way }, 'chunk committed');
    } else {
      log.info({ chunk: chunk.number }, 'chunk was already done');
    }
    return way;
  });
}

/** Narrows a row of the ledger. @throws Fault when the operator created the Job before the plan was committed. */
export function assertPlanned(upload: UploadRow): asserts upload is PlannedUpload {
  if (upload.plan) return;
  throw new Fault({
    code: 'UNK_NOT_PLANNED',
    category: 'unknown',
    reason: 'InternalError',
    message: 'The upload has no plan in the ledger, but a pod was started to process it.',
  });
}
