import type { ClientBase } from 'pg';
import type { LedgerScope } from '#ledger/types.ts';

/**
 * Of which objects a newer version arrived before: what is the latest now was uncovered when the newer one was deleted, and
 * is older than what was loaded. Whole seconds, so versions of one second are never taken for older.
 * @returns for each object, in their order.
 */
export async function findNewerArrivals(
  client: ClientBase,
  { clusterId, namespace, bucket }: LedgerScope & { bucket: string },
  objects: readonly { key: string; lastModified: Date }[],
): Promise<boolean[]> {
  const result = await client.query<{ newer: boolean }>(
    `SELECT EXISTS (
       SELECT FROM batch_upload.batch_upload_arrivals
       WHERE cluster_id = $1 AND namespace = $2 AND bucket = $3 AND key = o.key
         AND last_modified > date_trunc('second', o.last_modified)) AS newer
     FROM unnest($4::text[], $5::timestamptz[]) WITH ORDINALITY AS o (key, last_modified, position)
     ORDER BY o.position`,
    [
      clusterId,
      namespace,
      bucket,
      objects.map(({ key }) => key),
      objects.map(({ lastModified }) => lastModified.toISOString()),
    ],
  );
  return result.rows.map(({ newer }) => newer);
}
