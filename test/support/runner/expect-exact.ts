/**
 * Compares an upload of certifications, loaded without a cluster, with the oracle: every row, every fault and every
 * count.
 */
import { expect } from 'vitest';
import type { UploadProgress } from '#ledger/types.ts';
import { completeUpload } from '#ledger/uploads/finish-upload.ts';
import { readProgress } from '#ledger/uploads/read-progress.ts';
import { withClient } from '#support/database/database.ts';
import type { ExpectedCounts } from '#support/records/certifications.ts';
import { compareCertifications } from '#support/records/compare-certifications.ts';

export function progressOf(url: string, id: string): Promise<UploadProgress> {
  return withClient(url, async (client) => (await readProgress(client, [id])).get(id)!);
}

export async function expectExact(
  url: string,
  id: string,
  { file, counts }: { file: Buffer; counts: ExpectedCounts },
): Promise<void> {
  const { succeeded, failed, duplicate, records } = counts;
  await withClient(url, async (client) => {
    expect(await completeUpload(client, id)).toBe('Complete');
    expect(await compareCertifications(client, id, file)).toEqual({ succeeded, failed, duplicate, differences: [] });
    const audit = await client.query(
      `SELECT count(*)::int AS rows, count(DISTINCT chunk_number)::int AS chunks FROM batch_upload.batch_upload_audit_logs
       WHERE event_type = 'chunk_completed'`,
    );
    const { totalChunks } = (await readProgress(client, [id])).get(id)!;
    expect(audit.rows).toEqual([{ rows: totalChunks, chunks: totalChunks }]);
  });
  expect((await progressOf(url, id)).counts).toEqual({ processed: records, succeeded, failed, duplicate, updated: 0 });
}
