/** The memory that all transfers of a process share: a part of an object is in memory as a whole before it is sent. */

/** S3 wants at least 5 MiB of all parts but the last. */
export const PART_BYTES = 8 * 1024 * 1024;
/** Eight parts: two transfers at their full speed, or eight slow ones. */
export const DEFAULT_BUFFER_BYTES = 8 * PART_BYTES;

export interface PartBuffers {
  /** A buffer of this length, when there is room; in the order of asking. @throws the signal's reason */
  take(length: number, signal: AbortSignal): Promise<Buffer>;
  /** Somebody else may have it now: nothing writes to it or reads from it any more. */
  giveBack(buffer: Buffer): void;
  /** Counts no longer, and nobody else gets it: something may still write to it. */
  discard(buffer: Buffer): void;
  readonly usedBytes: number;
}

/** One that is larger than all the room still gets its turn, alone. */
export function createPartBuffers(maxBytes = DEFAULT_BUFFER_BYTES): PartBuffers {
  let used = 0;
  /** Of the usual length; with those in use never more than all the room. */
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
    // With nothing under way nothing is kept.
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
        // Served in the same moment: the one who asked has it, and looks at its signal.
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
