/**
 * A CSV file of long records, of which any part can be made by itself: a file of gigabytes needs neither a disk nor many
 * rows in the table. Every record has {@link RECORD_BYTES}; the first one shares them with the header.
 */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

export const RECORD_BYTES = 8192;
const HEADER = 'k,v\n';

/** The bytes of the file from `at` on; both numbers are multiples of {@link RECORD_BYTES}. */
export function makeRecords(at: number, bytes: number): Buffer {
  const made = Buffer.allocUnsafe(bytes);
  for (let offset = 0; offset < bytes; offset += RECORD_BYTES) {
    const number = (at + offset) / RECORD_BYTES + 1;
    made.fill(` ${number} alpha beta gamma`, offset, offset + RECORD_BYTES);
    made.write(`${number === 1 ? HEADER : ''}${number},`, offset);
    made.write('\n', offset + RECORD_BYTES - 1);
  }
  return made;
}

/** @returns CRC32 in base64, as S3 writes it */
export function crc32Base64(value: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes.toString('base64');
}

/** @returns the checksums of a file of so many bytes: CRC32 in base64, SHA-256 in hex */
export function digestOfRecords(size: number): { crc: string; sha256: string } {
  const piece = 1024 * RECORD_BYTES;
  const hash = createHash('sha256');
  let value = 0;
  for (let at = 0; at < size; at += piece) {
    const bytes = makeRecords(at, Math.min(piece, size - at));
    hash.update(bytes);
    value = crc32(bytes, value);
  }
  return { crc: crc32Base64(value), sha256: hash.digest('hex') };
}
