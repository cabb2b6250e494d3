/**
 * The statements on files that wait for BatchUploads that were created before.
 *
 * | state   | next                    | what it means                                                                 |
 * |---------|-------------------------|-------------------------------------------------------------------------------|
 * | Waiting | Taken, Refused, Dropped | the file waits                                                                |
 * | Taken   | Done, Dropped           | it is the file's turn: its BatchUpload is to be created, or has not ended yet |
 * | Done    | none                    | the BatchUpload has ended or was deleted                                      |
 * | Refused | none                    | a newer file was loaded before; the file is never loaded                      |
 * | Dropped | Waiting                 | the file was replaced, removed or excluded; it waits again if it comes again  |
 *
 * A file that waits, or has its turn, belongs to its UploadSource as long as that exists. Afterwards the file is free, and
 * waits under the next UploadSource that finds it. What was refused is refused for every UploadSource.
 *
 * A turn is noted here before its resource is created. Of two bridges, also of one that was frozen for a while, both then
 * create the same resource, and none creates the resource of the next turn before the turn before has ended.
 */
import type { ClientBase, QueryResultRow } from 'pg';
import type { ArrivedObject, FilePosition, LedgerScope, WaitingFile } from '#ledger/types.ts';

export type SourceScope = LedgerScope & { /** Name of the UploadSource. */ source: string };

/** `sources`: the names of the UploadSources of the namespace that exist, the own one among them. */
export type OwnersScope = SourceScope & { sources: readonly string[] };

const ORDER = 'order_time, order_key COLLATE "C"';
const ARRIVAL_ORDER = 'coalesce(a.order_time, a.last_modified), coalesce(a.order_key, a.key) COLLATE "C"';

/**
 * Notes files that have to wait. A file that is known already keeps its state and its UploadSource, unless it was dropped
 * or its UploadSource does not exist any more. The UploadSource that takes such a file may have another name for it: then
 * the old row is dropped, so that the file does not wait twice when somebody makes the old UploadSource again.
 */
export async function addWaitingFiles(
  client: ClientBase,
  { clusterId, namespace, source, sources }: OwnersScope,
  files: readonly WaitingFile[],
): Promise<void> {
  if (files.length === 0) return;
  await client.query(
    `WITH f AS (
       SELECT * FROM jsonb_to_recordset($4::jsonb) AS f
         (name text, schema_name text, bucket text, key text, version_id text, e_tag text, size bigint,
          last_modified timestamptz, event_id text, event_time timestamptz, order_time timestamptz, order_key text)),
     freed AS (
       UPDATE batch_upload.batch_upload_waiting_files w
       SET state = 'Dropped', reason = 'Replaced', message = $6, changed_at = now()
       FROM f
       WHERE w.cluster_id = $1 AND w.namespace = $2 AND w.bucket = f.bucket AND w.key = f.key
         AND w.schema_name = f.schema_name AND w.version_id IS NOT DISTINCT FROM f.version_id
         AND w.e_tag = f.e_tag AND w.size = f.size AND w.last_modified = f.last_modified AND w.name <> f.name
         AND w.state IN ('Waiting', 'Taken') AND w.source <> ALL($5::text[]))
     INSERT INTO batch_upload.batch_upload_waiting_files AS w
       (cluster_id, namespace, source, name, schema_name, bucket, key, version_id, e_tag, size, last_modified, event_id,
        event_time, order_time, order_key)
     SELECT $1, $2, $3, f.* FROM f
     ON CONFLICT (cluster_id, namespace, name) DO UPDATE
       SET source = EXCLUDED.source, state = 'Waiting', reason = NULL, message = NULL, changed_at = now()
       WHERE w.state = 'Dropped' OR (w.state IN ('Waiting', 'Taken') AND w.source <> ALL($5::text[]))`,
    [
      clusterId,
      namespace,
      source,
      JSON.stringify(files.map(toRecord)),
      sources,
      `The UploadSource of this file was deleted, and the file waits under the UploadSource ${source}.`,
    ],
  );
}

