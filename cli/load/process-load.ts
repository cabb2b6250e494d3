/** Processes the chunks of a planned load with several sessions, and watches how many records fail. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { PlannedUpload, UploadProgress } from '#ledger/types.ts';
import { findTooManyFailed } from '#ledger/uploads/error-policy.ts';
import { completeUpload, failUpload } from '#ledger/uploads/finish-upload.ts';
import { readProgress, readTopErrors } from '#ledger/uploads/read-progress.ts';
import { processIndex } from '#runner/process.ts';
import type { Session } from '#runner/session.ts';
import type { ReadObject } from '#s3/object-identity.ts';
import { createDeps, createLoadSession, type Loading, stopped } from './loading.ts';

const WATCH_MS = 500;
/** The message for a person whose load is running and has no row in the ledger any more. */
export const LOST =
  'The ledger has lost this load while the file was loaded: the ledger was removed from the database, or a standby was promoted that had not received it. Call the same command again.';

/** Loads all chunks that are not done, and completes the upload. @throws Fault */
export async function processLoad(
  loading: Loading,
  control: Session,
  { upload, object }: { upload: PlannedUpload; object: ReadObject | null },
): Promise<void> {
  const watching = new AbortController();
  const watched = watch(loading, control, watching.signal);
  try {
    await processAll({ ...loading, stop: abortedWith(loading.stop.signal) }, upload, object);
  } finally {
    watching.abort();
    await watched;
  }
  if (await endIfTooManyFailed(loading, control)) return;
  const status = await control.run((client) => completeUpload(client, loading.id));
  if (status === null) throw stopped(LOST);
  if (status === 'Processing')
    throw stopped('Another process still loads a part of the file. Call the same command again, and it goes on.');
}

/** One session that fails stops the others, and not the whole call, which may go on from what the ledger has. */
function abortedWith(signal: AbortSignal): AbortController {
  const controller = new AbortController();
  signal.addEventListener('abort', () => controller.abort(signal.reason), { once: true });
  if (signal.aborted) controller.abort(signal.reason);
  return controller;
}

/** Every session takes chunks of all indexes: one process has them all. */
async function processAll(loading: Loading, upload: PlannedUpload, object: ReadObject | null): Promise<void> {
  const { load } = loading;
  const indexes = upload.plan.execution === 'Inline' ? 1 : upload.plan.totalIndexes;
  const sessions = Array.from({ length: load.parallelism }, (_, i) => createLoadSession(loading, `process-${i}`));
  const deps = createDeps(loading, sessions, upload.attempt);
  for (let index = 0; index < indexes; index += 1)
    await processIndex({ ...deps, config: { ...deps.config, completionIndex: index } }, upload, object);
}

/** Shows how far the load is, and ends it when more records failed than the limit allows. */
async function watch(loading: Loading, control: Session, signal: AbortSignal): Promise<void> {
  const { progress, stop } = loading;
  while (!signal.aborted && !stop.signal.aborted) {
    try {
      const row = await readRow(loading, control);
      progress.loading(row.counts.processed, row.totalRecords ?? 0);
      if (await endIfTooManyFailed(loading, control, row)) return;
    } catch {
      // The sessions that load say what is wrong with the database.
    }
    await sleep(WATCH_MS, undefined, { signal }).catch(() => undefined);
  }
}

async function readRow({ id }: Loading, control: Session): Promise<UploadProgress> {
  return await control.run(async (client) => (await readProgress(client, [id])).get(id)!);
}

async function endIfTooManyFailed(loading: Loading, control: Session, known?: UploadProgress): Promise<boolean> {
  const { id, load } = loading;
  const { maxFailedRecords, maxFailedPercent } = load.limits;
  if (maxFailedRecords === undefined && maxFailedPercent === undefined) return false;
  const policy = {
    ...(maxFailedRecords === undefined ? {} : { maxFailedRecords }),
    ...(maxFailedPercent === undefined ? {} : { maxFailedPercent }),
    storeRowData: true,
  };
  const row = known ?? (await readRow(loading, control));
  if (!findTooManyFailed(policy, row, [])) return false;
  const errors = await control.run((client) => readTopErrors(client, id));
  const why = findTooManyFailed(policy, row, errors)!;
  await control.run((client) => failUpload(client, { id }, why));
  return true;
}
