import type { ClientBase } from 'pg';
import type { WorkObject } from '#ledger/types.ts';
import { beginUpload } from './claim-content.ts';
import { assertRunning, lockUploadExclusive } from './lock-upload.ts';

/**
 * Lets the chunks of a plan point into a copy of the file that was made anew, and lets the upload go on, in one transaction
 * under the lock of the upload's row. The caller has found that the copy is byte for byte that of the plan. A second pod
 * with a copy of its own finds that of the first one and changes nothing.
 * @returns false when the upload had a copy already.
 * @throws Fault FENCED when the upload is no longer running or has another attempt.
 */
export async function renewCopy(
  client: ClientBase,
  { id, attempt }: { id: string; attempt: number },
  { key, eTag, versionId }: WorkObject,
): Promise<boolean> {
  await client.query('BEGIN');
  try {
    const row = await lockUploadExclusive(client, id);
    if (row?.status === 'Processing' && row.attempt === attempt) {
      await client.query('ROLLBACK');
      return false;
    }
    assertRunning(row, { id, attempt, status: 'Planning' });
    await client.query(
      'UPDATE batch_upload.batch_uploads SET work_key = $2, work_etag = $3, work_version_id = $4 WHERE id = $1',
      [id, key, eTag, versionId],
    );
    await beginUpload(client, id);
    await client.query(
      `INSERT INTO batch_upload.batch_upload_audit_logs (batch_upload_id, event_type, metadata)
       VALUES ($1, 'copy_renewed', jsonb_build_object('attempt', $2::integer))`,
      [id, attempt],
    );
    await client.query('COMMIT');
    return true;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}
