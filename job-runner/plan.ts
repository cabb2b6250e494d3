/**
 * Plans an upload: one streaming pass over the object finds the exact chunk boundaries and row numbers by the grammar
 * of records, and the content's digest. One transaction then writes the whole plan, once. A file whose own bytes the
 * scanner cannot take is rewritten as a canonical copy in the same pass, and its chunks point into the copy.
 *
 * An upload that is tried again after a part of it was loaded from a copy keeps its plan: the same pass makes the copy anew,
 * and the chunks that are left point into the new copy, if the object and the copy are still the same byte for byte.
 */
import type { ClientBase } from 'pg';
import { chooseIndexes, DEFAULTS } from '#common/job-contract.ts';
import type { Plan, UploadRow } from '#ledger/types.ts';
import { readContentKey } from '#ledger/uploads/claim-content.ts';
import { commitPlan } from '#ledger/uploads/commit-plan.ts';
import { assertRunning } from '#ledger/uploads/lock-upload.ts';
import { renewCopy } from '#ledger/uploads/renew-copy.ts';
import { matchedColumns } from '#runner/csv/matched-columns.ts';
import { createRecordScanner, createScanMemory, type ScanMemory } from '#runner/csv/scanner.ts';
import type { RunnerDeps } from '#runner/deps.ts';
import { NODE_PLATFORM } from '#runner/node/platform.ts';
import { createChunkCutter } from '#runner/plan-chunks.ts';
import { copied } from '#runner/source/copied.ts';
import { type OpenedFile, openFile } from '#runner/source/open-file.ts';
import { createContentDigest } from '#runner/storage/content-digest.ts';
import { BLOCKS_BYTES, readBlocks } from '#runner/storage/read-blocks.ts';
import type { ObjectIdentity, ReadObject } from '#s3/object-identity.ts';
import type { RetryOptions } from '#s3/retry.ts';
import { readHeader } from './csv/read-header.ts';
import { type DigestedCopy, startCopy } from './start-copy.ts';
import { checkCopy, checkSource } from './storage/copy-faults.ts';
import { createRetryOptions } from './storage/retry-options.ts';

/**
 * Parts of an archive, and texts whose encoding is guessed, are read beside the stream of the whole file. Their blocks
 * are small, since looking at the bytes takes longer than reading them, and the blocks of the stream are in memory, too.
 */
const READING_BESIDE = { readsAtOnce: 2, blockBytes: 1024 * 1024 };
/** A file of up to this size is kept in memory between the plan and the load. */
const MOST_KEPT_BYTES = 48 * 1024 * 1024;
/** The log gets a line of progress this often. */
const PROGRESS_MS = 10_000;

/** A pod of a pool gives the upload back, which then gets a Job of its own. */
export class NotForPool extends Error {
  override name = 'NotForPool';
}

/**
 * @returns the whole object, where it was small enough to be kept and did not have to be rewritten.
 * @throws Fault FENCED when the upload is not being planned, or by another attempt; the faults of {@link checkSource} and
 * {@link checkCopy} where a plan is kept and the copy is not that of the plan; NotForPool, only in a pod of a pool
 */
export async function planUpload(deps: RunnerDeps, upload: UploadRow): Promise<ReadObject | null> {
  const { config, store, log, session } = deps;
  const scope = { id: upload.id, attempt: config.attempt };
  assertRunning(upload, { ...scope, status: 'Planning' });
  let retries = 0;
  const retry = createRetryOptions(deps, () => {
    retries += 1;
  });
  const startedAt = performance.now();
  const versionId = upload.plan?.versionId;
  const identity = await store.head({ ...upload.request.s3, ...(versionId ? { versionId } : {}) }, retry);
  if (upload.plan) checkSource(identity, upload.plan);
  if (identity.sizeBytes > (deps.mostBytes ?? Infinity)) throw new NotForPool('the file is too large for a pool');
  log.info({ sizeBytes: identity.sizeBytes }, 'planning');
  const isSmall = identity.sizeBytes <= Math.min(config.inlineLimitBytes, MOST_KEPT_BYTES);
  const memory = createScanMemory(isSmall ? identity.sizeBytes : BLOCKS_BYTES);
  const plan = await readFile(deps, upload, { identity, retry, memory, isSmall });
  const first = await session.run(commitOf(upload, plan, { ...scope, identity }));
  const durationMs = Math.round(performance.now() - startedAt);
  log.info(
    { records: plan.totalRecords, chunks: plan.chunks.length, execution: plan.execution, durationMs },
    first ? 'planned' : 'another pod has planned this upload',
  );
  // The chunks of a rewritten file point into the copy, not into these bytes.
  return isSmall && plan.work === null ? { identity, bytes: memory.bytes, retries } : null;
}

