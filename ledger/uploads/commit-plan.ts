import type { ClientBase } from 'pg';
import { storableText } from '#ledger/connection/storable-text.ts';
import type { Plan } from '#ledger/types.ts';
import { beginUpload } from './claim-content.ts';
import { assertRunning, lockUploadExclusive } from './lock-upload.ts';

/** Chunks of one INSERT. Their parameters take about 1 MB. */
const BATCH = 20_000;

/**
 * Writes the plan and its chunks in one transaction, under the lock of the upload's row. A second planner finds the
 * first one's plan and changes nothing: only the committed plan counts. The same commit decides whether the upload
 * loads, waits for another upload of the same content, or is complete because another one has loaded it.
 * @returns false when there was already a plan.
 * @throws Fault FENCED when the upload is no longer running or has another attempt.
 */
export async function commitPlan(
  client: ClientBase,
  { id, attempt }: { id: string; attempt: number },
  plan: Plan,
): Promise<boolean> {
  await client.query('BEGIN');
  try {
    const row = await lockUploadExclusive(client, id);
    if ((row?.status === 'Processing' || row?.status === 'Queued') && row.attempt === attempt) {
      await client.query('ROLLBACK');
      return false;
    }
    assertRunning(row, { id, attempt, status: 'Planning' });
    // The fields of the schema are in the ledger already. The header can have other columns, with any name.
    const names = [...(plan.header ?? []), ...(plan.columns ?? []).map(({ name }) => name)];
    const storable = await storableText(client, names);
    const header = plan.header?.map(storable) ?? null;
    const columns = plan.columns?.map((column) => ({ ...column, name: storable(column.name) })) ?? null;
    await client.query(
      `UPDATE batch_upload.batch_uploads
       SET execution = $2, s3_version_id = $3, s3_etag = $4, size_bytes = $5, digest = $6,
           header = $7, total_records = $8, total_chunks = $9, total_indexes = $10, planned_at = clock_timestamp(),
           source_format = $11, work_bucket = coalesce($12, work_bucket), work_key = $13, work_etag = $14, work_version_id = $15, work_size = $16,
           columns = $17, work_digest = $18
       WHERE id = $1`,
      [
        id,
        plan.execution,
        plan.versionId,
        plan.eTag,
        plan.sizeBytes,
        plan.digest,
        header === null ? null : JSON.stringify(header),
        plan.totalRecords,
        plan.chunks.length,
        plan.totalIndexes,
        JSON.stringify(plan.format),
        plan.work?.bucket ?? null,
        plan.work?.key ?? null,
        plan.work?.eTag ?? null,
        plan.work?.versionId ?? null,
        plan.work?.sizeBytes ?? null,
        columns === null ? null : JSON.stringify(columns),
        plan.work?.digest ?? null,
      ],
    );
    const status = await beginUpload(client, id);
    if (status !== 'Complete')
      for (let from = 0; from < plan.chunks.length; from += BATCH) await insertChunks(client, id, plan, from);
    await client.query(
      `INSERT INTO batch_upload.batch_upload_audit_logs (batch_upload_id, event_type, metadata)
       VALUES ($1, 'plan_committed', $2)`,
      [id, JSON.stringify({ records: plan.totalRecords, chunks: plan.chunks.length, execution: plan.execution })],
    );
    await client.query('COMMIT');
    return true;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

async function insertChunks(client: ClientBase, id: string, plan: Plan, from: number): Promise<void> {
  const chunks = plan.chunks.slice(from, from + BATCH);
  await client.query(
    `INSERT INTO batch_upload.batch_upload_chunks
       (batch_upload_id, chunk_number, start_byte, end_byte, first_row_number, record_count)
     SELECT $1, $2 + ordinality - 1, start_byte, end_byte, first_row_number, record_count
     FROM unnest($3::bigint[], $4::bigint[], $5::bigint[], $6::integer[])
       WITH ORDINALITY AS c (start_byte, end_byte, first_row_number, record_count, ordinality)`,
    [
      id,
      from,
      chunks.map((chunk) => chunk.startByte),
      chunks.map((chunk) => chunk.endByte),
      chunks.map((chunk) => chunk.firstRowNumber),
      chunks.map((chunk) => chunk.recordCount),
    ],
  );
}
