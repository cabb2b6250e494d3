/**
 * What is to be done with an object once its upload is complete, as its source said when it arrived. The ledger says
 * what is due and that it was done, so that neither the resource nor this process has to live on. Each step can be
 * repeated: a copy that is there is not made again, and only the version that was loaded is deleted.
 */
import type { S3Client } from '@aws-sdk/client-s3';
import { type Clock, jitter, sleep } from '#common/clock.ts';
import { Fault } from '#common/faults.ts';
import type { UploadSource } from '#kube/custom-resources.ts';
import type { DueObject } from '#ledger/arrivals/after-success.ts';
import type { Arrivals } from '#operator/bridge/admission/arrivals.ts';
import { explainError } from '#operator/bridge/status/explain-error.ts';
import { copyVersion, deleteVersion } from '#operator/bridge/storage/copy-object.ts';
import type { ObjectVersion } from '#operator/bridge/storage/storage-calls.ts';
import { headVersion } from '#operator/bridge/storage/storage-calls.ts';
import type { SourceRecorder } from '#operator/bridge/types.ts';

export interface AfterSuccessDeps {
  source: UploadSource;
  arrivals: Pick<Arrivals, 'due' | 'markDone'>;
  openStorage(signal: AbortSignal): Promise<S3Client>;
  recorder: SourceRecorder;
  clock: Clock;
  intervalMs: number;
  onDone?: ((action: 'Delete' | 'Move', ok: boolean) => void) | undefined;
}

/** More that fail for ever would hold up the others. */
const BATCH = 500;
/** Not a matter of one object. */
const STORAGE_REASONS = new Set(['StorageUnavailable', 'StorageAccessDenied', 'BucketNotFound']);

/** Until aborted; never throws. */
export async function runAfterSuccess(deps: AfterSuccessDeps, signal: AbortSignal): Promise<void> {
  const { recorder, clock, intervalMs } = deps;
  while (!signal.aborted) {
    let more = false;
    try {
      more = await handleDue(deps, signal);
    } catch (error) {
      if (signal.aborted) return;
      recorder.problem('afterSuccess', explainError(error));
    }
    await sleep(clock, more ? 0 : jitter(intervalMs, 0.2), signal);
  }
}

/** @returns whether there is more to do at once. An object that cannot be moved does not hold up the others. */
async function handleDue(deps: AfterSuccessDeps, signal: AbortSignal): Promise<boolean> {
  const { arrivals, recorder } = deps;
  const due = await arrivals.due(BATCH);
  if (due.length === 0) {
    recorder.problem('afterSuccess', null);
    return false;
  }
  const s3 = await deps.openStorage(signal);
  let failed: string | null = null;
  let done = 0;
  for (const object of due) {
    signal.throwIfAborted();
    try {
      await finishObject(deps.source, s3, object, signal);
      await arrivals.markDone(object.name);
      deps.onDone?.(object.afterSuccess.action, true);
      done += 1;
    } catch (error) {
      signal.throwIfAborted();
      const { reason, message } = explainError(error);
      deps.onDone?.(object.afterSuccess.action, false);
      failed = `${object.key}: ${reason}: ${message}`;
      if (STORAGE_REASONS.has(reason)) break;
    }
  }
  const what = `The files of complete uploads cannot all be deleted or moved, as`;
  recorder.problem(
    'afterSuccess',
    failed === null ? null : { reason: 'AfterSuccessFailing', message: `${what} ${failed}` },
  );
  return done > 0 && due.length === BATCH;
}

async function finishObject(source: UploadSource, s3: S3Client, object: DueObject, signal: AbortSignal): Promise<void> {
  const found = await headVersion(s3, object, signal);
  // Gone, or replaced in a bucket without versions: what was loaded is not there any more.
  if (found === null || found.eTag !== object.eTag) return;
  if (object.afterSuccess.action === 'Move') {
    await move(source, s3, { object, found, prefix: object.afterSuccess.prefix }, signal);
    // A copy takes its time, and not every storage heeds the ETag of a deletion.
    const left = await headVersion(s3, object, signal);
    if (left === null || left.eTag !== object.eTag) return;
  }
  await deleteVersion(s3, object, signal);
}

async function move(
  { spec }: UploadSource,
  s3: S3Client,
  { object, found, prefix }: { object: DueObject; found: ObjectVersion; prefix: string },
  signal: AbortSignal,
): Promise<void> {
  const { bucket, key, name } = object;
  const relative = key.startsWith(spec.s3.prefix) ? key.slice(spec.s3.prefix.length) : key;
  const target = `${prefix}${relative}`;
  // Below what is watched it would arrive again, and for ever.
  if (target.startsWith(spec.s3.prefix)) throw refused(`${target} is under spec.s3.prefix`);
  const there = await headVersion(s3, { bucket, key: target, versionId: null }, signal);
  if (there === null) return copyVersion(s3, object, target, { size: found.size, signal });
  if (there.eTag === found.eTag && there.size === found.size) return;
  // Another file of this name was moved before: neither takes the other's place.
  const named = withName(target, name);
  const copied = await headVersion(s3, { bucket, key: named, versionId: null }, signal);
  // Of this upload alone. A copy in parts has another ETag.
  if (copied?.size !== found.size) await copyVersion(s3, object, named, { size: found.size, signal });
}

function refused(message: string): Fault {
  return new Fault({ code: 'CFG_MOVE', category: 'permanent', reason: 'MoveRefused', message });
}

/** `done/a.csv` → `done/a-<hash of the upload's name>.csv`. */
function withName(key: string, uploadName: string): string {
  const hash = uploadName.slice(uploadName.lastIndexOf('-') + 1);
  const at = key.lastIndexOf('.');
  return at > key.lastIndexOf('/') + 1 ? `${key.slice(0, at)}-${hash}${key.slice(at)}` : `${key}-${hash}`;
}
