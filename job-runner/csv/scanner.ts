/**
 * Finds the records of a file in its bytes, however the network cuts them. Keeps no bytes.
 *
 * Grammar: RFC 4180 with LF, CRLF or a lone CR as the end of a record. A quote opens a field only at the field's start;
 * inside, a doubled quote is a quote. A quote anywhere else is stray: it spoils its own record and moves no boundary.
 *
 * | state       | delimiter | quote       | CR         | LF         | other    |
 * |-------------|-----------|-------------|------------|------------|----------|
 * | fieldStart  | fieldStart| quoted      | end, cr    | end        | unquoted |
 * | unquoted    | fieldStart| unquoted    | end, cr    | end        | unquoted |
 * | quoted      | quoted    | quoteInside | quoted     | quoted     | quoted   |
 * | quoteInside | fieldStart| quoted      | end, cr    | end        | unquoted |
 * | cr          | (a record has ended; an LF belongs to its end, anything else starts the next record)     |
 */
import { Fault } from '#runner/errors.ts';

const COMMA = 0x2c;
const QUOTE = 0x22;
const LF = 0x0a;
const CR = 0x0d;
const BOM = [0xef, 0xbb, 0xbf];

const FIELD_START = 0;
const UNQUOTED = 1;
const QUOTED = 2;
const QUOTE_INSIDE = 3;
const AFTER_CR = 4;

export interface ScannerOptions {
  /** Bytes from the record's start to the end of its line; one more fails the file. */
  maxRecordBytes: number;
  /**
   * Called for every record in order: [startByte, endByte) with the end of its line, and the row as a person counts it
   * in a spreadsheet: the first row of the file is 1, a blank line counts, a newline inside quotes does not.
   */
  onRecord(startByte: number, endByte: number, rowNumber: number): void;
  /** Where the bytes lie in the file, for a scanner that starts in the middle of it; default: the file's start. */
  startByte?: number;
  firstRowNumber?: number;
  /** The byte between two fields; default: a comma. */
  delimiter?: number;
}

export interface RecordScanner {
  /** Takes the next bytes. @throws Fault FILE_UNTERMINATED_QUOTE, FILE_RECORD_TOO_LONG (permanent) */
  push(bytes: Buffer): void;
  /** The file is at its end. @throws Fault FILE_UNTERMINATED_QUOTE */
  end(): void;
}

