/**
 * Copies one remote file to one object, through memory only. After a lost connection the transfer goes on behind the
 * last part that was read. A file that changed while it was read is given up.
 */
import { createHash, type Hash } from 'node:crypto';
import { Fault } from '#common/faults.ts';
import { createSemaphore } from '#common/semaphore.ts';
import { isLost, SFTP_REASONS } from './fault.ts';
import { type FileIdentity, fileMetadata, identityHash } from './file-identity.ts';
import type { BucketObject, NewBucketObject, ObjectStore } from './object-store.ts';
import { PART_BYTES, type PartBuffers } from './part-buffers.ts';
import { type Part, type PartRange, readParts } from './read-parts.ts';
import type { RemoteStat, SftpSession } from './session.ts';

/** S3 allows no more parts. */
const MAX_PARTS = 10_000;
/** One part is read while the other is sent. A third part made no transfer faster, and each takes 8 MiB. */
const PARTS_IN_MEMORY = 2;
/** A transfer fails after so many connections in a row that brought no part. */
const MAX_TRIES = 5;

export interface FetchDeps {
  /** Returns the open session, or a new one as soon as the backoff permits. @throws Fault */
  session: (signal: AbortSignal) => Promise<SftpSession>;
  store: ObjectStore;
  buffers: PartBuffers;
  onResume?: (fault: Fault, progress: { parts: number; ofParts: number }) => void;
}

export type FetchResult =
  | { kind: 'Stored'; object: BucketObject; sha256: string }
  /** The file is missing, or it is not the one that was listed. The transfer left nothing in the storage. */
  | { kind: 'Changed' };

export interface FetchRequest {
  identity: FileIdentity;
  key: string;
  /** True when the object under this key belongs to another file. */
  replace: boolean;
}

/** Was the object made of this very file? */
export function isObjectOf({ size, metadata }: BucketObject, identity: FileIdentity): boolean {
  return size === identity.size && metadata['source-identity'] === identityHash(identity);
}

/** After a fault nothing is left in the storage, if the storage can be reached. @throws Fault SFTP_*, S3_* */
export async function fetchFile(
  deps: FetchDeps,
  { identity, key, replace }: FetchRequest,
  signal: AbortSignal,
): Promise<FetchResult> {
  const ranges = planParts(identity.size);
  const hash = createHash('sha256');
  const object = { key, metadata: fileMetadata(identity), replace };
  const sink = await (ranges.length === 1 ? createWholeSink : createPartsSink)(deps, object, hash);
  try {
    if ((await readFile(deps, { identity, ranges, sink }, signal)) === 'Changed') {
      await sink.abort();
      return { kind: 'Changed' };
    }
    const sha256 = hash.digest('hex');
    await sink.finish(sha256);
    const stored = await deps.store.head(key);
    if (!stored || !isObjectOf(stored, identity)) throw wrongObject(key, stored?.size, identity.size);
    return { kind: 'Stored', object: stored, sha256 };
  } catch (error) {
    await sink.abort();
    throw error;
  }
}

/** Plans parts of 8 MiB, or larger parts if there would be too many. An empty file has one empty part. */
export function planParts(size: number): PartRange[] {
  const length = Math.max(PART_BYTES, Math.ceil(size / MAX_PARTS));
  const count = Math.max(1, Math.ceil(size / length));
  return Array.from({ length: count }, (_, index) => ({
    number: index + 1,
    position: index * length,
    length: Math.min(length, size - index * length),
  }));
}

interface Reading {
  identity: FileIdentity;
  ranges: PartRange[];
  sink: Sink;
}

