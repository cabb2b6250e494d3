/** One UploadSource of the kind sftp: watches its remote folder, and makes an upload of each file. */
import type { S3Client } from '@aws-sdk/client-s3';
import { type Clock, systemClock } from '#common/clock.ts';
import { toFault } from '#common/faults.ts';
import type { Logger } from '#common/log.ts';
import type { ProcessResult, WorkQueue } from '#kube/types.ts';
import { createWorkQueue } from '#kube/work-queue.ts';
import type { FilePosition } from '#ledger/types.ts';
import { earlier } from '#operator/bridge/model/file-position.ts';
import type { AdmitNotices } from '#operator/bridge/model/types.ts';
import type { RetryOptions } from '#s3/retry.ts';
import type { AfterFetch } from './after-fetch.ts';
import { connectSftp, DEFAULT_LIMITS, type SftpLimits, type SftpSecret, type SftpServer } from './connect.ts';
import { type Connection, createConnection } from './connection.ts';
import { SFTP_REASONS } from './fault.ts';
import { keyName, objectKey, sourcePrefix, type TargetPlace } from './file-identity.ts';
import { type Candidate, type HandOnDeps, handOnFile } from './hand-on-file.ts';
import { joinPath, type RemoteFileInfo } from './list-files.ts';
import { createObjectStore, type ObjectStore } from './object-store.ts';
import type { PartBuffers } from './part-buffers.ts';
import type { StableFile } from './stable-files.ts';
import { createFolderWatch, type FolderWatch } from './watch-folder.ts';

/** Reports of an UploadSource about itself. A key is a remote path, or null for the UploadSource as a whole. */
export interface SftpStatus {
  /** The folder was listed to its end. */
  listed(time: Date): void;
  failing(key: string | null, reason: string, message: string): void;
  /** The folder can be listed again after a failure. */
  recovered(): void;
  /** The file is left where it is on purpose. */
  ignored(key: string, reason: string, message: string): void;
  /** Seconds since the oldest file that is no upload yet was first seen complete; 0 when there is no such file. */
  lag(seconds: number): void;
}

export interface SftpSourceOptions {
  namespace: string;
  /** Name of the UploadSource. */
  name: string;
  server: SftpServer;
  directory: string;
  intervalSeconds: number;
  settleSeconds: number;
  afterFetch: AfterFetch;
  bucket: string;
  uploadPrefix: string;
  s3: S3Client;
  /** Called for every new connection, so that a new password is used at once. @throws Fault CFG_SECRET */
  readSecret: (signal: AbortSignal) => Promise<SftpSecret>;
  admit: AdmitNotices;
  /** Why a file is not fetched at all (the filter, or a missing schema), or null when it is fetched. */
  refuse?: (file: RemoteFileInfo, key: string) => { reason: string; message: string } | null;
  /** Selects the keys that have an upload in the ledger; spares a HEAD for each file that is kept in the folder. */
  knownKeys?: (keys: readonly string[], signal: AbortSignal) => Promise<ReadonlySet<string>>;
  /**
   * Called with a function that finds the first file, by time of change and name, that is not handed on yet; with null
   * while the folder is not known. Called again when that may have changed.
   */
  onUnhandled?: (find: (() => FilePosition | null) | null) => void;
  status: SftpStatus;
  /** All UploadSources of the process share these. */
  buffers: PartBuffers;
  log: Logger;
  clock?: Clock;
  random?: () => number;
  /** Files that are fetched at once; 2 when absent. */
  workers?: number;
  limits?: Partial<SftpLimits>;
  storageRetry?: Partial<Pick<RetryOptions, 'retrySeconds' | 'stallSeconds'>>;
}

const RETRY_FILE = { baseDelayMs: 5_000, maxDelayMs: 600_000 };
const LATER_MS = 10_000;
/** An older unfinished transfer of this UploadSource has been abandoned: no file takes so long. */
const STALE_UPLOAD_MS = 3 * 24 * 3600 * 1000;

/** Works until the signal aborts, and never throws: failures are reported by `status`. */
export async function runSftpSource(options: SftpSourceOptions, signal: AbortSignal): Promise<void> {
  await new SftpSource(options, signal).run();
}

