/**
 * Writes rows in COPY's text or binary format. A value's bytes are copied as they are; in the text format, the few
 * bytes that mean something to COPY are escaped. Source: PostgreSQL's documentation of COPY, "Text Format" and "Binary
 * Format".
 */
import { COPY_TEXT, type CopyFormat, type Escapes, escapeCopyText, escapedLength, JSON_ESCAPES } from './escapes.ts';

const NEWLINE = 0x0a;
const TAB = 0x09;
const DASH = 0x2d;
const HEX = Buffer.from('0123456789abcdef');
const UUID_LENGTH = 36;
const NULL_COLUMN = Buffer.from('\\N\t');

/** The bytes before the rows of the binary format, and the bytes behind them. */
const BINARY_HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
const BINARY_TRAILER = Buffer.from([0xff, 0xff]);
/** The bytes of a value's length, of a row's number of columns, and of a row number with its length. */
const LENGTH_BYTES = 4;
const COUNT_BYTES = 2;
const ROW_NUMBER_BYTES = LENGTH_BYTES + 8;

const FIRST_CAPACITY = 64 * 1024;
const FIRST_ROWS = 1024;
const MOST_SPARE = 1024 * 1024;
/** A buffer that a huge record made larger than this is dropped after use. */
const KEPT_CAPACITY = 8 * 1024 * 1024;
const LONGEST_ESCAPE = 7;
/** The engine copies values of this length and more faster than a loop. */
const LONG = 96;

/**
 * A row is written by startRow, its columns, then endRow. A column is written by one method with Column in its name, or
 * by startColumn, methods that write the value, then endColumn.
 */
export class RowBuffer {
  readonly format: CopyFormat;
  readonly #isBinary: boolean;
  readonly #jsonEscapes: Escapes;
  #bytes = Buffer.allocUnsafe(FIRST_CAPACITY);
  #length = 0;
  /** The offset of the length of the binary column that is being written. */
  #column = 0;
  /** The end of each row. The arrays are used again: lists for each chunk would wait for a garbage collection. */
  #ends = new Float64Array(FIRST_ROWS);
  #rowNumbers = new Float64Array(FIRST_ROWS);
  #rows = 0;
  /** The last result of {@link selectColumns}, whose memory is used again. */
  #selected: RowBuffer | null = null;

  constructor(format: CopyFormat = 'text') {
    this.format = format;
    this.#isBinary = format === 'binary';
    this.#jsonEscapes = JSON_ESCAPES[format];
  }

  /** The number of bytes written; a smaller length removes the last bytes. */
  get length(): number {
    return this.#length;
  }

  set length(value: number) {
    this.#length = value;
  }

  /** The number of complete rows. */
  get rows(): number {
    return this.#rows;
  }

  rowNumber(row: number): number {
    return this.#rowNumbers[row]!;
  }

  /** All bytes of the buffer, until the next row is written. A row begins at {@link startOf}. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  startOf(row: number): number {
    return row === 0 ? 0 : this.#ends[row - 1]!;
  }

  /** All rows as COPY takes them; valid until clear(). */
  all(): Buffer[] {
    return this.#enclose([this.#bytes.subarray(0, this.startOf(this.rows))]);
  }

