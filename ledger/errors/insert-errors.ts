import type { ClientBase } from 'pg';
import { copyRows } from '#ledger/connection/copy-rows.ts';

export interface FailedRow {
  rowNumber: number;
  /** The record's faults, at least one, in the order of their codes. */
  faults: readonly { code: string; field: string | null; message: string }[];
  byteOffset: number | null;
  byteLength: number | null;
  /** The record's text, masked and capped; null where no text is kept, as for most duplicates. */
  rowData: string | null;
}

const COPY = `COPY batch_upload.batch_upload_errors (batch_upload_id, row_number, error_code, error_field, error_message,
  faults, byte_offset, byte_length, row_data) FROM STDIN`;

/** Stores failed and duplicate records in the transaction of their chunks. */
export async function insertErrors(
  client: ClientBase,
  { parts, count }: { parts: readonly Buffer[]; count: number },
): Promise<void> {
  if (count === 0) return;
  const written = await copyRows(client, COPY, parts);
  if (written !== count) throw new Error(`COPY took ${written} of ${count} failed records`);
}

/** @returns the row for {@link insertErrors}, with the columns in the order of its statement. */
export function errorColumns(uploadId: string, row: FailedRow): (string | null)[] {
  const { rowNumber, faults, byteOffset, byteLength, rowData } = row;
  const first = faults[0]!;
  return [
    uploadId,
    String(rowNumber),
    first.code,
    first.field,
    faults.map(({ message }) => message).join('; '),
    JSON.stringify(faults),
    byteOffset === null ? null : String(byteOffset),
    byteLength === null ? null : String(byteLength),
    rowData,
  ];
}
