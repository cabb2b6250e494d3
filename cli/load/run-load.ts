/**
 * The whole of a load in one process: ledger and target are prepared, the file is planned and processed as by pods, and the
 * upload is closed. The ledger alone says what is done, so that the same call goes on after any interruption.
 *
 * | the ledger has                                        | this call                                        |
 * |-------------------------------------------------------|--------------------------------------------------|
 * | no unfinished load of the file                        | opens one                                        |
 * | one that is planned, of these bytes                   | loads the chunks that are not done               |
 * | one that is planned, of other bytes                   | ends it as failed, and asks to be called again   |
 * | one that is planned, and has no copy any more         | makes the copy again, then goes on as above      |
 * | one that failed, whose records were appended          | loads the chunks that are not done               |
 * | the same content, loaded                              | says so, and loads nothing                       |
 * | the same content under another path, being loaded     | waits for that load                              |
 * | the same content under another path, interrupted      | goes on with that load                           |
 */
import type pg from 'pg';
import { Fault } from '#common/faults.ts';
import { DEFAULTS } from '#common/job-contract.ts';
import type { UploadRow } from '#ledger/types.ts';
import { dequeueUpload } from '#ledger/uploads/claim-content.ts';
import { closeDeletedUpload, failUpload } from '#ledger/uploads/finish-upload.ts';
import { assertPlanned, readUpload } from '#ledger/uploads/read-upload.ts';
import { planUpload } from '#runner/plan.ts';
import type { Session } from '#runner/session.ts';
import type { ReadObject } from '#s3/object-identity.ts';
import type { FileLock } from './file-lock.ts';
import { headFirst } from './first-contact.ts';
import { createLoadProgress } from './load-progress.ts';
import { type LoadResult, readResult } from './load-result.ts';
import {
  createDeps,
  createEndSession,
  createLoadLog,
  createLoadSession,
  interrupted,
  type Loading,
  type LoadRequest,
  stopped,
} from './loading.ts';
import { prepareDatabase } from './prepare-database.ts';
import { LOST, processLoad } from './process-load.ts';
import { renewLostCopy, resumeUpload, takeOverHolder } from './resume-load.ts';
import type { LoadSource } from './source.ts';
import { writeErrors } from './write-errors.ts';

const QUEUE_MS = 1000;

/** @throws InputError for what a person has to do first, Fault of the file, the database or the storage */
export async function runLoad(source: LoadSource, load: LoadRequest): Promise<LoadResult> {
  const startedAt = performance.now();
  const stop = new AbortController();
  const log = createLoadLog(load.terminal);
  load.interrupts.handleOnce(() => stop.abort(interrupted()));
  await using cleanup = new AsyncDisposableStack();
  // A file that cannot be opened leaves no trace in the database.
  const identity = await headFirst(source.store, source.location, stop.signal);
  const { lock, id } = await prepareDatabase(source, load, stop);
  cleanup.use(lock);
  const progress = createLoadProgress(load.terminal.stderr);
  cleanup.defer(() => progress.clear());
  let loading: Loading = { source, load, id, stop, progress, log, cleanup };
  for (;;) {
    const next = await loadOrFail(loading, lock);
    if (next === null) break;
    progress.note(next.note);
    loading = { ...loading, id: next.id };
  }
  const result = await readResult(createEndSession(loading), loading, startedAt);
  if (load.errors !== undefined) await writeErrors(loading, load.errors, identity);
  return result;
}

/** The upload that this call goes on with, and why, in words for people. */
interface NextLoad {
  id: string;
  note: string;
}

/** Loads one upload, and ends it in the ledger after a fault that another call would meet again. */
async function loadOrFail(loading: Loading, lock: FileLock): Promise<NextLoad | null> {
  const { id, log } = loading;
  try {
    const next = await loadUpload(loading, lock);
    await removeCopies(loading);
    return next;
  } catch (thrown) {
    const { signal } = loading.stop;
    // A wait that is aborted throws an error of its own, and the signal's reason says why the load was stopped.
    const error = signal.aborted && (thrown as Error).name === 'AbortError' ? signal.reason : thrown;
    const isEnded = error instanceof Fault && error.category === 'fenced';
    if (!isEnded && !(error instanceof Fault && error.category === 'permanent')) throw error;
    if (isEnded && !(await hasEnded(loading))) return { id, note: WENT_BACK };
    if (!isEnded) {
      const { reason, message } = error;
      await createEndSession(loading)
        .run((client) => failUpload(client, { id }, { reason, message }))
        .catch(() => log.warn({}, 'the failure could not be written to the ledger'));
    }
    await removeCopies(loading);
    if (!isEnded) throw error;
    return null;
  }
}

