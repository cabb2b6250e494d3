/** Takes exact numbers of bytes from a stream of pieces. */

export interface ByteReader {
  /** Fills `into` with the next bytes and returns it. @throws when the stream ends early. */
  take(into: Buffer): Promise<Buffer>;
  /** Skips the next bytes. */
  skip(length: number): Promise<void>;
  /** Ends the stream, also before its last byte. A second call does nothing. */
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
