/** Statements about pending records: those that refer to a row which no chunk has written yet. */
import type { ClientBase } from 'pg';

/** A record that becomes pending. */
export interface PendingRecord {
  rowNumber: number;
  /** The number of the record's chunk. */
  chunk: number;
  byteOffset: number | null;
  byteLength: number | null;
  /** The text for the error of the record, if it fails in the end; null where no text is kept. */
  rowData: string | null;
}

/** A temporary table with the columns of the target and one for the row number. All names are quoted. */
export interface StagedRows {
  table: string;
  rowNumber: string;
}

/** The alias of a whole row. A column of the target with the same name would hide the alias. */
const WHOLE = '"staged row of the ledger"';

/** Stores staged records of chunks, in the chunks' transaction. PostgreSQL writes each row as text, so no value changes. */
export async function insertPending(
  client: ClientBase,
  { uploadId, staged }: { uploadId: string; staged: StagedRows },
  records: readonly PendingRecord[],
): Promise<void> {
  const { rowCount } = await client.query(
    `INSERT INTO batch_upload.batch_upload_pending_records
       (batch_upload_id, row_number, chunk_number, record, byte_offset, byte_length, row_data)
     SELECT $1, ${WHOLE}.${staged.rowNumber}, r.chunk_number, ${WHOLE}::text, r.byte_offset, r.byte_length, r.row_data
     FROM ${staged.table} ${WHOLE} JOIN unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::integer[], $6::text[])
       AS r (row_number, chunk_number, byte_offset, byte_length, row_data) ON r.row_number = ${WHOLE}.${staged.rowNumber}`,
    [
      uploadId,
      records.map(({ rowNumber }) => rowNumber),
      records.map(({ chunk }) => chunk),
      records.map(({ byteOffset }) => byteOffset),
      records.map(({ byteLength }) => byteLength),
      records.map(({ rowData }) => rowData),
    ],
  );
  if (rowCount !== records.length) throw new Error(`${rowCount} of ${records.length} pending records were stored`);
}

/**
 * Copies pending records into the temporary table whose row type they were written with.
 * @throws the error of PostgreSQL when a value cannot be read any more, since the type of its column was changed
 */
export async function stagePending(
  client: ClientBase,
  { uploadId, staged }: { uploadId: string; staged: StagedRows },
  rowNumbers: readonly number[],
): Promise<void> {
  // OFFSET keeps PostgreSQL from reading the text once for every column.
  const { rowCount } = await client.query(
    `INSERT INTO ${staged.table} SELECT (p.record).* FROM (
       SELECT record::${staged.table} AS record FROM batch_upload.batch_upload_pending_records
       WHERE batch_upload_id = $1 AND row_number = ANY($2::bigint[]) OFFSET 0) p`,
    [uploadId, rowNumbers],
  );
  if (rowCount !== rowNumbers.length) throw new Error(`${rowCount} of ${rowNumbers.length} pending records were found`);
}

/** @returns the row numbers of pending records below `before`, at most `limit`, from the greatest one down. */
export async function readPending(
  client: ClientBase,
  { uploadId, before, limit }: { uploadId: string; before: number; limit: number },
): Promise<number[]> {
  const { rows } = await client.query<[number]>({
    rowMode: 'array',
    text: `SELECT row_number::float8 FROM batch_upload.batch_upload_pending_records
       WHERE batch_upload_id = $1 AND row_number < $2 ORDER BY row_number DESC LIMIT $3`,
    values: [uploadId, before, limit],
  });
  return rows.map(([rowNumber]) => rowNumber);
}

/** @returns whether the upload has pending records, and all of its chunks are completed. */
export async function canCompletePending(client: ClientBase, uploadId: string): Promise<boolean> {
  const { rows } = await client.query<{ can: boolean }>(
    `SELECT EXISTS (SELECT FROM batch_upload.batch_upload_pending_records WHERE batch_upload_id = $1)
       AND NOT EXISTS (SELECT FROM batch_upload.batch_upload_chunks
         WHERE batch_upload_id = $1 AND completed_at IS NULL) AS can`,
    [uploadId],
  );
  return rows[0]!.can;
}

export async function countPending(client: ClientBase, uploadId: string): Promise<number> {
  const { rows } = await client.query<{ left: number }>(
    'SELECT count(*)::float8 AS "left" FROM batch_upload.batch_upload_pending_records WHERE batch_upload_id = $1',
    [uploadId],
  );
  return rows[0]!.left;
}

/** A statement that deletes this many rows takes well below a second. */
const BATCH = 20_000;

/**
 * Removes pending records of deleted uploads, one batch for each call. A failed upload keeps its pending records, since
 * another attempt goes on with them.
 * @returns whether more records may be left.
 */
export async function removePending(client: ClientBase): Promise<boolean> {
  const result = await client.query(
    `DELETE FROM batch_upload.batch_upload_pending_records WHERE ctid = ANY (ARRAY(
       SELECT p.ctid FROM batch_upload.batch_uploads u CROSS JOIN LATERAL (
         SELECT ctid FROM batch_upload.batch_upload_pending_records WHERE batch_upload_id = u.id LIMIT $1) p
       WHERE u.status = 'Deleted' LIMIT $1))`,
    [BATCH],
  );
  return result.rowCount === BATCH;
}
