import type { ClientBase } from 'pg';
import type { ErrorSummary } from '#ledger/types.ts';
import { countedAuditsSql } from '#ledger/uploads/counted-audits.ts';
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

/** A failed record with its text, masked and capped; null where no text was kept. */
export interface StoredRecord extends FailedRecord {
  rowData: string | null;
}

interface Page {
  id: string;
  /** The last row number of the page before; 0 for the first page. */
  after: number;
  limit: number;
}

/**
 * Reads the failed records of an upload in the order of their rows, a page at a time. Where the same content was loaded before, the
 * failed records are those of that load. Duplicates are left out unless the schema refuses them.
 */
export function readFailedRecords(client: ClientBase, page: Page): Promise<FailedRecord[]> {
  return readPage(client, page, '');
}

/** Reads what {@link readFailedRecords} reads, with the texts of the records. */
export function readStoredRecords(client: ClientBase, page: Page): Promise<StoredRecord[]> {
  return readPage(client, page, ', e.row_data AS "rowData"');
}

async function readPage<T extends FailedRecord>(
  client: ClientBase,
  { id, after, limit }: Page,
  columns: string,
): Promise<T[]> {
  const { rows } = await client.query<T>(
    `SELECT e.row_number::float8 AS "rowNumber", e.faults${columns}
     FROM batch_upload.batch_uploads u
     JOIN batch_upload.batch_upload_errors e ON e.batch_upload_id = coalesce(u.same_as, u.id)
     WHERE u.id = $1 AND e.row_number > $2
       AND (e.error_code <> $3 OR u.schema->'target'->>'onDuplicate' = 'Fail')
     ORDER BY e.row_number LIMIT $4`,
    [id, after, DUPLICATE_CODE, limit],
  );
  return rows;
}

/** Counts the failed records of an upload by their codes, the most frequent first. Duplicates count where the schema refuses them. */
export async function readErrorCodes(client: ClientBase, id: string): Promise<ErrorSummary[]> {
  const { rows } = await client.query<ErrorSummary>(
    `SELECT c.key AS code, sum((c.value->>'count')::bigint)::float8 AS count, min(c.value->>'message') AS message
     FROM batch_upload.batch_uploads u
     CROSS JOIN LATERAL ${countedAuditsSql('coalesce(u.same_as, u.id)')} a
     CROSS JOIN LATERAL jsonb_each(a.metadata->'codes') c
     WHERE u.id = $1 AND (c.key <> $2 OR u.schema->'target'->>'onDuplicate' = 'Fail')
     GROUP BY c.key ORDER BY 2 DESC, 1`,
    [id, DUPLICATE_CODE],
  );
  return rows;
}

/** Reads the names of the file's columns and the character between them; null where the plan has found none. */
export async function readFileColumns(
  client: ClientBase,
  id: string,
): Promise<{ header: string[] | null; delimiter: string | null } | null> {
  const { rows } = await client.query<{ header: string[] | null; delimiter: string | null }>(
    `SELECT f.header, f.source_format->>'delimiter' AS delimiter
     FROM batch_upload.batch_uploads u JOIN batch_upload.batch_uploads f ON f.id = coalesce(u.same_as, u.id)
     WHERE u.id = $1`,
    [id],
  );
  return rows[0] ?? null;
}
