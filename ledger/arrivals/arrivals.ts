/**
 * The statements on arrivals: which object became which upload. Rows stay for ever, also when the resource is deleted.
 */
import type { ClientBase } from 'pg';
import type { Arrival, ArrivedObject, LedgerScope } from '#ledger/types.ts';

/**
 * Records which object became which upload. The caller makes the resource first: a row without a resource would keep
 * the object from ever being loaded. A repetition changes nothing.
 * @returns false when the arrival was already recorded.
 */
export async function recordArrival(
  client: ClientBase,
  { clusterId, namespace }: LedgerScope,
  arrival: Arrival,
): Promise<boolean> {
  const result = await client.query(
    `INSERT INTO batch_upload.batch_upload_arrivals
       (cluster_id, namespace, name, source, schema_name, bucket, key, version_id, e_tag, size, last_modified, event_id,
        event_time, after_success, order_time, order_key)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, date_trunc('second', $11::timestamptz), $12, $13, $14, $15, $16)
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
      arrival.position.time.toISOString(),
      arrival.position.key,
    ],
  );
  return result.rowCount === 1;
}

/** @returns those of the names that belong to recorded arrivals, whether or not the resources still exist. */
export async function findArrivedNames(
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

/**
 * @returns those of the bucket's keys of which any version became an upload: enough where a key is made from a file's
 * identity.
 */
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

/**
 * Looks up a page of a listing, so that a known object costs no HEAD request. Each object is one probe of the index.
 * @returns for each object, in the order of `objects`, the name of its upload; null when the object is new.
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

/**
 * Finds objects that are older than what was loaded: somebody deleted the newer version that had arrived, which made an
 * older one the latest again. Times are compared by whole seconds, so two versions of one second never count as
 * outdated.
 * @returns one flag per object, in the order of `objects`: did a newer version arrive earlier?
 */
export async function findOutdatedObjects(
  client: ClientBase,
  { clusterId, namespace, bucket }: LedgerScope & { bucket: string },
  objects: readonly { key: string; lastModified: Date }[],
): Promise<boolean[]> {
  const result = await client.query<{ outdated: boolean }>(
    `SELECT EXISTS (
       SELECT FROM batch_upload.batch_upload_arrivals
       WHERE cluster_id = $1 AND namespace = $2 AND bucket = $3 AND key = o.key
         AND last_modified > date_trunc('second', o.last_modified)) AS outdated
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
  return result.rows.map(({ outdated }) => outdated);
}

export interface ArrivalCount {
  created: number;
  last: { name: string; key: string; time: Date } | null;
}

/**
 * Counts the uploads that an UploadSource has made since `since`, the time when the UploadSource itself was made. The
 * count in its status can be too low: a process may be killed between an arrival and the write of the status. Called
 * once for each start of an UploadSource.
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
