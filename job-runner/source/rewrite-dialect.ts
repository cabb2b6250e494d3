/**
 * Rewrites records of an unusual dialect in the canonical one. Each record, blank line or comment of the file is one
 * row of the output. The fields are ranges of bytes, never strings, so that a field of many megabytes costs no more
 * memory than its bytes.
 */
import type { Dialect } from '#api/source-format.ts';
import { ByteBuffer } from './byte-buffer.ts';
import { createDialectReader, type DialectRecord } from './read-dialect.ts';

export interface RewriteOptions {
  dialect: Dialect;
  maxRecordBytes: number;
}

/** @param input bytes cut anywhere, in UTF-8 or not. @throws Fault FILE_RECORD_TOO_LONG */
export async function* rewriteDialect(
  input: AsyncIterable<Buffer>,
  options: RewriteOptions,
): AsyncGenerator<Buffer, void, void> {
  const rewriter = createDialectRewriter(options);
  for await (const piece of input) yield rewriter.push(piece);
  yield rewriter.end();
}

export function createDialectRewriter(options: RewriteOptions): {
  push(bytes: Buffer): Buffer;
  end(): Buffer;
} {
  const out = new ByteBuffer();
  const reader = createDialectReader({
    ...options,
    onBlank: () => out.push(LF),
    onRecord: (record) => writeRecord(record, out),
  });
  return {
    push(bytes) {
      reader.push(bytes);
      return out.take();
    },
    end() {
      const open = reader.end();
      // A quote that is still open at the end of the file stays open: the scanner reports it with the row.
      if (open) {
        out.push(QUOTE);
        out.appendDoubled(open, QUOTE);
      }
      return out.take();
    },
  };
}

const COMMA = 0x2c;
const QUOTE = 0x22;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;

/** The bytes that a field has in quotes alone. */
const NEEDS_QUOTES = new Uint8Array(256);
for (const byte of [COMMA, QUOTE, LF, CR]) NEEDS_QUOTES[byte] = 1;

/** Writes the canonical form of `write-csv.ts` for bytes; a malformed record keeps its bytes in one field. */
function writeRecord({ raw, malformed, bytes, ends }: DialectRecord, out: ByteBuffer): void {
  if (malformed) {
    writeQuoted(raw, out);
    out.push(SPACE);
  } else {
    let start = 0;
    // A record of empty fields would be a blank row.
    if (bytes.length === 0) out.append(EMPTY_TEXT);
    for (const [i, end] of ends.entries()) {
      if (i > 0) out.push(COMMA);
      const field = bytes.subarray(start, end);
      if (field.some((byte) => NEEDS_QUOTES[byte] === 1)) writeQuoted(field, out);
      else out.append(field);
      start = end;
    }
  }
  out.push(LF);
}

const EMPTY_TEXT = Buffer.from('""');

function writeQuoted(field: Buffer, out: ByteBuffer): void {
  out.push(QUOTE);
  out.appendDoubled(field, QUOTE);
  out.push(QUOTE);
}
