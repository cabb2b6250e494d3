/**
 * Opens another attempt of a failed upload. Committed chunks, their audit rows and their failed records stay. Pods of
 * earlier attempts find another attempt in the upload's row and stop.
 *
 * | the failed upload                     | its next status                                               |
 * |---------------------------------------|---------------------------------------------------------------|
 * | has no plan                           | Planning                                                      |
 * | has a plan and no committed chunk     | the status of any planned upload: see claim-content.ts        |
 * | has a plan and committed chunks       | Processing: a part of the file is loaded, and the rest follows |
 * | is refused by {@link refuseRetry}     | Failed                                                        |
 */
import type { ClientBase } from 'pg';
import type { LedgerStatus } from '#ledger/types.ts';
import { beginUpload } from './claim-content.ts';
import { transition } from './finish-upload.ts';
import { readProgress } from './read-progress.ts';
import { refuseRetry } from './refuse-retry.ts';

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
    await client.query(
      `WITH retried AS (
         UPDATE batch_upload.batch_uploads
         SET status = 'Planning', attempt = attempt + 1, retry_generation = $2, same_as = NULL,
             failure_reason = NULL, failure_message = NULL, completed_at = NULL, processed_records = NULL,
             succeeded_records = NULL, failed_records = NULL, duplicate_records = NULL, updated_records = NULL
         WHERE id = $1 RETURNING attempt)
       INSERT INTO batch_upload.batch_upload_audit_logs (batch_upload_id, event_type, metadata)
       SELECT $1, 'upload_retried', jsonb_build_object('attempt', attempt, 'retry_generation', $2::integer) FROM retried`,
      [id, generation],
    );
    if (row.plannedAt !== null) await beginUpload(client, id);
  });
}
