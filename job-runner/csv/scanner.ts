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
  push(bytes: Uint8Array): void;
  /** The file is at its end. @throws Fault FILE_UNTERMINATED_QUOTE */
  end(): void;
}

export function createRecordScanner(options: ScannerOptions): RecordScanner {
  const { maxRecordBytes, onRecord, delimiter = COMMA } = options;
  const ordinary = ordinaryBytes(delimiter);
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
  function skipBom(bytes: Uint8Array): Uint8Array {
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

  function scan(bytes: Uint8Array): void {
    const base = position;
    const length = bytes.length;
    let i = 0;
    while (i < length) {
      const byte = bytes[i]!;
      if (state === QUOTED) {
        while (i < length && bytes[i] !== QUOTE) i += 1;
        if (i === length) break;
        state = QUOTE_INSIDE;
        i += 1;
      } else if (state === AFTER_CR) {
        // The record was held back: an LF would be part of its end.
        if (byte === LF) i += 1;
        endRecord(base + i, heldBlank);
      } else if (byte === delimiter) {
        state = FIELD_START;
        i += 1;
      } else if (byte === LF) {
        endRecord(base + i + 1, base + i === recordStart);
        i += 1;
      } else if (byte === CR) {
        heldBlank = base + i === recordStart;
        state = AFTER_CR;
        i += 1;
      } else if (byte === QUOTE) {
        state = state === UNQUOTED ? UNQUOTED : QUOTED;
        i += 1;
      } else {
        state = UNQUOTED;
        i += 1;
        while (i < length && ordinary[bytes[i]!] === 1) i += 1;
      }
    }
    position = base + length;
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

/** 1 for the bytes that mean nothing inside an unquoted field. A quote there is stray and moves no boundary. */
function ordinaryBytes(delimiter: number): Uint8Array {
  const ordinary = new Uint8Array(256).fill(1);
  for (const byte of [delimiter, LF, CR]) ordinary[byte] = 0;
  return ordinary;
}

function unterminated(row: number, where: string): Fault {
  return new Fault({
    code: 'FILE_UNTERMINATED_QUOTE',
    category: 'permanent',
    reason: 'UnterminatedQuote',
    message: `The quoted field that opens in row ${row} is not closed ${where}. Close it with a quote (a quote inside a field is written twice) and upload the file again.`,
  });
}
