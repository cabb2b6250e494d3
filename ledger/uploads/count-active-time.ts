import type { ClientBase } from 'pg';

/** The operator says this often, in ms, that pods still work. */
export const ACTIVE_BEAT_MS = 60_000;
/** While nobody says so, because the operator or the database is away, no more than this is counted. */
const MOST_UNSAID_MS = 90_000;

/**
 * Counts the time until now for which pods have worked on an attempt of an upload, and starts, goes on or stops. The time is
 * that of the database, since operators on two machines may have two clocks.
 */
export async function countActiveTime(
  client: ClientBase,
  { id, attempt, isActive }: { id: string; attempt: number; isActive: boolean },
): Promise<void> {
  await client.query(
    isActive
      ? `INSERT INTO batch_upload.batch_upload_active_times AS t (batch_upload_id, attempt, active_since)
         VALUES ($1, $2, clock_timestamp())
         ON CONFLICT (batch_upload_id, attempt) DO UPDATE
         SET active_ms = ${activeMsSql('t')}, active_since = EXCLUDED.active_since`
      : `UPDATE batch_upload.batch_upload_active_times t SET active_ms = ${activeMsSql('t')}, active_since = NULL
         WHERE batch_upload_id = $1 AND attempt = $2 AND active_since IS NOT NULL`,
    [id, attempt],
  );
}

/** @returns SQL for the ms that a row of the times has counted until now. */
export function activeMsSql(row: string): string {
  return `(${row}.active_ms + least(coalesce(${activeForMsSql(row)}, 0), ${MOST_UNSAID_MS}))`;
}

/** @returns SQL for the ms since the count was brought up to date; NULL while none runs. A clock that was set back gives 0. */
export function activeForMsSql(row: string): string {
  return `greatest(0, extract(epoch FROM clock_timestamp() - ${row}.active_since) * 1000)::bigint`;
}
