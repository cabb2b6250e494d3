/**
 * Plans an upload: one streaming pass over the object finds the exact chunk boundaries and row numbers by the grammar
 * of records, and the content's digest; then one transaction writes it all, once. A file whose own bytes the scanner
 * cannot take is written as a canonical copy in the same pass, and the chunks point into that.
 */
import type { SourceFormat } from '#api/source-format.ts';
import { chooseIndexes, DEFAULTS, workBucket, workPrefix } from '#common/job-contract.ts';
import type { Plan, UploadRow } from '#ledger/types.ts';
import { readContentKey } from '#ledger/uploads/claim-content.ts';
import { commitPlan } from '#ledger/uploads/commit-plan.ts';
import { recordSource } from '#ledger/uploads/record-source.ts';
import { createRecordScanner, createScanMemory, type ScanMemory } from '#runner/csv/scanner.ts';
import { NODE_PLATFORM } from '#runner/node/platform.ts';
import { createChunkCutter } from '#runner/plan-chunks.ts';
import type { ProcessDeps } from '#runner/process.ts';
import { copied } from '#runner/source/copied.ts';
import { type OpenedFile, openFile } from '#runner/source/open-file.ts';
import { createContentDigest } from '#runner/storage/content-digest.ts';
import { BLOCKS_BYTES, readBlocks } from '#runner/storage/read-blocks.ts';
import type { ObjectIdentity, ReadObject } from '#s3/object-identity.ts';
import { headObject } from '#s3/read-object.ts';
import type { RetryOptions } from '#s3/retry.ts';
import { readHeader } from './csv/read-header.ts';
import { createRetryOptions } from './storage/retry-options.ts';
import { createWorkCopy, type WorkCopy } from './storage/work-copy.ts';

/** Time between two lines of progress in the log. */
const PROGRESS_MS = 10_000;

/** @returns the object, where it is small enough to be kept and not rewritten */
export async function planUpload(deps: ProcessDeps, upload: UploadRow): Promise<ReadObject | null> {
  const { config, s3, log, session } = deps;
  let retries = 0;
  const retry = createRetryOptions(deps, () => {
    retries += 1;
  });
  const startedAt = performance.now();
  const identity = await headObject(s3, upload.request.s3, retry);
  log.info({ sizeBytes: identity.sizeBytes }, 'planning');
  // A greater limit for what one pod does alone is none for its memory.
  const isSmall = identity.sizeBytes <= Math.min(config.inlineLimitBytes, DEFAULTS.inlineLimitBytes);
  const memory = createScanMemory(isSmall ? identity.sizeBytes : BLOCKS_BYTES);
  const plan = await readSource(deps, upload, { identity, retry, memory, isSmall });
  const first = await session.run((client) => commitPlan(client, { id: upload.id, attempt: config.attempt }, plan));
  const durationMs = Math.round(performance.now() - startedAt);
  log.info(
    { records: plan.totalRecords, chunks: plan.chunks.length, execution: plan.execution, durationMs },
    first ? 'planned' : 'another pod has planned this upload',
  );
  // What was rewritten lies in the copy.
  return isSmall && plan.work === null ? { identity, bytes: memory.bytes, retries } : null;
}

interface SourceObject {
  identity: ObjectIdentity;
  retry: RetryOptions;
  /** Of a small object all of it, else blocks of it. */
  memory: ScanMemory;
  isSmall: boolean;
}

