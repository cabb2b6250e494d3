import type { ClientBase } from 'pg';

/** Rows in one statement: well below a second. */
const BATCH = 20_000;

/**
 * Removes the keys that ended uploads have left, one batch a call. No pod writes them any more: a chunk's transaction
 * stops when its upload has ended, and one that has keys is not tried again (retry-upload.ts).
 * @returns whether there may be more.
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
