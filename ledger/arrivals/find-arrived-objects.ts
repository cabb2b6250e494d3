import type { ClientBase } from 'pg';
import type { ArrivedObject, LedgerScope } from '#ledger/types.ts';

/**
 * Which objects of a page of a list have arrived before, so that a known one costs no HEAD. One probe of the index for
 * each object.
 * @returns for each object, in their order, the name of its upload; null: it is new.
 */
export async function findArrivedObjects(
  client: ClientBase,
  { clusterId, namespace }: LedgerScope,
  objects: readonly ArrivedObject[],
): Promise<(string | null)[]> {
  if (objects.length === 0) return [];
  const result = await client.query<{ name: string | null }>(
    `SELECT a.name
     FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::timestamptz[])
       WITH ORDINALITY AS o (schema_name, bucket, key, e_tag, size, last_modified, position)
     LEFT JOIN LATERAL (
       SELECT name FROM batch_upload.batch_upload_arrivals
       WHERE cluster_id = $1 AND namespace = $2 AND bucket = o.bucket AND key = o.key AND schema_name = o.schema_name
         AND e_tag = o.e_tag AND size = o.size AND last_modified = date_trunc('second', o.last_modified)
       ORDER BY created_at, name LIMIT 1) a ON true
     ORDER BY o.position`,
    [
      clusterId,
      namespace,
      objects.map(({ schemaName }) => schemaName),
      objects.map(({ bucket }) => bucket),
      objects.map(({ key }) => key),
      objects.map(({ eTag }) => eTag),
      objects.map(({ size }) => size),
      objects.map(({ lastModified }) => lastModified.toISOString()),
    ],
  );
  return result.rows.map(({ name }) => name);
}
