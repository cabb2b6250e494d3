/**
 * Without a key nothing in the table tells a record from its repetition. An upload whose content another upload has
 * appended in part would therefore append that part again, and has to leave the decision to a person.
 */
import type { ClientBase } from 'pg';
import pg from 'pg';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { PointsInto } from '#ledger/types.ts';
import type { Failure } from './finish-upload.ts';
import { pointsIntoSql, refuseRetry } from './refuse-retry.ts';

interface LoadedPart {
  id: string;
  name: string;
  status: 'Failed' | 'Deleted';
  failureReason: string | null;
  pointsInto: PointsInto;
  chunksDone: number;
  totalChunks: number;
  succeeded: number;
  target: RecordSchemaSpec['target'];
}

/**
 * Finds the last upload of the same content that ended before it had loaded everything.
 * @returns why the upload must not load; null when the schema has a key, when no such upload has loaded a record, or when
 * the upload has `reload` or goes on with a part of its own.
 */
export async function findLoadedPart(client: ClientBase, id: string): Promise<Failure | null> {
  const { rows } = await client.query<LoadedPart>(
    `SELECT p.id, p.name, p.status, p.failure_reason AS "failureReason", p.total_chunks AS "totalChunks",
            ${pointsIntoSql('p')} AS "pointsInto",
            (SELECT count(*) FROM batch_upload.batch_upload_chunks c
             WHERE c.batch_upload_id = p.id AND c.completed_at IS NOT NULL)::int AS "chunksDone",
            p.succeeded_records::float8 AS succeeded, p.schema->'target' AS target
     FROM batch_upload.batch_uploads u
     JOIN batch_upload.batch_uploads p USING (cluster_id, namespace, schema_hash, digest, size_bytes)
     WHERE u.id = $1 AND coalesce(u.schema->'primaryKey', '[]') = '[]'
       AND u.request->>'mode' IS DISTINCT FROM 'Validate' AND coalesce(u.request->>'reload', 'false') <> 'true'
       AND NOT EXISTS (SELECT FROM batch_upload.batch_upload_chunks
                       WHERE batch_upload_id = u.id AND completed_at IS NOT NULL)
       AND p.id <> u.id AND p.status IN ('Failed', 'Deleted') AND p.succeeded_records > 0
       AND p.request->>'mode' IS DISTINCT FROM 'Validate'
     ORDER BY p.completed_at DESC LIMIT 1`,
    [id],
  );
  return rows[0] ? { reason: 'PartlyLoaded', message: describePart(rows[0]) } : null;
}

function describePart(part: LoadedPart): string {
  const { id, name, status, succeeded, target } = part;
  const records = succeeded === 1 ? '1 record' : `${succeeded.toLocaleString('en')} records`;
  const what = `The upload ${name} of the same content ${status === 'Deleted' ? 'was deleted' : 'failed'} after it had appended ${records} to ${target.table}. As the schema has no primaryKey, this upload would append them again.`;
  const canRetry = status === 'Failed' && refuseRetry({ ...part, keepsKeys: false }) === null;
  const retry = canRetry
    ? 'Raise spec.retryGeneration of that upload, which then goes on where it was; or remove'
    : 'Remove';
  const owner = target.columns.find(({ system }) => system === 'uploadId')?.name;
  const sql = owner
    ? `DELETE FROM ${target.table.split('.').map(pg.escapeIdentifier).join('.')} WHERE ${pg.escapeIdentifier(owner)} = '${id}';`
    : '';
  return `${what} ${retry} its records from the table${sql && ` (${sql})`}, and load the file by a new BatchUpload with spec.reload: true.`;
}
