/**
 * Removes files that somebody asked for and nobody registered in time. The gateway's own record alone says which; all
 * gateways share the work.
 */
import { DEFAULT_NAMES } from '#api/defaults.ts';
import { jitter, sleep } from '#common/clock.ts';
import { Fault } from '#common/faults.ts';
import { claimLeftFiles, type FileRow, markRemoved } from '#ledger/gateway/files.ts';
import { readLedgerState } from '#ledger/migrate.ts';
import { Problem } from '#operator/gateway/http/problem.ts';
import type { GatewayDeps } from '#operator/gateway/model/types.ts';
import { withLedger } from './file-ledger.ts';
import { removeObject } from './remove-object.ts';
import { withStorage } from './storage.ts';

export type RemoveDeps = Pick<
  GatewayDeps,
  'config' | 'clusterId' | 'databases' | 'storage' | 'clock' | 'log' | 'metrics' | 'signal'
>;

const ROUND_MS = 300_000;
const BATCH = 20;

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
  let removed = 0;
  let failure: unknown;
  for (;;) {
    const files = await withLedger(deps, namespace, (client, scope) =>
      claimLeftFiles(client, { ...scope, limit: BATCH }),
    );
    for (const file of files) {
      if (signal.aborted) return removed;
      try {
        if (await removeOne(deps, namespace, file)) removed += 1;
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

async function removeOne(deps: RemoveDeps, namespace: string, file: FileRow): Promise<boolean> {
  const { id, bucket } = file;
  const isGone = await withStorage(deps, { namespace, bucket }, (storage) => removeObject(storage, file));
  if (!isGone) return false;
  // A gateway that took longer than its claim may have company.
  if (!(await withLedger(deps, namespace, (client, scope) => markRemoved(client, { ...scope, id })))) return false;
  deps.metrics.filesRemoved.inc();
  deps.log.info({ namespace, id, bucket }, 'removed a file that was never registered');
  return true;
}
