/**
 * Turns text of other encodings into UTF-8, in pieces cut anywhere. Bytes that are not text become bytes that are not
 * UTF-8, so that their record fails and no other.
 */
import type { Encoding } from '#api/source-format.ts';

export interface Transcoder {
  push(bytes: Buffer): Buffer;
  /** Ends the input. @returns the last bytes of the output */
  end(): Buffer;
}

const NOTHING = Buffer.alloc(0);
/** No UTF-8 text has this byte; it stands for a code unit that is cut off. */
const NOT_TEXT = Buffer.from([0xff]);

export function createTranscoder(encoding: Encoding): Transcoder {
  switch (encoding) {
    case 'utf-8':
      return stateless((bytes) => bytes);
    case 'iso-8859-1':
      return stateless((bytes) => Buffer.from(bytes.toString('latin1'), 'utf8'));
    case 'windows-1252':
      return stateless((bytes) => Buffer.from(bytes.toString('latin1').replace(C1, toWindows1252), 'utf8'));
    case 'utf-16le':
      return createUtf16(false);
    case 'utf-16be':
      return createUtf16(true);
    default:
      throw new Error(encoding satisfies never);
  }
}

export async function* transcode(input: AsyncIterable<Buffer>, encoding: Encoding): AsyncGenerator<Buffer, void, void> {
  const transcoder = createTranscoder(encoding);
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

const C1 = /[\x80-\x9f]/g;
/** The characters of 0x80 to 0x9f by the Encoding Standard; five of them are control characters of Latin-1. */
const WINDOWS_1252 = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ';
const toWindows1252 = (char: string) => WINDOWS_1252[char.charCodeAt(0) - 0x80]!;

function stateless(push: (bytes: Buffer) => Buffer): Transcoder {
  return { push, end: () => NOTHING };
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