const TAKEN = 'An interrupted load has the same content. This call goes on with that load.';
const COPY_GONE =
  'The plain copy that the interrupted load made is not in the spool folder any more, and is made again.';
const WENT_BACK =
  'The database has lost what was committed last, as where a standby that lagged was promoted: it lost the rows together with the notes about them. The load goes on from there.';

/**
 * Mostly the ledger has ended the upload that fences this process off, and the result says why: more records failed
 * than the limit allows. An upload that runs has gone back to an earlier state.
 */
async function hasEnded(loading: Loading): Promise<boolean> {
  const { status } = await createEndSession(loading).run((client) => read(client, loading.id));
  return status !== 'Planning' && status !== 'Queued' && status !== 'Processing';
}

/** @returns an interrupted load of the same content that goes on instead of this one, or another attempt of this one; else null. */
async function loadUpload(loading: Loading, lock: FileLock): Promise<NextLoad | null> {
  const { id, progress, source } = loading;
  const control = createLoadSession(loading, 'control');
  let upload = await control.run((client) => read(client, id));
  let object: ReadObject | null = null;
  const isPlannedHere = upload.status === 'Planning';
  if (isPlannedHere) {
    progress.planning(() => source.bytesRead());
    const deps = createDeps(loading, [control], upload.attempt);
    const { plan } = upload;
    // A load that this call has taken over was begun under another path.
    const here = { ...upload, request: { ...upload.request, s3: source.location } };
    object = await planUpload(deps, plan ? await resumeUpload(deps, { ...here, plan }, source) : here);
    upload = await control.run((client) => read(client, id));
  }
  if (upload.status === 'Queued') {
    const taken = await waitForHolder(loading, control, lock);
    if (taken !== null) return { id: taken, note: TAKEN };
    upload = await control.run((client) => read(client, id));
  }
  if (upload.status !== 'Processing') return null;
  assertPlanned(upload);
  // The bytes that this call has planned are pinned by the open file, so that they need no second look.
  const deps = createDeps(loading, [control], upload.attempt);
  const planned = isPlannedHere ? upload : await resumeUpload(deps, upload, source);
  if (!isPlannedHere && (await renewLostCopy(deps, planned, source))) return { id, note: COPY_GONE };
  await processLoad(loading, control, { upload: planned, object });
  return null;
}

/** Waits for the load of the same content to end, or takes that load over when no process runs it. */
async function waitForHolder(loading: Loading, control: Session, lock: FileLock): Promise<string | null> {
  const { id, progress, stop } = loading;
  for (;;) {
    const taken = await control.run((client) => takeOverHolder(client, lock, id));
    if (taken !== null) {
      await control.run((client) => closeDeletedUpload(client, id));
      return taken;
    }
    if ((await control.run((client) => dequeueUpload(client, id))) !== 'Queued') return null;
    progress.note('Another load has the same content. This call waits for its end.');
    await new Promise((resolve) => setTimeout(resolve, QUEUE_MS));
    stop.signal.throwIfAborted();
  }
}

async function read(client: pg.Client, id: string): Promise<UploadRow> {
  const upload = await readUpload(client, id);
  if (upload) return upload;
  throw stopped(LOST);
}

async function removeCopies({ id, source, log }: Loading): Promise<void> {
  const { retrySeconds, stallSeconds } = DEFAULTS;
  const retry = { signal: new AbortController().signal, retrySeconds, stallSeconds };
  // One process at a time loads the file, so that no later attempt has a copy.
  const copies = { bucket: source.workBucket, uploadId: id, lastAttempt: Number.MAX_SAFE_INTEGER };
  await source.store.removeCopies(copies, retry).catch((err) => {
    log.warn({ err }, 'the plain copy of the file could not be removed');
  });
}
