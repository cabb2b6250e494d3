import type { ClientBase } from 'pg';

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
