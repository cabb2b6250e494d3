import type { ClientBase, QueryResult } from 'pg';
import pg from 'pg';
import { RESTORE_SETTINGS_SQL } from '#ledger/connection/postgres.ts';
import { storableText } from '#ledger/connection/storable-text.ts';
import type { Chunk, ErrorSummary, LedgerStatus } from '#ledger/types.ts';
import { assertRunning, lockUploadSharedSql } from '#ledger/uploads/lock-upload.ts';

/** The chunks with the numbers [first, end). */
export interface ChunkRange {
  first: number;
  end: number;
}

/** A range of chunks none of which is completed. */
export interface PendingRun extends ChunkRange {
  /** Length of the run in bytes of the file. */
  bytes: number;
}

/**
 * Reads the pending runs in [first, end), in the order of the file. There are only a few, however many chunks the file
 * has.
 */
export async function readPendingRuns(
  client: ClientBase,
  { id, first, end }: { id: string } & ChunkRange,
): Promise<PendingRun[]> {
  const result = await client.query<PendingRun>(
    `SELECT min(chunk_number) AS first, max(chunk_number) + 1 AS "end", (max(end_byte) - min(start_byte))::float8 AS bytes
     FROM (SELECT chunk_number, start_byte, end_byte, chunk_number - row_number() OVER (ORDER BY chunk_number) AS run
           FROM batch_upload.batch_upload_chunks
           WHERE batch_upload_id = $1 AND chunk_number >= $2 AND chunk_number < $3 AND completed_at IS NULL) AS pending
     GROUP BY run ORDER BY 1`,
    [id, first, end],
  );
  return result.rows;
}

/** Reads the chunks of [first, end) that are not completed, in the order of the file. */
export async function readPendingChunks(
  client: ClientBase,
  { id, first, end }: { id: string } & ChunkRange,
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

/**
 * Begins the transaction of some chunks, in one round trip: waits at the fence, locks the upload's row and then the
 * chunks' rows in their order until the transaction ends, and runs the statement `alsoRun`.
 * @returns the numbers of the chunks that are not completed.
 * @throws Fault FENCED when the upload is no longer running with this attempt.
 */
export async function beginChunks(
  client: ClientBase,
  { id, attempt, chunks, alsoRun = '' }: { id: string; attempt: number; chunks: readonly Chunk[]; alsoRun?: string },
): Promise<Set<number>> {
  const results = await client.query(`BEGIN; ${RESTORE_SETTINGS_SQL}; ${lockUploadSharedSql(id)};
    SELECT chunk_number, completed_at IS NULL AS pending FROM batch_upload.batch_upload_chunks
    WHERE batch_upload_id = ${pg.escapeLiteral(id)} AND chunk_number IN (${chunks.map(({ number }) => number).join(', ')})
    ORDER BY chunk_number FOR UPDATE;
    SET CONSTRAINTS ALL IMMEDIATE;
    ${alsoRun}`);
  // The settings and the fence have one SELECT each, too.
  const [, , upload, locked] = (results as unknown as QueryResult[]).filter(({ command }) => command === 'SELECT');
  const row = upload!.rows[0] as { status: LedgerStatus; attempt: number } | undefined;
  assertRunning(row, { id, attempt, status: 'Processing' });
  return new Set(locked!.rows.filter(({ pending }) => pending).map(({ chunk_number }) => chunk_number));
}

export interface ChunkResult {
  number: number;
  records: number;
  succeeded: number;
  /** The records of `succeeded` that replaced a row of another upload. */
  updated: number;
  failed: number;
  duplicate: number;
  durationMs: number;
  /** For each code the number of records and a sample message. */
  codes: ErrorSummary[];
  /** Pod, index, strategy, tries and retried reads, which only people read. */
  metadata: Record<string, unknown>;
}

/**
 * Marks chunks as completed, writes their audit rows and commits the transaction that wrote their rows, in one round
 * trip.
 */
export async function commitChunks(client: ClientBase, id: string, results: readonly ChunkResult[]): Promise<void> {
  const upload = pg.escapeLiteral(id);
  const messages = results.flatMap(({ codes }) => codes.map(({ message }) => message));
  const storable = messages.length > 0 ? await storableText(client, messages) : String;
  const rows = results.map(
    ({ number, records, succeeded, updated, failed, duplicate, durationMs, metadata, codes }) => ({
      number,
      records,
      succeeded,
      updated,
      failed,
      duplicate,
      duration: Math.round(durationMs),
      metadata: {
        ...metadata,
        codes: Object.fromEntries(
          codes.map(({ code, count, message }) => [code, { count, message: storable(message) }]),
        ),
      },
    }),
  );
  // The chunks may have been written without a savepoint, and triggers have run.
  await client.query(`${RESTORE_SETTINGS_SQL};
    UPDATE batch_upload.batch_upload_chunks SET completed_at = clock_timestamp()
    WHERE batch_upload_id = ${upload} AND chunk_number IN (${results.map(({ number }) => number).join(', ')});
    INSERT INTO batch_upload.batch_upload_audit_logs
      (batch_upload_id, event_type, chunk_number, records_in_chunk, succeeded_count, failed_count, duplicate_count,
       updated_count, duration_ms, metadata)
    SELECT ${upload}, 'chunk_completed', r.number, r.records, r.succeeded, r.failed, r.duplicate, r.updated,
      r.duration, r.metadata
    FROM json_to_recordset(${pg.escapeLiteral(JSON.stringify(rows))}) AS r
      (number integer, records integer, succeeded integer, failed integer, duplicate integer, updated integer,
       duration integer, metadata jsonb);
    COMMIT`);
}
