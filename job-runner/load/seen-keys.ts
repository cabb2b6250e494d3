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
/** This many keys are hashed before any of them is looked up, so that a processor waits for several slots at a time. */
const BATCH = 512;

const TAB = 0x09;
const NEWLINE = 0x0a;
const COUNT_BYTES = 2;
const LENGTH_BYTES = 4;

const [SEED_A, SEED_B] = [0x9747b28c | 0, 0x3c6ef372];
const [MULTIPLIER_A, MULTIPLIER_B] = [0xcc9e2d51 | 0, 0x85ebca6b | 0];

export class SeenKeys {
  readonly #columns: readonly number[];
  readonly #slots: Uint32Array;
  #used = 0;
  /** The hashes of a batch. */
  readonly #places = new Uint32Array(BATCH);
  readonly #prints = new Uint32Array(BATCH);

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
    for (let first = from; first < to; first += BATCH) {
      const count = Math.min(BATCH, to - first);
      this.#hash(rows, first, count);
      for (const i of this.#findAll(count)) repeated.push(first + i);
    }
    return repeated;
  }

  #hash(rows: RowBuffer, first: number, count: number): void {
    const { bytes } = rows;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const hashRow = rows.format === 'binary' ? hashBinary : hashText;
    const hash: Hash = { place: 0, print: 0 };
    for (let i = 0; i < count; i += 1) {
      hashRow(view, rows.startOf(first + i), this.#columns, hash);
      this.#places[i] = hash.place;
      this.#prints[i] = hash.print;
    }
  }

  /** Looks up what was hashed last, and adds what is new. @returns the positions of those that were there. */
  #findAll(count: number): number[] {
    const slots = this.#slots;
    const places = this.#places;
    const prints = this.#prints;
    const mask = slots.length - 1;
    const found: number[] = [];
    if (this.#used + count > slots.length * FULL) {
      slots.fill(0);
      this.#used = 0;
    }
    for (let i = 0; i < count; i += 1) {
      const print = prints[i]!;
      let at = places[i]! & mask;
      while (slots[at] !== 0 && slots[at] !== print) at = (at + 1) & mask;
      if (slots[at] === print) found.push(i);
      else slots[at] = print;
    }
    this.#used += count - found.length;
    return found;
  }
}

/** Two hashes of a key: where it is looked for, and what is kept of it, which is never zero. */
interface Hash {
  place: number;
  print: number;
}

/**
 * Hashes the length before each value with the value, so that no two keys have the same bytes. The last word of a value
 * overlaps the one before it, unless the length is a multiple of four. Has four parameters because it is called for every
 * row.
 */
function hashBinary(view: DataView, start: number, columns: readonly number[], hash: Hash): void {
  let at = start + COUNT_BYTES;
  let a = SEED_A;
  let b = SEED_B;
  for (let i = 0, column = 0; i < columns.length; i += 1, column += 1) {
    for (const wanted = columns[i]!; column < wanted; column += 1) at += LENGTH_BYTES + lengthAt(view, at);
    const end = at + LENGTH_BYTES + lengthAt(view, at);
    for (; at < end; at += 4) {
      const word = view.getInt32(at + 4 <= end ? at : end - 4, true);
      a = Math.imul(a ^ word, MULTIPLIER_A);
      a ^= a >>> 15;
      b = Math.imul(b + word, MULTIPLIER_B);
      b = (b << 13) | (b >>> 19);
    }
    at = end;
  }
  hash.place = spread(a);
  hash.print = spread(b) || 1;
}

function hashText(view: DataView, start: number, columns: readonly number[], hash: Hash): void {
  let at = start;
  let a = SEED_A;
  let b = SEED_B;
  for (let i = 0, column = 0; i < columns.length; i += 1, column += 1) {
    for (const wanted = columns[i]!; column < wanted; column += 1) at = endOfText(view, at) + 1;
    // The byte behind the value ends it; the last value of a row ends otherwise than the others, in every row.
    const end = endOfText(view, at) + 1;
    for (; at < end; at += 1) {
      const byte = view.getUint8(at);
      a = Math.imul(a ^ byte, MULTIPLIER_A);
      a ^= a >>> 15;
      b = Math.imul(b + byte, MULTIPLIER_B);
      b = (b << 13) | (b >>> 19);
    }
  }
  hash.place = spread(a);
  hash.print = spread(b) || 1;
}

/** A length of -1 stands for NULL. */
function lengthAt(view: DataView, at: number): number {
  return Math.max(view.getInt32(at), 0);
}

function endOfText(view: DataView, at: number): number {
  let end = at;
  for (;;) {
    const byte = view.getUint8(end);
    if (byte === TAB || byte === NEWLINE) return end;
    end += 1;
  }
}

function spread(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
