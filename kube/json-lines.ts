/** The decoded lines of a byte stream. Bytes after the last newline are no line. */
export async function* readLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<string, void, void> {
  // Pieces are joined once per line, because appending would copy a long line again for each of its chunks.
  let pieces: Buffer[] = [];
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      pieces.push(chunk.subarray(start, end));
      yield Buffer.concat(pieces).toString('utf8');
      pieces = [];
      start = end + 1;
    }
    if (start < chunk.length) pieces.push(chunk.subarray(start));
  }
}
