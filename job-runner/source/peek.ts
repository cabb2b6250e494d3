/**
 * Looks at the beginning of a stream without consuming it. Each piece needs to be valid only until the next is asked
 * for.
 */

export interface Peeked {
  /**
   * As many bytes as the caller asked for, or all bytes of a shorter stream. The size of the pieces is that of the
   * storage's answers, and must not decide what is seen of a file.
   */
  head: Buffer;
  /** True when the stream holds nothing after `head`. */
  complete: boolean;
  /** The whole stream, including `head`. */
  stream: AsyncGenerator<Buffer, void, void>;
}

export async function peek(input: AsyncIterable<Buffer>, length: number): Promise<Peeked> {
  const iterator = input[Symbol.asyncIterator]();
  const pieces: Buffer[] = [];
  let size = 0;
  let complete = false;
  while (size < length) {
    const next = await iterator.next();
    if (next.done) {
      complete = true;
      break;
    }
    pieces.push(Buffer.from(next.value));
    size += next.value.length;
  }
  const head = Buffer.concat(pieces).subarray(0, length);
  return { head, complete, stream: replay(pieces, iterator) };
}

async function* replay(head: Buffer[], iterator: AsyncIterator<Buffer>): AsyncGenerator<Buffer, void, void> {
  try {
    for (let piece = head.shift(); piece; piece = head.shift()) yield piece;
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
  } finally {
    await iterator.return?.();
  }
}
