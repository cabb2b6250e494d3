/**
 * What a file is recognized by when it is picked again. Name, size, time and a checksum of both ends are quick to
 * compare; whether every byte is the same says the checksum of the whole file, which the storage compares in the end.
 */
import { crc32 } from '#page/check/unpack/crc32.ts';

export interface FileMark {
  name: string;
  sizeBytes: number;
  /** Epoch ms. */
  lastModified: number;
  /** The checksum of the first and the last bytes. */
  ends: number;
}

const END_BYTES = 64 * 1024;

/** @throws DOMException NotReadableError */
export async function markFile(file: File): Promise<FileMark> {
  const { name, size, lastModified } = file;
  const first = await file.slice(0, END_BYTES).arrayBuffer();
  const last = await file.slice(Math.max(0, size - END_BYTES)).arrayBuffer();
  const ends = crc32(new Uint8Array(last), crc32(new Uint8Array(first)));
  return { name, sizeBytes: size, lastModified, ends };
}

/** @throws DOMException NotReadableError when the file was changed or deleted since it was picked */
export async function assertReadable(file: Blob): Promise<void> {
  await file.slice(0, 1).arrayBuffer();
  await file.slice(Math.max(0, file.size - 1)).arrayBuffer();
}
