import type { ClientBase } from 'pg';
import type { Arrival, LedgerScope } from '#ledger/types.ts';

/**
 * Remembers for ever which object became which upload. Only once the resource is there: a row without it would keep the
 * object from ever being loaded. A repetition changes nothing.
 * @returns false when it was known.
 */
export async function recordArrival(
  client: ClientBase,
  { clusterId, namespace }: LedgerScope,
  arrival: Arrival,
): Promise<boolean> {
  const result = await client.query(
    `INSERT INTO batch_upload.batch_upload_arrivals
       (cluster_id, namespace, name, source, schema_name, bucket, key, version_id, e_tag, size, last_modified, event_id,
        event_time, after_success)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, date_trunc('second', $11::timestamptz), $12, $13, $14)
     ON CONFLICT (cluster_id, namespace, name) DO NOTHING`,
    [
      clusterId,
      namespace,
      arrival.name,
      arrival.source,
      arrival.schemaName,
      arrival.bucket,
      arrival.key,
      arrival.versionId,
      arrival.eTag,
      arrival.size,
      arrival.lastModified.toISOString(),
      arrival.event?.id,
      arrival.event?.time,
      arrival.afterSuccess,
    ],
  );
  return result.rowCount === 1;
}
