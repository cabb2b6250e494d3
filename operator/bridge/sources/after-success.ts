/**
 * Deletes or moves the objects of complete uploads, as the source's spec said when the object arrived. The ledger holds
 * what is due and what is done, so that neither the BatchUpload nor this process has to exist until then. Each step can
 * be repeated: an existing copy is not made again, and only the version that was loaded is deleted.
 */
import type { S3Client } from '@aws-sdk/client-s3';
import { type Clock, jitter, sleep } from '#common/clock.ts';
import { Fault } from '#common/faults.ts';
import type { UploadSource } from '#kube/custom-resources.ts';
import type { DueObject } from '#ledger/arrivals/after-success.ts';
import type { Arrivals } from '#operator/bridge/admission/arrivals.ts';
import type { SourceRecorder } from '#operator/bridge/model/types.ts';
import { explainError } from '#operator/bridge/status/explain-error.ts';
import { copyVersion, deleteVersion } from '#operator/bridge/storage/copy-object.ts';
import type { ObjectVersion } from '#operator/bridge/storage/storage-calls.ts';
import { headVersion } from '#operator/bridge/storage/storage-calls.ts';

export interface AfterSuccessDeps {
  source: UploadSource;
  arrivals: Pick<Arrivals, 'due' | 'markDone'>;
  openStorage(signal: AbortSignal): Promise<S3Client>;
  recorder: SourceRecorder;
  clock: Clock;
  intervalMs: number;
  onDone?: ((action: 'Delete' | 'Move', ok: boolean) => void) | undefined;
}

/** If this many objects of a source fail for ever, its other objects are never reached. */
const BATCH = 500;
/** These failures concern the whole storage and not one object. */
const STORAGE_REASONS = new Set(['StorageUnavailable', 'StorageAccessDenied', 'BucketNotFound']);

/** Runs until the signal aborts; never throws. */
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

/** @returns whether more objects are due at once. An object that cannot be moved does not delay the others. */
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
  const message = `Some files of complete uploads could not be deleted or moved; the bridge tries again. The last error: ${failed}`;
  recorder.problem('afterSuccess', failed === null ? null : { reason: 'AfterSuccessFailing', message });
  return done > 0 && due.length === BATCH;
}

async function finishObject(source: UploadSource, s3: S3Client, object: DueObject, signal: AbortSignal): Promise<void> {
  const found = await headVersion(s3, object, signal);
  // The loaded version was deleted, or was replaced in a bucket without versions: nothing is left to do.
  if (found === null || found.eTag !== object.eTag) return;
  if (object.afterSuccess.action === 'Move') {
    await move(source, s3, { object, found, prefix: object.afterSuccess.prefix }, signal);
    // The object may have changed during the copy, and some storages ignore the ETag of a deletion.
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
  // A copy under the watched prefix would arrive again and again.
  if (target.startsWith(spec.s3.prefix)) {
    throw refused(
      `The file is not moved to ${target}, since it would arrive again under spec.s3.prefix. Move it by hand, and correct spec.afterSuccess.prefix for later files.`,
    );
  }
  const existing = await headVersion(s3, { bucket, key: target, versionId: null }, signal);
  if (existing === null) return copyVersion(s3, object, target, { size: found.size, signal });
  if (existing.eTag === found.eTag && existing.size === found.size) return;
  // Another file with the target's name was moved before. This file gets a key of its own, so that both are kept.
  const ownTarget = withUploadHash(target, name);
  const copied = await headVersion(s3, { bucket, key: ownTarget, versionId: null }, signal);
  // Only this upload writes to that key, so the size is enough; the ETag of a copy in parts differs.
  if (copied?.size !== found.size) await copyVersion(s3, object, ownTarget, { size: found.size, signal });
}

function refused(message: string): Fault {
  return new Fault({ code: 'CFG_MOVE', category: 'permanent', reason: 'MoveRefused', message });
}

/** `done/a.csv` → `done/a-<hash of the upload's name>.csv`. */
function withUploadHash(key: string, uploadName: string): string {
  const hash = uploadName.slice(uploadName.lastIndexOf('-') + 1);
  const at = key.lastIndexOf('.');
  return at > key.lastIndexOf('/') + 1 ? `${key.slice(0, at)}-${hash}${key.slice(at)}` : `${key}-${hash}`;
}
