import type { ClientBase, QueryResultRow } from 'pg';
import type { AfterSuccess, LedgerScope } from '#ledger/types.ts';

/** An object of a complete upload that is still to be deleted or moved. */
export interface DueObject {
  /** Name of the upload. */
  name: string;
  bucket: string;
  key: string;
  versionId: string | null;
  /** The ETag without quotes. Only this content may be deleted or moved. */
  eTag: string;
  afterSuccess: AfterSuccess;
}

/**
 * Finds the objects of an UploadSource that are still to be deleted or moved, because their uploads are complete. Only
 * the ledger decides, so the resource may already be deleted. A complete validation does not count. Other UploadSources
 * or schemas can have uploads of the same object: the object stays until each of these is complete or deleted.
 */
export async function findDueObjects(
  client: ClientBase,
  { clusterId, namespace, source }: LedgerScope & { source: string },
  limit = 100,
): Promise<DueObject[]> {
  const result = await client.query(
    `SELECT a.name, a.bucket, a.key, a.version_id, a.e_tag, a.after_success
     FROM batch_upload.batch_upload_arrivals a
     WHERE a.cluster_id = $1 AND a.namespace = $2 AND a.source = $3
       AND a.after_success IS NOT NULL AND a.after_success_at IS NULL
       AND EXISTS (
         SELECT FROM batch_upload.batch_uploads u
         WHERE u.cluster_id = a.cluster_id AND u.namespace = a.namespace AND u.name = a.name
           AND u.s3_bucket = a.bucket AND u.s3_key = a.key AND u.status = 'Complete'
           AND u.request->>'mode' IS DISTINCT FROM 'Validate')
       AND NOT EXISTS (
         SELECT FROM batch_upload.batch_upload_arrivals o
         WHERE o.cluster_id = a.cluster_id AND o.namespace = a.namespace AND o.bucket = a.bucket AND o.key = a.key
           AND o.name <> a.name AND o.version_id IS NOT DISTINCT FROM a.version_id AND o.e_tag = a.e_tag
           AND NOT EXISTS (
             SELECT FROM batch_upload.batch_uploads u
             WHERE u.cluster_id = o.cluster_id AND u.namespace = o.namespace AND u.name = o.name
               AND u.status IN ('Complete', 'Deleted')))
     ORDER BY a.created_at, a.name LIMIT $4`,
    [clusterId, namespace, source, limit],
  );
  return result.rows.map(toDueObject);
}

function toDueObject(row: QueryResultRow): DueObject {
  const { name, bucket, key } = row;
  return { name, bucket, key, versionId: row['version_id'], eTag: row['e_tag'], afterSuccess: row['after_success'] };
}

/** Records that the object was deleted or moved, or that nothing is left to do with it. */
export async function markAfterSuccess(
  client: ClientBase,
  { clusterId, namespace, name }: LedgerScope & { name: string },
): Promise<void> {
  await client.query(
    `UPDATE batch_upload.batch_upload_arrivals SET after_success_at = now()
     WHERE cluster_id = $1 AND namespace = $2 AND name = $3 AND after_success_at IS NULL`,
    [clusterId, namespace, name],
  );
}
