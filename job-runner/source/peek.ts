/** Looks at the beginning of a stream without taking it away. Its pieces need to be valid until the next one is asked for only. */

export interface Peeked {
  /** At least as many bytes as were asked for, or all there are. */
  head: Buffer;
  /** The stream holds nothing after `head`. */
  complete: boolean;
  /** The whole stream, its head too. */
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
  const head = Buffer.concat(pieces);
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
