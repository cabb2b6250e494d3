import type { ClientBase } from 'pg';
import type { LedgerScope } from '#ledger/types.ts';

/** Which of the keys of a bucket became uploads, whatever version of the object it was: for keys that are made of a file's identity. */
export async function findArrivedKeys(
  client: ClientBase,
  { clusterId, namespace, bucket }: LedgerScope & { bucket: string },
  keys: readonly string[],
): Promise<Set<string>> {
  const result = await client.query<{ key: string }>(
    `SELECT DISTINCT key FROM batch_upload.batch_upload_arrivals
     WHERE cluster_id = $1 AND namespace = $2 AND bucket = $3 AND key = ANY($4::text[])`,
    [clusterId, namespace, bucket, keys],
  );
  return new Set(result.rows.map(({ key }) => key));
}
