/** Makes prepared chunks for tests of what PostgreSQL does with them. */
import type { FailedRow } from '#ledger/errors/insert-errors.ts';
import type { ChunkGroup } from '#runner/load/commit-chunk-group.ts';
import { createFailedRows, type FailedRows } from '#runner/load/failed-rows.ts';
import type { PreparedChunk } from '#runner/load/prepare-chunk.ts';
import type { SeenKeys } from '#runner/load/seen-keys.ts';
import { ENCODERS, type Encoding } from '#runner/processor/column-encoding.ts';
import { RowBuffer } from '#runner/processor/row-buffer.ts';

export interface PreparedRow {
  row: number;
  /** The values in the order of the target's columns. */
  values: string[];
}

/**
 * Makes a group of chunks. Record `row` is 10 bytes long and begins at byte 10 × row.
 * @param chunks the records of each chunk, by the chunk's number.
 * @param encodings encodings of the columns, none of them for JSON; null for the text format.
 * @param seen knows the keys of the rows that were prepared before; null: no row is withheld
 */
export function prepareGroup(
  uploadId: string,
  chunks: ReadonlyMap<number, readonly PreparedRow[]>,
  encodings: readonly Encoding[] | null = null,
  seen: SeenKeys | null = null,
): ChunkGroup {
  const rows = new RowBuffer(encodings ? 'binary' : 'text');
  const prepared = [...chunks].map(([number, items]): PreparedChunk => {
    const from = rows.rows;
    for (const { row, values } of items) {
      rows.startRow(values.length);
      for (const [i, value] of values.entries()) {
        const bytes = Buffer.from(value);
        const encoding = encodings?.[i] ?? 'text';
        if (encoding === 'text' || encoding === 'jsonb') rows.copyColumn(bytes, 0, bytes.length);
        else ENCODERS[encoding](bytes, 0, bytes.length, rows);
      }
      rows.endRow(row);
    }
    const numbers = new Set(items.map(({ row }) => row));
    const firstRowNumber = items[0]!.row;
    return {
      chunk: { number, startByte: number, endByte: number + 1, firstRowNumber, recordCount: items.length },
      from,
      to: rows.rows,
      failed: { from: 0, to: 0, codes: [] },
      positionOf: (row) => (numbers.has(row) ? { byteOffset: row * 10, byteLength: 10 } : undefined),
      rowData: (row) => `row ${row}`,
    };
  });
  const withheld = new Set(seen?.add(rows, { from: 0, to: rows.rows }));
  return { chunks: prepared, rows, failed: createFailedRows(uploadId), withheld, earlier: Promise.resolve() };
}

/** Collects failed records as objects, instead of as rows for the ledger. */
export function collectFailed(): FailedRows & { list: FailedRow[] } {
  const list: FailedRow[] = [];
  return { list, buffer: new RowBuffer(), add: (row) => list.push(row) };
}
