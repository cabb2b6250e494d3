/**
 * Writes the failed records of a load with the columns of their own file. The ledger says which records failed and why, whichever call and
 * session found them; their texts come from the file, since the ledger's are masked and capped.
 */
import { InputError } from '#cli/input-error.ts';
import { createErrorsFile } from '#cli/io/errors-file.ts';
import { DEFAULTS } from '#common/job-contract.ts';
import { type FailedRecord, readFailedRecords } from '#ledger/errors/read-errors.ts';
import { readHeader } from '#runner/csv/read-header.ts';
import { NODE_PLATFORM } from '#runner/node/platform.ts';
import { findRecords } from '#runner/record-processor.ts';
import type { Session } from '#runner/session.ts';
import { copied } from '#runner/source/copied.ts';
import { openFile } from '#runner/source/open-file.ts';
import { readBlocks } from '#runner/storage/read-blocks.ts';
import { createRetryOptions } from '#runner/storage/retry-options.ts';
import type { ObjectIdentity } from '#s3/object-identity.ts';
import { createDeps, createReportSession, type Loading } from './loading.ts';

const PAGE_RECORDS = 1000;

/** @param identity the file as this call has found it at its start. @throws InputError, Fault */
export async function writeErrors(loading: Loading, path: string, identity: ObjectIdentity): Promise<void> {
  try {
    await write(loading, path, identity);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(
      `${error.message} The load itself has ended; the same command loads no record twice, and writes them again.`,
    );
  }
}

async function write(loading: Loading, path: string, identity: ObjectIdentity): Promise<void> {
  const { load, source } = loading;
  const { session, signal } = createReportSession(loading);
  const retry = createRetryOptions({ ...createDeps(loading, [session], 1), signal });
  const readBytes = (start: number, end: number) => copied(readBlocks(source.store, identity, { start, end }, retry));
  await using cleanup = new AsyncDisposableStack();
  const stream = readBytes(0, identity.sizeBytes);
  cleanup.defer(async () => void (await stream.return()));
  const { schema, request } = load;
  const file = await openFile({
    stream,
    readBytes,
    sizeBytes: identity.sizeBytes,
    key: identity.key,
    declared: request.format ?? {},
    schema,
    maxRecordBytes: DEFAULTS.maxRecordBytes,
    platform: NODE_PLATFORM,
  });
  const errors = createErrorsFile(path);
  const wanted = readPages(session, loading.id);
  const onHeader = (bytes: Buffer) => errors.start(readHeader(bytes, file.schema, file.format.chunkDelimiter), file);
  const found = findRecords(file, { maxRecordBytes: DEFAULTS.maxRecordBytes, wanted, onHeader });
  for await (const record of found) await errors.add(record);
  await errors.end();
}

async function* readPages(session: Session, id: string): AsyncGenerator<FailedRecord, void, void> {
  for (let after = 0; ; ) {
    const page = await session.run((client) => readFailedRecords(client, { id, after, limit: PAGE_RECORDS }));
    yield* page;
    if (page.length < PAGE_RECORDS) return;
    after = page.at(-1)!.rowNumber;
  }
}
