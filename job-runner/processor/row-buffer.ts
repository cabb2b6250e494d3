/**
 * Rows in COPY's text format, written as bytes. A value's own bytes are copied as they are, but for the few that mean
 * something to COPY or to JSON. Source: PostgreSQL's documentation of COPY, "Text Format".
 */

interface Escapes {
  /** 1 for a byte that stays as it is. */
  plain: Uint8Array;
  /** What takes the place of the others. */
  of: readonly (Uint8Array | null)[];
}

const NEWLINE = 0x0a;
const TAB = 0x09;
const DASH = 0x2d;
const HEX = Buffer.from('0123456789abcdef');
const UUID_LENGTH = 36;

function escapesFor(table: Record<number, string>): Escapes {
  const of = Array.from({ length: 256 }, (_, byte) => (table[byte] === undefined ? null : Buffer.from(table[byte])));
  return { of, plain: Uint8Array.from(of, (bytes) => (bytes === null ? 1 : 0)) };
}

const COPY_ESCAPES: Record<number, string> = { 92: '\\\\', 10: '\\n', 13: '\\r', 9: '\\t' };
const COPY = escapesFor(COPY_ESCAPES);

/** JSON's own escapes, whose backslashes COPY wants doubled. */
const JSON_IN_COPY = escapesFor(
  Object.fromEntries(
    [0x22, 0x5c, ...Array(0x20).keys()].map((byte) => [
      byte,
      JSON.stringify(String.fromCharCode(byte)).slice(1, -1).replaceAll('\\', '\\\\'),
    ]),
  ),
);
const LONGEST_ESCAPE = 7;

const FIRST_CAPACITY = 64 * 1024;
/** A buffer that one huge record made larger than this is not kept. */
const KEPT_CAPACITY = 8 * 1024 * 1024;

export class RowBuffer {
  #bytes = Buffer.allocUnsafe(FIRST_CAPACITY);
  #length = 0;
  #ends: number[] = [];
  #rowNumbers: number[] = [];

  /** Bytes that are written; setting it back takes the last ones away. */
  get length(): number {
    return this.#length;
  }

  set length(value: number) {
    this.#length = value;
  }

  /** Complete rows. */
  get rows(): number {
    return this.#ends.length;
  }

  rowNumber(row: number): number {
    return this.#rowNumbers[row]!;
  }

  /** The bytes of all rows, each with its newline. Valid until clear(). */
  all(): Buffer {
    return this.#bytes.subarray(0, this.#startOf(this.rows));
  }

  /** The bytes of some rows, in their order. Valid until clear(). */
  select(rows: readonly number[]): Buffer {
    const first = rows[0];
    if (first === undefined) return this.#bytes.subarray(0, 0);
    const last = rows.at(-1)!;
    if (last - first + 1 === rows.length) return this.#bytes.subarray(this.#startOf(first), this.#startOf(last + 1));
    return Buffer.concat(rows.map((row) => this.#bytes.subarray(this.#startOf(row), this.#startOf(row + 1))));
  }

  /** The same rows with their row number as one more column. */
  selectWithRowNumbers(rows: readonly number[]): Buffer {
    const numbers = rows.map((row) => `\t${this.#rowNumbers[row]}\n`);
    let length = 0;
    for (const [i, row] of rows.entries()) length += this.#startOf(row + 1) - this.#startOf(row) + numbers[i]!.length;
    const result = Buffer.allocUnsafe(length);
    let at = 0;
    for (const [i, row] of rows.entries()) {
      at += this.#bytes.copy(result, at, this.#startOf(row), this.#startOf(row + 1) - 1);
      at += result.write(numbers[i]!, at, 'latin1');
    }
    return result.subarray(0, at);
  }

  clear(): void {
    if (this.#bytes.length > KEPT_CAPACITY) this.#bytes = Buffer.allocUnsafe(FIRST_CAPACITY);
    this.#length = 0;
    this.#ends = [];
    this.#rowNumbers = [];
  }

  endColumn(): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = TAB;
  }

  /** Ends the row: the tab behind its last column becomes the newline. */
  endRow(rowNumber: number): void {
    this.#bytes[this.#length - 1] = NEWLINE;
    this.#ends.push(this.#length);
    this.#rowNumbers.push(rowNumber);
  }

  /** Bytes that are in the format already. */
  raw(bytes: Uint8Array): void {
    const { length } = bytes;
    this.#reserve(length);
    const to = this.#bytes;
    const at = this.#length;
    for (let i = 0; i < length; i += 1) to[at + i] = bytes[i]!;
    this.#length = at + length;
  }

  null(): void {
    this.raw(NULL);
  }

  /** ASCII without any byte that has to be escaped: numbers, ids. */
  ascii(text: string): void {
    this.#reserve(text.length);
    this.#length += this.#bytes.write(text, this.#length, 'latin1');
  }

  /** 16 bytes as PostgreSQL reads a uuid. */
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

  /** Any text without NUL. */
  text(text: string): void {
    const escaped = text.replace(/[\\\n\r\t]/g, (char) => COPY_ESCAPES[char.charCodeAt(0)]!);
    this.#reserve(escaped.length * 3);
    this.#length += this.#bytes.write(escaped, this.#length, 'utf8');
  }

  /** The bytes [start, end) as a column's value. */
  copy(bytes: Uint8Array, start: number, end: number): void {
    this.#write(COPY, bytes, start, end);
  }

  /** The bytes [start, end) inside of a JSON string. */
  json(bytes: Uint8Array, start: number, end: number): void {
    this.#write(JSON_IN_COPY, bytes, start, end);
  }

  /** Called for every field of every record: an object of options would be a third of its time. */
  #write(escapes: Escapes, from: Uint8Array, start: number, end: number): void {
    // Room for the worst, unless that is so much that it is worth counting.
    const worst = (end - start) * LONGEST_ESCAPE;
    this.#reserve(worst <= FIRST_CAPACITY ? worst : escapedLength(escapes, from.subarray(start, end)));
    const to = this.#bytes;
    const { plain } = escapes;
    let at = this.#length;
    for (let i = start; i < end; i += 1) {
      const byte = from[i]!;
      if (plain[byte] === 1) to[at++] = byte;
      else for (const other of escapes.of[byte]!) to[at++] = other;
    }
    this.#length = at;
  }

  #startOf(row: number): number {
    return row === 0 ? 0 : this.#ends[row - 1]!;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

const NULL = Buffer.from('\\N');

function escapedLength(escapes: Escapes, bytes: Uint8Array): number {
  let length = bytes.length;
  for (const byte of bytes) length += (escapes.of[byte]?.length ?? 1) - 1;
  return length;
}
