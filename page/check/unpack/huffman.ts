/** The prefix codes of DEFLATE as tables. Source: RFC 1951, 3.2.2; what zlib refuses is refused. */

/** The code of the next bits is `table[bits & mask]`: the symbol, and below it the number of bits in four bits. */
export interface HuffmanTable {
  table: Uint16Array;
  mask: number;
}

const MOST_BITS = 15;

/**
 * @param lengths the number of bits of each symbol's code; 0 for a symbol without a code
 * @param mayLack true for a code of one symbol alone, which leaves one bit without a meaning
 * @returns null for lengths that make no code
 */
export function buildHuffmanTable(lengths: Uint8Array, mayLack: boolean): HuffmanTable | null {
  const counts = new Uint16Array(MOST_BITS + 1);
  for (const length of lengths) counts[length]! += 1;
  counts[0] = 0;
  let most = MOST_BITS;
  while (most > 0 && counts[most] === 0) most -= 1;
  // Whoever reads a symbol by a table without codes finds that there is none.
  if (most === 0) return { table: new Uint16Array(2), mask: 1 };
  let left = 1;
  for (let bits = 1; bits <= MOST_BITS; bits += 1) {
    left = left * 2 - counts[bits]!;
    if (left < 0) return null;
  }
  if (left > 0 && !(mayLack && most === 1)) return null;
  return { table: fillTable(lengths, counts, most), mask: (1 << most) - 1 };
}

function fillTable(lengths: Uint8Array, counts: Uint16Array, most: number): Uint16Array {
  const next = new Uint16Array(MOST_BITS + 1);
  for (let bits = 1; bits < MOST_BITS; bits += 1) next[bits + 1] = (next[bits]! + counts[bits]!) << 1;
  const table = new Uint16Array(1 << most);
  for (let symbol = 0; symbol < lengths.length; symbol += 1) {
    const bits = lengths[symbol]!;
    if (bits === 0) continue;
    // A code begins with its highest bit, and the input with the lowest bit of a byte.
    let code = 0;
    for (let bit = 0, rest = next[bits]!; bit < bits; bit += 1, rest >>= 1) code = (code << 1) | (rest & 1);
    next[bits]! += 1;
    for (let i = code; i < table.length; i += 1 << bits) table[i] = (symbol << 4) | bits;
  }
  return table;
}
