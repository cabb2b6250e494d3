/** Goes on with a load that an earlier call began: the same content is required, wherever the file lies now. */
import type pg from 'pg';
import { Fault } from '#common/faults.ts';
import { readPendingRuns } from '#ledger/chunks/chunks.ts';
import { databaseFault } from '#ledger/connection/postgres.ts';
import type { PlannedUpload } from '#ledger/types.ts';
import { readContentKey } from '#ledger/uploads/claim-content.ts';
import { findRunningHolder } from '#ledger/uploads/find-unfinished-upload.ts';
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
 * @throws Fault (permanent) when the file has other content, or the plain copy is missing from which chunks are left to load
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
      `${source.name} is not the file whose load was begun before and has not ended.`,
      `load ${source.name} as it is now${upload.schema.primaryKey ? '' : ', which appends all of its records, also those that the other file had'}`,
    );
  const chunks = { id: upload.id, first: 0, end: plan.totalChunks };
  const isLoading = upload.status === 'Processing';
  const pending = isLoading ? await session.run((client) => readPendingRuns(client, chunks)) : [];
  if (plan.work && pending.length > 0)
    await store.head({ bucket: plan.work.bucket, key: plan.work.key }, retry).catch(() => {
      throw cannotResume(
        `The plain copy that the interrupted load of ${source.name} made is not in the spool folder any more.`,
        `load ${source.name} from its start`,
      );
    });
  const { eTag, versionId } = identity;
  return { ...upload, request: { ...request, s3: source.location }, plan: { ...plan, eTag, versionId } };
}

function cannotResume(what: string, next: string): Fault {
  return new Fault({
    code: 'S3_PRECONDITION',
    category: 'permanent',
    reason: 'SourceChanged',
    message: `${what} The records that were loaded stay. Call the same command again to ${next}.`,
  });
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