export function createRecordScanner(options: ScannerOptions): RecordScanner {
  const { maxRecordBytes, onRecord, delimiter = COMMA } = options;
  let state = FIELD_START;
  /** Of the next byte to come. */
  let position = options.startByte ?? 0;
  let recordStart = position;
  let row = options.firstRowNumber ?? 1;
  let bomSeen = position === 0 ? 0 : BOM.length;
  /** Of the record that ended with a CR and waits for an LF. */
  let heldBlank = false;

  function endRecord(end: number, blank: boolean): void {
    if (!blank) onRecord(recordStart, end, row);
    row += 1;
    recordStart = end;
    state = FIELD_START;
  }

  /** Skips a byte order mark at the file's first byte, also one that comes in pieces. */
  function skipBom(bytes: Buffer): Buffer {
    let i = 0;
    while (i < bytes.length && bomSeen < BOM.length && bytes[i] === BOM[bomSeen]) {
      i += 1;
      bomSeen += 1;
    }
    position += i;
    if (bomSeen === BOM.length) recordStart = position;
    else if (i < bytes.length) {
      // Not a mark after all: the bytes that looked like one are the record's own.
      if (bomSeen > 0) state = UNQUOTED;
      bomSeen = BOM.length;
    }
    return bytes.subarray(i);
  }

  /**
   * Between quotes only quotes mean something, and outside of them only quotes and the ends of lines: `indexOf` finds these
   * at 3 to 5 GB/s. A delimiter only matters right before a quote.
   */
  function scan(bytes: Buffer): void {
    const base = position;
    const { length } = bytes;
    let i = enter(bytes);
    let quote = findOr(bytes, QUOTE, i);
    let cr = findOr(bytes, CR, i);
    let lf = findOr(bytes, LF, i);
    while (i < length) {
      if (state === QUOTED) {
        i = closeQuote(bytes, i);
        quote = findOr(bytes, QUOTE, i);
        if (cr < i) cr = findOr(bytes, CR, i);
        if (lf < i) lf = findOr(bytes, LF, i);
      } else if (lf < quote && lf < cr) {
        endRecord(base + lf + 1, base + lf === recordStart);
        i = lf + 1;
        lf = findOr(bytes, LF, i);
      } else if (cr < quote) {
        heldBlank = base + cr === recordStart;
        if (cr + 1 === length) {
          state = AFTER_CR;
          break;
        }
        i = bytes[cr + 1] === LF ? cr + 2 : cr + 1;
        endRecord(base + i, heldBlank);
        cr = findOr(bytes, CR, i);
        if (lf < i) lf = findOr(bytes, LF, i);
      } else if (quote < length) {
        state = opensField(bytes, quote) ? QUOTED : UNQUOTED;
        i = quote + 1;
        if (state === UNQUOTED) quote = findOr(bytes, QUOTE, i);
      } else {
        state = bytes[length - 1] === delimiter ? FIELD_START : UNQUOTED;
        break;
      }
    }
    position = base + length;
  }

  /** Goes on from the piece before. @returns how many bytes belong to what was begun there */
  function enter(bytes: Buffer): number {
    if (state === AFTER_CR) {
      // The record was held back: an LF is part of its end.
      const length = bytes[0] === LF ? 1 : 0;
      endRecord(position + length, heldBlank);
      return length;
    }
    if (state !== QUOTE_INSIDE) return 0;
    // The last byte of the piece before was a quote inside quotes: another one makes it a quote of the text.
    state = bytes[0] === QUOTE ? QUOTED : UNQUOTED;
    return bytes[0] === QUOTE ? 1 : 0;
  }

  /** `from` is inside quotes. @returns what follows the quote that closes them, or the length of the bytes */
  function closeQuote(bytes: Buffer, from: number): number {
    const { length } = bytes;
    for (let at = from; ; at += 2) {
      while (at < length && bytes[at] !== QUOTE) at += 1;
      if (at === length) return length;
      if (at + 1 === length) {
        state = QUOTE_INSIDE;
        return length;
      }
      if (bytes[at + 1] === QUOTE) continue;
      state = UNQUOTED;
      return at + 1;
    }
  }

  /** Is the quote at `at`, which is outside of quotes, at a field's start? */
  function opensField(bytes: Buffer, at: number): boolean {
    if (position + at === recordStart) return true;
    return at > 0 ? bytes[at - 1] === delimiter : state === FIELD_START;
  }

  function refuseLongRecord(): never {
    if (state === QUOTED) throw unterminated(row, `within ${maxRecordBytes} bytes`);
    throw new Fault({
      code: 'FILE_RECORD_TOO_LONG',
      category: 'permanent',
      reason: 'RecordTooLong',
      message: `The record in row ${row} is longer than ${maxRecordBytes} bytes. Split it, or check that the file's rows end with a newline.`,
    });
  }

  return {
    push(bytes) {
      let rest = bomSeen < BOM.length ? skipBom(bytes) : bytes;
      while (rest.length > 0) {
        // Stop where the limit is, so that what is said does not depend on how the bytes were cut.
        const room = recordStart + maxRecordBytes + 1 - position;
        const part = rest.subarray(0, Math.max(1, room));
        scan(part);
        rest = rest.subarray(part.length);
        if (position - recordStart > maxRecordBytes && state !== AFTER_CR) refuseLongRecord();
      }
    },
    end() {
      if (state === QUOTED) throw unterminated(row, 'before the end of the file');
      if (state === AFTER_CR) endRecord(position, heldBlank);
      else if (position > recordStart) endRecord(position, false);
    },
  };
}

function findOr(bytes: Buffer, byte: number, from: number): number {
  const at = bytes.indexOf(byte, from);
  return at === -1 ? bytes.length : at;
}

function unterminated(row: number, where: string): Fault {
  return new Fault({
    code: 'FILE_UNTERMINATED_QUOTE',
    category: 'permanent',
    reason: 'UnterminatedQuote',
    message: `The quoted field that opens in row ${row} is not closed ${where}. Close it with a quote (a quote inside a field is written twice) and upload the file again.`,
  });
}