type Commit = (client: ClientBase) => Promise<boolean>;

/** @throws Fault when the upload has a plan, and the copy that was made is not that of the plan */
function commitOf(
  { plan: kept }: UploadRow,
  plan: Plan,
  { identity, ...scope }: { id: string; attempt: number; identity: ObjectIdentity },
): Commit {
  if (!kept) return (client) => commitPlan(client, scope, plan);
  const work = checkCopy({ ...plan, identity }, kept);
  return (client) => renewCopy(client, scope, work);
}

interface SourceObject {
  identity: ObjectIdentity;
  retry: RetryOptions;
  /** Holds all of a small object, else blocks of a larger one. */
  memory: ScanMemory;
  isSmall: boolean;
}

async function readFile(
  deps: RunnerDeps,
  upload: UploadRow,
  { identity, retry, memory, isSmall }: SourceObject,
): Promise<Plan> {
  const { config, store, log, session } = deps;
  const { request, schema } = upload;
  const readBytes = (start: number, end: number) =>
    copied(readBlocks(store, identity, { start, end, ...READING_BESIDE }, retry));
  const read = (start: number, end: number) => {
    const place = isSmall ? { into: memory.bytes.subarray(start, end) } : { memory: memory.bytes };
    return readBlocks(store, identity, { start, end, ...place }, retry);
  };
  const key = await session.run(readContentKey);
  const digested = createDigestedStream(read, { sizeBytes: identity.sizeBytes, key });
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
  // The end of an upload waits for the pods of its own Jobs before it removes its copies.
  if (rewritten && deps.mostBytes !== undefined) throw new NotForPool('the file has to be copied');
  const copy = rewritten ? await startCopy(deps, upload, { format, retry, key }) : null;
  cleanup.defer(() => copy?.abort());
  const found = await scanRecords(deps, upload, { source, copy, memory });
  const work = copy ? await copy.finish() : null;
  const sizeBytes = work?.sizeBytes ?? identity.sizeBytes;
  const absentFields = source.absentFields?.() ?? [];
  const totalIndexes = chooseIndexes(sizeBytes, { ...config, chunks: found.chunks.length });
  return {
    execution: totalIndexes === 1 && sizeBytes <= config.inlineLimitBytes ? 'Inline' : 'Job',
    versionId: identity.versionId,
    eTag: identity.eTag,
    sizeBytes: identity.sizeBytes,
    digest: await digested.digest(),
    format: absentFields.length > 0 ? { ...format, absentFields } : format,
    work,
    columns: source.columns?.() ?? (found.header && matchedColumns(found.header, source.schema)),
    totalIndexes,
    ...found,
  };
}

/**
 * Makes a stream of the object that is digested while it is read. Bytes that the reader of the stream leaves out (an
 * archive is read by its parts, and bytes may follow its end) are read later for the digest alone.
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
      // Both streams read into the same memory, so the first one ends before the second one begins.
      await stream.return();
      for await (const _ of read());
      return digest.digest();
    },
  };
}

async function scanRecords(
  { config, log }: RunnerDeps,
  { request }: UploadRow,
  { source, copy, memory }: { source: OpenedFile; copy: DigestedCopy | null; memory: ScanMemory },
): Promise<Pick<Plan, 'header' | 'chunks' | 'totalRecords'>> {
  const cutter = createChunkCutter({ records: request.chunkRecords, bytes: DEFAULTS.maxChunkBytes });
  const { schema, format } = source;
  const { chunkDelimiter } = format;
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
