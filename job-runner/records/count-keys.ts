/** Counts the records of one file whose key an earlier record of the file has, in bounded memory. */
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { RowBuffer } from '#runner/processor/row-buffer.ts';
import { hashBytes, type KeyHash, KeySet } from './key-set.ts';

export interface KeyCounter {
  /** Takes the rows of valid records in COPY's text format. */
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
  const { columns } = schema.target;
  const positions = schema.primaryKey.map((name) => columns.findIndex(({ field }) => field === name));
  if (positions.length === 0 || positions.includes(-1)) return null;
  const { maxKeys, maxRows } = options;
  const isKey = columns.map((_, i) => positions.includes(i));
  const keys = new KeySet();
  const hash: KeyHash = { high: 0, low: 0 };
  const firstRows: number[] = [];
  let repeated = 0;
  let complete = true;

  function addRow(bytes: Buffer, start: number): number {
    let from = start;
    hash.high = 0;
    hash.low = 0;
    for (let column = 0; ; column += 1) {
      let at = from;
      while (bytes[at] !== TAB && bytes[at] !== NEWLINE) at += 1;
      if (isKey[column]) hashBytes(bytes, from, at, hash);
      from = at + 1;
      if (bytes[at] === NEWLINE) return from;
    }
  }

  return {
    add(rows) {
      if (!complete || rows.rows === 0) return;
      const [bytes] = rows.all();
      let at = 0;
      for (let row = 0; row < rows.rows; row += 1) {
        at = addRow(bytes!, at);
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
