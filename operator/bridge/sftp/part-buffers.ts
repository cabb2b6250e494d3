/** The memory that all transfers of a process share. A part of an object is in memory as a whole before it is sent. */

/** S3 allows 5 MiB, but servers that keep the list of parts with the file fail when it is long: versitygw at 954 parts. */
export const PART_BYTES = 8 * 1024 * 1024;
/** Eight parts are enough for two transfers at full speed, or for eight slow ones. */
export const DEFAULT_BUFFER_BYTES = 8 * PART_BYTES;

export interface PartBuffers {
  /** Lends a buffer once there is room for it; callers wait in the order of asking. @throws the signal's reason */
  take(length: number, signal: AbortSignal): Promise<Buffer>;
  /** Frees a buffer for reuse. The caller guarantees that nothing reads from it or writes to it any more. */
  giveBack(buffer: Buffer): void;
  /** Frees the room of a buffer without its reuse, because something may still write to it. */
  discard(buffer: Buffer): void;
  readonly usedBytes: number;
}

/** A buffer larger than `maxBytes` is lent while no other buffer is in use. */
export function createPartBuffers(maxBytes = DEFAULT_BUFFER_BYTES): PartBuffers {
  let used = 0;
  /** Free buffers of the usual length. Together with the buffers in use they never exceed `maxBytes`. */
  let spare: Buffer[] = [];
  const waiting: { length: number; resolve: (buffer: Buffer) => void }[] = [];

  function serve(): void {
    for (let first = waiting[0]; first !== undefined; first = waiting[0]) {
      if (used > 0 && used + first.length > maxBytes) return;
      waiting.shift();
      used += first.length;
      first.resolve((first.length === PART_BYTES && spare.pop()) || Buffer.allocUnsafeSlow(first.length));
    }
  }

  function release(length: number): void {
    used -= length;
    // An idle process keeps no buffers.
    if (used === 0) spare = [];
    serve();
  }

  return {
    get usedBytes() {
      return used;
    },
    async take(length, signal) {
      signal.throwIfAborted();
      const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
      const entry = { length, resolve };
      const stop = () => {
        const at = waiting.indexOf(entry);
        // The caller was served in the same moment: it has the buffer, and looks at its signal.
        if (at < 0) return;
        waiting.splice(at, 1);
        reject(signal.reason);
        serve();
      };
      signal.addEventListener('abort', stop, { once: true });
      waiting.push(entry);
      serve();
      try {
        return await promise;
      } finally {
        signal.removeEventListener('abort', stop);
      }
    },
    giveBack(buffer) {
      if (buffer.length === PART_BYTES) spare.push(buffer);
      release(buffer.length);
    },
    discard: (buffer) => release(buffer.length),
  };
}
