/**
 * Files of this machine's disk as a {@link FileStore}. A file is opened once and stays open, so that a file of the same
 * name that takes its place changes nothing; a file that is changed itself ends the load.
 */
import { createWriteStream } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { finished } from 'node:stream/promises';
import { Fault } from '#common/faults.ts';
import { workPrefix } from '#common/job-contract.ts';
import type { FileStore, WorkCopy } from '#runner/storage/file-store.ts';
import type { ObjectIdentity } from '#s3/object-identity.ts';
import { notOpened } from './local-file.ts';

/** Stands for a bucket where the ledger names one; the key is the path of the file then. */
export const LOCAL_BUCKET = 'file';

const READ_BYTES = 1024 * 1024;

export interface LocalStore extends FileStore, AsyncDisposable {
  /** The bytes that were read so far, for who shows progress. */
  readonly bytesRead: number;
}

/** @param spoolFolder the folder of canonical copies, below which they have the keys of a bucket: `work/<upload id>/…` */
export function createLocalStore(spoolFolder: string): LocalStore {
  const files = new Map<string, Promise<OpenFile>>();
  const pathOf = (key: string) => (key.startsWith('work/') ? join(spoolFolder, key) : key);
  let bytesRead = 0;

  function openOnce(key: string): Promise<OpenFile> {
    let file = files.get(key);
    if (!file) {
      file = openPinned(pathOf(key));
      file.catch(() => files.delete(key));
      files.set(key, file);
    }
    return file;
  }

  return {
    get bytesRead() {
      return bytesRead;
    },
    async head({ key }) {
      const { tag, sizeBytes } = await openOnce(key);
      return { bucket: LOCAL_BUCKET, key, eTag: tag, versionId: null, sizeBytes };
    },
    async readInto({ key }, { start, into, onBytes }, { signal }) {
      const file = await openOnce(key);
      for (let filled = 0; filled < into.length; ) {
        signal.throwIfAborted();
        const length = Math.min(READ_BYTES, into.length - filled);
        const result = await file.handle.read(into, filled, length, start + filled).catch((error) => {
          throw notOpened(pathOf(key), error);
        });
        if (result.bytesRead === 0) throw changed(pathOf(key));
        filled += result.bytesRead;
        bytesRead += result.bytesRead;
        onBytes(filled);
      }
      if (tagOf(await file.handle.stat({ bigint: true })) !== file.tag) throw changed(pathOf(key));
    },
    createCopy: ({ key }) => createLocalCopy(key, pathOf(key)),
    async removeCopies({ uploadId }) {
      const folder = join(spoolFolder, workPrefix(uploadId));
      const isThere = await stat(folder).catch(() => null);
      await rm(folder, { recursive: true, force: true });
      return isThere ? 1 : 0;
    },
    async [Symbol.asyncDispose]() {
      for (const file of files.values()) await file.then(({ handle }) => handle.close()).catch(() => undefined);
    },
  };
}

interface OpenFile {
  handle: FileHandle;
  /** Changes when the file's bytes do. */
  tag: string;
  sizeBytes: number;
}

async function openPinned(path: string): Promise<OpenFile> {
  const handle = await open(path, 'r').catch((error) => {
    throw notOpened(path, error);
  });
  const stats = await handle.stat({ bigint: true });
  if (stats.isFile()) return { handle, tag: tagOf(stats), sizeBytes: Number(stats.size) };
  await handle.close();
  throw notOpened(path, { code: stats.isDirectory() ? 'EISDIR' : 'ESPIPE' });
}

const tagOf = ({ size, mtimeNs }: { size: bigint; mtimeNs: bigint }) => `${size}-${mtimeNs}`;

function changed(path: string): Fault {
  return new Fault({
    code: 'FILE_READ',
    category: 'permanent',
    reason: 'SourceChanged',
    message: `${path} was changed while it was loaded. Wait until the program that writes it has ended, and load it again.`,
  });
}

/** The end of the name of a copy that is being written. */
export const PARTIAL = '.partial';

/** Writes a copy to a file of its own; the copy gets its name when it is whole. */
function createLocalCopy(key: string, path: string): WorkCopy {
  const partial = `${path}${PARTIAL}`;
  let stream: ReturnType<typeof createWriteStream> | null = null;
  let ended: Promise<void> | null = null;
  let size = 0;

  async function start(): Promise<NonNullable<typeof stream>> {
    if (stream) return stream;
    await mkdir(dirname(path), { recursive: true }).catch((error) => {
      throw notWritten(path, error);
    });
    const started = createWriteStream(partial);
    ended = finished(started).catch((error) => {
      throw notWritten(path, error);
    });
    // The next write or the end awaits the promise; until then a fault must not count as an unhandled rejection.
    ended.catch(() => undefined);
    stream = started;
    return started;
  }

  return {
    async write(piece) {
      const out = await start();
      size += piece.length;
      // The piece is valid until the next one is asked for, and the stream may keep it for longer.
      if (out.write(Buffer.from(piece))) return;
      await Promise.race([new Promise<void>((resolve) => out.once('drain', resolve)), ended!]);
    },
    async finish(): Promise<ObjectIdentity> {
      (await start()).end();
      await ended;
      const stats = await stat(partial, { bigint: true });
      if (Number(stats.size) !== size) throw notWritten(path, { code: 'short' });
      await rename(partial, path).catch((error) => {
        throw notWritten(path, error);
      });
      return { bucket: LOCAL_BUCKET, key, eTag: tagOf(stats), versionId: null, sizeBytes: size };
    },
    async abort() {
      if (stream === null || stream.writableFinished) return;
      stream.destroy();
      await rm(partial, { force: true });
    },
  };
}

function notWritten(path: string, error: { code?: unknown }): Fault {
  return new Fault({
    code: 'FILE_WRITE',
    category: 'permanent',
    reason: 'FileNotWritable',
    message: `A file of this kind is copied as plain CSV while it is loaded, and ${path} could not be written (${String(error.code)}). Free some space there, or name another folder with --spool.`,
    cause: error,
  });
}
