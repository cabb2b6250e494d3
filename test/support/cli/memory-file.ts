/** A file in memory, as a page would hand one to the commands' cores. */
import type { InputFile } from '#cli/input-file.ts';

const PIECE_BYTES = 64 * 1024;

export function memoryFile(key: string, content: Buffer | string): InputFile {
  const bytes = Buffer.from(content);
  async function* read(start: number, end: number): AsyncGenerator<Buffer, void, void> {
    for (let at = start; at < end; at += PIECE_BYTES) yield bytes.subarray(at, Math.min(end, at + PIECE_BYTES));
  }
  return { key, sizeBytes: bytes.length, readBytes: read, stream: () => read(0, bytes.length) };
}
