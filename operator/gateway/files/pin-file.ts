/** A file that was asked for and put, as an upload is pinned to it. */
import { Problem } from '#operator/gateway/http/problem.ts';
import type { GatewayDeps, Identity } from '#operator/gateway/model/types.ts';

export interface PinnedFile {
  id: string;
  bucket: string;
  key: string;
  fileName: string;
  size: number;
  /** Null in a bucket without versions. */
  versionId: string | null;
  eTag: string;
}

/** @throws Problem when the sender has no such file, or the object is not what was declared */
export async function pinFile(
  _deps: GatewayDeps,
  { id }: { namespace: string; id: string; identity: Identity; scope?: 'All' | 'Own'; eTag?: string | undefined },
): Promise<PinnedFile> {
  throw new Problem('unprocessable', { detail: `There is no file ${id}.` });
}

/** Keeps the file from being removed. A repetition for the same upload changes nothing. @throws Problem */
export async function markRegistered(
  _deps: GatewayDeps,
  { id }: { namespace: string; id: string; uploadName: string },
): Promise<void> {
  throw new Problem('unprocessable', { detail: `There is no file ${id}.` });
}