/**
 * | a file of the folder | state | next |
 * |---|---|---|
 * | stable | in `#candidates` and `#queue` | done in `#watch`, when it was handed on or ignored |
 * | changed or missing | in neither; the folder is not known | the next look finds the new version |
 */
class SftpSource {
  readonly #options: SftpSourceOptions;
  readonly #signal: AbortSignal;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #place: TargetPlace;
  readonly #store: ObjectStore;
  readonly #connection: Connection;
  readonly #queue: WorkQueue;
  readonly #watch: FolderWatch;
  readonly #handOnDeps: HandOnDeps;
  /** The newest version of each file that is not done, by name. */
  readonly #candidates = new Map<string, Candidate>();
  /** The files of the last look that are not stable yet; null while the folder is not known. */
  #unstable: readonly RemoteFileInfo[] | null = null;
  /** Did a file turn out to be another one since the present look began? Then this look may not have seen the new one. */
  #hasChanged = false;

  constructor(options: SftpSourceOptions, signal: AbortSignal) {
    const { namespace, name, server, uploadPrefix, clock = systemClock, random } = options;
    this.#options = options;
    this.#signal = signal;
    this.#clock = clock;
    this.#log = withFields(options.log, { namespace, source: name });
    this.#place = { uploadPrefix, namespace, source: name };
    const retry = { signal, retrySeconds: 120, stallSeconds: 30, ...options.storageRetry };
    this.#store = createObjectStore(options.s3, options.bucket, retry);
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    const connect = async () => connectSftp({ server, limits, signal, secret: await options.readSecret(signal) });
    this.#connection = createConnection({ connect, signal, clock, random });
    this.#queue = createWorkQueue({ log: this.#log, clock, random, ...RETRY_FILE });
    this.#watch = this.#createWatch();
    const { directory, afterFetch, buffers, admit, status } = options;
    this.#handOnDeps = {
      directory,
      afterFetch,
      store: this.#store,
      buffers,
      connection: this.#connection,
      admit,
      onIgnored: (path, reason, message) => status.ignored(path, reason, message),
      log: this.#log,
      clock,
    };
  }

  async run(): Promise<void> {
    await using _ = this.#connection;
    this.#announceUnhandled();
    const { workers = 2 } = this.#options;
    await Promise.all([
      this.#watch.run(this.#signal),
      this.#queue.run({ workers, signal: this.#signal, process: (name) => this.#process(name) }),
      this.#abortStaleTransfers(),
    ]);
  }

  #createWatch(): FolderWatch {
    const { directory, afterFetch, intervalSeconds, settleSeconds, status, random } = this.#options;
    return createFolderWatch({
      directory,
      doneSuffix: afterFetch.action === 'Rename' ? afterFetch.suffix : undefined,
      intervalSeconds,
      settleSeconds,
      connection: this.#connection,
      clock: this.#clock,
      random,
      isIdle: () => this.#queue.active === 0 && this.#queue.depth === 0,
      selectKnown: (files) => this.#selectKnown(files),
      onFile: (file) => this.#add(file),
      onLookStart: () => {
        this.#hasChanged = false;
        this.#setUnstable(null);
      },
      onLook: (present, at, unstable) => this.#endLook(present, at, unstable),
      onUnusable: (name, message) => status.ignored(joinPath(directory, name), SFTP_REASONS.nameNotSupported, message),
      onFailing: ({ reason, message }) => {
        this.#log.warn({ reason, message }, 'the remote folder cannot be looked into');
        status.failing(null, reason, message);
      },
      onRecovered: () => status.recovered(),
    });
  }

  #candidateOf(file: StableFile): Candidate {
    const { server, directory } = this.#options;
    const { name, size, mtime } = file;
    const identity = { host: server.host, port: server.port, path: joinPath(directory, name), name, size, mtime };
    return { file, identity, key: objectKey(this.#place, identity), handedOn: false };
  }

  async #selectKnown(files: StableFile[]): Promise<ReadonlySet<string>> {
    const { afterFetch, knownKeys } = this.#options;
    // Under every other action the folder holds few files that are uploads already: they are checked one by one.
    if (afterFetch.action !== 'Keep' || !knownKeys) return new Set();
    const nameOfKey = new Map(files.map((file) => [this.#candidateOf(file).key, file.name]));
    const known = await knownKeys([...nameOfKey.keys()], this.#signal);
    return new Set([...known].flatMap((key) => nameOfKey.get(key) ?? []));
  }

  #add(file: StableFile): void {
    const before = this.#candidates.get(file.name);
    if (before?.file.size === file.size && before.file.mtime === file.mtime) return;
    const candidate = this.#candidateOf(file);
    const refused = this.#options.refuse?.(file, candidate.key);
    if (refused) {
      this.#options.status.ignored(candidate.identity.path, refused.reason, refused.message);
      this.#watch.done(file);
      return;
    }
    this.#candidates.set(file.name, candidate);
    this.#queue.add(file.name);
  }

  #setUnstable(unstable: readonly RemoteFileInfo[] | null): void {
    this.#unstable = unstable;
    this.#announceUnhandled();
  }

  #announceUnhandled(): void {
    this.#options.onUnhandled?.(this.#unstable === null ? null : () => this.#findUnhandled());
  }

  /** The first file, by time of change and name, that is not handed on yet. */
  #findUnhandled(): FilePosition | null {
    const { refuse } = this.#options;
    const unstable = (this.#unstable ?? []).filter((file) => !refuse?.(file, this.#keyOf(file)));
    const candidates = [...this.#candidates.values()].filter(({ handedOn }) => !handedOn).map(({ file }) => file);
    let first: FilePosition | null = null;
    for (const { name, mtime } of [...unstable, ...candidates])
      first = earlier(first, { time: new Date(mtime * 1000), key: keyName(name) });
    return first;
  }

  #keyOf(file: RemoteFileInfo): string {
    return this.#candidateOf({ ...file, since: 0 }).key;
  }

  #endLook(present: ReadonlySet<string>, at: number, unstable: readonly RemoteFileInfo[]): void {
    const { status } = this.#options;
    for (const name of this.#candidates.keys()) if (!present.has(name)) this.#candidates.delete(name);
    status.listed(new Date(at));
    let oldest = at;
    for (const { file, handedOn } of this.#candidates.values()) if (!handedOn) oldest = Math.min(oldest, file.since);
    status.lag(Math.max(0, (at - oldest) / 1000));
    this.#setUnstable(this.#hasChanged ? null : unstable);
  }

  async #process(name: string): Promise<ProcessResult> {
    const candidate = this.#candidates.get(name);
    if (!candidate) return undefined;
    try {
      const result = await handOnFile(this.#handOnDeps, candidate, this.#signal);
      if (result === 'Later') return { requeueAfterMs: LATER_MS };
      if (result === 'Done') this.#watch.done(candidate.file);
      // The file that took its place may be older than files that wait, and no look has seen it yet.
      if (result === 'Changed') {
        this.#hasChanged = true;
        this.#unstable = null;
      }
      this.#forget(candidate);
      return undefined;
    } catch (error) {
      this.#signal.throwIfAborted();
      const fault = toFault(error);
      this.#options.status.failing(candidate.identity.path, fault.reason, fault.message);
      throw fault;
    } finally {
      this.#announceUnhandled();
    }
  }

  /** A newer version of the file that has become the candidate stays. */
  #forget({ file }: Candidate): void {
    if (this.#candidates.get(file.name)?.file === file) this.#candidates.delete(file.name);
  }

  async #abortStaleTransfers(): Promise<void> {
    const olderThan = new Date(this.#clock.now() - STALE_UPLOAD_MS);
    try {
      await this.#store.abortUnfinished({ prefix: sourcePrefix(this.#place), olderThan });
    } catch (error) {
      this.#log.debug({ reason: toFault(error).reason }, 'old transfers could not be looked for');
    }
  }
}

function withFields(log: Logger, fields: object): Logger {
  return {
    debug: (more, message) => log.debug({ ...fields, ...more }, message),
    info: (more, message) => log.info({ ...fields, ...more }, message),
    warn: (more, message) => log.warn({ ...fields, ...more }, message),
    error: (more, message) => log.error({ ...fields, ...more }, message),
  };
}