  /** Some rows in their order; valid until clear(). */
  select(rows: readonly number[]): Buffer[] {
    const first = rows[0];
    if (first === undefined) return [];
    const last = rows.at(-1)!;
    if (last - first + 1 === rows.length)
      return this.#enclose([this.#bytes.subarray(this.startOf(first), this.startOf(last + 1))]);
    const parts: Buffer[] = [];
    let start = first;
    for (const [i, row] of rows.entries()) {
      if (rows[i + 1] === row + 1) continue;
      parts.push(this.#bytes.subarray(this.startOf(start), this.startOf(row + 1)));
      start = rows[i + 1]!;
    }
    return this.#enclose(parts);
  }

  /** Some rows, each with its row number as one more column, a bigint. */
  selectWithRowNumbers(rows: readonly number[]): Buffer[] {
    if (rows.length === 0) return [];
    return this.#enclose([this.#isBinary ? this.#numberedBinary(rows) : this.#numberedText(rows)]);
  }

  /**
   * Some columns of some rows, each row with its number; valid until the next call.
   * @param columns positions in ascending order
   */
  selectColumns(rows: readonly number[], columns: readonly number[]): Buffer[] {
    if (rows.length === 0) return [];
    this.#selected ??= new RowBuffer(this.format);
    const parts = this.#selected;
    parts.clear();
    for (const row of rows) {
      parts.startRow(columns.length + 1);
      if (this.#isBinary) this.#copyBinaryColumns(row, columns, parts);
      else this.#copyTextColumns(row, columns, parts);
      parts.#numberColumn(this.#rowNumbers[row]!);
      parts.endRow(this.#rowNumbers[row]!);
    }
    return parts.all();
  }

  clear(): void {
    if (this.#bytes.length > KEPT_CAPACITY) this.#bytes = Buffer.allocUnsafe(FIRST_CAPACITY);
    this.#length = 0;
    this.#rows = 0;
  }

  startRow(columns: number): void {
    if (!this.#isBinary) return;
    this.#reserve(COUNT_BYTES);
    this.#length = this.#bytes.writeInt16BE(columns, this.#length);
  }

  startColumn(): void {
    if (!this.#isBinary) return;
    this.#reserve(LENGTH_BYTES);
    this.#column = this.#length;
    this.#length += LENGTH_BYTES;
  }

  endColumn(): void {
    if (this.#isBinary) putInt32(this.#bytes, this.#column, this.#length - this.#column - LENGTH_BYTES);
    else {
      this.#reserve(1);
      this.#bytes[this.#length++] = TAB;
    }
  }

  endRow(rowNumber: number): void {
    // The tab behind the last column becomes the newline.
    if (!this.#isBinary) this.#bytes[this.#length - 1] = NEWLINE;
    if (this.#rows === this.#ends.length) this.#growRows();
    this.#ends[this.#rows] = this.#length;
    this.#rowNumbers[this.#rows] = rowNumber;
    this.#rows += 1;
  }

  /**
   * Appends rows that are in the format already, with consecutive row numbers.
   * @param start where the first row begins in `bytes`
   * @param ends where each row ends in `bytes`
   */
  append(bytes: Uint8Array, start: number, ends: Int32Array, firstRowNumber: number): void {
    const end = ends.at(-1) ?? start;
    this.#reserve(end - start);
    this.#bytes.set(bytes.subarray(start, end), this.#length);
    const shift = this.#length - start;
    this.#length += end - start;
    while (this.#rows + ends.length > this.#ends.length) this.#growRows();
    for (let i = 0; i < ends.length; i += 1) {
      this.#ends[this.#rows + i] = ends[i]! + shift;
      this.#rowNumbers[this.#rows + i] = firstRowNumber + i;
    }
    this.#rows += ends.length;
  }

  /** Copies all bytes written so far into other bytes. */
  copyTo(bytes: Uint8Array, at: number): void {
    bytes.set(this.#bytes.subarray(0, this.#length), at);
  }

  /** Writes a column without a value. */
  nullColumn(): void {
    if (this.#isBinary) {
      this.#reserve(LENGTH_BYTES);
      putInt32(this.#bytes, this.#length, -1);
      this.#length += LENGTH_BYTES;
    } else this.raw(NULL_COLUMN);
  }

  /** Writes a column whose value is the bytes [start, end). */
  copyColumn(bytes: Uint8Array, start: number, end: number): void {
    if (this.#isBinary) this.#copyWithLength(bytes, start, end);
    else {
      this.#escape(COPY_TEXT, bytes, start, end);
      this.endColumn();
    }
  }

  /** Writes a column of type int4 or date in the binary format. */
  int32Column(value: number): void {
    this.#reserve(LENGTH_BYTES + 4);
    putInt32(this.#bytes, this.#length, 4);
    putInt32(this.#bytes, this.#length + LENGTH_BYTES, value);
    this.#length += LENGTH_BYTES + 4;
  }

  /** Writes the bytes [start, end), which are in the format already. */
  raw(bytes: Uint8Array, start = 0, end = bytes.length): void {
    this.#reserve(end - start);
    this.#length = putBytes(this.#bytes, this.#length, bytes, start, end);
  }

  /** Writes 16 bytes as the text of a UUID. */
  uuid(bytes: Uint8Array): void {
    this.#reserve(UUID_LENGTH);
    const to = this.#bytes;
    let at = this.#length;
    for (let i = 0; i < 16; i += 1) {
      if (i === 4 || i === 6 || i === 8 || i === 10) to[at++] = DASH;
      to[at++] = HEX[bytes[i]! >> 4]!;
      to[at++] = HEX[bytes[i]! & 15]!;
    }
    this.#length = at;
  }

  /** Writes any text without NUL. */
  text(text: string): void {
    const value = this.#isBinary ? text : escapeCopyText(text);
    this.#reserve(value.length * 3);
    this.#length += this.#bytes.write(value, this.#length, 'utf8');
  }

  /** Writes the bytes [start, end) as a part of a JSON string. */
  json(bytes: Uint8Array, start: number, end: number): void {
    this.#escape(this.#jsonEscapes, bytes, start, end);
  }

  /** Writes a number with or without a sign. */
  int16(value: number): void {
    this.#reserve(2);
    this.#bytes[this.#length] = value >>> 8;
    this.#bytes[this.#length + 1] = value;
    this.#length += 2;
  }

  int64(value: number | bigint): void {
    this.#reserve(8);
    if (typeof value === 'number') putInt64(this.#bytes, this.#length, value);
    else this.#bytes.writeBigInt64BE(value, this.#length);
    this.#length += 8;
  }

  float64(value: number): void {
    this.#reserve(8);
    this.#length = this.#bytes.writeDoubleBE(value, this.#length);
  }

  #copyWithLength(from: Uint8Array, start: number, end: number): void {
    const length = end - start;
    this.#reserve(LENGTH_BYTES + length);
    const to = this.#bytes;
    const at = this.#length + LENGTH_BYTES;
    putInt32(to, this.#length, length);
    if (length >= LONG) to.set(from.subarray(start, end), at);
    else putBytes(to, at, from, start, end);
    this.#length = at + length;
  }

  /** Has four parameters because it is called for every field: an object of options would take a third of the time. */
  #escape(escapes: Escapes, from: Uint8Array, start: number, end: number): void {
    // The worst case gets room at once; a large worst case is counted exactly first.
    const worst = (end - start) * LONGEST_ESCAPE;
    this.#reserve(worst <= FIRST_CAPACITY ? worst : escapedLength(escapes, from, start, end));
    const to = this.#bytes;
    const { plain } = escapes;
    let at = this.#length;
    for (let i = start; i < end; i += 1) {
      const byte = from[i]!;
      if (plain[byte] === 1) to[at++] = byte;
      else at = putBytes(to, at, escapes.of[byte]!, 0, escapes.of[byte]!.length);
    }
    this.#length = at;
  }

  #copyBinaryColumns(row: number, columns: readonly number[], to: RowBuffer): void {
    const bytes = this.#bytes;
    let at = this.startOf(row) + COUNT_BYTES;
    let column = 0;
    for (const wanted of columns) {
      for (; column < wanted; column += 1) at = endOfBinary(bytes, at);
      const end = endOfBinary(bytes, at);
      to.raw(bytes, at, end);
      at = end;
      column += 1;
    }
  }

  #copyTextColumns(row: number, columns: readonly number[], to: RowBuffer): void {
    const bytes = this.#bytes;
    let at = this.startOf(row);
    let column = 0;
    for (const wanted of columns) {
      for (; column < wanted; column += 1) at = bytes.indexOf(TAB, at) + 1;
      // The last column ends with the row.
      const tab = bytes.indexOf(TAB, at);
      const rowEnd = this.startOf(row + 1) - 1;
      const end = tab === -1 || tab > rowEnd ? rowEnd : tab;
      to.raw(bytes, at, end);
      to.endColumn();
      at = end + 1;
      column += 1;
    }
  }

  /** Writes a row number as a column. */
  #numberColumn(value: number): void {
    if (this.#isBinary) {
      this.startColumn();
      this.int64(value);
    } else this.text(String(value));
    this.endColumn();
  }

  #numberedText(rows: readonly number[]): Buffer {
    const numbers = rows.map((row) => `\t${this.#rowNumbers[row]}\n`);
    let length = 0;
    for (const [i, row] of rows.entries()) length += this.startOf(row + 1) - this.startOf(row) + numbers[i]!.length;
    const result = Buffer.allocUnsafe(length);
    let at = 0;
    for (const [i, row] of rows.entries()) {
      at += this.#bytes.copy(result, at, this.startOf(row), this.startOf(row + 1) - 1);
      at += result.write(numbers[i]!, at, 'latin1');
    }
    return result.subarray(0, at);
  }

  #numberedBinary(rows: readonly number[]): Buffer {
    let length = 0;
    for (const row of rows) length += this.startOf(row + 1) - this.startOf(row) + ROW_NUMBER_BYTES;
    const result = Buffer.allocUnsafe(length);
    let at = 0;
    for (const row of rows) {
      const start = this.startOf(row);
      result.writeInt16BE(this.#bytes.readInt16BE(start) + 1, at);
      at += COUNT_BYTES;
      at += this.#bytes.copy(result, at, start + COUNT_BYTES, this.startOf(row + 1));
      putInt32(result, at, 8);
      putInt64(result, at + LENGTH_BYTES, this.#rowNumbers[row]!);
      at += ROW_NUMBER_BYTES;
    }
    return result;
  }

  #enclose(parts: Buffer[]): Buffer[] {
    return this.#isBinary ? [BINARY_HEADER, ...parts, BINARY_TRAILER] : parts;
  }

  #growRows(): void {
    const ends = this.#ends;
    const rowNumbers = this.#rowNumbers;
    this.#ends = new Float64Array(ends.length * 2);
    this.#rowNumbers = new Float64Array(ends.length * 2);
    this.#ends.set(ends);
    this.#rowNumbers.set(rowNumbers);
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#bytes.length) return;
    // The buffer doubles only while it is small: twice the bytes of a huge record would be most of the pod's memory.
    const larger = Buffer.allocUnsafe(needed + Math.min(needed, MOST_SPARE));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

/** @returns where the column at `at` ends */
function endOfBinary(bytes: Buffer, at: number): number {
  return at + LENGTH_BYTES + Math.max(0, bytes.readInt32BE(at));
}

/** Copies by a loop, since the bytes are few. @returns where they end */
function putBytes(to: Uint8Array, at: number, from: Uint8Array, start: number, end: number): number {
  const shift = at - start;
  for (let i = start; i < end; i += 1) to[shift + i] = from[i]!;
  return shift + end;
}

function putInt32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

function putInt64(bytes: Uint8Array, at: number, value: number): void {
  putInt32(bytes, at, Math.floor(value / 2 ** 32));
  putInt32(bytes, at + 4, value >>> 0);
}
