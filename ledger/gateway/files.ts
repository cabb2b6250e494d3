/**
 * The statements on files: places in the storage that somebody asked the gateway for. These rows alone say which objects
 * the gateway may remove.
 *
 * | state      | column          | next                          | who changes it                                     |
 * |------------|-----------------|-------------------------------|----------------------------------------------------|
 * | open       |                 | registered, abandoned, claimed | a registration, its sender, a gateway after a day |
 * | registered | `registered_at` | open, when no upload was made | the gateway whose upload was refused, or any later |
 * | abandoned  | `abandoned_at`  | claimed                       | a gateway after a day                              |
 * | claimed    | `claimed_at`    | removed                       | the gateway that has removed the object            |
 * | removed    | `removed_at`    | none                          |                                                    |
 *
 * A registration begins before its upload is made: `held_until` is set until the upload is there.
 *
 * Every change is one statement on one row, which sees what the statement before it has committed: a registration and a
 * removal that come at the same time never both succeed.
 */
import type { ClientBase, QueryResultRow } from 'pg';
import type { LedgerScope } from '#ledger/types.ts';

/** What the sender declared of the whole file: `value` is the base64 of the checksum. */
export interface FileChecksum {
  algorithm: string;
  value: string;
}

export interface NewFile {
  /** A UUID. */
  id: string;
  /** The user that asked for the place. */
  creator: string;
  bucket: string;
  key: string;
  fileName: string;
  contentType: string;
  /** Bytes. */
  size: number;
  checksum: FileChecksum | null;
  /** Null: the file is put by one request. `partSize` is the size of every part but the last, in bytes. */
  multipart: { id: string; partSize: number } | null;
}

export type FileState = 'Open' | 'Registered' | 'Abandoned' | 'Removed';

export interface FileRow extends NewFile {
  state: FileState;
  createdAt: Date;
  /** The BatchUpload that loads the file; null: the file is not registered. */
  uploadName: string | null;
}

interface FileRef extends LedgerScope {
  id: string;
}

/** Hours after which a file that nobody has registered is removed. */
export const KEPT_HOURS = 24;
const KEPT = `interval '${KEPT_HOURS} hours'`;
/** A registration that takes longer than this is refused where the file is removed meanwhile. */
const HOLD = "interval '15 minutes'";
/** A gateway that has not removed an object by then has ended, and another one goes on. */
const CLAIM = "interval '10 minutes'";

const COLUMNS = `f.id, f.creator, f.bucket, f.key, f.file_name, f.content_type, f.size, f.checksum, f.multipart_id,
  f.part_size, f.created_at, f.upload_name, f.abandoned_at, f.claimed_at`;

export async function insertFile(client: ClientBase, { clusterId, namespace }: LedgerScope, file: NewFile) {
  const result = await client.query(
    `INSERT INTO batch_upload.batch_upload_files AS f
       (cluster_id, namespace, id, creator, bucket, key, file_name, content_type, size, checksum, multipart_id, part_size)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
     RETURNING ${COLUMNS}`,
    [
      clusterId,
      namespace,
      file.id,
      file.creator,
      file.bucket,
      file.key,
      file.fileName,
      file.contentType,
      file.size,
      file.checksum && `${file.checksum.algorithm}:${file.checksum.value}`,
      file.multipart?.id,
      file.multipart?.partSize,
    ],
  );
  return toFile(result.rows[0]!);
}

