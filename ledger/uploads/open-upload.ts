import { createHash } from 'node:crypto';
import type { ClientBase } from 'pg';
import { canonicalJson } from '#common/canonical-json.ts';
import type { NewUpload } from '#ledger/types.ts';

/**
 * Hashes the schema, and the format where the upload declares one, since the same bytes in another format are other
 * records.
 * @returns SHA-256 of canonical JSON (sorted keys), in hex.
 */
export function hashSchema({ schema, request: { format } }: Pick<NewUpload, 'schema' | 'request'>): string {
  return createHash('sha256')
    .update(canonicalJson(format ? { schema, format } : schema))
    .digest('hex');
}

/**
 * Opens the ledger's row of an upload and pins its schema. A row that already exists stays unchanged, so the call can
 * be repeated after a crash before the status was written.
 */
export async function openUpload(client: ClientBase, upload: NewUpload): Promise<{ opened: boolean }> {
  const { request } = upload;
  const result = await client.query(
    `WITH opened AS (
       INSERT INTO batch_upload.batch_uploads
         (id, cluster_id, namespace, name, source_type, filename, s3_bucket, s3_key, request, schema, schema_hash)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
       ON CONFLICT (id) DO NOTHING RETURNING id)
     INSERT INTO batch_upload.batch_upload_audit_logs (batch_upload_id, event_type, metadata)
     SELECT id, 'upload_accepted', jsonb_strip_nulls(jsonb_build_object('namespace', $3::text, 'name', $4::text,
       'source_type', $5::text, 'upload_source', $12::text, 'event_id', $13::text, 'event_time', $14::text))
     FROM opened`,
    [
      upload.id,
      upload.clusterId,
      upload.namespace,
      upload.name,
      upload.sourceType,
      request.s3.key.split('/').at(-1) || request.s3.key,
      request.s3.bucket,
      request.s3.key,
      JSON.stringify(request),
      JSON.stringify(upload.schema),
      hashSchema(upload),
      request.event?.uploadSource,
      request.event?.id,
      request.event?.time,
    ],
  );
  return { opened: result.rowCount === 1 };
}
