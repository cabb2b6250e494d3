/** The line `sep=;` in front of a table, by which spreadsheets are told the delimiter. */

const SEP_LINE = /^(?:\ufeff)?"?sep=([^"\r\n])"?\r?\n/i;

export interface SepLine {
  delimiter: string;
  /** The length of the line with its end, and of a byte order mark before the line. */
  bytes: number;
}

/** @param text the beginning of a file, in UTF-8 */
export function findSepLine(text: Buffer): SepLine | null {
  const [line, delimiter] = SEP_LINE.exec(text.toString('utf8', 0, 64)) ?? [];
  if (line === undefined || delimiter === undefined || delimiter > '\x7f') return null;
  return { delimiter, bytes: Buffer.byteLength(line) };
}

export async function* skipBytes(input: AsyncIterable<Buffer>, count: number): AsyncGenerator<Buffer, void, void> {
  let left = count;
  for await (const piece of input) {
    const skipped = Math.min(left, piece.length);
    left -= skipped;
    yield piece.subarray(skipped);
  }
}
