import type { ClientBase } from 'pg';
import type { NewUpload, UploadRow } from '#ledger/types.ts';
import { hashSchema } from './open-upload.ts';
import { readUpload } from './read-upload.ts';
import { retryUpload } from './retry-upload.ts';

/** What tells one load of a file from another, besides its id. */
export type UploadSubject = Pick<NewUpload, 'clusterId' | 'namespace' | 'request' | 'schema'>;

/**
 * Finds the load that was begun for the same file, schema and mode and has not ended.
 * @returns its id, or null.
 */
export async function findUnfinishedUpload(client: ClientBase, subject: UploadSubject): Promise<string | null> {
  const { rows } = await client.query<{ id: string }>(
    `SELECT id FROM batch_upload.batch_uploads
     WHERE cluster_id = $1 AND namespace = $2 AND s3_bucket = $3 AND s3_key = $4 AND schema_hash = $5
       AND status IN ('Planning', 'Queued', 'Processing')
       AND coalesce(request->>'mode', 'Commit') = $6 AND coalesce(request->>'reload', 'false') = $7
     ORDER BY created_at DESC LIMIT 1`,
    subjectValues(subject),
  );
  return rows[0]?.id ?? null;
}

/**
 * Opens another attempt of the last load of the same file that failed after it had appended a part by a schema without a
 * key: a new load would append that part again. The attempt is in Planning where the copy of the file has to be made anew.
 * @returns the id of that load; null when there is none, when it cannot be tried again, or when another load has the
 * content or had it since.
 */
export async function reopenAppendedPart(client: ClientBase, subject: UploadSubject): Promise<string | null> {
  const { rows } = await client.query<{ id: string; generation: number }>(
    `SELECT id, retry_generation + 1 AS generation FROM batch_upload.batch_uploads u
     WHERE cluster_id = $1 AND namespace = $2 AND s3_bucket = $3 AND s3_key = $4 AND schema_hash = $5
       AND coalesce(schema->'primaryKey', '[]') = '[]' AND status = 'Failed' AND succeeded_records > 0
       AND coalesce(request->>'mode', 'Commit') = $6 AND coalesce(request->>'reload', 'false') = $7 AND $6 = 'Commit'
       AND NOT EXISTS (
         SELECT FROM batch_upload.batch_uploads h
         WHERE h.claimed AND (h.cluster_id, h.namespace, h.schema_hash, h.digest, h.size_bytes)
           = (u.cluster_id, u.namespace, u.schema_hash, u.digest, u.size_bytes))
     ORDER BY completed_at DESC LIMIT 1`,
    subjectValues(subject),
  );
  const [failed] = rows;
  const status = failed && (await retryUpload(client, failed));
  return status === 'Processing' || status === 'Planning' ? failed!.id : null;
}

function subjectValues({ clusterId, namespace, request, schema }: UploadSubject): string[] {
  return [
    clusterId,
    namespace,
    request.s3.bucket,
    request.s3.key,
    hashSchema({ schema, request }),
    request.mode ?? 'Commit',
    String(request.reload ?? false),
  ];
}

/**
 * Takes the lock of everybody who loads this file by this schema, until the connection ends.
 * @returns false when another connection has the lock.
 */
export async function tryLockSubject(client: ClientBase, subject: UploadSubject): Promise<boolean> {
  const { clusterId, namespace, request } = subject;
  const name = [clusterId, namespace, request.s3.bucket, request.s3.key, hashSchema(subject)].join('\0');
  const { rows } = await client.query<{ locked: boolean }>(
    'SELECT pg_try_advisory_lock(hashtextextended(md5($1), 2)) AS locked',
    [Buffer.from(name).toString('base64')],
  );
  return rows[0]!.locked;
}

/**
 * Finds the running upload of the same content for which a queued upload waits.
 * @param clusterId the cluster that the upload must belong to.
 * @returns null when there is none, or when it belongs to another cluster.
 */
export async function findRunningHolder(
  client: ClientBase,
  { id, clusterId }: { id: string; clusterId: string },
): Promise<UploadRow | null> {
  const { rows } = await client.query<{ id: string }>(
    `SELECT h.id FROM batch_upload.batch_uploads u JOIN batch_upload.batch_uploads h ON h.id = u.same_as
     WHERE u.id = $1 AND h.cluster_id = $2 AND h.status IN ('Planning', 'Queued', 'Processing')`,
    [id, clusterId],
  );
  return rows[0] ? await readUpload(client, rows[0].id) : null;
}
