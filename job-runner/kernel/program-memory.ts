/** The part of the kernel's memory that holds programs, and the tables and texts that the programs point to. */
import { LAYOUT } from './kernel.gen.ts';

export type ProgramMemory = ReturnType<typeof createProgramMemory>;

/** Once something had no room, `isFull` is true, and the addresses from here must not be used. */
export function createProgramMemory(memory: ArrayBuffer) {
  const known = new Map<string, number>();
  let at: number = LAYOUT.PROGRAM;
  const reserve = (length: number): number => {
    const start = Math.ceil(at / 8) * 8;
    // The kernel reads up to fifteen bytes behind a text together with it.
    at = start + length + 16;
    return start;
  };
  return {
    isFull: () => at > LAYOUT.PROGRAM_END,
    bytes(bytes: Uint8Array): number {
      const key = Buffer.from(bytes).toString('latin1');
      const before = known.get(key);
      if (before !== undefined) return before;
      const start = reserve(bytes.length);
      if (at <= LAYOUT.PROGRAM_END) new Uint8Array(memory).set(bytes, start);
      known.set(key, start);
      return start;
    },
    words(words: readonly number[]): number {
      const start = reserve(4 * words.length);
      if (at <= LAYOUT.PROGRAM_END) new Int32Array(memory).set(words, start / 4);
      return start;
    },
  };
}

/** @returns words of `length` bytes together: each value stands at its offset, all other words are 0 */
export function wordsOf(length: number, values: Record<number, number>): number[] {
  const words = new Array<number>(length / 4).fill(0);
  for (const [offset, value] of Object.entries(values)) words[Number(offset) / 4] = value;
  return words;
}
