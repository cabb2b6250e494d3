/**
 * Turns text of other encodings into UTF-8, in pieces cut anywhere. Bytes that are not text become bytes that are not
 * UTF-8, so that their record fails and no other.
 */
import iconv from 'iconv-lite';
import type { Encoding } from '#api/source-format.ts';
import { CUT_AT_END, LIKELY_SEQUENCE } from './likely-utf8.ts';
import { characterTable } from './single-byte.ts';

export interface Transcoder {
  push(bytes: Buffer): Buffer;
  /** Ends the input. @returns the last bytes of the output */
  end(): Buffer;
}

const NOTHING = Buffer.alloc(0);
/** No UTF-8 text has this byte; it stands for a code unit that is cut off. */
const NOT_TEXT = Buffer.from([0xff]);

export function createTranscoder(encoding: Encoding): Transcoder {
  if (encoding === 'utf-8') return stateless((bytes) => bytes);
  if (encoding === 'utf-16le' || encoding === 'utf-16be') return createUtf16(encoding === 'utf-16be');
  const characters = characterTable(encoding);
  return characters ? createSingleByte(characters) : createSeveralBytes(encoding);
}

/**
 * A guess may be wrong about a record: one that holds likely characters of UTF-8, which Windows-1252 would read as
 * nonsense, gets bytes that are not text, and so fails alone.
 */
export function createGuessedTranscoder(encoding: Encoding): Transcoder {
  const transcoder = createTranscoder(encoding);
  if (encoding !== 'windows-1252') return transcoder;
  let held = '';
  const mark = (text: string) =>
    transcoder.push(Buffer.from(text.replace(LIKELY_SEQUENCE, `${NOT_WINDOWS_1252}$&`), 'latin1'));
  return {
    push(bytes) {
      const text = held + bytes.toString('latin1');
      const cut = CUT_AT_END.exec(text.slice(-3))?.[0].length ?? 0;
      held = text.slice(text.length - cut);
      return mark(text.slice(0, text.length - cut));
    },
    end: () => mark(held),
  };
}

const NOT_WINDOWS_1252 = '\x81';

export async function* transcode(
  input: AsyncIterable<Buffer>,
  transcoder: Transcoder,
): AsyncGenerator<Buffer, void, void> {
  for await (const piece of input) yield transcoder.push(piece);
  yield transcoder.end();
}

/** Encodes a text as UTF-8; a lone surrogate becomes three bytes that are not valid UTF-8, so that its record fails. */
export function encodeText(text: string): Buffer {
  if (text.isWellFormed()) return Buffer.from(text, 'utf8');
  const parts = text.split(LONE_SURROGATE).map((part, i) => {
    if (i % 2 === 0) return Buffer.from(part, 'utf8');
    const unit = part.charCodeAt(0);
    return Buffer.from([0xe0 | (unit >> 12), 0x80 | ((unit >> 6) & 0x3f), 0x80 | (unit & 0x3f)]);
  });
  return Buffer.concat(parts);
}

const LONE_SURROGATE = /([\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff])/;

function stateless(push: (bytes: Buffer) => Buffer): Transcoder {
  return { push, end: () => NOTHING };
}

function createSingleByte(characters: readonly string[]): Transcoder {
  const encoded = characters.map((char) => (char === '\ufffd' ? NOT_TEXT : Buffer.from(char, 'utf8')));
  const longest = Math.max(...encoded.map(({ length }) => length));
  /** The one byte of each character that has no more, as most characters of a text do; else -1. */
  const alone = Int16Array.from(encoded, ({ length, 0: byte }) => (length === 1 ? byte! : -1));
  return stateless((bytes) => {
    const out = Buffer.allocUnsafe(bytes.length * longest);
    let at = 0;
    for (let i = 0; i < bytes.length; i += 1) {
      const byte = alone[bytes[i]!]!;
      if (byte >= 0) out[at++] = byte;
      else for (const each of encoded[bytes[i]!]!) out[at++] = each;
    }
    return out.subarray(0, at);
  });
}

