/** Looks at a file whose turn it is: it may have waited for days, and spec and storage may have changed meanwhile. */
import type { IgnoredReason } from '#api/upload-source-conditions.ts';
import type { UploadSource } from '#kube/custom-resources.ts';
import type { WaitingFile } from '#ledger/types.ts';
import type { NewArrival } from '#operator/bridge/admission/arrivals.ts';
import type { ObjectRules } from '#operator/bridge/admission/object-rules.ts';
import { uploadName } from '#operator/bridge/admission/upload-name.ts';
import type { ObjectVersion } from '#operator/bridge/storage/storage-calls.ts';
import { toNewArrival } from './waiting-line.ts';

export interface PrepareTurnDeps {
  source: UploadSource;
  objectRules: ObjectRules;
  /** Finds the latest version where `versionId` is null. Null when the object does not exist. @throws Fault */
  head(place: { key: string; versionId: string | null }, signal: AbortSignal): Promise<ObjectVersion | null>;
}

export type PreparedTurn =
  | { kind: 'Create'; file: NewArrival }
  /** The file as it was noted is not loaded. `instead`: the file that waits in its place, or null. */
  | {
      kind: 'Drop';
      file: NewArrival;
      why: { reason: IgnoredReason; message: string };
      instead: NewArrival | null;
    };

/** @throws Fault */
export async function prepareTurn(
  { source, objectRules, head }: PrepareTurnDeps,
  waiting: WaitingFile,
  signal: AbortSignal,
): Promise<PreparedTurn> {
  const file = toNewArrival(waiting);
  const { bucket, key, version } = file;
  const drop = (why: { reason: IgnoredReason; message: string }, instead: NewArrival | null = null): PreparedTurn => ({
    kind: 'Drop',
    file,
    why,
    instead,
  });
  const judgement = objectRules.judge({ bucket, key });
  if (!judgement.accepted) return drop(judgement);
  const refusal = objectRules.judgeSize(version.size);
  if (refusal !== null) return drop(refusal);
  const { schemaName } = judgement;
  if (schemaName !== file.schemaName) {
    const name = uploadName(source.metadata.name, { schemaName, bucket, key, version });
    const message = `While the file waited, spec.schemas has changed: the file is loaded with the RecordSchema ${schemaName}.`;
    return drop({ reason: 'Replaced', message }, { ...file, name, schemaName });
  }
  // A bucket with versions may still have the version that was noted, behind a newer one or a delete marker.
  const present = await head({ key, versionId: null }, signal);
  if (present === null) {
    const message = 'The object was deleted while it waited. Put it into the bucket again to load it.';
    return drop({ reason: 'ObjectNotFound', message });
  }
  if (!isSame(present, version)) {
    const message = 'The object was replaced while it waited. Only the newer content is loaded, when it is its turn.';
    return drop({ reason: 'Replaced', message });
  }
  return { kind: 'Create', file };
}

function isSame(a: ObjectVersion, b: ObjectVersion): boolean {
  return a.versionId === b.versionId && a.eTag === b.eTag && a.size === b.size && a.lastModified === b.lastModified;
}
