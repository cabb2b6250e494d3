import type { ClientBase } from 'pg';
import { Fault } from '#common/faults.ts';
import type { PlannedUpload, UploadRow } from '#ledger/types.ts';

/**
 * Reads what a pod needs before it starts.
 * @returns null when the operator has not opened the upload in this ledger.
 */
export async function readUpload(client: ClientBase, id: string): Promise<UploadRow | null> {
  const result = await client.query(
    `SELECT id, namespace, name, status, attempt, request, schema, execution, s3_version_id, s3_etag,
            size_bytes::float8 AS size_bytes, digest, header, total_records::float8 AS total_records,
            total_chunks, total_indexes, source_format, work_bucket, work_key, work_etag,
            work_version_id, work_size::float8 AS work_size, work_digest
     FROM batch_upload.batch_uploads WHERE id = $1`,
    [id],
  );
  const row = result.rows[0];
  if (!row) return null;
  return {
    id: row.id,
    namespace: row.namespace,
    name: row.name,
    status: row.status,
    attempt: row.attempt,
    request: row.request,
    schema: row.schema,
    plan:
      row.total_chunks === null
        ? null
        : {
            execution: row.execution,
            versionId: row.s3_version_id,
            eTag: row.s3_etag,
            sizeBytes: row.size_bytes,
            digest: row.digest,
            format: row.source_format,
            work:
              row.work_key === null
                ? null
                : {
                    bucket: row.work_bucket,
                    key: row.work_key,
                    eTag: row.work_etag,
                    versionId: row.work_version_id,
                    sizeBytes: row.work_size,
                    digest: row.work_digest,
                  },
            header: row.header,
            totalRecords: row.total_records,
            totalChunks: row.total_chunks,
            totalIndexes: row.total_indexes,
          },
  };
}

/** @throws Fault UNK_NOT_PLANNED when a pod was started before the plan was committed. */
export function assertPlanned(upload: UploadRow): asserts upload is PlannedUpload {
  if (upload.plan) return;
  throw new Fault({
    code: 'UNK_NOT_PLANNED',
    category: 'unknown',
    reason: 'InternalError',
    message: 'The upload has no plan in the ledger, but a pod was started to process it.',
  });
}
