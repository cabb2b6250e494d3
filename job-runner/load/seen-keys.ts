/**
 * Remembers the keys of all rows that a process has prepared for an upload, to find rows whose key is repeated before
 * PostgreSQL meets them: a repeat would undo the whole COPY that it is in. Equal bytes are equal keys; keys that are equal
 * with different bytes (`1.0` and `1.00`, collations) are not found here, and remain conflicts of the COPY. A row that is
 * taken for a repeat by mistake is merged like one, which costs time and changes no result.
 *
 * The table is an open one with linear probing, which holds 32 bits of each key's hash. Sources: A. Appleby,
 * MurmurHash3 (x86, 32 bits); D. E. Knuth, The Art of Computer Programming, vol. 3, section 6.4, algorithm L.
 */
import type { RowBuffer } from '#runner/processor/row-buffer.ts';

/** 16 MiB, enough for 2.8 million keys. A process that sees more of them forgets all and begins again. */
const MOST_SLOTS = 4 * 1024 * 1024;
const FEWEST_SLOTS = 1024;
const FULL = 2 / 3;

const TAB = 0x09;
const NEWLINE = 0x0a;
const COUNT_BYTES = 2;
const LENGTH_BYTES = 4;

export class SeenKeys {
  readonly #columns: readonly number[];
  readonly #slots: Uint32Array;
  #used = 0;
  readonly #hash = new Uint32Array(2);

  /**
   * @param columns positions of the key's columns in a row, ascending
   * @param keys the number of keys that are expected
   */
  constructor(columns: readonly number[], keys: number) {
    this.#columns = columns;
    const wanted = 2 ** Math.ceil(Math.log2(keys / FULL + 1));
    this.#slots = new Uint32Array(Math.max(FEWEST_SLOTS, Math.min(wanted, MOST_SLOTS)));
  }

  /** Adds the keys of the rows [from, to). @returns the rows whose keys were there, ascending. */
  add(rows: RowBuffer, { from, to }: { from: number; to: number }): number[] {
    const repeated: number[] = [];
    const hashRow = rows.format === 'binary' ? hashBinary : hashText;
    const { bytes } = rows;
    for (let row = from; row < to; row += 1) {
      hashRow(bytes, rows.startOf(row), this.#columns, this.#hash);
      if (this.#addHash(this.#hash[0]!, this.#hash[1]!)) repeated.push(row);
    }
    return repeated;
  }

  #addHash(place: number, print: number): boolean {
    const slots = this.#slots;
    const mask = slots.length - 1;
    // Zero marks a slot that is free.
    const kept = print || 1;
    let at = place & mask;
    for (; slots[at] !== 0; at = (at + 1) & mask) if (slots[at] === kept) return true;
    if (this.#used >= slots.length * FULL) {
      slots.fill(0);
      this.#used = 0;
      at = place & mask;
    }
    slots[at] = kept;
    this.#used += 1;
    return false;
  }
}

type Hash = (bytes: Uint8Array, start: number, columns: readonly number[], hash: Uint32Array) => void;

/** The length before each value is hashed with the value, so that no two keys have the same bytes. */
const hashBinary: Hash = (bytes, start, columns, hash) => {
  let at = start + COUNT_BYTES;
  let column = 0;
  begin(hash);
  for (const wanted of columns) {
    for (; column < wanted; column += 1) at = endOfValue(bytes, at);
    const end = endOfValue(bytes, at);
    mix(bytes, at, end, hash);
    at = end;
    column += 1;
  }
  finish(hash);
};

const hashText: Hash = (bytes, start, columns, hash) => {
  let at = start;
  let column = 0;
  begin(hash);
  for (const wanted of columns) {
    for (; column < wanted; column += 1) at = endOfText(bytes, at) + 1;
    const end = endOfText(bytes, at);
    // The byte behind the value ends it; the last value of a row ends otherwise than the others, in every row.
    mix(bytes, at, end + 1, hash);
    at = end + 1;
    column += 1;
  }
  finish(hash);
};

/** @returns where the binary value at `at` ends; a length of -1 stands for NULL */
function endOfValue(bytes: Uint8Array, at: number): number {
  const length = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
  return at + LENGTH_BYTES + Math.max(length, 0);
}

function endOfText(bytes: Uint8Array, at: number): number {
  let end = at;
  while (bytes[end] !== TAB && bytes[end] !== NEWLINE) end += 1;
  return end;
}

function begin(hash: Uint32Array): void {
  hash[0] = 0x9747b28c;
  hash[1] = 0x3c6ef372;
}

function mix(bytes: Uint8Array, start: number, end: number, hash: Uint32Array): void {
  let a = hash[0]!;
  let b = hash[1]!;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    const k = Math.imul(word, 0xcc9e2d51);
    a ^= Math.imul((k << 15) | (k >>> 17), 0x1b873593);
    a = (Math.imul((a << 13) | (a >>> 19), 5) + 0xe6546b64) | 0;
    b = Math.imul(b ^ word, 0x85ebca6b);
    b = (b << 13) | (b >>> 19);
  }
  for (; at < end; at += 1) {
    a = Math.imul(a ^ bytes[at]!, 0x01000193);
    b = Math.imul(b ^ bytes[at]!, 0x85ebca6b);
    b = (b << 13) | (b >>> 19);
  }
  hash[0] = a;
  hash[1] = b;
}

function finish(hash: Uint32Array): void {
  hash[0] = spread(hash[0]!);
  hash[1] = spread(hash[1]!);
}

function spread(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