async function readSource(
  deps: ProcessDeps,
  upload: UploadRow,
  { identity, retry, memory, isSmall }: SourceObject,
): Promise<Plan> {
  const { config, s3, log, session } = deps;
  const { request, schema } = upload;
  const readBytes = (start: number, end: number) => copied(readBlocks(s3, identity, { start, end }, retry));
  const read = (start: number, end: number) => {
    const place = isSmall ? { into: memory.bytes.subarray(start, end) } : { memory: memory.bytes };
    return readBlocks(s3, identity, { start, end, ...place }, retry);
  };
  const digested = createDigestedStream(read, {
    sizeBytes: identity.sizeBytes,
    key: await session.run(readContentKey),
  });
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(async () => void (await digested.stream.return()));
  const source = await openFile({
    stream: digested.stream,
    readBytes,
    sizeBytes: identity.sizeBytes,
    key: identity.key,
    declared: request.format ?? {},
    schema,
    maxRecordBytes: config.maxRecordBytes,
    platform: NODE_PLATFORM,
  });
  const { format, rewritten } = source;
  log.info({ ...format, rewritten }, 'the kind of file is known');
  const copy = rewritten ? await startCopy(deps, upload, { format, retry }) : null;
  cleanup.defer(() => copy?.abort());
  const found = await scanRecords(deps, upload, { source, copy, memory });
  const work = copy ? await copy.finish() : null;
  const sizeBytes = work?.sizeBytes ?? identity.sizeBytes;
  return {
    execution: sizeBytes <= config.inlineLimitBytes ? 'Inline' : 'Job',
    versionId: identity.versionId,
    eTag: identity.eTag,
    sizeBytes: identity.sizeBytes,
    digest: await digested.digest(),
    format,
    work,
    totalIndexes: chooseIndexes(sizeBytes, { ...config, chunks: found.chunks.length }),
    ...found,
  };
}

async function startCopy(
  { config, s3, session }: ProcessDeps,
  { id, request }: UploadRow,
  { format, retry }: { format: SourceFormat; retry: RetryOptions },
): Promise<WorkCopy> {
  const bucket = workBucket(request.s3.bucket, request.work);
  await session.run((client) => recordSource(client, { id, attempt: config.attempt }, { format, workBucket: bucket }));
  return createWorkCopy(s3, { bucket, key: `${workPrefix(id)}${config.podName}/canonical.csv` }, retry);
}

/**
 * The object as a stream that is digested while it is read. What nobody read of it (an archive is read by its parts, and
 * something may follow its end) is read for the digest alone.
 */
function createDigestedStream(
  readBytes: (start: number, end: number) => AsyncGenerator<Buffer>,
  { sizeBytes, key }: { sizeBytes: number; key: Buffer },
) {
  const digest = createContentDigest(key);
  let position = 0;
  async function* read(): AsyncGenerator<Buffer, void, void> {
    for await (const piece of readBytes(position, sizeBytes)) {
      digest.update(piece);
      position += piece.length;
      yield piece;
    }
  }
  const stream = read();
  return {
    stream,
    async digest(): Promise<string> {
      // Both read into the same memory.
      await stream.return();
      for await (const _ of read());
      return digest.digest();
    },
  };
}

async function scanRecords(
  { config, log }: ProcessDeps,
  { schema, request }: UploadRow,
  { source, copy, memory }: { source: OpenedFile; copy: WorkCopy | null; memory: ScanMemory },
): Promise<Pick<Plan, 'header' | 'chunks' | 'totalRecords'>> {
  const cutter = createChunkCutter({ records: request.chunkRecords, bytes: DEFAULTS.maxChunkBytes });
  const { chunkDelimiter } = source.format;
  const head: Buffer[] = [];
  let header: string[] | null = null;
  let headerEnd: number | null = null;
  const scanner = createRecordScanner({
    maxRecordBytes: config.maxRecordBytes,
    delimiter: chunkDelimiter.charCodeAt(0),
    memory,
    firstRowNumber: source.firstRowNumber,
    onRecord(startByte, endByte, rowNumber) {
      if (headerEnd === null) {
        headerEnd = endByte;
        header = readHeader(Buffer.concat(head).subarray(startByte, endByte), schema, chunkDelimiter);
      } else cutter.add(startByte, endByte, rowNumber);
    },
  });
  let position = 0;
  let reportedAt = Date.now();
  for await (const piece of source.bytes) {
    if (headerEnd === null) head.push(Buffer.from(piece));
    scanner.push(piece);
    await copy?.write(piece);
    position += piece.length;
    if (Date.now() - reportedAt > PROGRESS_MS) {
      reportedAt = Date.now();
      log.info({ position }, 'planning');
    }
  }
  scanner.end();
  const { chunks, records } = cutter.finish();
  return { header, chunks, totalRecords: records };
}
