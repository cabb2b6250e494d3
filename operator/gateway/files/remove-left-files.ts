/**
 * Removes files that somebody asked for and nobody registered in time. The gateway's own record alone says which; all
 * gateways share the work.
 */
import { DEFAULT_NAMES } from '#api/defaults.ts';
import { jitter, sleep } from '#common/clock.ts';
import { Fault } from '#common/faults.ts';
import { BATCH_UPLOADS } from '#kube/custom-resources.ts';
import { claimLeftFiles, type FileRow, markRemoved, registerClaimed, renewClaim } from '#ledger/gateway/files.ts';
import { findUnmade } from '#ledger/gateway/registrations.ts';
import { readLedgerState } from '#ledger/migrate.ts';
import { Problem } from '#operator/gateway/http/problem.ts';
import { withLedger } from '#operator/gateway/http/with-ledger.ts';
import type { GatewayDeps } from '#operator/gateway/model/types.ts';
import { confirmMade, unmark } from './pin-file.ts';
import { removeObject } from './remove-object.ts';
import { withStorage } from './storage.ts';

export type RemoveDeps = Pick<
  GatewayDeps,
  'config' | 'client' | 'clusterId' | 'uploads' | 'databases' | 'storage' | 'clock' | 'log' | 'metrics' | 'signal'
>;

const ROUND_MS = 300_000;
const BATCH = 20;
const CALL_MS = 15_000;

/** Runs until the signal aborts; never throws. */
export async function removeLeftFiles(deps: RemoveDeps, signal: AbortSignal): Promise<void> {
  const { config, clock, log } = deps;
  /** By namespace, what was logged last: a database that stays away is told once. */
  const told = new Map<string, string>();
  while (!signal.aborted) {
    await sleep(clock, jitter(ROUND_MS, 0.2), signal);
    for (const namespace of config.namespaces) {
      if (signal.aborted) return;
      try {
        await removeLeftFilesOf(deps, namespace);
        told.delete(namespace);
      } catch (err) {
        const message = (err as Error).message;
        if (told.get(namespace) !== message) log.warn({ err, namespace }, 'files that are left could not be removed');
        told.set(namespace, message);
      }
    }
  }
}

/**
 * @returns the number of files that were removed
 * @throws Problem, Fault, KubeError; the files that could be removed are removed even then
 */
export async function removeLeftFilesOf(deps: RemoveDeps, namespace: string): Promise<number> {
  const { databases, signal } = deps;
  const database = await databases.open({ namespace, name: DEFAULT_NAMES.databaseSecret });
  // Without a ledger nobody has asked for a file; a namespace that has no uploads gets none for that.
  if ((await database.run(readLedgerState, { isVisit: true })) !== 'current') return 0;
  await settleUnmade(deps, namespace);
  let removed = 0;
  let failure: unknown;
  for (;;) {
    const files = await withLedger(deps, namespace, (client, scope) =>
      claimLeftFiles(client, { ...scope, limit: BATCH }),
    );
    const loads = findLoads(deps.uploads, { namespace, files });
    for (const file of files) {
      if (signal.aborted) return removed;
      try {
        if (await removeOne(deps, { namespace, file, uploadName: loads.get(placeOf(file)) })) removed += 1;
      } catch (error) {
        // One object that cannot be deleted must not keep the others; a storage that is away keeps them all.
        failure ??= error;
        if (isPassing(error)) throw error;
      }
    }
    if (files.length === BATCH) continue;
    if (failure !== undefined) throw failure;
    return removed;
  }
}

const isPassing = (error: unknown) =>
  !(error instanceof Problem) || (error.cause instanceof Fault && error.cause.category === 'retryable');

/**
 * Finds out what became of registrations that did not come to their end: a file whose upload is there stays registered, and
 * one whose upload was never made can be registered again.
 */
async function settleUnmade(deps: RemoveDeps, namespace: string): Promise<void> {
  for (;;) {
    const files = await withLedger(deps, namespace, (client, scope) => findUnmade(client, { ...scope, limit: BATCH }));
    for (const { id, bucket, key, uploadName, until } of files) {
      const upload = await deps.client.find(BATCH_UPLOADS, { namespace, name: uploadName }, { timeoutMs: CALL_MS });
      const isMade = upload !== undefined && placeOf(upload.spec.source.s3) === placeOf({ bucket, key });
      if (isMade) await confirmMade(deps, { namespace, id, uploadName });
      else await unmark(deps, { namespace, id, uploadName, until });
    }
    if (files.length < BATCH || deps.signal.aborted) return;
  }
}

/**
 * Finds the uploads of the cluster that load one of these files, by the file's place. Somebody may have made such an upload
 * by hand, and in another namespace, which may have the same bucket.
 */
function findLoads(
  uploads: RemoveDeps['uploads'],
  { namespace, files }: { namespace: string; files: readonly FileRow[] },
): Map<string, string> {
  const places = new Set(files.map(placeOf));
  const loads = new Map<string, string>();
  if (places.size === 0) return loads;
  for (const { metadata, spec } of uploads.values()) {
    const place = placeOf(spec.source.s3);
    if (!places.has(place)) continue;
    const { name } = metadata;
    loads.set(place, metadata.namespace === namespace ? name : `${metadata.namespace}/${name}`);
  }
  return loads;
}

const placeOf = ({ bucket, key }: { bucket: string; key: string }) => `${bucket}/${key}`;

/** @param uploadName of the upload that loads the file without having registered it, if there is one. */
async function removeOne(
  deps: RemoveDeps,
  { namespace, file, uploadName }: { namespace: string; file: FileRow; uploadName: string | undefined },
): Promise<boolean> {
  const { id, bucket } = file;
  const isOurs = await withLedger(deps, namespace, async (client, scope) => {
    const ref = { ...scope, id };
    if (uploadName !== undefined && (await registerClaimed(client, { ...ref, uploadName }))) return false;
    // The files before this one may have taken so long that another gateway has found an upload of this one.
    return renewClaim(client, ref);
  });
  if (!isOurs) return false;
  const isGone = await withStorage(deps, { namespace, bucket }, (storage) => removeObject(storage, file));
  if (!isGone) return false;
  // A gateway that took longer than its claim may have company.
  if (!(await withLedger(deps, namespace, (client, scope) => markRemoved(client, { ...scope, id })))) return false;
  deps.metrics.filesRemoved.inc();
  deps.log.info({ namespace, id, bucket }, 'removed a file that was never registered');
  return true;
}
