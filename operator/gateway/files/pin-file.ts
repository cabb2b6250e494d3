/** What a registration needs of a file: exactly which object is loaded, and that the object stays. */
import type { ClientBase } from 'pg';
import { type FileRef, type FileRow, findFile } from '#ledger/gateway/files.ts';
import {
  confirmUpload,
  type HeldUntil,
  type Hold,
  holdFile,
  registerFile,
  releaseHold,
  unregisterFile,
} from '#ledger/gateway/registrations.ts';
import { Problem } from '#operator/gateway/http/problem.ts';
import { type LedgerDeps, withLedger } from '#operator/gateway/http/with-ledger.ts';
import type { Identity } from '#operator/gateway/model/types.ts';
import { bareTag } from '#s3/call-storage.ts';
import { checkObject } from './check-object.ts';
import { assertOpen, findOwnFile } from './file-ledger.ts';
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
  const held = await hold(deps, namespace, file);
  try {
    return await pin(deps, namespace, file, eTag);
  } catch (error) {
    await release(deps, { namespace, id, hold: held });
    throw error;
  }
}

/** Keeps the file from being removed while `work` runs. @throws Problem conflict when it is being removed, and what `work` throws */
export async function whileHeld<T>(
  deps: LedgerDeps,
  { namespace, file }: { namespace: string; file: FileRow },
  work: () => Promise<T>,
): Promise<T> {
  const held = await hold(deps, namespace, file);
  try {
    return await work();
  } finally {
    await release(deps, { namespace, id: file.id, hold: held });
  }
}

function hold(deps: LedgerDeps, namespace: string, { id }: FileRow): Promise<Hold> {
  return change(deps, { namespace, id }, holdFile);
}

/** The sender may delete the file then, without waiting for the end of the hold. */
async function release(
  deps: LedgerDeps,
  { namespace, ...held }: { namespace: string; id: string; hold: Hold },
): Promise<void> {
  await withLedger(deps, namespace, (client, scope) => releaseHold(client, { ...scope, ...held })).catch(
    () => undefined,
  );
}

async function pin(deps: StorageDeps, namespace: string, file: FileRow, eTag: string | undefined): Promise<PinnedFile> {
  const { id, bucket, key, fileName } = file;
  const version = await withStorage(deps, { namespace, bucket }, (storage) => checkObject(storage, file));
  if (eTag !== undefined && bareTag(eTag) !== version.eTag) {
    throw new Problem('conflict', {
      detail: `The object of the file ${id} has the ETag ${version.eTag}, and not ${bareTag(eTag)}: it was put again. Ask for a new place, put the file there and register that.`,
    });
  }
  return { id, bucket, key, fileName, ...version };
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
 * name is no conflict. The caller makes the upload, and then calls {@link confirmMade} or {@link unmark}.
 * @returns what {@link unmark} needs to know of this registration.
 * @throws Problem conflict when another upload loads the file, or when the file is being removed
 */
export async function markRegistered(
  deps: LedgerDeps,
  { namespace, id, uploadName }: FileUpload,
): Promise<{ until: HeldUntil }> {
  const until = await change(deps, { namespace, id }, (client, ref) => registerFile(client, { ...ref, uploadName }));
  return { until };
}

/**
 * Records that the upload of {@link markRegistered} is there.
 * @returns false when the file was given up or removed meanwhile, because the upload took longer than the hold.
 * @throws Problem unavailable
 */
export function confirmMade(deps: LedgerDeps, { namespace, id, uploadName }: FileUpload): Promise<boolean> {
  return withLedger(deps, namespace, (client, scope) => confirmUpload(client, { ...scope, id, uploadName }));
}

/** Takes {@link markRegistered} back, for an upload that was not made. @throws Problem unavailable */
export function unmark(deps: LedgerDeps, { namespace, ...file }: FileUpload & { until: HeldUntil }): Promise<void> {
  return withLedger(deps, namespace, (client, scope) => unregisterFile(client, { ...scope, ...file }));
}

/** Changes a file that must be open. @throws Problem that says why the file is not, when the step gives null */
async function change<T>(
  deps: LedgerDeps,
  { namespace, id }: { namespace: string; id: string },
  step: (client: ClientBase, ref: FileRef) => Promise<T | null>,
): Promise<T> {
  const { result, file } = await withLedger(deps, namespace, async (client, scope) => {
    const ref = { ...scope, id };
    const result = await step(client, ref);
    return { result, file: result === null ? await findFile(client, ref) : undefined };
  });
  if (result !== null) return result;
  if (file === undefined) throw new Problem('not-found', { detail: `There is no file ${id} in ${namespace}.` });
  assertOpen(file);
  throw new Problem('conflict', { detail: `The file ${id} has just been changed. Send the request again.` });
}