function toRecord(file: WaitingFile) {
  const seconds = Math.floor(file.lastModified.getTime() / 1000);
  return {
    name: file.name,
    schema_name: file.schemaName,
    bucket: file.bucket,
    key: file.key,
    version_id: file.versionId,
    e_tag: file.eTag,
    size: file.size,
    last_modified: new Date(seconds * 1000),
    event_id: file.event?.id ?? null,
    event_time: file.event?.time ?? null,
    order_time: file.position.time,
    order_key: file.position.key,
  };
}

/** A file that waits or has waited, or why it is never loaded. */
export type WaitingState = { isRefused: false } | { isRefused: true; reason: string; message: string };

const IS_SETTLED = "state IN ('Done', 'Refused')";
/** The parameter $3 has the UploadSources that exist. */
const IS_KEPT = `(${IS_SETTLED} OR (state IN ('Waiting', 'Taken') AND source = ANY($3::text[])))`;

/** @returns the states of those names that wait under an UploadSource that exists, have waited or were refused. */
export async function findWaitingFiles(
  client: ClientBase,
  { clusterId, namespace, sources }: OwnersScope,
  names: readonly string[],
): Promise<Map<string, WaitingState>> {
  const { rows } = await client.query(
    `SELECT name, state, reason, message FROM batch_upload.batch_upload_waiting_files
     WHERE cluster_id = $1 AND namespace = $2 AND name = ANY($4::text[]) AND ${IS_KEPT}`,
    [clusterId, namespace, sources, names],
  );
  return new Map(
    rows.map(({ name, state, reason, message }): [string, WaitingState] => [
      name,
      state === 'Refused' ? { isRefused: true, reason, message } : { isRefused: false },
    ]),
  );
}

/** The ledger knows an object as `Settled` where nothing changes its state any more, and as `Waiting` while it may still be dropped. */
export type KnownState = 'Settled' | 'Waiting';

/**
 * @returns for each object of a listing, in the order of `objects`: `Settled` where it has waited or was refused,
 * `Waiting` where it waits under an UploadSource that exists or has its turn, and null where it is new.
 */
export async function findWaitingObjects(
  client: ClientBase,
  { clusterId, namespace, sources }: OwnersScope,
  objects: readonly ArrivedObject[],
): Promise<(KnownState | null)[]> {
  if (objects.length === 0) return [];
  const { rows } = await client.query<{ settled: boolean | null }>(
    `SELECT (
       SELECT bool_or(${IS_SETTLED}) FROM batch_upload.batch_upload_waiting_files
       WHERE cluster_id = $1 AND namespace = $2 AND bucket = o.bucket AND key = o.key AND schema_name = o.schema_name
         AND e_tag = o.e_tag AND size = o.size AND last_modified = date_trunc('second', o.last_modified)
         AND ${IS_KEPT}) AS settled
     FROM unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::timestamptz[])
       WITH ORDINALITY AS o (schema_name, bucket, key, e_tag, size, last_modified, position)
     ORDER BY o.position`,
    [
      clusterId,
      namespace,
      sources,
      objects.map(({ schemaName }) => schemaName),
      objects.map(({ bucket }) => bucket),
      objects.map(({ key }) => key),
      objects.map(({ eTag }) => eTag),
      objects.map(({ size }) => size),
      objects.map(({ lastModified }) => lastModified.toISOString()),
    ],
  );
  return rows.map(({ settled }) => (settled === null ? null : settled ? 'Settled' : 'Waiting'));
}

/** A file whose turn it is. */
export interface Turn extends WaitingFile {
  /** Is the arrival recorded, so that the resource was created? */
  isCreated: boolean;
  /** Can pods still load records for the BatchUpload, whether or not the resource exists? */
  isOpen: boolean;
}

export interface LastTurn {
  name: string;
  /** The time as PostgreSQL writes it: another bridge that gives a turn changes it. */
  at: string;
}

export interface WaitingLine {
  turns: Turn[];
  /** The UploadSource's uploads for which pods can still load records, whether or not the resources exist. */
  open: { name: string; key: string }[];
  /** The last turn that a file has had, also if it has ended. Null: no file has had a turn. */
  lastTurn: LastTurn | null;
  waiting: number;
  /** Wall clock of the database at which the file that waits for the longest time began to wait. */
  since: Date | null;
  /** Wall clock of the database at which the last of the waiting files began to wait. */
  latest: Date | null;
}

