import type { ClientBase } from 'pg';
import type { LedgerScope } from '#ledger/types.ts';

export interface ArrivalCount {
  created: number;
  last: { name: string; key: string; time: Date } | null;
}

/**
 * How many uploads a source has made since it was made itself: the count of a status can lack what a process did that was
 * killed before it wrote. Once for each start of a source.
 */
export async function countArrivals(
  client: ClientBase,
  { clusterId, namespace, source, since }: LedgerScope & { source: string; since: string | null },
): Promise<ArrivalCount> {
  const result = await client.query<{ created: string; name: string | null; key: string; created_at: Date }>(
    `WITH arrived AS (
       SELECT name, key, created_at FROM batch_upload.batch_upload_arrivals
       WHERE cluster_id = $1 AND namespace = $2 AND source = $3 AND created_at >= coalesce($4::timestamptz, '-infinity'))
     SELECT c.created, l.name, l.key, l.created_at
     FROM (SELECT count(*) AS created FROM arrived) c
     LEFT JOIN (SELECT * FROM arrived ORDER BY created_at DESC, name LIMIT 1) l ON true`,
    [clusterId, namespace, source, since],
  );
  const { created, name, key, created_at: time } = result.rows[0]!;
  return { created: Number(created), last: name === null ? null : { name, key, time } };
}
