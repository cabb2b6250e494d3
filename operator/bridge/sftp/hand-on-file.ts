/** Makes one remote file an upload: fetches it, hands its object on, and then does what `afterFetch` asks for. */
import type { Clock } from '#common/clock.ts';
import type { Fault } from '#common/faults.ts';
import type { Logger } from '#common/log.ts';
import type { AdmitNotices, ObjectNotice } from '#operator/bridge/model/types.ts';
import { type AfterFetch, finishRemoteFile } from './after-fetch.ts';
import type { Connection } from './connection.ts';
import { fetchFile, isObjectOf } from './fetch-file.ts';
import { type FileIdentity, identityHash } from './file-identity.ts';
import type { BucketObject, ObjectStore } from './object-store.ts';
import type { PartBuffers } from './part-buffers.ts';
import type { StableFile } from './stable-files.ts';

export interface Candidate {
  file: StableFile;
  identity: FileIdentity;
  key: string;
  /** True once the file's upload exists: only `afterFetch` is left to do. `handOnFile` sets it. */
  handedOn: boolean;
}

export interface HandOnDeps {
  directory: string;
  afterFetch: AfterFetch;
  store: ObjectStore;
  buffers: PartBuffers;
  connection: Connection;
  admit: AdmitNotices;
  /** Called for a file that is left where it is on purpose. */
  onIgnored: (path: string, reason: string, message: string) => void;
  log: Logger;
  clock: Clock;
}

export type HandOnResult =
  /** Nothing is left to do for the file as it is. */
  | 'Done'
  /** The remote file is missing, or it is not the one that was listed: the next look finds what is there now. */
  | 'Changed'
  /** The object is in the storage, and cannot be admitted yet. */
  | 'Later';

/** After a fault the next call goes on with the step that failed. @throws Fault SFTP_*, S3_* */
export async function handOnFile(deps: HandOnDeps, candidate: Candidate, signal: AbortSignal): Promise<HandOnResult> {
  const { directory, afterFetch, connection, clock } = deps;
  if (!candidate.handedOn) {
    const result = await makeUpload(deps, candidate, signal);
    if (result !== 'HandedOn') return result;
  }
  const session = await connection.session(signal);
  const now = new Date(clock.now());
  const { kind } = await finishRemoteFile(session, { directory, file: candidate.file, afterFetch, now });
  return kind;
}

async function makeUpload(
  deps: HandOnDeps,
  candidate: Candidate,
  signal: AbortSignal,
): Promise<HandOnResult | 'HandedOn'> {
  const { store, admit, onIgnored, log } = deps;
  const { identity, key } = candidate;
  // An object of this file exists if the file is kept, or if a process died before it handed the object on.
  const before = await store.head(key);
  const object =
    before && isObjectOf(before, identity) ? before : await fetch(deps, candidate, before !== null, signal);
  if (object === null) return 'Changed';
  const [outcome] = await admit([toNotice(store.bucket, candidate, object)], signal);
  if (outcome!.kind === 'Later') return 'Later';
  if (outcome!.kind === 'Ignored') {
    onIgnored(identity.path, outcome!.reason, outcome!.message);
    return 'Done';
  }
  candidate.handedOn = true;
  log.info({ key, upload: outcome!.name, outcome: outcome!.kind }, 'remote file handed on');
  return 'HandedOn';
}

/** @returns null when the remote file changed meanwhile */
async function fetch(
  { store, buffers, connection, log, clock }: HandOnDeps,
  { identity, key }: Candidate,
  replace: boolean,
  signal: AbortSignal,
): Promise<BucketObject | null> {
  const started = clock.monotonic();
  const session = (either: AbortSignal) => connection.session(either);
  const onResume = (fault: Fault, progress: { parts: number; ofParts: number }) =>
    log.warn({ key, reason: fault.reason, ...progress }, 'a transfer was cut and goes on');
  const result = await fetchFile({ store, buffers, session, onResume }, { identity, key, replace }, signal);
  if (result.kind === 'Changed') {
    log.info({ key }, 'remote file changed while it was fetched');
    return null;
  }
  const seconds = (clock.monotonic() - started) / 1000;
  log.info({ key, bytes: identity.size, seconds, sha256: result.sha256 }, 'remote file fetched');
  return result.object;
}

function toNotice(bucket: string, { key, identity }: Candidate, object: BucketObject): ObjectNotice {
  const { versionId, eTag, size } = object;
  const event = { id: identityHash(identity), time: new Date(identity.mtime * 1000).toISOString() };
  return { bucket, key, versionId, eTag, size, sequencer: null, event };
}
