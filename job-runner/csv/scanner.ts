/**
 * Finds the records of a file in its bytes, however the network cuts them. Keeps no bytes. The loop over them is in
 * assembly/boundaries.ts: 3 GB/s.
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
import { Fault } from '#common/faults.ts';
import { BINARY, LAYOUT } from './boundaries.gen.ts';

const COMMA = 0x2c;
const QUOTE = 0x22;
const LF = 0x0a;
const BOM = [0xef, 0xbb, 0xbf];

/** Of WebAssembly's memory. */
const PAGE_BYTES = 64 * 1024;
/** Behind the last byte, since sixteen are looked at together. */
const SPARE_BYTES = 16;

const { FIELD_START, UNQUOTED, QUOTED, QUOTE_INSIDE, AFTER_CR } = LAYOUT;

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
  /** Bytes that lie in it are scanned there, all others are copied. */
  memory?: ScanMemory;
}

export interface ScanMemory {
  /** As many as were asked for. */
  bytes: Buffer;
  finder: BoundaryFinder;
}

export interface RecordScanner {
  /** Takes the next bytes. @throws Fault FILE_UNTERMINATED_QUOTE, FILE_RECORD_TOO_LONG (permanent) */
  push(bytes: Buffer): void;
  /** The file is at its end. @throws Fault FILE_UNTERMINATED_QUOTE */
  end(): void;
}

export function createRecordScanner(options: ScannerOptions): RecordScanner {
  const { maxRecordBytes, onRecord, delimiter = COMMA } = options;
  const { finder } = options.memory ?? createScanMemory(0);
  let state: number = FIELD_START;
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

  function scan(bytes: Buffer): void {
    const liesThere = bytes.buffer === finder.memory.buffer;
    for (let i = enter(bytes); i < bytes.length; i += enter(bytes.subarray(i))) {
      const base = position;
      const length = Math.min(bytes.length - i, LAYOUT.WINDOW_BYTES);
      if (!liesThere) bytes.copy(finder.memory, LAYOUT.WINDOW, i, i + length);
      const from = liesThere ? bytes.byteOffset + i : LAYOUT.WINDOW;
      const count = finder.findEnds(from, length, state, position === recordStart ? 1 : 0, delimiter);
      for (let k = 0; k < count; k += 1) {
        const end = finder.ends[k]!;
        endRecord(base + (end >> 1), (end & 1) === 1);
      }
      state = finder.state.value;
      heldBlank = finder.isBlank.value === 1;
      i += length;
      position += length;
    }
  }

  /** Goes on from the piece before. @returns how many bytes belong to what was begun there */
  function enter(bytes: Buffer): number {
    if (bytes.length === 0) return 0;
    let length = 0;
    if (state === AFTER_CR) {
      // The record was held back: an LF is part of its end.
      length = bytes[0] === LF ? 1 : 0;
      endRecord(position + length, heldBlank);
    } else if (state === QUOTE_INSIDE) {
      // The last byte of the piece before was a quote inside quotes: another one makes it a quote of the text.
      length = bytes[0] === QUOTE ? 1 : 0;
      state = length === 1 ? QUOTED : UNQUOTED;
    }
    position += length;
    return length;
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

interface BoundaryFinder {
  memory: Buffer;
  ends: Int32Array;
  findEnds(from: number, length: number, before: number, atStart: number, delimiter: number): number;
  state: WebAssembly.Global;
  isBlank: WebAssembly.Global;
}

/** @param size in bytes, up to 60 MiB */
export function createScanMemory(size: number): ScanMemory {
  const instance = new WebAssembly.Instance(new WebAssembly.Module(Buffer.from(BINARY, 'base64')), {});
  const { memory, ...exports } = instance.exports as unknown as Omit<BoundaryFinder, 'memory' | 'ends'> & {
    memory: WebAssembly.Memory;
  };
  const start = memory.buffer.byteLength;
  memory.grow(Math.ceil((size + SPARE_BYTES) / PAGE_BYTES));
  const finder = {
    ...exports,
    memory: Buffer.from(memory.buffer),
    ends: new Int32Array(memory.buffer, LAYOUT.ENDS, LAYOUT.MOST_ENDS),
  };
  return { bytes: finder.memory.subarray(start, start + size), finder };
}

function unterminated(row: number, where: string): Fault {
  return new Fault({
    code: 'FILE_UNTERMINATED_QUOTE',
    category: 'permanent',
    reason: 'UnterminatedQuote',
    message: `The quoted field that opens in row ${row} is not closed ${where}. Close it with a quote (a quote inside a field is written twice) and upload the file again.`,
  });
}
