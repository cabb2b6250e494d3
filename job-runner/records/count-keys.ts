/** Counts the records of one file whose key an earlier record of the file has, in bounded memory. */
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { RowBuffer } from '#runner/processor/row-buffer.ts';
import { hashBytes, type KeyHash, KeySet } from './key-set.ts';

export interface KeyCounter {
  /** Takes the rows of valid records; those of one file are in one format of COPY. */
  add(rows: RowBuffer): void;
  readonly repeated: number;
  /** The row numbers of the first repeated records. */
  readonly firstRows: readonly number[];
  /** False once the file had more keys than the counter may hold: the count is then of the records before. */
  readonly complete: boolean;
}

export interface KeyCounterOptions {
  /** A key takes eight bytes in a table that is at most three times as large while it grows. */
  maxKeys: number;
  /** The most row numbers that are kept. */
  maxRows: number;
}

const NEWLINE = 0x0a;
const TAB = 0x09;

/** @returns null where the schema has no key */
export function createKeyCounter(schema: RecordSchemaSpec, options: KeyCounterOptions): KeyCounter | null {
  const { primaryKey = [], target } = schema;
  const { columns } = target;
  const positions = primaryKey.map((name) => columns.findIndex(({ field }) => field === name));
  if (positions.length === 0 || positions.includes(-1)) return null;
  const { maxKeys, maxRows } = options;
  const isKey = columns.map((_, i) => positions.includes(i));
  const keys = new KeySet();
  const hash: KeyHash = { high: 0, low: 0 };
  const firstRows: number[] = [];
  let repeated = 0;
  let complete = true;

  function hashTextRow(bytes: Buffer, start: number): number {
    let from = start;
    for (let column = 0; ; column += 1) {
      let at = from;
      while (bytes[at] !== TAB && bytes[at] !== NEWLINE) at += 1;
      if (isKey[column]) hashBytes(bytes, from, at, hash);
      from = at + 1;
      if (bytes[at] === NEWLINE) return from;
    }
  }

  /** A binary row is its number of columns, and each column the length of its value before the value. */
  function hashBinaryRow(bytes: Buffer, start: number): number {
    let from = start + 2;
    for (let column = 0; column < isKey.length; column += 1) {
      const end = from + 4 + Math.max(0, bytes.readInt32BE(from));
      if (isKey[column]) hashBytes(bytes, from, end, hash);
      from = end;
    }
    return from;
  }

  return {
    add(rows) {
      if (!complete || rows.rows === 0) return;
      const isBinary = rows.format === 'binary';
      const hashRow = isBinary ? hashBinaryRow : hashTextRow;
      // The rows of the binary format stand between a header and a trailer.
      const bytes = rows.all()[isBinary ? 1 : 0]!;
      let at = 0;
      for (let row = 0; row < rows.rows; row += 1) {
        hash.high = 0;
        hash.low = 0;
        at = hashRow(bytes, at);
        if (keys.size >= maxKeys) {
          complete = false;
          return;
        }
        if (keys.add(hash)) continue;
        repeated += 1;
        if (firstRows.length < maxRows) firstRows.push(rows.rowNumber(row));
      }
    },
    get repeated() {
      return repeated;
    },
    firstRows,
    get complete() {
      return complete;
    },
  };
}
