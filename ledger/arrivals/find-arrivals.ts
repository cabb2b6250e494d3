import type { ClientBase } from 'pg';
import type { LedgerScope } from '#ledger/types.ts';

/** Which of the names were uploads of arrived objects before, whatever has become of the resources since. */
export async function findArrivals(
  client: ClientBase,
  { clusterId, namespace }: LedgerScope,
  names: readonly string[],
): Promise<Set<string>> {
  const result = await client.query<{ name: string }>(
    `SELECT name FROM batch_upload.batch_upload_arrivals
     WHERE cluster_id = $1 AND namespace = $2 AND name = ANY($3::text[])`,
    [clusterId, namespace, names],
  );
  return new Set(result.rows.map(({ name }) => name));
}
