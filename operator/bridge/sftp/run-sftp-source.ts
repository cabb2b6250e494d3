/** One source of the kind sftp: watches its folder, fetches its files, hands them on, and puts them away. */
import type { S3Client } from '@aws-sdk/client-s3';
import { type Clock, systemClock } from '#common/clock.ts';
import { toFault } from '#common/faults.ts';
import type { Logger } from '#common/log.ts';
import type { ProcessResult } from '#kube/types.ts';
import { createWorkQueue } from '#kube/work-queue.ts';
import type { AdmitNotices, ObjectNotice } from '#operator/bridge/types.ts';
import type { RetryOptions } from '#s3/retry.ts';
import { type AfterFetch, finishRemoteFile } from './after-fetch.ts';
import { connectSftp, DEFAULT_LIMITS, type SftpLimits, type SftpSecret, type SftpServer } from './connect.ts';
import { createConnection } from './connection.ts';
import { SFTP_REASONS } from './fault.ts';
import { fetchFile, isObjectOf } from './fetch-file.ts';
import { type FileIdentity, identityHash, objectKey, sourcePrefix } from './file-identity.ts';
import { joinPath, type RemoteFileInfo } from './list-files.ts';
import { createObjectStore, type StoredObject } from './object-store.ts';
import type { PartBuffers } from './part-buffers.ts';
import type { StableFile } from './stable-files.ts';
import { createFolderWatch } from './watch-folder.ts';

/** What a source tells of itself. A key is a remote path; null is the source as a whole. */
export interface SftpStatus {
  /** A look into the folder has ended. */
  listed(time: Date): void;
  failing(key: string | null, reason: string, message: string): void;
  /** Looks succeed again. */
  recovered(): void;
  /** Left where it is, on purpose. */
  ignored(key: string, reason: string, message: string): void;
  /** Since the oldest file that is complete and not an upload yet was seen; 0 without one. */
  lag(seconds: number): void;
}

export interface SftpSourceOptions {
  namespace: string;
  /** Of the UploadSource. */
  name: string;
  server: SftpServer;
  directory: string;
  intervalSeconds: number;
  settleSeconds: number;
  afterFetch: AfterFetch;
  bucket: string;
  uploadPrefix: string;
  s3: S3Client;
  /** Asked for every new connection, so that a new password holds at once. @throws Fault CFG_SECRET */
  readSecret: (signal: AbortSignal) => Promise<SftpSecret>;
  admit: AdmitNotices;
  /** Why a file is not fetched at all: the filter, or no schema for it. Null: it is. */
  refuse?: (file: RemoteFileInfo, key: string) => { reason: string; message: string } | null;
  /** Of these keys, those that the ledger has an upload of; spares a HEAD for each file that is kept where it was. */
  knownKeys?: (keys: readonly string[], signal: AbortSignal) => Promise<ReadonlySet<string>>;
  status: SftpStatus;
  /** One for all sources of the process. */
  buffers: PartBuffers;
  log: Logger;
  clock?: Clock;
  random?: () => number;
  /** Files that are fetched at once; 2 when absent. */
  workers?: number;
  limits?: Partial<SftpLimits>;
  storageRetry?: Partial<Pick<RetryOptions, 'retrySeconds' | 'stallSeconds'>>;
}

interface Candidate {
  file: StableFile;
  identity: FileIdentity;
  key: string;
  /** Its upload is there, and only the remote file is to be put away. */
  handedOn: boolean;
}

const RETRY_FILE = { baseDelayMs: 5_000, maxDelayMs: 600_000 };
const LATER_MS = 10_000;
/** Older unfinished transfers of this source are nobody's any more: no file takes so long. */
const STALE_UPLOAD_MS = 3 * 24 * 3600 * 1000;