/** @returns how many files the user has asked for that are neither registered nor removed yet, `limit` at most. */
export async function countUnregistered(
  client: ClientBase,
  { clusterId, namespace, creator, limit }: LedgerScope & { creator: string; limit: number },
): Promise<number> {
  const result = await client.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM (
       SELECT FROM batch_upload.batch_upload_files
       WHERE cluster_id = $1 AND namespace = $2 AND creator = $3 AND registered_at IS NULL AND removed_at IS NULL
       LIMIT $4) left_files`,
    [clusterId, namespace, creator, limit],
  );
  return result.rows[0]!.count;
}

export async function findFile(
  client: ClientBase,
  { clusterId, namespace, id }: FileRef,
): Promise<FileRow | undefined> {
  const result = await client.query(
    `SELECT ${COLUMNS} FROM batch_upload.batch_upload_files f WHERE cluster_id = $1 AND namespace = $2 AND id = $3`,
    [clusterId, namespace, id],
  );
  return result.rows[0] && toFile(result.rows[0]);
}

/**
 * Keeps the file from being removed for a time; a registered file is kept anyway. @returns false when the file is abandoned or being removed.
 */
export async function holdFile(client: ClientBase, { clusterId, namespace, id }: FileRef): Promise<boolean> {
  const result = await client.query(
    `UPDATE batch_upload.batch_upload_files
     SET held_until = CASE WHEN registered_at IS NULL THEN now() + ${HOLD} ELSE held_until END
     WHERE cluster_id = $1 AND namespace = $2 AND id = $3 AND abandoned_at IS NULL AND claimed_at IS NULL`,
    [clusterId, namespace, id],
  );
  return result.rowCount === 1;
}

/** Ends a hold whose request was refused. A registration of the same file at the same time is not lost: it is refused. */
export async function releaseHold(client: ClientBase, { clusterId, namespace, id }: FileRef): Promise<void> {
  await client.query(
    `UPDATE batch_upload.batch_upload_files SET held_until = NULL
     WHERE cluster_id = $1 AND namespace = $2 AND id = $3 AND registered_at IS NULL`,
    [clusterId, namespace, id],
  );
}

interface Registration extends FileRef {
  uploadName: string;
}

/**
 * Registers the file for an upload that is made next. A repetition with the same name changes nothing.
 * @returns false when the file is abandoned, being removed, or loaded by another upload.
 */
export async function registerFile(
  client: ClientBase,
  { clusterId, namespace, id, uploadName }: Registration,
): Promise<boolean> {
  const result = await client.query(
    `UPDATE batch_upload.batch_upload_files
     SET upload_name = $4, registered_at = coalesce(registered_at, now()), held_until = now() + ${HOLD}
     WHERE cluster_id = $1 AND namespace = $2 AND id = $3 AND abandoned_at IS NULL AND claimed_at IS NULL
       AND coalesce(upload_name, $4) = $4`,
    [clusterId, namespace, id, uploadName],
  );
  return result.rowCount === 1;
}

/** Records that the upload of a registered file was made. */
export async function confirmUpload(
  client: ClientBase,
  { clusterId, namespace, id, uploadName }: Registration,
): Promise<void> {
  await client.query(
    `UPDATE batch_upload.batch_upload_files SET held_until = NULL
     WHERE cluster_id = $1 AND namespace = $2 AND id = $3 AND upload_name = $4`,
    [clusterId, namespace, id, uploadName],
  );
}

/** Takes back the registration of a file for an upload that was not made, so that the file can be registered otherwise. */
export async function unregisterFile(
  client: ClientBase,
  { clusterId, namespace, id, uploadName }: Registration,
): Promise<void> {
  await client.query(
    `UPDATE batch_upload.batch_upload_files SET upload_name = NULL, registered_at = NULL, held_until = NULL
     WHERE cluster_id = $1 AND namespace = $2 AND id = $3 AND upload_name = $4`,
    [clusterId, namespace, id, uploadName],
  );
}

/**
 * Finds registered files of which nobody knows whether their upload was made: the gateway ended in between, or could not
 * record it. A file whose upload has begun counts as loaded from now on.
 */
export async function findUnmade(
  client: ClientBase,
  { clusterId, namespace, limit }: LedgerScope & { limit: number },
): Promise<FileRow[]> {
  const scope = `f.cluster_id = $1 AND f.namespace = $2 AND f.registered_at IS NOT NULL AND f.held_until < now()`;
  await client.query(
    `UPDATE batch_upload.batch_upload_files f SET held_until = NULL
     FROM batch_upload.batch_uploads u
     WHERE ${scope} AND u.cluster_id = $1 AND u.namespace = $2 AND u.s3_bucket = f.bucket AND u.s3_key = f.key`,
    [clusterId, namespace],
  );
  const result = await client.query(
    `SELECT ${COLUMNS} FROM batch_upload.batch_upload_files f WHERE ${scope} ORDER BY f.held_until LIMIT $3`,
    [clusterId, namespace, limit],
  );
  return result.rows.map(toFile);
}

/** @returns false when the file is registered, or its registration is under way. */
export async function abandonFile(client: ClientBase, { clusterId, namespace, id }: FileRef): Promise<boolean> {
  const result = await client.query(
    `UPDATE batch_upload.batch_upload_files SET abandoned_at = coalesce(abandoned_at, now())
     WHERE cluster_id = $1 AND namespace = $2 AND id = $3 AND registered_at IS NULL
       AND (held_until IS NULL OR held_until < now())`,
    [clusterId, namespace, id],
  );
  return result.rowCount === 1;
}

/**
 * Takes files that nobody has registered in time, so that the caller removes their objects; gateways that ask at the same
 * time get different files. A file that an upload of the ledger loads without having been registered, as a resource that
 * was made by hand does, counts as registered from now on.
 */
export async function claimLeftFiles(
  client: ClientBase,
  { clusterId, namespace, limit }: LedgerScope & { limit: number },
): Promise<FileRow[]> {
  const result = await client.query(
    `WITH due AS (
       SELECT id, bucket, key, abandoned_at IS NULL AND claimed_at IS NULL AS is_open
       FROM batch_upload.batch_upload_files
       WHERE cluster_id = $1 AND namespace = $2 AND registered_at IS NULL AND removed_at IS NULL
         AND created_at < now() - ${KEPT}
         AND (held_until IS NULL OR held_until < now()) AND (claimed_at IS NULL OR claimed_at < now() - ${CLAIM})
       ORDER BY created_at LIMIT $3 FOR UPDATE SKIP LOCKED),
     loaded AS (
       SELECT due.id, max(u.name) AS name FROM due JOIN batch_upload.batch_uploads u
         ON u.cluster_id = $1 AND u.namespace = $2 AND u.s3_bucket = due.bucket AND u.s3_key = due.key
       WHERE due.is_open GROUP BY due.id)
     UPDATE batch_upload.batch_upload_files f
     SET claimed_at = CASE WHEN loaded.id IS NULL THEN now() END, upload_name = loaded.name,
       registered_at = CASE WHEN loaded.id IS NOT NULL THEN now() END
     FROM due LEFT JOIN loaded ON loaded.id = due.id
     WHERE f.id = due.id
     RETURNING ${COLUMNS}`,
    [clusterId, namespace, limit],
  );
  return result.rows.map(toFile).filter(({ uploadName }) => uploadName === null);
}

/**
 * Gives a claimed file to the upload that loads it without having registered it.
 * @returns false when its sender has given the file up, or when its object is removed.
 */
export async function registerClaimed(
  client: ClientBase,
  { clusterId, namespace, id, uploadName }: Registration,
): Promise<boolean> {
  const result = await client.query(
    `UPDATE batch_upload.batch_upload_files SET upload_name = $4, registered_at = now(), claimed_at = NULL
     WHERE cluster_id = $1 AND namespace = $2 AND id = $3 AND claimed_at IS NOT NULL AND removed_at IS NULL
       AND abandoned_at IS NULL`,
    [clusterId, namespace, id, uploadName],
  );
  return result.rowCount === 1;
}

/** Records that nothing is left of a claimed file. @returns false when another gateway has recorded that already. */
export async function markRemoved(client: ClientBase, { clusterId, namespace, id }: FileRef): Promise<boolean> {
  const result = await client.query(
    `UPDATE batch_upload.batch_upload_files SET removed_at = now()
     WHERE cluster_id = $1 AND namespace = $2 AND id = $3 AND claimed_at IS NOT NULL AND removed_at IS NULL`,
    [clusterId, namespace, id],
  );
  return result.rowCount === 1;
}

function toFile(row: QueryResultRow): FileRow {
  const { id, creator, bucket, key, checksum } = row;
  const [algorithm = '', value = ''] = (checksum ?? '').split(':');
  return {
    id,
    creator,
    bucket,
    key,
    fileName: row['file_name'],
    contentType: row['content_type'],
    size: Number(row['size']),
    checksum: checksum === null ? null : { algorithm, value },
    multipart: row['multipart_id'] === null ? null : { id: row['multipart_id'], partSize: Number(row['part_size']) },
    createdAt: row['created_at'],
    uploadName: row['upload_name'],
    state: stateOf(row),
  };
}

function stateOf(row: QueryResultRow): FileState {
  if (row['upload_name'] !== null) return 'Registered';
  if (row['claimed_at'] !== null) return 'Removed';
  return row['abandoned_at'] === null ? 'Open' : 'Abandoned';
}
