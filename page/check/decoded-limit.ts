/** Reads the beginning of a stream. */

/** Is thrown where the limit ends the stream: whoever reads it does not take the end for the end of the file. */
const LIMIT_REACHED = Symbol('limit reached');

export interface LimitedBytes {
  bytes: AsyncGenerator<Buffer, void, void>;
  /** The bytes that were read. */
  readonly count: number;
}

/** @param limit null: there is none */
export function limitBytes(input: AsyncIterable<Buffer>, limit: number | null): LimitedBytes {
  let count = 0;
  async function* read(): AsyncGenerator<Buffer, void, void> {
    for await (const piece of input) {
      const left = limit === null ? piece.length : limit - count;
      if (left <= 0 && piece.length > 0) throw LIMIT_REACHED;
      const taken = piece.subarray(0, left);
      count += taken.length;
      yield taken;
      if (taken.length < piece.length) throw LIMIT_REACHED;
    }
  }
  return {
    bytes: read(),
    get count() {
      return count;
    },
  };
}

/** @returns true when the whole stream was read, false when the limit has ended the reading */
export async function untilLimit(read: () => Promise<void>): Promise<boolean> {
  try {
    await read();
    return true;
  } catch (error) {
    if (error === LIMIT_REACHED) return false;
    throw error;
  }
}
