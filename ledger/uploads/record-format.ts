import type { ClientBase } from 'pg';
import type { SourceFormat } from '#api/source-format.ts';

/**
 * Records the file's format and the bucket of its canonical copy, before the first byte of the copy is written. The
 * copy can so be found and removed even when this pod dies. Does nothing when the upload is no longer being planned.
 */
export async function recordFormat(
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
