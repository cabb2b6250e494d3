/**
 * Makes a relation of the audit rows that count records of the upload `id`, an SQL expression. Its rows have the columns
 * `is_chunk`, `metadata` and the counts. Each event has a partial index of its own, so that a condition for both events
 * in one query would read the whole table.
 */
export function countedAuditsSql(id: string): string {
  const columns = 'metadata, records_in_chunk, succeeded_count, failed_count, duplicate_count, updated_count';
  const of = (event: string, isChunk: boolean) =>
    `SELECT ${isChunk} AS is_chunk, ${columns} FROM batch_upload.batch_upload_audit_logs
     WHERE batch_upload_id = ${id} AND event_type = '${event}'`;
  return `(${of('chunk_completed', true)} UNION ALL ${of(PENDING_EVENT, false)})`;
}

/** The event of audit rows that count records which were pending. */
export const PENDING_EVENT = 'pending_completed';
