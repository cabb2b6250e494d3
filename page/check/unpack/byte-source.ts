/** Reads a stream of pieces as a decompressor needs it: some bytes exactly, or whatever comes next. */

export interface ByteSource extends AsyncDisposable {
  /** @returns the next bytes, at least one; null at the end */
  next(): Promise<Buffer | null>;
  /** @returns exactly so many bytes, which nothing else writes into; fewer where the stream ends before */
  take(length: number): Promise<Buffer>;
  /** Gives bytes back, which are then the next ones. They stay valid until they are read. */
  giveBack(bytes: Buffer): void;
}

export function createByteSource(input: AsyncIterable<Buffer>): ByteSource {
  const iterator = input[Symbol.asyncIterator]();
  let rest: Buffer | null = null;

  async function next(): Promise<Buffer | null> {
    if (rest !== null) {
      const bytes = rest;
      rest = null;
      return bytes;
    }
    for (;;) {
      const { value, done } = await iterator.next();
      if (done) return null;
      if (value.length > 0) return value;
    }
  }

  function giveBack(bytes: Buffer): void {
    rest = bytes.length === 0 ? rest : rest === null ? bytes : Buffer.concat([bytes, rest]);
  }

  return {
    next,
    giveBack,
    async take(length) {
      const taken = Buffer.alloc(length);
      let filled = 0;
      while (filled < length) {
        const bytes = await next();
        if (bytes === null) return taken.subarray(0, filled);
        const used = Math.min(bytes.length, length - filled);
        taken.set(bytes.subarray(0, used), filled);
        filled += used;
        giveBack(bytes.subarray(used));
      }
      return taken;
    },
    async [Symbol.asyncDispose]() {
      await iterator.return?.();
    },
  };
}
