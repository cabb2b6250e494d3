/**
 * Opens another attempt of a failed upload. Committed chunks, their audit rows and their failed records stay. Pods of
 * earlier attempts find another attempt in the upload's row and stop.
 *
 * | the failed upload                     | its next status                                               |
 * |---------------------------------------|---------------------------------------------------------------|
 * | has no plan                           | Planning                                                      |
 * | has a plan and no committed chunk     | the status of any planned upload: see claim-content.ts        |
 * | has a plan and committed chunks       | Processing: a part of the file is loaded, and the rest follows |
 * | has a plan, and needs a copy anew     | Planning: see refuse-retry.ts for what becomes of the plan; with committed chunks it takes the claim now |
 * | is refused by {@link refuseRetry}     | Failed                                                        |
 */
import type { ClientBase } from 'pg';
import type { LedgerStatus, UploadProgress } from '#ledger/types.ts';
import { beginUpload, claimContent } from './claim-content.ts';
import { closeUpload, transition } from './finish-upload.ts';
import { readProgress } from './read-progress.ts';
import { planFor, refuseRetry } from './refuse-retry.ts';

/**
 * Opens another attempt if `generation` is greater than that of the last one. A repetition changes nothing.
 * @returns the status after the call: `Failed` when the retry is refused, null when the ledger has no such upload.
 */
export function retryUpload(
  client: ClientBase,
  { id, generation }: { id: string; generation: number },
): Promise<LedgerStatus | null> {
  return transition(client, id, ['Failed'], async () => {
    const row = (await readProgress(client, [id])).get(id)!;
    if (generation <= row.retryGeneration || refuseRetry(row) !== null) return;
    await openAttempt(client, id, { row, generation });
  });
}

/**
 * Opens another attempt of an upload that loads from a copy that does not exist any more. The upload fails and is tried again in one
 * transaction, so that no other upload of the same content begins in between, and no sweep removes what the upload keeps.
 * @returns why the copy cannot be made again, for people: the upload has failed then; else null.
 */
export async function retryWithoutCopy(client: ClientBase, id: string): Promise<string | null> {
  let refusal: string | null = null;
  await transition(client, id, ['Processing'], async () => {
    const row = (await readProgress(client, [id])).get(id)!;
    refusal = refuseRetry({ ...row, keepsKeys: false });
    const cannot = refusal === null ? '' : ` It cannot be made again: ${refusal}.`;
    const message = `The copy in plain CSV from which the file is loaded is gone.${cannot}`;
    await closeUpload(client, id, 'Failed', { reason: 'CopyGone', message });
    if (refusal === null) await openAttempt(client, id, { row, generation: row.retryGeneration + 1 });
  });
  return refusal;
}

async function openAttempt(
  client: ClientBase,
  id: string,
  { row, generation }: { row: UploadProgress; generation: number },
): Promise<void> {
  const plan = planFor(row);
  if (plan === 'make' && row.plannedAt !== null) await dropPlan(client, id);
  await client.query(
    `WITH retried AS (
       UPDATE batch_upload.batch_uploads
       SET status = 'Planning', attempt = attempt + 1, retry_generation = $2, same_as = NULL,
           failure_reason = NULL, failure_message = NULL, completed_at = NULL, processed_records = NULL,
           succeeded_records = NULL, failed_records = NULL, duplicate_records = NULL, updated_records = NULL
       WHERE id = $1 RETURNING attempt)
     INSERT INTO batch_upload.batch_upload_audit_logs (batch_upload_id, event_type, metadata)
     SELECT $1, 'upload_retried', jsonb_build_object('attempt', attempt, 'retry_generation', $2::integer,
       'plan', $3::text) FROM retried`,
    [id, generation, plan],
  );
  if (plan === 'keep') await beginUpload(client, id);
  // Another upload of the same content would not see the part that is loaded, and has to wait while the copy is made.
  if (plan === 'renewCopy') await claimContent(client, id);
}

/** Makes the upload one that was never planned. No chunk of the plan may be done. The place of its copies stays known. */
async function dropPlan(client: ClientBase, id: string): Promise<void> {
  await client.query('DELETE FROM batch_upload.batch_upload_chunks WHERE batch_upload_id = $1', [id]);
  await client.query(
    `UPDATE batch_upload.batch_uploads
     SET execution = NULL, s3_version_id = NULL, s3_etag = NULL, size_bytes = NULL, digest = NULL, header = NULL,
         columns = NULL, total_records = NULL, total_chunks = NULL, total_indexes = NULL, planned_at = NULL,
         source_format = NULL, work_key = NULL, work_etag = NULL, work_version_id = NULL, work_size = NULL, work_digest = NULL
     WHERE id = $1`,
    [id],
  );
}
