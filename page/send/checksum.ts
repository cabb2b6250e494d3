/** The checksum of a file or a part, computed in a Web Worker so that the page goes on answering. */
import type { FromChecksumWorker } from './checksum-worker.ts';
import workerUrl from './checksum-worker.ts?worker&url';
import { ownScript } from './own-script.ts';
import { sumBlob } from './sum-blob.ts';

export interface ChecksumOptions {
  signal?: AbortSignal | undefined;
  onProgress?: ((bytesRead: number) => void) | undefined;
}

/** @throws DOMException NotReadableError when the file was changed or deleted on the disk; AbortError */
export function checksumOf(blob: Blob, { signal, onProgress }: ChecksumOptions = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(new DOMException('Stopped.', 'AbortError'));
    const worker = new Worker(ownScript(workerUrl), { type: 'module', name: 'checksum' });
    const end = (settle: () => void) => {
      worker.terminate();
      signal?.removeEventListener('abort', onAbort);
      settle();
    };
    const onAbort = () => end(() => reject(new DOMException('Stopped.', 'AbortError')));
    signal?.addEventListener('abort', onAbort);
    worker.onmessage = ({ data }: MessageEvent<FromChecksumWorker>) => {
      if (data.type === 'progress') onProgress?.(data.bytesRead);
      else if (data.type === 'done') end(() => resolve(data.crc32));
      else end(() => reject(new DOMException('The file cannot be read.', data.name)));
    };
    worker.onerror = (event) => {
      event.preventDefault();
      // The network is away, and the Worker's script with it: the page computes the checksum itself, in pieces.
      end(() => sumBlob(blob, (bytesRead) => onProgress?.(bytesRead), signal).then(resolve, reject));
    };
    worker.postMessage(blob);
  });
}
