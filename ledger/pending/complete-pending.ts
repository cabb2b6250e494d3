/** The transaction that writes pending records, or counts them as failed. */
import type { ClientBase, QueryResult } from 'pg';
import pg from 'pg';
import { RESTORE_SETTINGS_SQL } from '#ledger/connection/postgres.ts';
import type { ErrorSummary, LedgerStatus } from '#ledger/types.ts';
import { PENDING_EVENT } from '#ledger/uploads/counted-audits.ts';
import { assertRunning, lockUploadSharedSql } from '#ledger/uploads/lock-upload.ts';

/**
 * Begins the transaction: waits at the fence, then takes the lock of whoever completes pending records of this upload.
 * A pod that waited for the lock would hold the fence meanwhile, and would take a holder that computes for a frozen one.
 * @param alsoRun a statement that runs before the lock is taken.
 * @returns false when another session has the lock.
 * @throws Fault FENCED when the upload is no longer running with this attempt.
 */
export async function beginPending(
  client: ClientBase,
  { id, attempt, alsoRun = '' }: { id: string; attempt: number; alsoRun?: string },
): Promise<boolean> {
  const results = await client.query(
    `BEGIN; ${RESTORE_SETTINGS_SQL}; ${lockUploadSharedSql(id)}; SET CONSTRAINTS ALL IMMEDIATE; ${alsoRun}`,
  );
  // The settings and the fence have one SELECT each, too.
  const [, , upload] = (results as unknown as QueryResult<{ status: LedgerStatus; attempt: number }>[]).filter(
    ({ command }) => command === 'SELECT',
  );
  assertRunning(upload!.rows[0], { id, attempt, status: 'Processing' });
  const { rows } = await client.query<{ locked: boolean }>(
    'SELECT pg_try_advisory_xact_lock(hashtextextended($1, 3)) AS locked',
    [id],
  );
  return rows[0]!.locked;
}

export interface CompletedPending {
  /** Row numbers of the records that are no longer pending. */
  rows: readonly number[];
  succeeded: number;
  /** The records of `succeeded` that replaced a row of another upload. */
  updated: number;
  failed: number;
  duplicate: number;
  codes: ErrorSummary[];
  metadata: Record<string, unknown>;
}

/** A record for the table of errors. */
export interface PendingError {
  rowNumber: number;
  code: string;
  message: string;
  /** Is the record's text kept, if the upload keeps texts? */
  keepsText: boolean;
}

/** Stores errors; those of pending records get their place and text from the pending record. */
export async function insertPendingErrors(
  client: ClientBase,
  uploadId: string,
  errors: readonly PendingError[],
): Promise<void> {
  if (errors.length === 0) return;
  await client.query(
    `INSERT INTO batch_upload.batch_upload_errors
       (batch_upload_id, row_number, error_code, error_message, faults, byte_offset, byte_length, row_data)
     SELECT $1, e.row_number, e.code, e.message,
       jsonb_build_array(jsonb_build_object('code', e.code, 'field', NULL, 'message', e.message)),
       p.byte_offset, p.byte_length, CASE WHEN e.keeps_text THEN p.row_data END
     FROM unnest($2::bigint[], $3::text[], $4::text[], $5::boolean[]) AS e (row_number, code, message, keeps_text)
     LEFT JOIN batch_upload.batch_upload_pending_records p ON p.batch_upload_id = $1 AND p.row_number = e.row_number`,
    [
      uploadId,
      errors.map(({ rowNumber }) => rowNumber),
      errors.map(({ code }) => code),
      errors.map(({ message }) => message),
      errors.map(({ keepsText }) => keepsText),
    ],
  );
}

/** Removes the records that are no longer pending, writes the audit row that counts them, and commits. */
export async function commitPending(client: ClientBase, uploadId: string, completed: CompletedPending): Promise<void> {
  const { rows, succeeded, updated, failed, duplicate, codes, metadata } = completed;
  const { rowCount } = await client.query(
    `DELETE FROM batch_upload.batch_upload_pending_records WHERE batch_upload_id = $1 AND row_number = ANY($2::bigint[])`,
    [uploadId, rows],
  );
  if (rowCount !== rows.length) throw new Error(`${rowCount} of ${rows.length} pending records were removed`);
  const details = {
    ...metadata,
    codes: Object.fromEntries(codes.map(({ code, count, message }) => [code, { count, message }])),
  };
  await client.query(`
    INSERT INTO batch_upload.batch_upload_audit_logs (batch_upload_id, event_type, records_in_chunk, succeeded_count,
      failed_count, duplicate_count, updated_count, metadata)
    VALUES (${pg.escapeLiteral(uploadId)}, '${PENDING_EVENT}', ${rows.length}, ${succeeded}, ${failed}, ${duplicate},
      ${updated}, ${pg.escapeLiteral(JSON.stringify(details))});
    COMMIT`);
}
