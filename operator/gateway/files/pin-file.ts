/** What a registration needs of a file: exactly which object is loaded, and that the object stays. */
import {
  confirmUpload,
  type FileRow,
  findFile,
  holdFile,
  registerFile,
  releaseHold,
  unregisterFile,
} from '#ledger/gateway/files.ts';
import { Problem } from '#operator/gateway/http/problem.ts';
import type { Identity } from '#operator/gateway/model/types.ts';
import { bareTag } from '#s3/call-storage.ts';
import { checkObject } from './check-object.ts';
import { assertOpen, findOwnFile, type LedgerDeps, withLedger } from './file-ledger.ts';
import { type StorageDeps, withStorage } from './storage.ts';

export interface PinnedFile {
  id: string;
  bucket: string;
  key: string;
  fileName: string;
  /** Bytes. */
  size: number;
  /** Null in a bucket without versions. */
  versionId: string | null;
  /** Without quotes. */
  eTag: string;
}

type FileDeps = LedgerDeps & StorageDeps;

/**
 * Finds the version of the object that a registration is to load, and keeps the file from being removed for a quarter of
 * an hour: time enough to record the registration by {@link markRegistered}, before the resource is made.
 * @param request.scope has no meaning here: only the user that asked for the place may have the file loaded.
 * @param request.eTag the ETag that the sender got for what was put; absent: whatever fits the declaration is pinned.
 * @throws Problem not-found, conflict (what differs from the declaration, and what to do), unavailable
 */
export async function pinFile(
  deps: FileDeps,
  request: {
    namespace: string;
    id: string;
    identity: Pick<Identity, 'user'>;
    scope?: 'All' | 'Own';
    eTag?: string | undefined;
  },
): Promise<PinnedFile> {
  const { namespace, id, eTag } = request;
  const file = await findOwnFile(deps, request);
  await hold(deps, namespace, file);
  try {
    return await pin(deps, namespace, file, eTag);
  } catch (error) {
    await release(deps, namespace, id);
    throw error;
  }
}

/** Keeps the file from being removed while `work` runs. @throws Problem conflict when it is being removed, and what `work` throws */
export async function whileHeld<T>(
  deps: LedgerDeps,
  { namespace, file }: { namespace: string; file: FileRow },
  work: () => Promise<T>,
): Promise<T> {
  await hold(deps, namespace, file);
  try {
    return await work();
  } finally {
    await release(deps, namespace, file.id);
  }
}

async function hold(deps: LedgerDeps, namespace: string, file: FileRow): Promise<void> {
  const { id, state } = file;
  const isHeld = await withLedger(deps, namespace, (client, scope) => holdFile(client, { ...scope, id }));
  // The state may have changed since the file was found.
  if (!isHeld) assertOpen({ ...file, state: state === 'Open' ? 'Removed' : state });
}

/** The sender may delete the file then, without waiting for the end of the hold. */
async function release(deps: LedgerDeps, namespace: string, id: string): Promise<void> {
  await withLedger(deps, namespace, (client, scope) => releaseHold(client, { ...scope, id })).catch(() => undefined);
}

async function pin(deps: StorageDeps, namespace: string, file: FileRow, eTag: string | undefined): Promise<PinnedFile> {
  const { id, bucket, key, fileName, size } = file;
  const version = await withStorage(deps, { namespace, bucket }, (storage) => checkObject(storage, file));
  if (eTag !== undefined && bareTag(eTag) !== version.eTag) {
    throw new Problem('conflict', {
      detail: `The object of the file ${id} has the ETag ${version.eTag}, and not ${bareTag(eTag)}: it was put again. Ask for a new place, put the file there and register that.`,
    });
  }
  return { id, bucket, key, fileName, size, ...version };
}

/** A file, and the upload that loads it. */
export interface FileUpload {
  namespace: string;
  /** The file's. */
  id: string;
  uploadName: string;
}

/**
 * Records that an upload is made for the file, so that the gateway does not remove the object. A repetition with the same
 * name changes nothing. The caller makes the upload, and then calls {@link confirmMade} or {@link unmark}.
 * @throws Problem conflict when another upload loads the file, or when the file is being removed
 */
export async function markRegistered(deps: LedgerDeps, { namespace, id, uploadName }: FileUpload): Promise<void> {
  const file = await withLedger(deps, namespace, async (client, scope) => {
    if (await registerFile(client, { ...scope, id, uploadName })) return null;
    return (await findFile(client, { ...scope, id })) ?? undefined;
  });
  if (file === null) return;
  if (file === undefined) throw new Problem('not-found', { detail: `There is no file ${id} in ${namespace}.` });
  assertOpen(file);
  throw new Problem('conflict', { detail: `The file ${id} has just been changed. Send the request again.` });
}

/** Records that the upload of {@link markRegistered} is there. @throws Problem unavailable */
export function confirmMade(deps: LedgerDeps, { namespace, ...file }: FileUpload): Promise<void> {
  return withLedger(deps, namespace, (client, scope) => confirmUpload(client, { ...scope, ...file }));
}

/** Takes {@link markRegistered} back, for an upload that was not made. @throws Problem unavailable */
export function unmark(deps: LedgerDeps, { namespace, ...file }: FileUpload): Promise<void> {
  return withLedger(deps, namespace, (client, scope) => unregisterFile(client, { ...scope, ...file }));
}
