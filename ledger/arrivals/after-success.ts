import type { ClientBase, QueryResultRow } from 'pg';
import type { AfterSuccess, LedgerScope } from '#ledger/types.ts';

/** An object of a complete upload with which something is still to be done. */
export interface DueObject {
  /** Of the upload. */
  name: string;
  bucket: string;
  key: string;
  versionId: string | null;
  /** Without quotes: only this content may be deleted or moved. */
  eTag: string;
  afterSuccess: AfterSuccess;
}

/**
 * Objects of a source whose uploads are complete and which are still to be deleted or moved; by the ledger alone, so that it
 * does not matter whether the resource is still there. A validation completes nothing. Of one object there can be several
 * uploads, by other sources or schemas: it has to stay for as long as one of them is not complete,
 * and not given up.
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

/** Says that it is done, or that there is nothing to do any more. */
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