/**
 * These two go to iconv-lite: Node's decoder gives private characters for the Big5 of Hong Kong, and control characters
 * for the Korean syllables of code page 949, while the Encoding Standard has both.
 */
const OF_ICONV: Partial<Record<Encoding, string>> = { big5: 'big5-hkscs', 'euc-kr': 'cp949' };

/**
 * Decoders differ in bytes that the encoding does not have: Node's gives control characters for those of EUC-JP, and a
 * browser's the one of Shift_JIS. No text of these encodings has such a character.
 */
const NO_CHARACTERS: Partial<Record<Encoding, RegExp>> = { 'euc-jp': /[\x80-\x9f]/g, shift_jis: /\x80/g };

/** A line that is longer than this many bytes is decoded in parts. */
const LONGEST_PART = 1024 * 1024;

/**
 * Decodes whole lines. Node's decoder throws, and the one of iconv-lite loses bytes, where a piece ends in the middle of
 * a wrong character; the end of a line is in the middle of none. Neither is a byte below 0x30, where a long line is cut.
 */
function createSeveralBytes(encoding: Encoding): Transcoder {
  const name = OF_ICONV[encoding];
  const noCharacters = NO_CHARACTERS[encoding];
  const decode = (bytes: Buffer) => {
    if (name !== undefined) return iconv.decode(bytes, name);
    const text = new TextDecoder(encoding, { ignoreBOM: true }).decode(bytes);
    return noCharacters === undefined ? text : text.replace(noCharacters, '\ufffd');
  };
  let held: Buffer[] = [];
  let heldBytes = 0;
  const take = (last: Buffer): Buffer => {
    const whole = Buffer.concat([...held, last]);
    held = [];
    heldBytes = 0;
    return encodeDecoded(decode(whole));
  };
  return {
    push(bytes) {
      let end = Math.max(bytes.lastIndexOf(0x0a), bytes.lastIndexOf(0x0d)) + 1;
      if (end === 0 && heldBytes + bytes.length > LONGEST_PART) {
        end = bytes.length;
        while (end > 0 && bytes[end - 1]! >= 0x30) end -= 1;
        if (end === 0) end = bytes.length;
      }
      const out = end === 0 ? NOTHING : take(bytes.subarray(0, end));
      if (end === bytes.length) return out;
      held.push(Buffer.from(bytes.subarray(end)));
      heldBytes += bytes.length - end;
      return out;
    },
    end: () => take(NOTHING),
  };
}

/** U+FFFD stands for bytes that are no text; some decoders give control characters for them, too. */
const NO_CHARACTER = /[\ufffd\x80-\x9f]/;

function encodeDecoded(text: string): Buffer {
  if (!NO_CHARACTER.test(text)) return encodeText(text);
  const parts = text.split(NO_CHARACTER).flatMap((part, i) => [...(i === 0 ? [] : [NOT_TEXT]), encodeText(part)]);
  return Buffer.concat(parts);
}

function createUtf16(bigEndian: boolean): Transcoder {
  /** Half a code unit, or a high surrogate whose low surrogate has not come yet. */
  let held: Buffer = NOTHING;
  const decode = (bytes: Buffer): Buffer =>
    encodeText((bigEndian ? Buffer.from(bytes).swap16() : bytes).toString('utf16le'));
  return {
    push(bytes) {
      const all = held.length > 0 ? Buffer.concat([held, bytes]) : bytes;
      let end = all.length - (all.length % 2);
      if (end >= 2 && isHighSurrogate(all[bigEndian ? end - 2 : end - 1]!)) end -= 2;
      held = Buffer.from(all.subarray(end));
      return decode(all.subarray(0, end));
    },
    end() {
      const whole = held.subarray(0, held.length - (held.length % 2));
      const rest = held.length % 2 === 0 ? NOTHING : NOT_TEXT;
      held = NOTHING;
      return Buffer.concat([decode(whole), rest]);
    },
  };
}

/** @param byte the upper byte of a code unit */
const isHighSurrogate = (byte: number) => byte >= 0xd8 && byte <= 0xdb;
