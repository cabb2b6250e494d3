/**
 * The statements on files that are being registered. A hold keeps a file from being removed for some time: while its parts
 * are put together or its object is looked at, and from its registration until its upload is there.
 *
 * Several requests can hold a file at the same time. The end of its hold tells which of them was the last, so that none
 * ends the hold of another one.
 */
import type { ClientBase } from 'pg';
import type { LedgerScope } from '#ledger/types.ts';
import { COLUMNS, type FileRef, type FileRow, type Registration, toFile } from './files.ts';

/** A registration that takes longer than this is refused where the file is removed meanwhile. */
const HOLD = "interval '15 minutes'";

/** A moment as the database writes it, with microseconds: it tells one hold from another. */
export type HeldUntil = string;

export interface Hold {
  until: HeldUntil | null;
  /** The end of the hold that this one has replaced. */
  before: HeldUntil | null;
}

/**
 * Keeps the file from being removed for a time; a registered file is kept anyway.
 * @returns null when the file is abandoned or being removed.
 */
export async function holdFile(client: ClientBase, { clusterId, namespace, id }: FileRef): Promise<Hold | null> {
  const result = await client.query<Hold>(
    `WITH before AS (
       SELECT id, held_until FROM batch_upload.batch_upload_files
       WHERE cluster_id = $1 AND namespace = $2 AND id = $3 FOR UPDATE)
     UPDATE batch_upload.batch_upload_files f
     SET held_until = CASE WHEN f.registered_at IS NULL THEN now() + ${HOLD} ELSE f.held_until END
     FROM before WHERE f.id = before.id AND f.abandoned_at IS NULL AND f.claimed_at IS NULL
     RETURNING f.held_until::text AS until, before.held_until::text AS before`,
    [clusterId, namespace, id],
  );
  return result.rows[0] ?? null;
}

/** Ends a hold, so that the one before it lasts on. A later hold and a registration stay as they are. */
export async function releaseHold(
  client: ClientBase,
  { clusterId, namespace, id, hold: { until, before } }: FileRef & { hold: Hold },
): Promise<void> {
  await client.query(
    `UPDATE batch_upload.batch_upload_files SET held_until = $5::timestamptz
     WHERE cluster_id = $1 AND namespace = $2 AND id = $3 AND registered_at IS NULL AND held_until = $4::timestamptz`,
    [clusterId, namespace, id, until, before],
  );
}

/**
 * Registers the file for an upload that is made next. A repetition with the same name begins the hold anew.
 * @returns the end of the hold; null when the file is abandoned, being removed, or loaded by another upload.
 */
export async function registerFile(
  client: ClientBase,
  { clusterId, namespace, id, uploadName }: Registration,
): Promise<HeldUntil | null> {
  const result = await client.query<{ until: HeldUntil }>(
    `UPDATE batch_upload.batch_upload_files
     SET upload_name = $4, registered_at = coalesce(registered_at, now()), held_until = now() + ${HOLD}
     WHERE cluster_id = $1 AND namespace = $2 AND id = $3 AND abandoned_at IS NULL AND claimed_at IS NULL
       AND coalesce(upload_name, $4) = $4
     RETURNING held_until::text AS until`,
    [clusterId, namespace, id, uploadName],
  );
  return result.rows[0]?.until ?? null;
}

/**
 * Records that the upload of a file was made. The file counts as registered even where a request of the same name, which
 * was refused at the same time, has taken the registration back.
 * @returns false when the file was registered for another upload, abandoned or claimed meanwhile.
 */
export async function confirmUpload(
  client: ClientBase,
  { clusterId, namespace, id, uploadName }: Registration,
): Promise<boolean> {
  const result = await client.query(
    `UPDATE batch_upload.batch_upload_files
     SET upload_name = $4, registered_at = coalesce(registered_at, now()), held_until = NULL
     WHERE cluster_id = $1 AND namespace = $2 AND id = $3 AND abandoned_at IS NULL AND claimed_at IS NULL
       AND coalesce(upload_name, $4) = $4`,
    [clusterId, namespace, id, uploadName],
  );
  return result.rowCount === 1;
}

/**
 * Takes back the registration of a file for an upload that was not made, so that the file can be registered otherwise. A
 * registration that was begun anew or confirmed since `until` was read stays.
 */
export async function unregisterFile(
  client: ClientBase,
  { clusterId, namespace, id, uploadName, until }: Registration & { until: HeldUntil },
): Promise<void> {
  await client.query(
    `UPDATE batch_upload.batch_upload_files SET upload_name = NULL, registered_at = NULL, held_until = NULL
     WHERE cluster_id = $1 AND namespace = $2 AND id = $3 AND upload_name = $4 AND held_until = $5::timestamptz`,
    [clusterId, namespace, id, uploadName, until],
  );
}

export type UnmadeFile = FileRow & { uploadName: string; until: HeldUntil };

/**
 * Finds registered files of which nobody knows whether their upload was made: the gateway ended in between, or could not
 * record it. A file whose upload has begun counts as loaded from now on.
 */
export async function findUnmade(
  client: ClientBase,
  { clusterId, namespace, limit }: LedgerScope & { limit: number },
): Promise<UnmadeFile[]> {
  const scope = `f.cluster_id = $1 AND f.namespace = $2 AND f.registered_at IS NOT NULL AND f.held_until < now()`;
  await client.query(
    `UPDATE batch_upload.batch_upload_files f SET held_until = NULL
     FROM batch_upload.batch_uploads u
     WHERE ${scope} AND u.cluster_id = $1 AND u.namespace = $2 AND u.s3_bucket = f.bucket AND u.s3_key = f.key`,
    [clusterId, namespace],
  );
  const result = await client.query(
    `SELECT ${COLUMNS}, f.held_until::text AS until
     FROM batch_upload.batch_upload_files f WHERE ${scope} ORDER BY f.held_until LIMIT $3`,
    [clusterId, namespace, limit],
  );
  return result.rows.map((row) => ({ ...toFile(row), uploadName: row['upload_name'], until: row['until'] }));
}
