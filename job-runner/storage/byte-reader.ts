/** Takes exact numbers of bytes from a stream of pieces. */

export interface ByteReader {
  /** The next bytes, as many as `into` holds; returns it. @throws when the stream ends before. */
  take(into: Buffer): Promise<Buffer>;
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
    async take(into) {
      let at = 0;
      await consume(into.length, (piece) => {
        at += piece.copy(into, at);
      });
      return into;
    },
    skip: (length) => consume(length, () => undefined),
    async close() {
      await source.return();
    },
  };
}
