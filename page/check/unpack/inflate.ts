/**
 * Decompresses DEFLATE in pieces of at most 64 KiB, and says where the stream ends in its input. Browsers bring a
 * decompressor, but theirs does not say where a member of gzip ends, and refuses the bytes behind it.
 * Source: RFC 1951. Bytes that zlib refuses are refused at the same place.
 */
import { buildHuffmanTable, type HuffmanTable } from './huffman.ts';

/** The bytes are no DEFLATE. */
export class InflateError extends Error {
  override readonly name = 'InflateError';
}

const WINDOW = 32 * 1024;
const FULL = WINDOW + 64 * 1024;
const LONGEST_MATCH = 258;
/** The input has so many zeros behind it that no read of bits goes beyond the array. */
const PADDING = 8;
const END_OF_BLOCK = 256;
/** The order in which the lengths of the code of lengths come. */
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

const LENGTH_EXTRA = Uint8Array.from({ length: 29 }, (_, i) => (i < 8 || i === 28 ? 0 : (i >> 2) - 1));
const LENGTH_BASE = basesOf(LENGTH_EXTRA, 3).with(28, LONGEST_MATCH);
const DISTANCE_EXTRA = Uint8Array.from({ length: 30 }, (_, i) => (i < 4 ? 0 : (i >> 1) - 1));
const DISTANCE_BASE = basesOf(DISTANCE_EXTRA, 1);

const FIXED_LITERALS = buildHuffmanTable(
  Uint8Array.from({ length: 288 }, (_, i) => (i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8)),
  false,
)!;
const FIXED_DISTANCES = buildHuffmanTable(new Uint8Array(32).fill(5), false)!;

/** What comes next in the input. */
type State = 'block' | 'stored' | 'codes' | 'end';

export class Inflater {
  #input = new Uint8Array(PADDING);
  #bits = 0;
  /** Where the next bit is. */
  #position = 0;
  #state: State = 'block';
  #isLast = false;
  /** The bytes of a stored block that are still to come. */
  #stored = 0;
  #literals = FIXED_LITERALS;
  #distances = FIXED_DISTANCES;
  /** The last bytes before `#start` stand there for the matches that repeat them. */
  readonly #output = new Uint8Array(FULL + LONGEST_MATCH);
  #start = 0;
  #end = 0;

  get ended(): boolean {
    return this.#state === 'end';
  }

  push(bytes: Uint8Array): void {
    const rest = this.rest();
    const input = new Uint8Array(rest.length + bytes.length + PADDING);
    input.set(rest);
    input.set(bytes, rest.length);
    // In the middle of the stream, bits of the first byte of the rest are used up.
    this.#position = this.#state === 'end' ? 0 : this.#position & 7;
    this.#input = input;
    this.#bits = (input.length - PADDING) * 8;
  }

  /** The bytes of the input that are not used; at the end of the stream those behind it. */
  rest(): Uint8Array {
    const from = this.#state === 'end' ? (this.#position + 7) >> 3 : this.#position >> 3;
    return this.#input.subarray(from, this.#bits >> 3);
  }

