/** A Web Worker that reads a file once and computes its checksum. The file's bytes stay here. */
import { crc32 } from '#page/check/unpack/crc32.ts';

export type FromChecksumWorker =
  | { type: 'progress'; bytesRead: number }
  | { type: 'done'; crc32: number }
  /** `name` is that of the DOMException: `NotReadableError` for a file that has changed or is gone. */
  | { type: 'failed'; name: string };

interface WorkerScope {
  onmessage: ((event: MessageEvent<Blob>) => void) | null;
  postMessage(message: FromChecksumWorker): void;
}

const PIECE_BYTES = 4 * 1024 ** 2;
const scope = globalThis as unknown as WorkerScope;

scope.onmessage = ({ data }) => {
  sum(data).then(
    (value) => scope.postMessage({ type: 'done', crc32: value }),
    (error: unknown) => scope.postMessage({ type: 'failed', name: (error as { name?: string }).name ?? 'Error' }),
  );
};

async function sum(blob: Blob): Promise<number> {
  let value = 0;
  for (let at = 0; at < blob.size; at += PIECE_BYTES) {
    const piece = await blob.slice(at, at + PIECE_BYTES).arrayBuffer();
    value = crc32(new Uint8Array(piece), value);
    scope.postMessage({ type: 'progress', bytesRead: at + piece.byteLength });
  }
  return value;
}
