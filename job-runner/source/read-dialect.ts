/**
 * Reads the records of an unusual dialect as ranges of bytes.
 *
 * csv-parse cannot do this: it drops unreadable records without a row of their own, escapes only inside quotes, and
 * does not say which rows were blank. In the tests of rewrite-dialect.ts csv-parse is the oracle, wherever it knows the
 * dialect.
 *
 * | state       | delimiter  | quote                | escape          | end of line | other    |
 * |-------------|------------|----------------------|-----------------|-------------|----------|
 * | FIELD_START | FIELD_START| QUOTED               | next is literal | end         | UNQUOTED |
 * | UNQUOTED    | FIELD_START| malformed            | next is literal | end         | UNQUOTED |
 * | QUOTED      | QUOTED     | QUOTE_INSIDE         | next is literal | QUOTED      | QUOTED   |
 * | QUOTE_INSIDE| FIELD_START| QUOTED (doubleQuote) | malformed       | end         | malformed|
 */
import type { Dialect } from '#api/source-format.ts';
import { ByteBuffer } from './byte-buffer.ts';
import { recordTooLong } from './source-format.ts';

export interface DialectRecord {
  /** The record's bytes in the file, without its end of line. */
  raw: Buffer;
  /** True when a quote stands where none may; the fields mean nothing then. */
  malformed: boolean;
  /** The fields' bytes one behind the other, without quotes and escapes, and where each field ends. */
  bytes: Buffer;
  ends: readonly number[];
}

export interface DialectReaderOptions {
  dialect: Dialect;
  maxRecordBytes: number;
  /** Called for every record in order; the record is valid during the call. */
  onRecord(record: DialectRecord): void;
  /** Called for every blank row and every comment. */
  onBlank(): void;
}

export interface DialectReader {
  /** @param bytes the next bytes of the file, cut anywhere. @throws Fault FILE_RECORD_TOO_LONG */
  push(bytes: Buffer): void;
  /** @returns the text of a field whose quote is still open */
  end(): Buffer | null;
}

const FIELD_START = 0;
const UNQUOTED = 1;
const QUOTED = 2;
const QUOTE_INSIDE = 3;
const COMMENT = 4;

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const N = 0x4e;
const BOM = [0xef, 0xbb, 0xbf];
/** The code of a character that the dialect does not have; no byte is equal to it. */
const NONE = -1;

