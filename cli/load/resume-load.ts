/** Goes on with a load that an earlier call began: the same content is required, wherever the file lies now. */
import type pg from 'pg';
import { Fault } from '#common/faults.ts';
import { readPendingRuns } from '#ledger/chunks/chunks.ts';
import { databaseFault } from '#ledger/connection/postgres.ts';
import type { PlannedUpload } from '#ledger/types.ts';
import { readContentKey } from '#ledger/uploads/claim-content.ts';
import { findRunningHolder } from '#ledger/uploads/find-unfinished-upload.ts';
import { retryWithoutCopy } from '#ledger/uploads/retry-upload.ts';
import type { RunnerDeps } from '#runner/deps.ts';
import { createContentDigest } from '#runner/storage/content-digest.ts';
import { readBlocks } from '#runner/storage/read-blocks.ts';
import { createRetryOptions } from '#runner/storage/retry-options.ts';
import type { FileLock } from './file-lock.ts';
import { LOCAL_CLUSTER } from './prepare-database.ts';
import type { LoadSource } from './source.ts';

/**
 * Compares the file with the one that was planned.
 * @returns the upload, which reads the file where it lies now.
 * @throws Fault (permanent) when the file has other content
 */
export async function resumeUpload(
  deps: RunnerDeps,
  upload: PlannedUpload,
  source: LoadSource,
): Promise<PlannedUpload> {
  const { store, session } = deps;
  const { plan, request } = upload;
  const retry = createRetryOptions(deps);
  const identity = await store.head(source.location, retry);
  const digest = createContentDigest(await session.run(readContentKey));
  for await (const piece of readBlocks(store, identity, { start: 0, end: identity.sizeBytes }, retry))
    digest.update(piece);
  if (digest.digest() !== plan.digest)
    throw cannotResume(
      { code: 'S3_PRECONDITION', reason: 'SourceChanged' },
      `${source.name} is not the file whose load was begun before and has not ended. The records that were loaded stay.`,
      `Call the same command again to load ${source.name} as it is now${upload.schema.primaryKey ? '' : ', which appends all of its records, also those that the other file had'}.`,
    );
  const { eTag, versionId } = identity;
  return { ...upload, request: { ...request, s3: source.location }, plan: { ...plan, eTag, versionId } };
}

/**
 * Opens another attempt, which makes the plain copy again, where chunks are left to load from a copy that is not in the
 * spool folder any more: another folder was named, or the folder has gone with its container.
 * @returns whether there is another attempt; false: the upload can go on.
 * @throws Fault (permanent) when the copy cannot be made again
 */
export async function renewLostCopy(deps: RunnerDeps, upload: PlannedUpload, source: LoadSource): Promise<boolean> {
  const { store, session } = deps;
  const { id, plan, schema } = upload;
  if (plan.work === null) return false;
  const chunks = { id, first: 0, end: plan.totalChunks };
  if ((await session.run((client) => readPendingRuns(client, chunks))).length === 0) return false;
  const { bucket, key } = plan.work;
  const copy = await store.head({ bucket, key }, createRetryOptions(deps)).catch(() => null);
  if (copy !== null) return false;
  const refusal = await session.run((client) => retryWithoutCopy(client, id));
  if (refusal === null) return true;
  throw cannotResume(
    { code: 'S3_COPY_GONE', reason: 'CopyGone' },
    `The plain copy that the interrupted load of ${source.name} made is not in the spool folder any more, and cannot be made again: ${refusal}. The records that were loaded stay.`,
    schema.primaryKey
      ? `Call the same command again to load ${source.name} from its start.`
      : `As the schema has no primaryKey, another load appends them again: remove the records of the upload ${id} from the table before.`,
  );
}

function cannotResume(of: Pick<Fault, 'code' | 'reason'>, what: string, next: string): Fault {
  return new Fault({ ...of, category: 'permanent', message: `${what} ${next}` });
}

/**
 * Finds the load of the same content for which an upload waits, and takes its lock.
 * @param lock keeps the lock.
 * @returns the id of that load; null when a process still runs that load, or a cluster does.
 */
export async function takeOverHolder(client: pg.Client, lock: FileLock, id: string): Promise<string | null> {
  const holder = await findRunningHolder(client, { id, clusterId: LOCAL_CLUSTER });
  if (holder === null) return null;
  const isLocked = await lock.tryLock({ ...holder, clusterId: LOCAL_CLUSTER }).catch((error) => {
    throw databaseFault(error);
  });
  return isLocked ? holder.id : null;
}
