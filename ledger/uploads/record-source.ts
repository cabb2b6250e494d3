import type { ClientBase } from 'pg';
import type { SourceFormat } from '#api/source-format.ts';

/**
 * Says what kind of file was found and where its copy is going to be, before the first byte of it is written: whatever
 * becomes of this pod, the copy is found and removed. Nothing when the upload is no longer being planned.
 */
export async function recordSource(
  client: ClientBase,
  { id, attempt }: { id: string; attempt: number },
  { format, workBucket }: { format: SourceFormat; workBucket: string },
): Promise<void> {
  await client.query(
    `UPDATE batch_upload.batch_uploads SET source_format = $3, work_bucket = $4
     WHERE id = $1 AND attempt = $2 AND status = 'Planning'`,
    [id, attempt, JSON.stringify(format), workBucket],
  );
}
