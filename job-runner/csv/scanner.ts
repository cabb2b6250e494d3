/**
 * Finds the records of a file in its bytes, however the network cuts them, and keeps no bytes. The loop over the bytes
 * is in assembly/boundaries.ts, which reads 3 GB/s.
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

/** The size of a page of WebAssembly's memory. */
const PAGE_BYTES = 64 * 1024;
/** Bytes of memory behind the last one that is scanned, since sixteen are compared together. */
const SPARE_BYTES = 16;

const { FIELD_START, UNQUOTED, QUOTED, QUOTE_INSIDE, AFTER_CR } = LAYOUT;

export interface ScannerOptions {
  /** A record with more bytes than this, from its start to the end of its line, fails the file. */
  maxRecordBytes: number;
  /**
   * Called for every record in order. The record's bytes are [startByte, endByte), which include the end of its line.
   * Rows are counted as in a spreadsheet: the first row of the file is 1, a blank line counts, a newline inside quotes
   * does not.
   */
  onRecord(startByte: number, endByte: number, rowNumber: number): void;
  /** The offset of the first byte in the file, for a scanner that starts in the middle of a file; default: 0. */
  startByte?: number;
  firstRowNumber?: number;
  /** The byte between two fields; default: a comma. */
  delimiter?: number;
  /** Bytes in this memory are scanned in place; all other bytes are copied into it. */
  memory?: ScanMemory;
}

export interface ScanMemory {
  /** Has the size that was asked for. */
  bytes: Buffer;
  finder: BoundaryFinder;
}

export interface RecordScanner {
  /** Scans the next bytes of the file. @throws Fault FILE_UNTERMINATED_QUOTE, FILE_RECORD_TOO_LONG (permanent) */
  push(bytes: Buffer): void;
  /** Ends the file. @throws Fault FILE_UNTERMINATED_QUOTE */
  end(): void;
}

export function createRecordScanner(options: ScannerOptions): RecordScanner {
  const { maxRecordBytes, onRecord, delimiter = COMMA } = options;
  const { finder } = options.memory ?? createScanMemory(0);
  let state: number = FIELD_START;
  /** The offset of the next byte in the file. */
  let position = options.startByte ?? 0;
  let recordStart = position;
  let row = options.firstRowNumber ?? 1;
  let bomSeen = position === 0 ? 0 : BOM.length;
  /** Is the line that ended with a CR, and may still get an LF, blank? */
  let heldBlank = false;

  function endRecord(end: number, blank: boolean): void {
    if (!blank) onRecord(recordStart, end, row);
    row += 1;
    recordStart = end;
    state = FIELD_START;
  }

  /** Skips a byte order mark at the start of the file, even when it comes in pieces. */
  function skipBom(bytes: Buffer): Buffer {
    let i = 0;
    while (i < bytes.length && bomSeen < BOM.length && bytes[i] === BOM[bomSeen]) {
      i += 1;
      bomSeen += 1;
    }
    position += i;
    if (bomSeen === BOM.length) recordStart = position;
    else if (i < bytes.length) {
      // The bytes were not a mark after all: they belong to the record.
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

  /** Completes what the last piece began. @returns how many bytes of this piece belong to it */
  function enter(bytes: Buffer): number {
    if (bytes.length === 0) return 0;
    let length = 0;
    if (state === AFTER_CR) {
      // An LF after the CR still belongs to the record that was held back.
      length = bytes[0] === LF ? 1 : 0;
      endRecord(position + length, heldBlank);
    } else if (state === QUOTE_INSIDE) {
      // The last piece ended with a quote inside quotes: a second quote makes it a quote of the text.
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
        // Each part ends at the limit, so that the fault does not depend on how the bytes were cut.
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
