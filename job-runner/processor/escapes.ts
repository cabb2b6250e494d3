/** The bytes that COPY and JSON escape. */

export type CopyFormat = 'text' | 'binary';

export interface Escapes {
  /** The table has a 1 for each byte that stays as it is. */
  plain: Uint8Array;
  /** The escapes of the other bytes. */
  of: readonly (Uint8Array | null)[];
}

function escapesFor(table: Record<number, string>): Escapes {
  const of = Array.from({ length: 256 }, (_, byte) => (table[byte] === undefined ? null : Buffer.from(table[byte])));
  return { of, plain: Uint8Array.from(of, (bytes) => (bytes === null ? 1 : 0)) };
}

const COPY: Record<number, string> = { 92: '\\\\', 10: '\\n', 13: '\\r', 9: '\\t' };

/** The escapes of a value in COPY's text format. */
export const COPY_TEXT = escapesFor(COPY);

export function escapeCopyText(text: string): string {
  return text.replace(/[\\\n\r\t]/g, (char) => COPY[char.charCodeAt(0)]!);
}

/** A text column of COPY wants the backslashes of JSON doubled. */
export function escapeJsonPart(json: string, format: CopyFormat): string {
  return format === 'text' ? json.replaceAll('\\', '\\\\') : json;
}

function jsonEscapes(format: CopyFormat): Escapes {
  const escaped = (byte: number) => JSON.stringify(String.fromCharCode(byte)).slice(1, -1);
  const bytes = [0x22, 0x5c, ...Array(0x20).keys()];
  return escapesFor(Object.fromEntries(bytes.map((byte) => [byte, escapeJsonPart(escaped(byte), format)])));
}

/** The escapes inside of a JSON string. */
export const JSON_ESCAPES: Record<CopyFormat, Escapes> = { text: jsonEscapes('text'), binary: jsonEscapes('binary') };

/** The length of the bytes [start, end) with their escapes. */
export function escapedLength({ plain, of }: Escapes, bytes: Uint8Array, start: number, end: number): number {
  let length = end - start;
  for (let i = start; i < end; i += 1) if (plain[bytes[i]!] === 0) length += of[bytes[i]!]!.length - 1;
  return length;
}
