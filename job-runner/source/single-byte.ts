/** Encodings of one byte a character, as tables of the 256 characters. */
import iconv from 'iconv-lite';
import type { Encoding } from '#api/source-format.ts';

/** TextDecoder takes iso-8859-1 for Windows-1252, and knows neither iso-8859-9 nor the code pages of DOS. */
const OF_ICONV = /^cp\d+$|^iso-8859-(1|9)$/;
const OF_SEVERAL_BYTES = /^(utf-|gb|big5|euc-|iso-2022|shift_jis)/;

/** Tables that were made before: a pod and the command line need few of them. */
const tables = new Map<Encoding, readonly string[]>();

/**
 * @returns the character of each byte, and U+FFFD for a byte that the encoding does not have; null for an encoding of
 * several bytes a character
 */
export function characterTable(encoding: Encoding): readonly string[] | null {
  if (OF_SEVERAL_BYTES.test(encoding)) return null;
  const known = tables.get(encoding);
  if (known) return known;
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
  const text = OF_ICONV.test(encoding)
    ? iconv.decode(bytes, encoding)
    : new TextDecoder(encoding, { ignoreBOM: true }).decode(bytes);
  const table = Array.from(text, (char, byte) => (isMissing(encoding, byte, char) ? '\ufffd' : char));
  tables.set(encoding, table);
  return table;
}

/**
 * The Encoding Standard fills the gaps of the Windows code pages with control characters, which no text of Windows
 * holds: a file with such a byte is in another encoding.
 */
function isMissing(encoding: Encoding, byte: number, char: string): boolean {
  return encoding.startsWith('windows-') && byte >= 0x80 && char >= '\x80' && char <= '\x9f';
}
