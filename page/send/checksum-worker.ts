/** A Web Worker that reads a file once and computes its checksum. The file's bytes stay here. */
import { sumBlob } from './sum-blob.ts';

export type FromChecksumWorker =
  | { type: 'progress'; bytesRead: number }
  | { type: 'done'; crc32: number }
  /** `name` is that of the DOMException: `NotReadableError` for a file that was changed or deleted. */
  | { type: 'failed'; name: string };

interface WorkerScope {
  onmessage: ((event: MessageEvent<Blob>) => void) | null;
  postMessage(message: FromChecksumWorker): void;
}

const scope = globalThis as unknown as WorkerScope;

scope.onmessage = ({ data }) => {
  const tell = (bytesRead: number) => scope.postMessage({ type: 'progress', bytesRead });
  sumBlob(data, tell).then(
    (value) => scope.postMessage({ type: 'done', crc32: value }),
    (error: unknown) => scope.postMessage({ type: 'failed', name: (error as { name?: string }).name ?? 'Error' }),
  );
};