export async function readWaitingLine(
  client: ClientBase,
  { clusterId, namespace, source }: SourceScope,
): Promise<WaitingLine> {
  // The last turn is read first, so that every turn up to it is among the turns that are read, or has ended.
  const last = await client.query<LastTurn>(
    `SELECT name, taken_at::text AS at FROM batch_upload.batch_upload_waiting_files
     WHERE cluster_id = $1 AND namespace = $2 AND source = $3 AND taken_at IS NOT NULL ORDER BY taken_at DESC LIMIT 1`,
    [clusterId, namespace, source],
  );
  const { rows } = await client.query(
    `SELECT w.*, a.name IS NOT NULL AS is_created,
            EXISTS (SELECT FROM batch_upload.batch_uploads u
                    WHERE u.cluster_id = w.cluster_id AND u.namespace = w.namespace AND u.name = w.name
                      AND u.status IN ('Planning', 'Queued', 'Processing')) AS is_open
     FROM batch_upload.batch_upload_waiting_files w
     LEFT JOIN batch_upload.batch_upload_arrivals a USING (cluster_id, namespace, name)
     WHERE w.cluster_id = $1 AND w.namespace = $2 AND w.source = $3 AND w.state = 'Taken'
     ORDER BY w.order_time, w.order_key COLLATE "C"`,
    [clusterId, namespace, source],
  );
  const open = await client.query<{ name: string; key: string }>(
    `SELECT a.name, a.key FROM batch_upload.batch_upload_arrivals a
     WHERE a.cluster_id = $1 AND a.namespace = $2 AND a.source = $3 AND a.name IN (
       SELECT u.name FROM batch_upload.batch_uploads u
       WHERE u.cluster_id = $1 AND u.namespace = $2 AND u.status IN ('Planning', 'Queued', 'Processing'))`,
    [clusterId, namespace, source],
  );
  const counted = await client.query<Pick<WaitingLine, 'waiting' | 'since' | 'latest'>>(
    `SELECT count(*)::float8 AS waiting, min(changed_at) AS since, max(changed_at) AS latest
     FROM batch_upload.batch_upload_waiting_files
     WHERE cluster_id = $1 AND namespace = $2 AND source = $3 AND state = 'Waiting'`,
    [clusterId, namespace, source],
  );
  const turns = rows.map((row) => ({ ...toFile(row), isCreated: row['is_created'], isOpen: row['is_open'] }));
  return { turns, open: open.rows, lastTurn: last.rows[0] ?? null, ...counted.rows[0]! };
}

function toFile(row: QueryResultRow): WaitingFile {
  const { event_id: id, event_time: time } = row;
  return {
    name: row['name'],
    schemaName: row['schema_name'],
    bucket: row['bucket'],
    key: row['key'],
    versionId: row['version_id'],
    eTag: row['e_tag'],
    size: Number(row['size']),
    lastModified: row['last_modified'],
    event: id === null && time === null ? null : { id, time: time === null ? null : time.toISOString() },
    position: { time: row['order_time'], key: row['order_key'] },
  };
}

/**
 * Finds the last file, in the order of the UploadSource, of which anything was loaded: its upload is complete, or a chunk
 * of an upload that has not completed is. Null when nothing was loaded. A validation loads nothing.
 */
export async function findNewestLoaded(
  client: ClientBase,
  { clusterId, namespace, source }: SourceScope,
): Promise<FilePosition | null> {
  const { rows } = await client.query<{ order_time: Date; order_key: string }>(
    `SELECT coalesce(a.order_time, a.last_modified) AS order_time, coalesce(a.order_key, a.key) AS order_key
     FROM batch_upload.batch_upload_arrivals a
     WHERE a.cluster_id = $1 AND a.namespace = $2 AND a.source = $3 AND EXISTS (
       SELECT FROM batch_upload.batch_uploads u
       WHERE u.cluster_id = a.cluster_id AND u.namespace = a.namespace AND u.name = a.name
         AND u.request->>'mode' IS DISTINCT FROM 'Validate'
         AND (u.status = 'Complete' OR EXISTS (
           SELECT FROM batch_upload.batch_upload_chunks c
           WHERE c.batch_upload_id = u.id AND c.completed_at IS NOT NULL)))
     ORDER BY coalesce(a.order_time, a.last_modified) DESC, coalesce(a.order_key, a.key) COLLATE "C" DESC LIMIT 1`,
    [clusterId, namespace, source],
  );
  const [row] = rows;
  return row ? { time: row.order_time, key: row.order_key } : null;
}

