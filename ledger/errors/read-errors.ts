import type { ClientBase } from 'pg';
import { DUPLICATE_CODE } from './duplicate-code.ts';

export interface StoredError {
  rowNumber: number;
  code: string;
  field: string | null;
  message: string;
}

/** Reads the first failed records of each code of an upload, at most `rowsOfCode` of each, in the order of their rows. */
export async function readFirstErrors(
  client: ClientBase,
  { id, codes, rowsOfCode }: { id: string; codes: readonly string[]; rowsOfCode: number },
): Promise<StoredError[]> {
  const { rows } = await client.query<StoredError>(
    `SELECT e.row_number::float8 AS "rowNumber", e.error_code AS code, e.error_field AS field, e.error_message AS message
     FROM unnest($2::text[]) AS c (code) CROSS JOIN LATERAL (
       SELECT row_number, error_code, error_field, error_message FROM batch_upload.batch_upload_errors
       WHERE batch_upload_id = $1 AND error_code = c.code ORDER BY row_number LIMIT $3) e
     ORDER BY e.row_number`,
    [id, codes, rowsOfCode],
  );
  return rows;
}

export interface FailedRecord {
  rowNumber: number;
  /** At least one, in the order of their codes. */
  faults: { code: string; field: string | null; message: string }[];
}

/**
 * Reads the failed records of an upload in the order of their rows, a page at a time. Where the same content was loaded before, the
 * failed records are those of that load. Duplicates are left out unless the schema refuses them.
 * @param after the last row number of the page before; 0 for the first page.
 */
export async function readFailedRecords(
  client: ClientBase,
  { id, after, limit }: { id: string; after: number; limit: number },
): Promise<FailedRecord[]> {
  const { rows } = await client.query<FailedRecord>(
    `SELECT e.row_number::float8 AS "rowNumber", e.faults
     FROM batch_upload.batch_uploads u
     JOIN batch_upload.batch_upload_errors e ON e.batch_upload_id = coalesce(u.same_as, u.id)
     WHERE u.id = $1 AND e.row_number > $2
       AND (e.error_code <> $3 OR u.schema->'target'->>'onDuplicate' = 'Fail')
     ORDER BY e.row_number LIMIT $4`,
    [id, after, DUPLICATE_CODE, limit],
  );
  return rows;
}
