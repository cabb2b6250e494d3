import type { ClientBase } from 'pg';

/**
 * Starts or stops counting the time for which pods work on an attempt of an upload. The time is that of the database, since
 * operators on two machines may have two clocks. A repetition changes nothing.
 */
export async function countActiveTime(
  client: ClientBase,
  { id, attempt, isActive }: { id: string; attempt: number; isActive: boolean },
): Promise<void> {
  await client.query(
    isActive
      ? `INSERT INTO batch_upload.batch_upload_active_times AS t (batch_upload_id, attempt, active_since)
         VALUES ($1, $2, clock_timestamp())
         ON CONFLICT (batch_upload_id, attempt) DO UPDATE SET active_since = EXCLUDED.active_since
         WHERE t.active_since IS NULL`
      : `UPDATE batch_upload.batch_upload_active_times t SET active_ms = ${activeMsSql('t')}, active_since = NULL
         WHERE batch_upload_id = $1 AND attempt = $2 AND active_since IS NOT NULL`,
    [id, attempt],
  );
}

/** @returns SQL for the ms that a row of the times has counted. A clock that was set back takes nothing away. */
export function activeMsSql(row: string): string {
  return `(${row}.active_ms + coalesce(greatest(0, extract(epoch FROM clock_timestamp() - ${row}.active_since) * 1000), 0)::bigint)`;
}
