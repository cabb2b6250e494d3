import type { ClientBase } from 'pg';
import type { Chunk, ErrorSummary } from './types.ts';

/** The chunks of [first, end) that nobody has completed, in the order of the file. */
export async function readPendingChunks(
  client: ClientBase,
  { id, first, end }: { id: string; first: number; end: number },
): Promise<Chunk[]> {
  const result = await client.query<Chunk>(
    `SELECT chunk_number AS number, start_byte::float8 AS "startByte", end_byte::float8 AS "endByte",
            first_row_number::float8 AS "firstRowNumber", record_count AS "recordCount"
     FROM batch_upload.batch_upload_chunks
     WHERE batch_upload_id = $1 AND chunk_number >= $2 AND chunk_number < $3 AND completed_at IS NULL
     ORDER BY chunk_number`,
    [id, first, end],
  );
  return result.rows;
}

/** Locks a chunk's row until the transaction ends. @returns whether there is still work to do. */
export async function lockChunk(client: ClientBase, id: string, chunkNumber: number): Promise<boolean> {
  const result = await client.query<{ pending: boolean }>({
    name: 'lock-chunk',
    text: `SELECT completed_at IS NULL AS pending FROM batch_upload.batch_upload_chunks
           WHERE batch_upload_id = $1 AND chunk_number = $2 FOR UPDATE`,
    values: [id, chunkNumber],
  });
  return result.rows[0]?.pending ?? false;
}

/** Of a record that lost to another one with its key; counted apart from failed records, unless the schema fails them. */
export const DUPLICATE_CODE = 'DUP_001';

export interface ChunkResult {
  number: number;
  records: number;
  succeeded: number;
  /** Of the succeeded ones: those that took the place of a row of another upload. */
  updated: number;
  failed: number;
  duplicate: number;
  durationMs: number;
  /** Count and a sample message by code. */
  codes: ErrorSummary[];
  /** Who did it and how, for people: pod, index, write path, retries. */
  metadata: Record<string, unknown>;
}

/** Marks the chunk as done and writes its audit row, in the transaction that wrote its rows. */
export async function completeChunk(client: ClientBase, id: string, result: ChunkResult): Promise<void> {
  const codes = Object.fromEntries(result.codes.map(({ code, count, message }) => [code, { count, message }]));
  await client.query({
    name: 'complete-chunk',
    text: `WITH done AS (
             UPDATE batch_upload.batch_upload_chunks SET completed_at = clock_timestamp()
             WHERE batch_upload_id = $1 AND chunk_number = $2)
           INSERT INTO batch_upload.batch_upload_audit_logs
             (batch_upload_id, event_type, chunk_number, records_in_chunk, succeeded_count, failed_count,
              duplicate_count, updated_count, duration_ms, metadata)
           VALUES ($1, 'chunk_completed', $2, $3, $4, $5, $6, $7, $8, $9)`,
    values: [
      id,
      result.number,
      result.records,
      result.succeeded,
      result.failed,
      result.duplicate,
      result.updated,
      Math.round(result.durationMs),
      JSON.stringify({ ...result.metadata, codes }),
    ],
  });
}
