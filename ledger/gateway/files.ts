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
 * A registration begins before its upload is made: `held_until` is set until the upload is there (registrations.ts).
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
  /** True: nobody knows the size yet. The file has at least one byte and at most `size`. */
  sizeIsLimit: boolean;
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

export interface FileRef extends LedgerScope {
  id: string;
}

/** A file, and the name of the upload that loads it. */
export interface Registration extends FileRef {
  uploadName: string;
}

/** Hours after which a file that nobody has registered is removed. */
export const KEPT_HOURS = 24;
const KEPT = `interval '${KEPT_HOURS} hours'`;
/** A gateway that has not removed an object by then has ended, and another one goes on. */
const CLAIM = "interval '10 minutes'";

export const COLUMNS = `f.id, f.creator, f.bucket, f.key, f.file_name, f.content_type, f.size, f.size_is_limit, f.checksum, f.multipart_id,
  f.part_size, f.created_at, f.upload_name, f.abandoned_at, f.claimed_at`;

export async function insertFile(client: ClientBase, { clusterId, namespace }: LedgerScope, file: NewFile) {
  const result = await client.query(
    `INSERT INTO batch_upload.batch_upload_files AS f
       (cluster_id, namespace, id, creator, bucket, key, file_name, content_type, size, size_is_limit, checksum, multipart_id,
        part_size)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
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
      file.sizeIsLimit,
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

/** The row of a file whose object is being removed. */
const CLAIMED = 'cluster_id = $1 AND namespace = $2 AND id = $3 AND claimed_at IS NOT NULL AND removed_at IS NULL';

/** @param change the assignments of an UPDATE. @returns false when the file is not being removed any more */
async function changeClaimed(
  client: ClientBase,
  { clusterId, namespace, id }: FileRef,
  { change, and = 'true', values = [] }: { change: string; and?: string; values?: unknown[] },
): Promise<boolean> {
  const result = await client.query(
    `UPDATE batch_upload.batch_upload_files SET ${change} WHERE ${CLAIMED} AND ${and}`,
    [clusterId, namespace, id, ...values],
  );
  return result.rowCount === 1;
}

/**
 * Gives a claimed file to the upload that loads it without having registered it.
 * @returns false when its sender has given the file up, or when its object is removed.
 */
export function registerClaimed(client: ClientBase, { uploadName, ...file }: Registration): Promise<boolean> {
  const change = 'upload_name = $4, registered_at = now(), claimed_at = NULL';
  return changeClaimed(client, file, { change, and: 'abandoned_at IS NULL', values: [uploadName] });
}

/**
 * Begins the time of a claim anew, before the object of the file is removed.
 * @returns false when another gateway has removed the object, or has given the file to an upload, since the claim ran out.
 */
export function renewClaim(client: ClientBase, file: FileRef): Promise<boolean> {
  return changeClaimed(client, file, { change: 'claimed_at = now()' });
}

/** Records that nothing is left of a claimed file. @returns false when another gateway has recorded that already. */
export function markRemoved(client: ClientBase, file: FileRef): Promise<boolean> {
  return changeClaimed(client, file, { change: 'removed_at = now()' });
}

export function toFile(row: QueryResultRow): FileRow {
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
    sizeIsLimit: row['size_is_limit'],
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
