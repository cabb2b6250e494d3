/** Takes exact numbers of bytes from a stream of pieces. */

export interface ByteReader {
  /** The next `length` bytes. @throws when the stream ends before. */
  take(length: number): Promise<Buffer>;
  /** Drops bytes without keeping them. */
  skip(length: number): Promise<void>;
  /** Ends the stream early; safe to call twice. */
  close(): Promise<void>;
}

export function createByteReader(source: AsyncGenerator<Buffer, void, void>): ByteReader {
  let rest: Buffer = Buffer.alloc(0);

  async function consume(length: number, use: (piece: Buffer) => void): Promise<void> {
    let missing = length;
    while (missing > 0) {
      if (rest.length === 0) {
        const next = await source.next();
        if (next.done) throw new Error(`the stream ended ${missing} bytes early`);
        rest = next.value;
      }
      const piece = rest.subarray(0, missing);
      rest = rest.subarray(piece.length);
      missing -= piece.length;
      use(piece);
    }
  }

  return {
    async take(length) {
      const bytes = Buffer.allocUnsafe(length);
      let at = 0;
      await consume(length, (piece) => {
        at += piece.copy(bytes, at);
      });
      return bytes;
    },
    skip: (length) => consume(length, () => undefined),
    async close() {
      await source.return();
    },
  };
}