/**
 * Finds those of the UploadSource's uploads of which no newer file was loaded, the first in the order first. A failed
 * upload among them holds the files behind it.
 * @param loaded the newest file of which anything was loaded; null when nothing was loaded.
 */
export async function findUploadsAtTheEnd(
  client: ClientBase,
  { clusterId, namespace, source }: SourceScope,
  { names, loaded }: { names: readonly string[]; loaded: FilePosition | null },
): Promise<string[]> {
  if (names.length === 0) return [];
  const { rows } = await client.query<{ name: string }>(
    `SELECT a.name FROM batch_upload.batch_upload_arrivals a
     WHERE a.cluster_id = $1 AND a.namespace = $2 AND a.source = $3 AND a.name = ANY($4::text[])
       AND ($5::timestamptz IS NULL OR (${ARRIVAL_ORDER}) >= ($5::timestamptz, $6::text COLLATE "C"))
     ORDER BY ${ARRIVAL_ORDER}`,
    [clusterId, namespace, source, names, loaded?.time.toISOString(), loaded?.key],
  );
  return rows.map(({ name }) => name);
}

/** @returns those of the names that the UploadSource has created. */
export async function findUploadsOfSource(
  client: ClientBase,
  { clusterId, namespace, source }: SourceScope,
  names: readonly string[],
): Promise<Set<string>> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT name FROM batch_upload.batch_upload_arrivals
     WHERE cluster_id = $1 AND namespace = $2 AND source = $3 AND name = ANY($4::text[])`,
    [clusterId, namespace, source, names],
  );
  return new Set(rows.map(({ name }) => name));
}

/** Refuses every waiting file that is older than `loaded`. @returns the refused files. */
export async function refuseOlderFiles(
  client: ClientBase,
  { clusterId, namespace, source }: SourceScope,
  { loaded, reason, message }: { loaded: FilePosition; reason: string; message: string },
): Promise<WaitingFile[]> {
  const { rows } = await client.query(
    `UPDATE batch_upload.batch_upload_waiting_files
     SET state = 'Refused', reason = $6, message = $7, changed_at = now()
     WHERE cluster_id = $1 AND namespace = $2 AND source = $3 AND state = 'Waiting'
       AND (${ORDER}) < ($4::timestamptz, $5::text COLLATE "C")
     RETURNING *`,
    [clusterId, namespace, source, loaded.time.toISOString(), loaded.key, reason, message],
  );
  return rows.map(toFile);
}

/** A file that was refused, and why. */
export interface RefusedFile {
  key: string;
  reason: string;
  message: string;
  /** Wall clock of the database. */
  at: Date;
}

/**
 * Finds the files that the UploadSource has refused last. Called once for each start of an UploadSource.
 * @param since the time when the UploadSource itself was made; null: all count.
 * @returns the last file first.
 */
export async function findLastRefused(
  client: ClientBase,
  { clusterId, namespace, source }: SourceScope,
  { since, limit }: { since: string | null; limit: number },
): Promise<RefusedFile[]> {
  const { rows } = await client.query<RefusedFile>(
    `SELECT key, reason, message, changed_at AS at FROM batch_upload.batch_upload_waiting_files
     WHERE cluster_id = $1 AND namespace = $2 AND source = $3 AND state = 'Refused'
       AND changed_at >= coalesce($4::timestamptz, '-infinity')
     ORDER BY changed_at DESC, name LIMIT $5`,
    [clusterId, namespace, source, since, limit],
  );
  return rows;
}

/** @returns up to `limit` files that wait, in the order of their names, from the first name behind `after` on. */
export async function findWaiting(
  client: ClientBase,
  { clusterId, namespace, source }: SourceScope,
  { after, limit }: { after: string; limit: number },
): Promise<WaitingFile[]> {
  const { rows } = await client.query(
    `SELECT * FROM batch_upload.batch_upload_waiting_files
     WHERE cluster_id = $1 AND namespace = $2 AND source = $3 AND state = 'Waiting' AND name > $4
     ORDER BY name LIMIT $5`,
    [clusterId, namespace, source, after, limit],
  );
  return rows.map(toFile);
}

export interface TakeOptions {
  /** The last turn that the caller knows of. Where there is a later one, another bridge was faster, and none is given. */
  lastTurn: LastTurn | null;
  /** The most files that are taken. */
  room: number;
  /** Only files before this position are taken; null: all. */
  before: FilePosition | null;
  /** No file before this position is taken; null: all. */
  notBefore: FilePosition | null;
}

/** Gives the first waiting files their turn. */
export async function takeTurns(
  client: ClientBase,
  { clusterId, namespace, source }: SourceScope,
  { lastTurn, room, before, notBefore }: TakeOptions,
): Promise<WaitingFile[]> {
  await client.query('BEGIN');
  try {
    await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 4))', [
      JSON.stringify([clusterId, namespace, source]),
    ]);
    // A statement after the lock sees what the bridge that held the lock before has taken.
    const { rows } = await client.query(
      `UPDATE batch_upload.batch_upload_waiting_files SET state = 'Taken', changed_at = now(), taken_at = clock_timestamp()
       WHERE cluster_id = $1 AND namespace = $2 AND name IN (
         SELECT name FROM batch_upload.batch_upload_waiting_files
         WHERE cluster_id = $1 AND namespace = $2 AND source = $3 AND state = 'Waiting'
           AND ($6::timestamptz IS NULL OR (${ORDER}) < ($6::timestamptz, $7::text COLLATE "C"))
           AND ($8::timestamptz IS NULL OR (${ORDER}) >= ($8::timestamptz, $9::text COLLATE "C"))
         ORDER BY ${ORDER}, created_at, name LIMIT $5)
       AND (SELECT max(taken_at) FROM batch_upload.batch_upload_waiting_files
            WHERE cluster_id = $1 AND namespace = $2 AND source = $3 AND taken_at IS NOT NULL)
         IS NOT DISTINCT FROM $4::timestamptz
       RETURNING *`,
      [
        clusterId,
        namespace,
        source,
        lastTurn?.at,
        room,
        before?.time.toISOString(),
        before?.key,
        notBefore?.time.toISOString(),
        notBefore?.key,
      ],
    );
    await client.query('COMMIT');
    return rows.map(toFile);
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

/** Ends turns: their BatchUploads have ended or were deleted. */
export async function endTurns(
  client: ClientBase,
  { clusterId, namespace }: LedgerScope,
  names: readonly string[],
): Promise<void> {
  if (names.length === 0) return;
  await client.query(
    `UPDATE batch_upload.batch_upload_waiting_files SET state = 'Done', changed_at = now()
     WHERE cluster_id = $1 AND namespace = $2 AND name = ANY($3::text[]) AND state = 'Taken'`,
    [clusterId, namespace, names],
  );
}

export interface Drop {
  name: string;
  /** A file that is in another state by now stays. */
  from: 'Waiting' | 'Taken';
  reason: string;
  message: string;
}

/** The file as it was noted is not to be loaded any more. Its turn, if it has it, ends without a BatchUpload. */
export async function dropFile(
  client: ClientBase,
  { clusterId, namespace, source }: SourceScope,
  { name, from, reason, message }: Drop,
): Promise<void> {
  await client.query(
    `UPDATE batch_upload.batch_upload_waiting_files
     SET state = 'Dropped', reason = $6, message = $7, changed_at = now()
     WHERE cluster_id = $1 AND namespace = $2 AND source = $3 AND name = $4 AND state = $5`,
    [clusterId, namespace, source, name, from, reason, message],
  );
}
