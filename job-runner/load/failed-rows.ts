/**
 * The failed records of a group of chunks. Each is written as a row for the ledger as soon as it is found: kept as
 * objects, failed records would take most of a pod's memory where half of the records are bad.
 */
import { storableAnywhere } from '#ledger/connection/storable-text.ts';
import { type FailedRow, faultColumns } from '#ledger/errors/insert-errors.ts';
import type { ErrorSummary } from '#ledger/types.ts';
import { RowBuffer } from '#runner/processor/row-buffer.ts';

export interface FailedRows {
  readonly buffer: RowBuffer;
  add(row: FailedRow): void;
}

export function createFailedRows(uploadId: string): FailedRows {
  const buffer = new RowBuffer();
  return { buffer, add: (row) => writeFailedRow(buffer, uploadId, row) };
}

/** Writes the row of a failed record for the ledger's table of errors, with the columns of `insertErrors` in their order. */
export function writeFailedRow(buffer: RowBuffer, uploadId: string, row: FailedRow): void {
  const { rowNumber, faults, byteOffset, byteLength, rowData } = row;
  writeColumn(buffer, uploadId);
  writeColumn(buffer, String(rowNumber));
  buffer.raw(faultBytes(faults));
  writeColumn(buffer, byteOffset === null ? null : String(byteOffset));
  writeColumn(buffer, byteLength === null ? null : String(byteLength));
  writeColumn(buffer, rowData === null ? null : storableAnywhere(rowData));
  buffer.endRow(rowNumber);
}

function writeColumn(buffer: RowBuffer, value: string | null): void {
  if (value === null) buffer.nullColumn();
  else {
    buffer.text(value);
    buffer.endColumn();
  }
}

/** The columns that lists of faults give, by the list: most failed records of a file have one of a few lists. */
const known = new Map<string, Buffer>();
const MOST_KNOWN = 256;
const scratch = new RowBuffer();

function faultBytes(faults: FailedRow['faults']): Buffer {
  const key = JSON.stringify(faults);
  const before = known.get(key);
  if (before !== undefined) return before;
  if (known.size === MOST_KNOWN) known.clear();
  scratch.clear();
  for (const value of faultColumns(faults)) writeColumn(scratch, value);
  const bytes = Buffer.alloc(scratch.length);
  scratch.copyTo(bytes, 0);
  known.set(key, bytes);
  return bytes;
}

/** Counts failed records by their code, and keeps the first message of each code as a sample. */
export class CodeCounts {
  readonly #codes = new Map<string, ErrorSummary>();

  constructor(counted: readonly ErrorSummary[] = []) {
    for (const each of counted) this.#codes.set(each.code, { ...each });
  }

  add({ faults }: Pick<FailedRow, 'faults'>): void {
    const { code, message } = faults[0]!;
    const known = this.#codes.get(code);
    if (known) known.count += 1;
    else this.#codes.set(code, { code, count: 1, message });
  }

  list(): ErrorSummary[] {
    return [...this.#codes.values()];
  }
}
