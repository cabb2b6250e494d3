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
 * A turn is noted here before its resource is created. Of two bridges, also of one that was frozen for a while, both then
 * create the same resource, and none creates the resource of the next turn before the turn before has ended.
 */
import type { ClientBase, QueryResultRow } from 'pg';
import type { ArrivedObject, FilePosition, LedgerScope, WaitingFile } from '#ledger/types.ts';

export type SourceScope = LedgerScope & { /** Name of the UploadSource. */ source: string };

const ORDER = 'order_time, order_key COLLATE "C"';
const ARRIVAL_ORDER = 'coalesce(a.order_time, a.last_modified), coalesce(a.order_key, a.key) COLLATE "C"';

/** Notes files that have to wait. A file that is known already keeps its state, unless it was dropped. */
export async function addWaitingFiles(
  client: ClientBase,
  { clusterId, namespace, source }: SourceScope,
  files: readonly WaitingFile[],
): Promise<void> {
  if (files.length === 0) return;
  await client.query(
    `INSERT INTO batch_upload.batch_upload_waiting_files AS w
       (cluster_id, namespace, source, name, schema_name, bucket, key, version_id, e_tag, size, last_modified, event_id,
        event_time, order_time, order_key)
     SELECT $1, $2, $3, f.* FROM jsonb_to_recordset($4::jsonb) AS f
       (name text, schema_name text, bucket text, key text, version_id text, e_tag text, size bigint,
        last_modified timestamptz, event_id text, event_time timestamptz, order_time timestamptz, order_key text)
     ON CONFLICT (cluster_id, namespace, name) DO UPDATE
       SET state = 'Waiting', reason = NULL, message = NULL, changed_at = now() WHERE w.state = 'Dropped'`,
    [clusterId, namespace, source, JSON.stringify(files.map(toRecord))],
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

/** @returns the states of those names that wait, have waited or were refused. */
export async function findWaitingFiles(
  client: ClientBase,
  { clusterId, namespace }: LedgerScope,
  names: readonly string[],
): Promise<Map<string, WaitingState>> {
  const { rows } = await client.query(
    `SELECT name, state, reason, message FROM batch_upload.batch_upload_waiting_files
     WHERE cluster_id = $1 AND namespace = $2 AND name = ANY($3::text[]) AND state <> 'Dropped'`,
    [clusterId, namespace, names],
  );
  return new Map(
    rows.map(({ name, state, reason, message }): [string, WaitingState] => [
      name,
      state === 'Refused' ? { isRefused: true, reason, message } : { isRefused: false },
    ]),
  );
}

/** @returns for each object of a listing, in the order of `objects`, whether it waits, has waited or was refused. */
export async function findWaitingObjects(
  client: ClientBase,
  { clusterId, namespace }: LedgerScope,
  objects: readonly ArrivedObject[],
): Promise<boolean[]> {
  if (objects.length === 0) return [];
  const { rows } = await client.query<{ waits: boolean }>(
    `SELECT EXISTS (
       SELECT FROM batch_upload.batch_upload_waiting_files
       WHERE cluster_id = $1 AND namespace = $2 AND bucket = o.bucket AND key = o.key AND schema_name = o.schema_name
         AND e_tag = o.e_tag AND size = o.size AND last_modified = date_trunc('second', o.last_modified)
         AND state <> 'Dropped') AS waits
     FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::timestamptz[])
       WITH ORDINALITY AS o (schema_name, bucket, key, e_tag, size, last_modified, position)
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
  return rows.map(({ waits }) => waits);
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
  /** The last turn that a file has had, also if it has ended. Null: no file has had a turn. */
  lastTurn: LastTurn | null;
  waiting: number;
  /** Wall clock of the database at which the file that waits for the longest time began to wait. */
  since: Date | null;
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
  const counted = await client.query<{ waiting: number; since: Date | null }>(
    `SELECT count(*)::float8 AS waiting, min(changed_at) AS since FROM batch_upload.batch_upload_waiting_files
     WHERE cluster_id = $1 AND namespace = $2 AND source = $3 AND state = 'Waiting'`,
    [clusterId, namespace, source],
  );
  const turns = rows.map((row) => ({ ...toFile(row), isCreated: row['is_created'], isOpen: row['is_open'] }));
  return { turns, lastTurn: last.rows[0] ?? null, ...counted.rows[0]! };
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
 * of an upload that has not completed is. Null when nothing was loaded.
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

/** Ends a turn without a BatchUpload: the file as it was noted is not to be loaded any more. */
export async function dropTurn(
  client: ClientBase,
  { clusterId, namespace }: LedgerScope,
  { name, reason, message }: { name: string; reason: string; message: string },
): Promise<void> {
  await client.query(
    `UPDATE batch_upload.batch_upload_waiting_files
     SET state = 'Dropped', reason = $4, message = $5, changed_at = now()
     WHERE cluster_id = $1 AND namespace = $2 AND name = $3 AND state = 'Taken'`,
    [clusterId, namespace, name, reason, message],
  );
}
