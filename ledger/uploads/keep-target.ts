import type { ClientBase } from 'pg';

/**
 * Keeps which table an upload loads. As long as no chunk is done, the table may still change.
 * @param oid pg_class.oid of the table that has the target's name now.
 * @returns true when the chunks that are done went into the same table; false when into another one.
 */
export async function keepTarget(client: ClientBase, { id, oid }: { id: string; oid: number }): Promise<boolean> {
  const { rows } = await client.query<{ kept: string | null }>(
    `WITH new AS (
       UPDATE batch_upload.batch_uploads u SET target_oid = $2 WHERE id = $1 AND target_oid IS DISTINCT FROM $2
         AND (target_oid IS NULL OR NOT EXISTS (
           SELECT FROM batch_upload.batch_upload_chunks WHERE batch_upload_id = u.id AND completed_at IS NOT NULL))
       RETURNING target_oid)
     SELECT coalesce((SELECT target_oid FROM new), target_oid) AS kept FROM batch_upload.batch_uploads WHERE id = $1`,
    [id, oid],
  );
  const kept = rows[0]?.kept;
  // Another pod that starts at this moment may be the one that keeps the table: its value is not visible here yet.
  return kept === undefined || kept === null || Number(kept) === oid;
}
