/** A file of this machine, read by byte ranges as an object of the storage is. */
import { type FileHandle, open } from 'node:fs/promises';
import { basename } from 'node:path';
import { Fault } from '#common/faults.ts';
import type { ReadBytes } from '#runner/source/platform.ts';

export interface LocalFile extends AsyncDisposable {
  /** The file's name without its folder. */
  key: string;
  sizeBytes: number;
  readBytes: ReadBytes;
  /** The file from its start. A piece is valid until the next one is asked for. */
  stream(): AsyncGenerator<Buffer, void, void>;
}

const PIECE_BYTES = 1024 * 1024;

/** @throws Fault (permanent) for a path that is no file, or that this user may not read */
export async function openLocalFile(path: string): Promise<LocalFile> {
  const handle = await open(path, 'r').catch((error) => {
    throw notOpened(path, error);
  });
  try {
    const stats = await handle.stat();
    if (stats.isDirectory()) throw notOpened(path, { code: 'EISDIR' });
    if (!stats.isFile()) throw notOpened(path, { code: 'ESPIPE' });
    return createLocalFile(path, handle, stats.size);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function createLocalFile(path: string, handle: FileHandle, sizeBytes: number): LocalFile {
  async function* read(start: number, end: number, reused: Buffer | null): AsyncGenerator<Buffer, void, void> {
    for (let at = start; at < end; ) {
      const piece = reused ?? Buffer.allocUnsafe(Math.min(PIECE_BYTES, end - at));
      const length = Math.min(piece.length, end - at);
      const { bytesRead } = await handle.read(piece, 0, length, at).catch((error) => {
        throw notOpened(path, error);
      });
      if (bytesRead === 0) throw changed(path);
      at += bytesRead;
      yield piece.subarray(0, bytesRead);
    }
  }
  return {
    key: basename(path),
    sizeBytes,
    readBytes: (start, end) => read(start, end, null),
    stream: () => read(0, sizeBytes, Buffer.allocUnsafe(Math.min(PIECE_BYTES, sizeBytes))),
    [Symbol.asyncDispose]: () => handle.close(),
  };
}

const ADVICE: Record<string, string> = {
  ENOENT: 'There is no such file. Check the path.',
  ENOTDIR: 'There is no such file: a part of the path is no folder. Check the path.',
  EISDIR: 'The path is a folder. Name one file.',
  EACCES: 'This user may not read the file. Run: chmod +r on it, or run the command as its owner.',
  EPERM: 'This user may not read the file. Run: chmod +r on it, or run the command as its owner.',
  ESPIPE:
    'The path is a pipe or a device, which cannot be read by ranges. Give it to the standard input, and - as the file.',
  EIO: 'The disk could not be read. Copy the file to another disk, and try again.',
};

/** The fault of a path that cannot be opened or read. */
export function notOpened(path: string, error: unknown): Fault {
  const code = String((error as { code?: unknown }).code ?? 'unknown');
  return new Fault({
    code: 'FILE_READ',
    category: 'permanent',
    reason: 'FileNotReadable',
    message: `${path} could not be read. ${ADVICE[code] ?? `The operating system says ${code}.`}`,
    cause: error,
  });
}

function changed(path: string): Fault {
  return new Fault({
    code: 'FILE_READ',
    category: 'permanent',
    reason: 'FileChanged',
    message: `${path} became shorter while it was read. Wait until the program that writes it has ended, and try again.`,
  });
}
