/**
 * Ends uploads. Every end takes the exclusive side of the fence first, so that the counts that it then reads are final.
 */
import type { ClientBase } from 'pg';
import { storableText } from '#ledger/connection/storable-text.ts';
import type { LedgerStatus } from '#ledger/types.ts';
import { countedAuditsSql } from './counted-audits.ts';
import { lockUploadExclusive } from './lock-upload.ts';

export interface Failure {
  /** Reason of the Failed condition, in CamelCase. */
  reason: string;
  /** Explanation for people. It holds no value of a record. */
  message: string;
}

const RUNNING: readonly LedgerStatus[] = ['Planning', 'Queued', 'Processing'];

/**
 * Completes the upload if every chunk is committed and no record is pending.
 * @returns the status after the call: `Processing` while something is pending, null when the ledger has no such upload.
 */
export async function completeUpload(client: ClientBase, id: string): Promise<LedgerStatus | null> {
  return transition(client, id, ['Processing'], async () => {
    const pending = await client.query(
      `SELECT FROM batch_upload.batch_upload_chunks WHERE batch_upload_id = $1 AND completed_at IS NULL
       UNION ALL SELECT FROM batch_upload.batch_upload_pending_records WHERE batch_upload_id = $1 LIMIT 1`,
      [id],
    );
    if (pending.rowCount === 0) await closeUpload(client, id, 'Complete', null);
  });
}

/** Ends a running upload as failed. The first failure stays. With `attempt`, a later attempt is left alone. */
export async function failUpload(
  client: ClientBase,
  { id, attempt }: { id: string; attempt?: number },
  failure: Failure,
): Promise<LedgerStatus | null> {
  return transition(client, id, RUNNING, async (row) => {
    if (attempt !== undefined && row.attempt !== attempt) return;
    await closeUpload(client, id, 'Failed', failure);
  });
}

/** Closes the row of an upload whose resource was deleted. The upload's audit rows and errors stay. */
export async function closeDeletedUpload(client: ClientBase, id: string): Promise<LedgerStatus | null> {
  return transition(client, id, RUNNING, () => closeUpload(client, id, 'Deleted', null));
}

/** Lists the running uploads of a cluster, so that the caller can find those whose resource was deleted. */
export async function listRunningUploads(
  client: ClientBase,
  clusterId: string,
): Promise<{ id: string; namespace: string; name: string }[]> {
  const result = await client.query(
    `SELECT id, namespace, name FROM batch_upload.batch_uploads
     WHERE cluster_id = $1 AND status IN ('Planning', 'Queued', 'Processing')`,
    [clusterId],
  );
  return result.rows;
}

/**
 * Changes the upload under its exclusive lock if it has one of the statuses `from`.
 * @returns the upload's status after that.
 */
export async function transition(
  client: ClientBase,
  id: string,
  from: readonly LedgerStatus[],
  change: (row: { status: LedgerStatus; attempt: number }) => Promise<void>,
): Promise<LedgerStatus | null> {
  await client.query('BEGIN');
  try {
    const row = await lockUploadExclusive(client, id);
    if (row && from.includes(row.status)) await change(row);
    const after = await client.query<{ status: LedgerStatus }>(
      'SELECT status FROM batch_upload.batch_uploads WHERE id = $1',
      [id],
    );
    await client.query('COMMIT');
    return after.rows[0]?.status ?? null;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

/** Writes the final status with the final counts, and an audit row. Only a complete upload keeps its claim. */
export async function closeUpload(
  client: ClientBase,
  id: string,
  status: 'Complete' | 'Failed' | 'Deleted',
  failure: Failure | null,
): Promise<void> {
  // The message can name parts of the file, such as its header.
  const message = failure?.message.slice(0, 2000);
  const storable = message === undefined ? null : (await storableText(client, [message]))(message);
  await client.query(
    `WITH counts AS (
       SELECT coalesce(sum(records_in_chunk), 0) AS processed, coalesce(sum(succeeded_count), 0) AS succeeded,
              coalesce(sum(failed_count), 0) AS failed, coalesce(sum(duplicate_count), 0) AS duplicate,
              coalesce(sum(updated_count), 0) AS updated
       FROM ${countedAuditsSql('$1')} counted),
     closed AS (
       UPDATE batch_upload.batch_uploads u
       SET status = $2, failure_reason = $3, failure_message = $4, completed_at = clock_timestamp(),
           claimed = u.claimed AND $2 = 'Complete',
           processed_records = c.processed, succeeded_records = c.succeeded, failed_records = c.failed,
           duplicate_records = c.duplicate, updated_records = c.updated
       FROM counts c WHERE u.id = $1)
     INSERT INTO batch_upload.batch_upload_audit_logs (batch_upload_id, event_type, metadata)
     SELECT $1, $5, jsonb_strip_nulls(jsonb_build_object('reason', $3::text, 'message', $4::text, 'processed', processed,
       'succeeded', succeeded, 'failed', failed, 'duplicate', duplicate,
       'updated', updated)) FROM counts`,
    [id, status, failure?.reason ?? null, storable, `upload_${status.toLowerCase()}`],
  );
}
