/**
 * The failed records of a group of chunks. Each is written as a row for the ledger as soon as it is found: kept as
 * objects, failed records would take most of a pod's memory where half of the records are bad.
 */
import { errorColumns, type FailedRow } from '#ledger/errors/insert-errors.ts';
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

/** Writes the row of a failed record for the ledger's table of errors. */
export function writeFailedRow(buffer: RowBuffer, uploadId: string, row: FailedRow): void {
  for (const value of errorColumns(uploadId, row)) {
    if (value === null) buffer.nullColumn();
    else {
      buffer.text(value);
      buffer.endColumn();
    }
  }
  buffer.endRow(row.rowNumber);
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
