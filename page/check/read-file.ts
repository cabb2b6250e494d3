/** Reads a file that somebody has picked, in pieces: the file is never in memory as a whole. */
import { Fault } from '#common/faults.ts';
import type { FileInput } from '#runner/source/open-file.ts';

/** Large enough that asking for a piece costs little beside its check. */
const PIECE_BYTES = 256 * 1024;

export type PickedFile = Pick<FileInput, 'readBytes' | 'sizeBytes' | 'key'>;

/** @param onRead gets the place in the file up to which it is read, again and again */
export function openPickedFile(file: File, onRead: (position: number) => void): PickedFile {
  async function* readBytes(start: number, end: number): AsyncGenerator<Buffer, void, void> {
    if (file.size === 0) await expectReadable(file);
    const read = (from: number) => (from < end ? readPiece(file, from, Math.min(from + PIECE_BYTES, end)) : null);
    let coming = read(start);
    for (let at = start; coming !== null; at += PIECE_BYTES) {
      const piece = await coming;
      // The next piece is read while this one is checked.
      coming = read(at + PIECE_BYTES);
      coming?.catch(() => {});
      yield piece;
      onRead(at + piece.length);
    }
  }
  return { readBytes, sizeBytes: file.size, key: file.name };
}

/** A deleted file and a folder may seem to be a file of no bytes, until they are read. */
async function expectReadable(file: File): Promise<void> {
  try {
    await file.arrayBuffer();
  } catch (error) {
    throw unreadable(error);
  }
}

async function readPiece(file: File, start: number, end: number): Promise<Buffer> {
  let bytes: ArrayBuffer;
  try {
    bytes = await file.slice(start, end).arrayBuffer();
  } catch (error) {
    throw unreadable(error);
  }
  if (bytes.byteLength !== end - start) throw unreadable(new Error('The file has become shorter'));
  return Buffer.from(bytes);
}

/** Browsers refuse to read a file that is not what it was when it was picked, and a folder that was dropped. */
function unreadable(cause: unknown): Fault {
  return new Fault({
    code: 'FILE_READ',
    category: 'permanent',
    reason: 'FileUnreadable',
    message:
      'The file cannot be read: it was changed, moved or deleted after it was picked, or it is a folder. Save it and close it in other programs, then pick the file again.',
    cause,
  });
}
