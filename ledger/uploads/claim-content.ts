/**
 * One load for the same content: uploads of one namespace whose bytes, size and schema (its target table, and spec.format, included)
 * are the same. The claim is a partial unique index on the uploads' rows, so exactly one has it, whatever is killed. It is taken in
 * the plan's commit, kept by a complete upload and let go by one that fails or is deleted.
 *
 * | holder of the claim                          | the upload                      |
 * |----------------------------------------------|---------------------------------|
 * | nobody                                       | takes it and loads              |
 * | runs                                         | is Queued until the holder ends |
 * | complete                                     | is complete at once             |
 * | complete, but Update has overwritten it since | takes it over and loads        |
 *
 * With `reload` it always loads, and takes the claim if nobody runs with it. So does an upload that is tried again after it has
 * loaded a part: nobody else's load makes that part undone. Validation has no claim.
 */
import type { ClientBase } from 'pg';
import { sqlState } from '#ledger/connection/postgres.ts';
import type { LedgerStatus } from '#ledger/types.ts';
import { closeUpload, transition } from './finish-upload.ts';

/** Of the digests that contents are compared by: 16 bytes, for ever the same in one ledger. */
export async function readContentKey(client: ClientBase): Promise<Buffer> {
  const { rows } = await client.query<{ key: Buffer }>('SELECT key FROM batch_upload.batch_upload_content_key');
  return rows[0]!.key;
}

/**
 * Lets a planned upload begin, wait or end. In the caller's transaction, under the upload's exclusive lock.
 * @returns its new status.
 */
export async function beginUpload(client: ClientBase, id: string): Promise<'Processing' | 'Queued' | 'Complete'> {
  const holder = await claimContent(client, id);
  if (holder === null) {
    await client.query(
      `UPDATE batch_upload.batch_uploads
       SET status = 'Processing', started_at = coalesce(started_at, clock_timestamp()), same_as = NULL WHERE id = $1`,
      [id],
    );
    return 'Processing';
  }
  if (holder.status !== 'Complete') {
    await client.query(
      `WITH queued AS (UPDATE batch_upload.batch_uploads SET status = 'Queued', same_as = $2 WHERE id = $1)
       INSERT INTO batch_upload.batch_upload_audit_logs (batch_upload_id, event_type, metadata)
       VALUES ($1, 'upload_queued', jsonb_build_object('same_as', $2::uuid))`,
      [id, holder.id],
    );
    return 'Queued';
  }
  // It has nothing to do: no record is pending, none is counted twice.
  await client.query(
    `UPDATE batch_upload.batch_uploads SET same_as = $2, total_records = 0, total_chunks = 0, total_indexes = 0
     WHERE id = $1`,
    [id, holder.id],
  );
  await closeUpload(client, id, 'Complete', null);
  return 'Complete';
}

/** For a queued upload whose holder has ended. @returns the status after the call. */
export function dequeueUpload(client: ClientBase, id: string): Promise<LedgerStatus | null> {
  return transition(client, id, ['Queued'], async () => {
    await beginUpload(client, id);
  });
}

interface Holder {
  id: string;
  status: LedgerStatus;
  /** It has the claim no longer by right: what it loaded may have been overwritten, or is to be. */
  superseded: boolean;
}

/** Null when the upload may load. Waits for a transaction that is taking or letting go the same claim. */
async function claimContent(client: ClientBase, id: string): Promise<Holder | null> {
  const wish = await client.query<{ validate: boolean; reload: boolean }>(
    `SELECT request->>'mode' = 'Validate' AS validate, coalesce(request->>'reload' = 'true', false) OR EXISTS (
              SELECT FROM batch_upload.batch_upload_chunks WHERE batch_upload_id = $1 AND completed_at IS NOT NULL
            ) AS reload
     FROM batch_upload.batch_uploads WHERE id = $1`,
    [id],
  );
  const { validate, reload } = wish.rows[0]!;
  if (validate) return null;
  while (!(await takeClaim(client, id))) {
    const holder = await findHolder(client, id, reload);
    // It was let go between the two statements.
    if (holder === null) continue;
    if (!holder.superseded) return reload ? null : holder;
    await client.query(`UPDATE batch_upload.batch_uploads SET claimed = false WHERE id = $1 AND status = 'Complete'`, [
      holder.id,
    ]);
  }
  return null;
}

async function takeClaim(client: ClientBase, id: string): Promise<boolean> {
  await client.query('SAVEPOINT claim');
  try {
    await client.query('UPDATE batch_upload.batch_uploads SET claimed = true WHERE id = $1', [id]);
    await client.query('RELEASE SAVEPOINT claim');
    return true;
  } catch (error) {
    if (sqlState(error) !== '23505') throw error;
    await client.query('ROLLBACK TO SAVEPOINT claim; RELEASE SAVEPOINT claim');
    return false;
  }
}

/** With Update only the latest load of a table counts: one that no other load has ended after it began. */
async function findHolder(client: ClientBase, id: string, reload: boolean): Promise<Holder | null> {
  const result = await client.query<Holder>(
    `SELECT h.id, h.status,
            h.status = 'Complete' AND h.schema->'target'->>'onDuplicate' = 'Update' AND ($2 OR EXISTS (
              SELECT FROM batch_upload.batch_uploads x
              WHERE x.id <> h.id AND x.schema->'target'->>'table' = h.schema->'target'->>'table'
                AND x.request->>'mode' IS DISTINCT FROM 'Validate'
                AND x.started_at IS NOT NULL AND (x.completed_at IS NULL OR x.completed_at > h.started_at)
            )) AS superseded
     FROM batch_upload.batch_uploads u
     JOIN batch_upload.batch_uploads h USING (cluster_id, namespace, schema_hash, digest, size_bytes)
     WHERE u.id = $1 AND h.claimed`,
    [id, reload],
  );
  return result.rows[0] ?? null;
}
