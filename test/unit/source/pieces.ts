/** Streams of pieces, for tests that cut bytes anywhere. */

export async function* piecesOf(bytes: Buffer, cuts: readonly number[] = []): AsyncGenerator<Buffer, void, void> {
  let from = 0;
  for (const cut of [...cuts.map((each) => Math.min(each, bytes.length)), bytes.length].sort((a, b) => a - b)) {
    yield bytes.subarray(from, cut);
    from = cut;
  }
}

export async function collect(input: AsyncIterable<Buffer>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of input) pieces.push(piece);
  return Buffer.concat(pieces);
}