/** Works until the signal aborts, and never throws: what goes wrong is told by `status`. */
export async function runSftpSource(options: SftpSourceOptions, signal: AbortSignal): Promise<void> {
  const { server, directory, afterFetch, status, clock = systemClock, random } = options;
  const log = withFields(options.log, { namespace: options.namespace, source: options.name });
  const place = { uploadPrefix: options.uploadPrefix, namespace: options.namespace, source: options.name };
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const retry = { signal, retrySeconds: 120, stallSeconds: 30, ...options.storageRetry };
  const store = createObjectStore(options.s3, options.bucket, retry);
  const queue = createWorkQueue({ log, clock, ...RETRY_FILE, ...(random && { random }) });
  const candidates = new Map<string, Candidate>();
  await using connection = createConnection({
    ...{ signal, clock, ...(random && { random }) },
    connect: async () => connectSftp({ server, limits, signal, secret: await options.readSecret(signal) }),
  });
  const watch = createFolderWatch({
    ...{ directory, connection, clock, random },
    doneSuffix: afterFetch.action === 'Rename' ? afterFetch.suffix : undefined,
    intervalSeconds: options.intervalSeconds,
    settleSeconds: options.settleSeconds,
    isIdle: () => queue.active === 0 && queue.depth === 0,
    selectKnown,
    onFile,
    onLook,
    onUnusable: (name, message) => status.ignored(joinPath(directory, name), SFTP_REASONS.nameNotSupported, message),
    onFailing: ({ reason, message }) => {
      log.warn({ reason, message }, 'the remote folder cannot be looked into');
      status.failing(null, reason, message);
    },
    onRecovered: () => status.recovered(),
  });

  function candidateOf(file: StableFile): Candidate {
    const path = joinPath(directory, file.name);
    const { name, size, mtime } = file;
    const identity = { host: server.host, port: server.port, path, name, size, mtime };
    return { file, identity, key: objectKey(place, identity), handedOn: false };
  }

  async function selectKnown(files: StableFile[]): Promise<ReadonlySet<string>> {
    // Any other file is put away once it is an upload: there are few, and they are looked at one by one.
    if (afterFetch.action !== 'Keep' || !options.knownKeys) return new Set();
    const keys = new Map(files.map((file) => [candidateOf(file).key, file.name]));
    const known = await options.knownKeys([...keys.keys()], signal);
    return new Set([...known].flatMap((key) => keys.get(key) ?? []));
  }

  function onFile(file: StableFile): void {
    const before = candidates.get(file.name);
    if (before?.file.size === file.size && before.file.mtime === file.mtime) return;
    const candidate = candidateOf(file);
    const refused = options.refuse?.(file, candidate.key);
    if (refused) {
      status.ignored(candidate.identity.path, refused.reason, refused.message);
      watch.done(file);
      return;
    }
    candidates.set(file.name, candidate);
    queue.add(file.name);
  }

  function onLook(present: ReadonlySet<string>, at: number): void {
    for (const name of candidates.keys()) if (!present.has(name)) candidates.delete(name);
    status.listed(new Date(at));
    let oldest = at;
    for (const { file, handedOn } of candidates.values()) if (!handedOn) oldest = Math.min(oldest, file.since);
    status.lag(Math.max(0, (at - oldest) / 1000));
  }

  function finish(candidate: Candidate): void {
    watch.done(candidate.file);
    forget(candidate);
  }

  /** Unless a newer file of the same name has taken its place. */
  function forget({ file }: Candidate): void {
    if (candidates.get(file.name)?.file === file) candidates.delete(file.name);
  }

  async function process(name: string): Promise<ProcessResult> {
    const candidate = candidates.get(name);
    if (!candidate) return undefined;
    try {
      return await handle(candidate);
    } catch (error) {
      signal.throwIfAborted();
      const fault = toFault(error);
      status.failing(candidate.identity.path, fault.reason, fault.message);
      throw fault;
    }
  }

  async function handle(candidate: Candidate): Promise<ProcessResult> {
    const { identity, key, file } = candidate;
    if (!candidate.handedOn) {
      // Of a process that died before it handed the object on, or of a file that is kept.
      const before = await store.head(key);
      const object = before && isObjectOf(before, identity) ? before : await fetch(candidate, before !== null);
      if (object === null) {
        // The next look tells what is there now.
        forget(candidate);
        return undefined;
      }
      const [outcome] = await options.admit([toNotice(options.bucket, candidate, object)], signal);
      if (outcome!.kind === 'Later') return { requeueAfterMs: LATER_MS };
      if (outcome!.kind === 'Ignored') {
        status.ignored(identity.path, outcome!.reason, outcome!.message);
        finish(candidate);
        return undefined;
      }
      candidate.handedOn = true;
      log.info({ key, upload: outcome!.name, outcome: outcome!.kind }, 'remote file handed on');
    }
    const session = await connection.session(signal);
    const now = new Date(clock.now());
    const result = await finishRemoteFile(session, { directory, file, afterFetch, now });
    if (result.kind === 'Done') finish(candidate);
    else forget(candidate);
    return undefined;
  }

  async function fetch(candidate: Candidate, replace: boolean): Promise<StoredObject | null> {
    const { identity, key } = candidate;
    const started = clock.monotonic();
    const result = await fetchFile(
      {
        ...{ store, buffers: options.buffers, session: (either) => connection.session(either) },
        onResume: (fault, progress) =>
          log.warn({ key, reason: fault.reason, ...progress }, 'a transfer was cut and goes on'),
      },
      { identity, key, replace },
      signal,
    );
    if (result.kind === 'Changed') {
      log.info({ key }, 'remote file changed while it was fetched');
      return null;
    }
    const seconds = (clock.monotonic() - started) / 1000;
    log.info({ key, bytes: identity.size, seconds, sha256: result.sha256 }, 'remote file fetched');
    return result.object;
  }

  await Promise.all([
    watch.run(signal),
    queue.run({ workers: options.workers ?? 2, signal, process }),
    store
      .abortUnfinished({ prefix: sourcePrefix(place), olderThan: new Date(clock.now() - STALE_UPLOAD_MS) })
      .catch((error) => log.debug({ reason: toFault(error).reason }, 'old transfers could not be looked for')),
  ]);
}

function toNotice(bucket: string, { key, identity }: Candidate, object: StoredObject): ObjectNotice {
  const { versionId, eTag, size } = object;
  const event = { id: identityHash(identity), time: new Date(identity.mtime * 1000).toISOString() };
  return { bucket, key, versionId, eTag, size, sequencer: null, event };
}

function withFields(log: Logger, fields: object): Logger {
  return {
    debug: (more, message) => log.debug({ ...fields, ...more }, message),
    info: (more, message) => log.info({ ...fields, ...more }, message),
    warn: (more, message) => log.warn({ ...fields, ...more }, message),
    error: (more, message) => log.error({ ...fields, ...more }, message),
  };
}
