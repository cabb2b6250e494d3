import type { ClientBase } from 'pg';

/** A statement that deletes this many rows takes well below a second. */
const BATCH = 20_000;

/**
 * Removes keys of ended uploads, one batch for each call. No pod writes such keys any more: a chunk's transaction fails
 * when its upload has ended, and a failed upload that has keys is not tried again (uploads/refuse-retry.ts).
 * @returns whether more keys may be left.
 */
export async function removeKeys(client: ClientBase): Promise<boolean> {
  const result = await client.query(
    `DELETE FROM batch_upload.batch_upload_keys WHERE ctid = ANY (ARRAY(
       SELECT k.ctid FROM batch_upload.batch_uploads u
       CROSS JOIN LATERAL (SELECT ctid FROM batch_upload.batch_upload_keys WHERE batch_upload_id = u.id LIMIT $1) k
       WHERE u.status IN ('Complete', 'Failed', 'Deleted') LIMIT $1))`,
    [BATCH],
  );
  return result.rowCount === BATCH;
}