export function createDialectReader(options: DialectReaderOptions): DialectReader {
  const { dialect, maxRecordBytes, onRecord, onBlank } = options;
  const code = (char: string) => (char === '' ? NONE : char.charCodeAt(0));
  const delimiter = code(dialect.delimiter);
  const quote = code(dialect.quoteChar);
  const escapeByte = code(dialect.escapeChar);
  const comment = code(dialect.commentChar);
  /** 1 for the bytes that may change the state of an unquoted field or a comment, and of a quoted field. */
  const special = [tableOf([delimiter, quote, escapeByte, LF, CR]), tableOf([quote, escapeByte])] as const;
  const isBlank = tableOf([delimiter, SPACE, 0x09, 0x1a]);
  const raw = new ByteBuffer(maxRecordBytes + 1);
  const fields = new ByteBuffer(maxRecordBytes + 1);
  let ends: number[] = [];
  let state = FIELD_START;
  let malformed = false;
  let escaped = false;
  let afterCr = false;
  let row = 1;
  let markBytes = 0;

  function endRecord(): void {
    const bytes = raw.bytes;
    if (state === COMMENT || bytes.every((byte) => isBlank[byte] === 1)) onBlank();
    else {
      endField();
      onRecord({ raw: bytes, malformed, bytes: fields.bytes, ends });
    }
    state = FIELD_START;
    raw.clear();
    fields.clear();
    ends = [];
    malformed = false;
    row += 1;
  }

  /** An escaped N alone in a field without quotes is NULL, as MySQL and PostgreSQL write it. */
  function endField(): void {
    const start = ends.at(-1) ?? 0;
    const isNull = escapedAt === start && raw.length >= 2 && fields.length === start + 1 && fields.bytes[start] === N;
    if (isNull && state === UNQUOTED) fields.truncate(start);
    ends.push(fields.length);
    escapedAt = NONE;
  }
  /** Where the last escaped character lies in `fields`. */
  let escapedAt = NONE;

  /** Takes a byte that is neither a delimiter nor the end of a line outside of quotes. */
  function takeOther(byte: number): void {
    const isQuote = byte === quote;
    if (state === QUOTE_INSIDE) {
      // Anything but a doubled quote makes the record malformed; its end is then found as in an unquoted field.
      malformed ||= !(isQuote && dialect.doubleQuote);
      state = malformed ? UNQUOTED : QUOTED;
    } else if (isQuote && state === FIELD_START) {
      state = QUOTED;
      return;
    } else if (isQuote && state === QUOTED) {
      state = QUOTE_INSIDE;
      return;
    } else if (state === FIELD_START) {
      if (byte === SPACE && dialect.skipInitialSpace) return;
      state = UNQUOTED;
    }
    malformed ||= isQuote && state === UNQUOTED;
    fields.push(byte);
  }

  function take(byte: number): void {
    if (escaped) {
      escaped = false;
      escapedAt = fields.length;
      fields.push(byte);
    } else if (byte === escapeByte && state !== QUOTE_INSIDE) {
      escaped = true;
      if (state === FIELD_START) state = UNQUOTED;
    } else if (byte === delimiter && state !== QUOTED) {
      endField();
      state = FIELD_START;
    } else takeOther(byte);
  }

  function next(byte: number): void {
    const followsCr = afterCr;
    afterCr = false;
    if (followsCr && byte === LF) return;
    if ((byte === LF || byte === CR) && state !== QUOTED && !escaped) {
      endRecord();
      afterCr = byte === CR;
      return;
    }
    if (raw.length === 0 && byte === comment) state = COMMENT;
    raw.push(byte);
    if (state !== COMMENT) take(byte);
  }

  /** Takes bytes that change nothing all at once. @returns where the next byte that may change something is */
  function takeRun(bytes: Buffer, from: number): number {
    if (escaped || afterCr || (state !== UNQUOTED && state !== QUOTED && state !== COMMENT)) return from;
    const stops = special[state === QUOTED ? 1 : 0];
    const most = Math.min(bytes.length, from + maxRecordBytes + 1 - raw.length);
    let to = from;
    while (to < most && stops[bytes[to]!] === 0) to += 1;
    if (to === from) return from;
    const run = bytes.subarray(from, to);
    raw.append(run);
    if (state !== COMMENT) fields.append(run);
    return to;
  }

  /** Skips a byte order mark, which may come in pieces; bytes that only looked like its beginning are text. */
  function skipMark(bytes: Buffer): number {
    let from = 0;
    while (markBytes < BOM.length && from < bytes.length) {
      if (bytes[from] === BOM[markBytes]) {
        markBytes += 1;
        from += 1;
      } else endMark();
    }
    return from;
  }

  function endMark(): void {
    if (markBytes < BOM.length) for (const byte of BOM.slice(0, markBytes)) next(byte);
    markBytes = BOM.length;
  }

  return {
    push(bytes) {
      let i = skipMark(bytes);
      while (i < bytes.length) {
        const to = takeRun(bytes, i);
        if (to === i) {
          next(bytes[i]!);
          i += 1;
        } else i = to;
        // A comment is no record, but has the same limit.
        if (raw.length > maxRecordBytes) throw recordTooLong(row, maxRecordBytes);
      }
    },
    end() {
      endMark();
      malformed ||= escaped;
      if (state === QUOTED) return Buffer.from(fields.bytes.subarray(ends.at(-1) ?? 0));
      if (raw.length > 0) endRecord();
      return null;
    },
  };
}

function tableOf(bytes: readonly number[]): Uint8Array {
  const table = new Uint8Array(256);
  for (const byte of bytes) if (byte !== NONE) table[byte] = 1;
  return table;
}
