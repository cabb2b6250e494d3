/** Copies pieces that are valid only until the next one is asked for, so that the caller can keep them. */
export async function* copied(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, void> {
  for await (const piece of pieces) yield Buffer.from(piece);
}
