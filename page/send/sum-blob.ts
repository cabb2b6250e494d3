/** Reads a file once, in pieces, and computes its checksum. */
import { crc32 } from '#page/check/unpack/crc32.ts';

const PIECE_BYTES = 4 * 1024 ** 2;

/** @throws DOMException NotReadableError when the file was changed or deleted on the disk; the signal's reason */
export async function sumBlob(
  blob: Blob,
  onProgress: (bytesRead: number) => void,
  signal?: AbortSignal,
): Promise<number> {
  let value = 0;
  for (let at = 0; at < blob.size; at += PIECE_BYTES) {
    signal?.throwIfAborted();
    const piece = await blob.slice(at, at + PIECE_BYTES).arrayBuffer();
    value = crc32(new Uint8Array(piece), value);
    onProgress(at + piece.byteLength);
  }
  return value;
}
