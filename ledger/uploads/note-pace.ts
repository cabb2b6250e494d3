import type { ClientBase } from 'pg';
import type { LedgerStatus } from '#ledger/types.ts';
import { assertRunning } from './lock-upload.ts';

/** A pod says this often, in ms, that it is still slow. */
export const PACE_BEAT_MS = 5_000;
/** A note that a pod has not said again for this time, in ms, is that of a pod that has ended. */
const MOST_UNSAID_MS = 30_000;

export interface PaceNote {
  reason: string;
  message: string;
}

/** Whose pace is noted. */
export interface PacedPod {
  id: string;
  attempt: number;
  completionIndex: number;
}

/**
 * Notes why a pod is slow. The time at which this began stays while the reason stays the same. A pod that waits does nothing else at
 * which it would find that its upload has ended.
 * @throws Fault FENCED when the upload is no longer being loaded or has another attempt.
 */
export async function notePace(
  client: ClientBase,
  { id, attempt, completionIndex }: PacedPod,
  { reason, message }: PaceNote,
): Promise<void> {
  const { rowCount } = await client.query(
    `INSERT INTO batch_upload.batch_upload_paces AS p
       (batch_upload_id, completion_index, attempt, reason, message, since, noted_at)
     SELECT id, $2, attempt, $4, $5, clock_timestamp(), clock_timestamp()
     FROM batch_upload.batch_uploads WHERE id = $1 AND attempt = $3 AND status = 'Processing'
     ON CONFLICT (batch_upload_id, completion_index) DO UPDATE
     SET attempt = EXCLUDED.attempt, reason = EXCLUDED.reason, message = EXCLUDED.message, noted_at = EXCLUDED.noted_at,
         since = CASE WHEN p.reason = EXCLUDED.reason AND p.attempt = EXCLUDED.attempt AND ${isFreshSql('p')}
                 THEN p.since ELSE EXCLUDED.since END`,
    [id, completionIndex, attempt, reason, message],
  );
  if (rowCount !== 0) return;
  const { rows } = await client.query<{ status: LedgerStatus; attempt: number }>(
    'SELECT status, attempt FROM batch_upload.batch_uploads WHERE id = $1',
    [id],
  );
  assertRunning(rows[0], { id, attempt, status: 'Processing' });
}

/** Notes that a pod goes on. */
export async function endPace(client: ClientBase, { id, attempt, completionIndex }: PacedPod): Promise<void> {
  await client.query(
    `UPDATE batch_upload.batch_upload_paces SET noted_at = NULL
     WHERE batch_upload_id = $1 AND completion_index = $2 AND attempt = $3 AND noted_at IS NOT NULL`,
    [id, completionIndex, attempt],
  );
}

/** @returns SQL that is true for a note that holds at present. */
export function isFreshSql(row: string): string {
  return `(${row}.noted_at IS NOT NULL AND ${row}.noted_at > clock_timestamp() - interval '${MOST_UNSAID_MS} milliseconds')`;
}
