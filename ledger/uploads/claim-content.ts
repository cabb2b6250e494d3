/**
 * The same content is loaded once. Content is the same when uploads of one namespace agree in bytes, size and schema
 * (which includes the target table and spec.format). One of these uploads holds the claim on the content: a partial
 * unique index on the uploads' rows allows only one holder, whatever is killed. An upload takes the claim in the commit
 * of its plan, and an upload that is tried again takes it before its copy is made anew. A complete upload keeps the
 * claim; an upload that fails or is deleted releases it.
 *
 * | holder of the claim                                   | what happens to the upload         |
 * |-------------------------------------------------------|------------------------------------|
 * | there is none                                         | it takes the claim and loads       |
 * | there is none, and a part was appended without a key  | it fails: see find-loaded-part.ts  |
 * | a running upload                                      | it is Queued until the holder ends |
 * | a complete upload                                     | it is complete at once             |
 * | a complete upload whose rows Update may have replaced | it takes the claim over and loads  |
 *
 * An upload with `reload` always loads. It takes the claim if there is no holder, or if the holder is complete and the
 * policy is Update. The same is true of an upload that is tried again after it has loaded a part, since no load of
 * another upload undoes that part. A validation takes no claim.
 */
import type { ClientBase } from 'pg';
import { sqlState } from '#ledger/connection/postgres.ts';
import type { LedgerStatus } from '#ledger/types.ts';
import { findLoadedPart } from './find-loaded-part.ts';
import { closeUpload, transition } from './finish-upload.ts';

/** @returns the key of the digests that identify contents: 16 bytes, which never change in a ledger. */
export async function readContentKey(client: ClientBase): Promise<Buffer> {
  const { rows } = await client.query<{ key: Buffer }>('SELECT key FROM batch_upload.batch_upload_content_key');
  return rows[0]!.key;
}

/**
 * Lets a planned upload begin, wait or end. Runs in the caller's transaction, under the upload's exclusive lock.
 * @returns the upload's new status.
 */
export async function beginUpload(
  client: ClientBase,
  id: string,
): Promise<'Processing' | 'Queued' | 'Complete' | 'Failed'> {
  const holder = await claimContent(client, id);
  if (holder === null) {
    // An upload without reload holds the claim now, so that no other one can begin before this answer counts.
    const part = await findLoadedPart(client, id);
    if (part) {
      await closeUpload(client, id, 'Failed', part);
      return 'Failed';
    }
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
  // The upload gets no chunks and no records, so nothing is pending and no record is counted twice.
  await client.query(
    `UPDATE batch_upload.batch_uploads SET same_as = $2, total_records = 0, total_chunks = 0, total_indexes = 0
     WHERE id = $1`,
    [id, holder.id],
  );
  await closeUpload(client, id, 'Complete', null);
  return 'Complete';
}

/** Lets a queued upload go on after the holder of the claim has ended. @returns the status after the call. */
export function dequeueUpload(client: ClientBase, id: string): Promise<LedgerStatus | null> {
  return transition(client, id, ['Queued'], async () => {
    await beginUpload(client, id);
  });
}

export interface Holder {
  id: string;
  status: LedgerStatus;
  /** Has the holder lost its right to the claim, because its rows may have been replaced or are to be replaced? */
  superseded: boolean;
}

/**
 * Takes the claim for a planned upload where the upload may have it. Runs in the caller's transaction, under the upload's exclusive
 * lock, and waits for a transaction that takes or releases the same claim.
 * @returns null when the upload may load
 */
export async function claimContent(client: ClientBase, id: string): Promise<Holder | null> {
  const request = await client.query<{ validate: boolean; reload: boolean }>(
    `SELECT request->>'mode' = 'Validate' AS validate, coalesce(request->>'reload' = 'true', false) OR EXISTS (
              SELECT FROM batch_upload.batch_upload_chunks WHERE batch_upload_id = $1 AND completed_at IS NOT NULL
            ) AS reload
     FROM batch_upload.batch_uploads WHERE id = $1`,
    [id],
  );
  const { validate, reload } = request.rows[0]!;
  if (validate) return null;
  while (!(await takeClaim(client, id))) {
    const holder = await findHolder(client, id, reload);
    // The holder released the claim between the two statements.
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

/** Finds the holder of the claim. With Update, a load counts only if no other load of its table ran after its start. */
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
