/**
 * The places of a text that hold bytes beyond ASCII. All that tells encodings apart stands there, and these places are a
 * small part of most files, so that the many patterns of the guess need not run over the rest.
 */

/** The patterns look at most this many bytes beyond a word: a sign, a blank and one more character. */
const CONTEXT_BYTES = 3;
const LF = 0x0a;
const CR = 0x0d;

/** ASCII letters and all bytes beyond ASCII are 1. */
const IN_WORD = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x80 || /[A-Za-z]/.test(String.fromCharCode(byte)) ? 1 : 0,
);

/**
 * @returns a latin1 view of each word that holds bytes beyond ASCII, with the bytes around the word as they stand. A
 * newline stands for all bytes between two such places.
 */
export function accentedPlaces(bytes: Uint8Array): string {
  const { length } = bytes;
  let out: Buffer | null = null;
  let filled = 0;
  /** All bytes before this one are copied or left out. */
  let done = 0;
  for (let at = 0; at < length; at += 1) {
    if (bytes[at]! < 0x80) continue;
    out ??= Buffer.allocUnsafe(length);
    let start = at;
    while (start > done && IN_WORD[bytes[start - 1]!] === 1) start -= 1;
    start = Math.max(done, start - CONTEXT_BYTES);
    if (start > done && filled > 0) out[filled++] = LF;
    let wordEnd = at + 1;
    while (wordEnd < length && IN_WORD[bytes[wordEnd]!] === 1) wordEnd += 1;
    const end = Math.max(done, Math.min(length, wordEnd + CONTEXT_BYTES));
    for (let i = start; i < end; i += 1) out[filled++] = bytes[i]!;
    done = end;
    // The bytes behind the word are looked at, too, since a word of their own may begin there.
    at = wordEnd - 1;
  }
  return out === null ? '' : out.toString('latin1', 0, filled);
}

/** Yields the beginning of each line that holds bytes beyond ASCII, as a latin1 view. */
export function* accentedLines(bytes: Buffer, longest: number): Generator<string, void, void> {
  const isLineEnd = (byte: number) => byte === LF || byte === CR;
  for (let at = 0, start = 0; at < bytes.length; at += 1) {
    if (isLineEnd(bytes[at]!)) start = at + 1;
    if (bytes[at]! < 0x80) continue;
    let end = at + 1;
    while (end < bytes.length && !isLineEnd(bytes[end]!)) end += 1;
    yield bytes.toString('latin1', start, Math.min(end, start + longest));
    at = end - 1;
  }
}