  /**
   * @returns the next bytes, which are the caller's; null when more input is needed or the stream has ended
   * @throws InflateError
   */
  read(): Buffer | null {
    while (this.#end < FULL && this.#step());
    if (this.#end === this.#start) return null;
    const bytes = Buffer.from(this.#output.subarray(this.#start, this.#end));
    if (this.#end >= FULL) {
      this.#output.copyWithin(0, this.#end - WINDOW, this.#end);
      this.#end = WINDOW;
    }
    this.#start = this.#end;
    return bytes;
  }

  /** @returns false when nothing goes on without more input */
  #step(): boolean {
    switch (this.#state) {
      case 'block':
        return this.#readBlockHeader();
      case 'stored':
        return this.#copyStored();
      case 'codes':
        return this.#readCodes();
      case 'end':
        return false;
      default:
        throw new Error(this.#state satisfies never);
    }
  }

  /** Up to 16 bits. */
  #peek(position: number, bits: number): number {
    const at = position >> 3;
    const input = this.#input;
    return ((input[at]! | (input[at + 1]! << 8) | (input[at + 2]! << 16)) >> (position & 7)) & ((1 << bits) - 1);
  }

  #readBlockHeader(): boolean {
    const position = this.#position;
    if (position + 3 > this.#bits) return false;
    const type = this.#peek(position + 1, 2);
    const isRead =
      type === 0
        ? this.#readStoredHeader((position + 3 + 7) & ~7)
        : type === 1
          ? this.#useCodes(FIXED_LITERALS, FIXED_DISTANCES, position + 3)
          : type === 2
            ? this.#readDynamicHeader(position + 3)
            : refuse('a block of no known type');
    if (isRead) this.#isLast = this.#peek(position, 1) === 1;
    return isRead;
  }

  #readStoredHeader(position: number): boolean {
    if (position + 32 > this.#bits) return false;
    const length = this.#peek(position, 16);
    if (this.#peek(position + 16, 16) !== (length ^ 0xffff)) refuse('the length of a stored block');
    this.#position = position + 32;
    this.#stored = length;
    this.#state = 'stored';
    return true;
  }

  #copyStored(): boolean {
    const from = this.#position >> 3;
    const length = Math.min(this.#stored, (this.#bits >> 3) - from, FULL - this.#end);
    this.#output.set(this.#input.subarray(from, from + length), this.#end);
    this.#end += length;
    this.#position += length * 8;
    this.#stored -= length;
    if (this.#stored > 0) return length > 0;
    this.#endBlock();
    return true;
  }

  #useCodes(literals: HuffmanTable, distances: HuffmanTable, position: number): true {
    this.#literals = literals;
    this.#distances = distances;
    this.#position = position;
    this.#state = 'codes';
    return true;
  }

  #readDynamicHeader(start: number): boolean {
    if (start + 14 > this.#bits) return false;
    const literals = this.#peek(start, 5) + 257;
    const distances = this.#peek(start + 5, 5) + 1;
    const count = this.#peek(start + 10, 4) + 4;
    if (literals > 286 || distances > 30) refuse('more codes than there are');
    let position = start + 14;
    if (position + count * 3 > this.#bits) return false;
    const codeLengths = new Uint8Array(ORDER.length);
    for (let i = 0; i < count; i += 1, position += 3) codeLengths[ORDER[i]!] = this.#peek(position, 3);
    const codes = buildHuffmanTable(codeLengths, false) ?? refuse('the code of lengths');
    const lengths = new Uint8Array(literals + distances);
    position = this.#readLengths(codes, lengths, position);
    if (position === -1) return false;
    if (lengths[END_OF_BLOCK] === 0) refuse('no end of the block');
    return this.#useCodes(
      buildHuffmanTable(lengths.subarray(0, literals), true) ?? refuse('the code of literals'),
      buildHuffmanTable(lengths.subarray(literals), true) ?? refuse('the code of distances'),
      position,
    );
  }

  /** @returns where the lengths end; -1 when the input ends before */
  #readLengths({ table, mask }: HuffmanTable, lengths: Uint8Array, start: number): number {
    let position = start;
    for (let i = 0; i < lengths.length; ) {
      const code = table[this.#peek(position, 7) & mask]!;
      const symbol = code >> 4;
      const extra = symbol < 16 ? 0 : symbol === 16 ? 2 : symbol === 17 ? 3 : 7;
      if (position + (code & 15) + extra > this.#bits) return -1;
      if (code === 0) refuse('a length without a code');
      position += code & 15;
      if (symbol < 16) {
        lengths[i++] = symbol;
        continue;
      }
      const repeat = this.#peek(position, extra) + (symbol === 18 ? 11 : 3);
      position += extra;
      if (i + repeat > lengths.length || (symbol === 16 && i === 0)) refuse('a length that repeats');
      lengths.fill(symbol === 16 ? lengths[i - 1]! : 0, i, i + repeat);
      i += repeat;
    }
    return position;
  }

  #readCodes(): boolean {
    const { table: literals, mask: literalMask } = this.#literals;
    const { table: distances, mask: distanceMask } = this.#distances;
    const input = this.#input;
    const output = this.#output;
    const bits = this.#bits;
    let end = this.#end;
    let position = this.#position;
    let at = 0;
    while (end < FULL) {
      at = position >> 3;
      const code =
        literals[((input[at]! | (input[at + 1]! << 8) | (input[at + 2]! << 16)) >> (position & 7)) & literalMask]!;
      let next = position + (code & 15);
      if (next > bits || position === bits) break;
      if (code === 0) refuse('a literal without a code');
      const symbol = code >> 4;
      if (symbol < END_OF_BLOCK) {
        output[end++] = symbol;
        position = next;
        continue;
      }
      if (symbol === END_OF_BLOCK) {
        this.#position = next;
        this.#end = end;
        this.#endBlock();
        return true;
      }
      const lengthAt = symbol - END_OF_BLOCK - 1;
      if (lengthAt > 28) refuse('a length without a meaning');
      const length = LENGTH_BASE[lengthAt]! + this.#peek(next, LENGTH_EXTRA[lengthAt]!);
      next += LENGTH_EXTRA[lengthAt]!;
      at = next >> 3;
      const far =
        distances[((input[at]! | (input[at + 1]! << 8) | (input[at + 2]! << 16)) >> (next & 7)) & distanceMask]!;
      if (next >= bits || next + (far & 15) > bits) break;
      const distanceAt = far >> 4;
      if (far === 0 || distanceAt > 29) refuse('a distance without a meaning');
      next += far & 15;
      const distance = DISTANCE_BASE[distanceAt]! + this.#peek(next, DISTANCE_EXTRA[distanceAt]!);
      next += DISTANCE_EXTRA[distanceAt]!;
      if (next > bits) break;
      if (distance > end) refuse('a match before the beginning');
      for (const stop = end + length; end < stop; end += 1) output[end] = output[end - distance]!;
      position = next;
    }
    const isFull = end >= FULL;
    this.#position = position;
    this.#end = end;
    return isFull;
  }

  #endBlock(): void {
    this.#state = this.#isLast ? 'end' : 'block';
  }
}

function basesOf(extra: Uint8Array, first: number): Uint16Array {
  const bases = new Uint16Array(extra.length);
  let base = first;
  for (let i = 0; i < extra.length; i += 1) {
    bases[i] = base;
    base += 1 << extra[i]!;
  }
  return bases;
}

function refuse(what: string): never {
  throw new InflateError(`The bytes are no DEFLATE: ${what}`);
}