async function readFile(
  { session, onResume }: FetchDeps,
  { identity, ranges, sink }: Reading,
  signal: AbortSignal,
): Promise<'Read' | 'Changed'> {
  const either = AbortSignal.any([signal, sink.failed]);
  let read = 0;
  for (let failures = 0; ; ) {
    const before = read;
    try {
      const ssh = await session(either);
      const file = await ssh.openFile(identity.path);
      try {
        if (!isSame(await file.stat(), identity)) return 'Changed';
        await readParts({
          file,
          ranges: ranges.slice(read),
          take: sink.take,
          discard: sink.discard,
          signal: either,
          onPart: (part) => {
            read += 1;
            sink.add(part);
          },
        });
      } finally {
        await file.close().catch(() => undefined);
      }
      // This check goes by the name, because the name may belong to another file by now.
      return isSame(await ssh.stat(identity.path), identity) ? 'Read' : 'Changed';
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof Fault && CHANGED_REASONS.has(error.reason)) return 'Changed';
      if (!isLost(error)) throw error;
      failures = read > before ? 1 : failures + 1;
      if (failures >= MAX_TRIES) throw error;
      onResume?.(error as Fault, { parts: read, ofParts: ranges.length });
    }
  }
}

const CHANGED_REASONS: ReadonlySet<string> = new Set([SFTP_REASONS.fileChanged, SFTP_REASONS.fileNotFound]);

function isSame(stat: RemoteStat | null, { size, mtime }: FileIdentity): boolean {
  return stat?.kind === 'File' && stat.size === size && stat.mtime === mtime;
}

/** Receives the parts of a file in the order in which they are read. */
interface Sink {
  take: (length: number, signal: AbortSignal) => Promise<Buffer>;
  discard: (buffer: Buffer) => void;
  /** Never throws: a refusal of the storage aborts `failed`. */
  add(part: Part): void;
  /** Resolves when the object exists. @throws Fault */
  finish(sha256: string): Promise<void>;
  /** Gives the memory back, and removes an unfinished object. May be called again. */
  abort(): Promise<void>;
  failed: AbortSignal;
}

/** A file of one part is stored by one request, which carries the digest as metadata. */
async function createWholeSink({ store, buffers }: FetchDeps, object: NewBucketObject, hash: Hash): Promise<Sink> {
  let body: Buffer | undefined;
  const abort = async () => {
    if (body) buffers.giveBack(body);
    body = undefined;
  };
  return {
    take: buffers.take,
    discard: buffers.discard,
    add({ buffer }) {
      hash.update(buffer);
      body = buffer;
    },
    async finish(sha256) {
      await store.put({ ...object, metadata: { ...object.metadata, sha256 } }, body!);
      await abort();
    },
    abort,
    failed: new AbortController().signal,
  };
}

async function createPartsSink({ store, buffers }: FetchDeps, object: NewBucketObject, hash: Hash): Promise<Sink> {
  const stop = new AbortController();
  const slots = createSemaphore(PARTS_IN_MEMORY);
  const sending = new Set<Promise<void>>();
  // A process that died, or a transfer that could not clean up, may have left an unfinished upload.
  await store.abortUnfinished({ key: object.key });
  const upload = await store.startParts(object);
  let open = true;

  async function send({ number, buffer }: Part): Promise<void> {
    try {
      await upload.send(number, buffer);
      buffers.giveBack(buffer);
    } catch (error) {
      buffers.discard(buffer);
      stop.abort(error);
    } finally {
      slots.release();
    }
  }

  return {
    async take(length, signal) {
      await slots.acquire(signal);
      try {
        return await buffers.take(length, signal);
      } catch (error) {
        slots.release();
        throw error;
      }
    },
    discard(buffer) {
      buffers.discard(buffer);
      slots.release();
    },
    add(part) {
      hash.update(part.buffer);
      const sent: Promise<void> = send(part).then(() => void sending.delete(sent));
      sending.add(sent);
    },
    async finish(sha256) {
      await Promise.all(sending);
      stop.signal.throwIfAborted();
      await upload.complete(sha256);
      open = false;
    },
    async abort() {
      await Promise.all(sending);
      if (open) await upload.abort();
      open = false;
    },
    failed: stop.signal,
  };
}

function wrongObject(key: string, found: number | undefined, expected: number): Fault {
  return new Fault({
    code: 'S3_INCOMPLETE',
    category: 'retryable',
    reason: 'StorageError',
    message: `The storage has ${found ?? 'none'} of ${expected} bytes of ${key}, although it accepted all of them; the transfer is tried again.`,
  });
}
