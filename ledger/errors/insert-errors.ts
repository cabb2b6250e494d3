import type { ClientBase } from 'pg';
import { copyRows } from '#ledger/connection/copy-rows.ts';
import { storableAnywhere, storableRows } from '#ledger/connection/storable-text.ts';

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

/** The position of `faults` in {@link COPY}. */
const JSON_COLUMNS = new Set([5]);

/** Stores failed and duplicate records in the transaction of their chunks. */
export async function insertErrors(
  client: ClientBase,
  { parts, count }: { parts: readonly Buffer[]; count: number },
): Promise<void> {
  if (count === 0) return;
  const written = await copyRows(client, COPY, await storableRows(client, parts, JSON_COLUMNS));
  if (written !== count) throw new Error(`COPY took ${written} of ${count} failed records`);
}

/** @returns what the faults of a record give to the columns error_code, error_field, error_message and faults. */
export function faultColumns(faults: FailedRow['faults']): (string | null)[] {
  const storable = faults.map(({ code, field, message }) => ({
    code,
    field: field === null ? null : storableAnywhere(field),
    message: storableAnywhere(message),
  }));
  const { code, field } = storable[0]!;
  return [code, field, storable.map(({ message }) => message).join('; '), JSON.stringify(storable)];
}
