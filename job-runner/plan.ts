/**
 * Plans an upload: one streaming pass over the object finds the exact chunk boundaries and row numbers by the grammar
 * of records, and the content's digest; then one transaction writes it all, once.
 */
import { chooseIndexes, DEFAULTS } from '#runner/contract.ts';
import { createRecordScanner } from '#runner/csv/scanner.ts';
import { commitPlan } from '#runner/ledger/commit-plan.ts';
import type { Plan, UploadRow } from '#runner/ledger/types.ts';
import { createChunkCutter } from '#runner/plan-chunks.ts';
import type { ProcessDeps } from '#runner/process.ts';
import { readHeader } from '#runner/read-header.ts';
import type { Session } from '#runner/session.ts';
import { createBlockDigest } from '#runner/storage/block-digest.ts';
import { readBlocks } from '#runner/storage/read-blocks.ts';
import { headObject, type ObjectIdentity, type RetryOptions } from '#runner/storage/s3.ts';

export interface PlanDeps extends ProcessDeps {
  session: Session;
}

const NO_BYTES: Buffer = Buffer.alloc(0);

/** Time between two lines of progress in the log. */
const PROGRESS_MS = 10_000;

export async function planUpload(deps: PlanDeps, upload: UploadRow): Promise<void> {
  const { config, s3, log, signal, session } = deps;
  const retry: RetryOptions = {
    signal,
    retrySeconds: config.retrySeconds,
    stallSeconds: config.stallSeconds,
    onRetry: (fault, attempt) => log.warn({ code: fault.code, attempt }, 'storage fault, trying again'),
  };
  const startedAt = performance.now();
  const identity = await headObject(s3, upload.request.s3, retry);
  log.info({ sizeBytes: identity.sizeBytes }, 'planning');
  const plan = await scanObject(deps, upload, { identity, retry });
  const first = await session.run((client) => commitPlan(client, { id: upload.id, attempt: config.attempt }, plan));
  const durationMs = Math.round(performance.now() - startedAt);
  log.info(
    { records: plan.totalRecords, chunks: plan.chunks.length, execution: plan.execution, durationMs },
    first ? 'planned' : 'another pod has planned this upload',
  );
}

async function scanObject(
  { config, s3, log }: PlanDeps,
  { schema, request }: UploadRow,
  { identity, retry }: { identity: ObjectIdentity; retry: RetryOptions },
): Promise<Plan> {
  const digest = createBlockDigest();
  const cutter = createChunkCutter({ records: request.chunkRecords, bytes: DEFAULTS.maxChunkBytes });
  /** The file's first bytes, until the header is known. */
  let head = NO_BYTES;
  let header: string[] | null = null;
  let headerEnd: number | null = null;
  const scanner = createRecordScanner({
    maxRecordBytes: config.maxRecordBytes,
    onRecord(startByte, endByte, rowNumber) {
      if (headerEnd === null) {
        headerEnd = endByte;
        header = readHeader(head.subarray(startByte, endByte), schema);
      } else cutter.add(startByte, endByte, rowNumber);
    },
  });
  let position = 0;
  let reportedAt = Date.now();
  for await (const block of readBlocks(s3, identity, retry)) {
    if (headerEnd === null) head = Buffer.concat([head, block]);
    digest.update(block);
    scanner.push(block);
    if (headerEnd !== null) head = NO_BYTES;
    position += block.length;
    if (Date.now() - reportedAt > PROGRESS_MS) {
      reportedAt = Date.now();
      log.info({ position, sizeBytes: identity.sizeBytes }, 'planning');
    }
  }
  scanner.end();
  const { chunks, records } = cutter.finish();
  return {
    execution: identity.sizeBytes <= config.inlineLimitBytes ? 'Inline' : 'Job',
    versionId: identity.versionId,
    eTag: identity.eTag,
    sizeBytes: identity.sizeBytes,
    digest: digest.digest(),
    header,
    totalRecords: records,
    totalIndexes: chooseIndexes(identity.sizeBytes, chunks.length, config.parallelism),
    chunks,
  };
}
