/** Finds columns, and combinations of up to three columns, whose values are unique in a file; exact, in bounded memory. Pure. */
import { hashBytes, type KeyHash, KeySet, type RecordView } from '#runner/record-processor.ts';

export interface KeyColumn {
  name: string;
  /** The column's position in the record. */
  position: number;
}

export interface KeySearch {
  /** Takes a record that has all columns. */
  add(record: RecordView): void;
  /** The combinations that are unique so far, in the order of preference. */
  unique(): KeyColumn[][];
  /** False when some combinations were given up because the file has too many records. */
  readonly complete: boolean;
}

interface Contestant {
  columns: number[];
  keys: KeySet;
}

/** @param combinations in the order of preference; @param maxKeys the most hashes of all combinations together */
export function createKeySearch(
  columns: readonly KeyColumn[],
  combinations: readonly (readonly number[])[],
  maxKeys: number,
): KeySearch {
  let alive: Contestant[] = combinations.map((combination) => ({ columns: [...combination], keys: new KeySet() }));
  const hash: KeyHash = { high: 0, low: 0 };
  let complete = true;
  let records = 0;

  /** A column without a value is no key. */
  function isUnique({ columns: own, keys }: Contestant, { bytes, starts, ends }: RecordView): boolean {
    hash.high = 0;
    hash.low = 0;
    for (const column of own) {
      const { position } = columns[column]!;
      const start = starts[position]!;
      const end = ends[position]!;
      if (start === end) return false;
      hashBytes(bytes, start, end, hash);
    }
    return keys.add(hash);
  }

  return {
    add(record) {
      if (alive.length === 0) return;
      records += 1;
      let lost = false;
      for (const contestant of alive) {
        if (isUnique(contestant, record)) continue;
        contestant.columns = [];
        lost = true;
      }
      if (lost) alive = alive.filter(({ columns: own }) => own.length > 0);
      // The least preferred are given up first.
      while (alive.length > 0 && alive.length * records > maxKeys) {
        alive.pop();
        complete = false;
      }
    },
    unique: () => alive.map((contestant) => contestant.columns.map((column) => columns[column]!)),
    get complete() {
      return complete;
    },
  };
}

/** All pairs, then all triples of the numbers below `count`. */
export function combine(count: number): number[][] {
  const numbers = Array.from({ length: count }, (_, i) => i);
  const pairs = numbers.flatMap((a) => numbers.slice(a + 1).map((b) => [a, b]));
  return [...pairs, ...pairs.flatMap(([a, b]) => numbers.slice(b! + 1).map((c) => [a!, b!, c]))];
}
