import type { ClientBase, QueryResultRow } from 'pg';
import type { ErrorSummary, UploadProgress } from '#ledger/types.ts';
import { activeForMsSql, activeMsSql } from './count-active-time.ts';
import { countedAuditsSql } from './counted-audits.ts';
import { isFreshSql } from './note-pace.ts';
import { pointsIntoSql } from './refuse-retry.ts';

/**
 * Reads the progress of many uploads in one query, as sums over their audit rows. The index-only scan takes about 1 ms
 * for 10,000 chunks. A counter that every chunk updates would be a lock for which all pods wait. Of the paces that pods have
 * noted, one for which its pod waits comes first.
 */
export async function readProgress(client: ClientBase, ids: readonly string[]): Promise<Map<string, UploadProgress>> {
  const result = await client.query(
    `SELECT u.id, u.status, u.attempt, u.retry_generation, u.execution, u.size_bytes::float8 AS size_bytes, u.digest, u.s3_etag,
            u.s3_version_id, u.total_records::float8 AS total_records, u.total_chunks, u.total_indexes,
            u.source_format, u.work_bucket,
            ${pointsIntoSql('u')} AS points_into,
            u.started_at, u.planned_at, u.completed_at, u.failure_reason, u.failure_message,
            CASE WHEN t.active_since IS NOT NULL THEN ${activeForMsSql('t')}::float8 END AS active_for_ms, coalesce(${activeMsSql('t')}, 0)::float8 AS active_ms,
            CASE WHEN s.pool IS NOT NULL THEN jsonb_build_object('pool', s.pool, 'state', s.state, 'pod', s.pod) END AS assignment,
            u.request->>'mode' IS NOT DISTINCT FROM 'Validate' AS validate_only,
            coalesce(u.schema->'primaryKey', '[]') = '[]' AS appends,
            coalesce(u.schema->'primaryKey', '[]') <> '[]' AND (
              u.request->>'mode' IS NOT DISTINCT FROM 'Validate'
              OR u.schema->'target'->>'onDuplicate' IS NOT DISTINCT FROM 'Update'
              AND NOT u.schema->'target'->'columns' @> '[{"system": "uploadId"}, {"system": "rowNumber"}]') AS keeps_keys,
            p.reason AS pace_reason, p.message AS pace_message, p.since AS pace_since,
            a.chunks_done, a.processed, a.succeeded, a.failed, a.duplicate, a.updated,
            CASE WHEN h.id IS NOT NULL THEN jsonb_build_object('name', h.name, 'status', h.status,
              'totalRecords', h.total_records, 'counts', jsonb_build_object('processed', h.processed_records,
              'succeeded', h.succeeded_records, 'failed', h.failed_records, 'duplicate', h.duplicate_records,
              'updated', coalesce(h.updated_records, 0))) END AS same_as
     FROM batch_upload.batch_uploads u
     LEFT JOIN batch_upload.batch_uploads h ON h.id = u.same_as
     LEFT JOIN batch_upload.batch_upload_active_times t ON t.batch_upload_id = u.id AND t.attempt = u.attempt
     LEFT JOIN batch_upload.batch_upload_assignments s ON s.batch_upload_id = u.id AND s.attempt = u.attempt
     CROSS JOIN LATERAL (
       SELECT count(*) FILTER (WHERE is_chunk)::float8 AS chunks_done,
              coalesce(sum(records_in_chunk), 0)::float8 AS processed,
              coalesce(sum(succeeded_count), 0)::float8 AS succeeded,
              coalesce(sum(failed_count), 0)::float8 AS failed,
              coalesce(sum(duplicate_count), 0)::float8 AS duplicate,
              coalesce(sum(updated_count), 0)::float8 AS updated
       FROM ${countedAuditsSql('u.id')} counted) a
     LEFT JOIN LATERAL (
       SELECT reason, message, since FROM batch_upload.batch_upload_paces p
       WHERE p.batch_upload_id = u.id AND p.attempt = u.attempt AND u.status = 'Processing' AND ${isFreshSql('p')}
       ORDER BY reason = 'NoReplicas', since, completion_index LIMIT 1) p ON true
     WHERE u.id = ANY($1::uuid[])`,
    [ids],
  );
  return new Map(result.rows.map((row): [string, UploadProgress] => [row.id, toProgress(row)]));
}

function toProgress(row: QueryResultRow): UploadProgress {
  return {
    id: row.id,
    status: row.status,
    attempt: row.attempt,
    retryGeneration: row.retry_generation,
    execution: row.execution,
    sizeBytes: row.size_bytes,
    digest: row.digest,
    eTag: row.s3_etag,
    versionId: row.s3_version_id,
    format: row.source_format,
    workBucket: row.work_bucket,
    pointsInto: row.points_into,
    totalRecords: row.total_records,
    totalChunks: row.total_chunks,
    totalIndexes: row.total_indexes,
    counts: {
      processed: row.processed,
      succeeded: row.succeeded,
      failed: row.failed,
      duplicate: row.duplicate,
      updated: row.updated,
    },
    validateOnly: row.validate_only,
    appends: row.appends,
    keepsKeys: row.keeps_keys,
    sameAs: row.same_as,
    chunksDone: row.chunks_done,
    startedAt: toDate(row.started_at),
    plannedAt: toDate(row.planned_at),
    completedAt: toDate(row.completed_at),
    failureReason: row.failure_reason,
    failureMessage: row.failure_message,
    assignment: row.assignment,
    activeForMs: row.active_for_ms,
    activeMs: row.active_ms,
    pace:
      row.pace_reason === null
        ? null
        : { reason: row.pace_reason, message: row.pace_message, since: new Date(row.pace_since) },
  };
}

/** PostgreSQL's `infinity` comes as a number, and becomes an invalid date. */
function toDate(time: Date | number | null): Date | null {
  return time === null ? null : new Date(time);
}

/**
 * Reads an upload's most frequent codes from its audit rows, so that the cost grows with chunks and not with failed
 * records.
 */
export async function readTopErrors(client: ClientBase, id: string, limit = 10): Promise<ErrorSummary[]> {
  const result = await client.query<ErrorSummary>(
    `SELECT e.key AS code, sum((e.value->>'count')::bigint)::float8 AS count, min(e.value->>'message') AS message
     FROM ${countedAuditsSql('$1')} a, jsonb_each(a.metadata->'codes') e
     GROUP BY e.key ORDER BY 2 DESC, 1 LIMIT $2`,
    [id, limit],
  );
  return result.rows;
}
