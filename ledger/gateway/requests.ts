/**
 * The statements on requests with an Idempotency-Key. A row is claimed before its request is carried out, and keeps the
 * answer for a day. While the request is carried out, the row's headers name the claim: a call that has lost its row to
 * another one neither ends nor renews the claim of the other.
 */
import type { ClientBase } from 'pg';
import type { LedgerScope } from '#ledger/types.ts';

export interface RequestKey extends LedgerScope {
  /** The user that sends the request: two senders may choose the same key. */
  sender: string;
  key: string;
}

/** The claim of one call. */
export interface ClaimedKey extends RequestKey {
  /** A random text. */
  claim: string;
}

export interface StoredAnswer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

export type RequestClaim =
  /** The caller carries the request out. */
  | { kind: 'claimed' }
  | { kind: 'answered'; answer: StoredAnswer }
  /** Another call carries the request out. */
  | { kind: 'running' }
  /** The key belongs to a request with another hash. */
  | { kind: 'other' };

/** A claim that was not renewed for this time can be taken over: its program has died. */
const CRASHED = "interval '1 minute'";
const KEPT = "interval '24 hours'";
/** Each claim adds one row and removes up to this many, so that old rows become fewer. */
const REMOVED_AT_ONCE = 20;

/** Claims the request for the caller, or says what became of the request that has the key. */
export async function claimRequest(
  client: ClientBase,
  { clusterId, namespace, sender, key, claim }: ClaimedKey,
  hash: string,
): Promise<RequestClaim> {
  const id = [clusterId, namespace, sender, key];
  await client.query(
    `DELETE FROM batch_upload.batch_upload_requests WHERE ctid = ANY (ARRAY(
       SELECT ctid FROM batch_upload.batch_upload_requests WHERE created_at < now() - ${KEPT}
       ORDER BY created_at LIMIT ${REMOVED_AT_ONCE} FOR UPDATE SKIP LOCKED))`,
  );
  const claimed = await client.query(
    `INSERT INTO batch_upload.batch_upload_requests AS r (cluster_id, namespace, sender, key, request_hash, headers)
     VALUES ($1, $2, $3, $4, $5, jsonb_build_object('claim', $6::text))
     ON CONFLICT (cluster_id, namespace, sender, key) DO UPDATE
       SET request_hash = excluded.request_hash, status = NULL, headers = excluded.headers, body = NULL, created_at = now()
       WHERE r.created_at < now() - ${KEPT}
         OR r.status IS NULL AND r.request_hash = excluded.request_hash AND r.created_at < now() - ${CRASHED}`,
    [...id, hash, claim],
  );
  if (claimed.rowCount === 1) return { kind: 'claimed' };
  const { rows } = await client.query<{ request_hash: string; status: number | null; headers: never; body: string }>(
    `SELECT request_hash, status, headers, body FROM batch_upload.batch_upload_requests
     WHERE cluster_id = $1 AND namespace = $2 AND sender = $3 AND key = $4`,
    id,
  );
  const row = rows[0];
  // The other call has ended without an answer in this moment: the sender tries again.
  if (row === undefined) return { kind: 'running' };
  if (row.request_hash !== hash) return { kind: 'other' };
  if (row.status === null) return { kind: 'running' };
  return { kind: 'answered', answer: { status: row.status, headers: row.headers, body: row.body } };
}

/** The row of a claim that nobody has taken over. */
const CLAIMED = `cluster_id = $1 AND namespace = $2 AND sender = $3 AND key = $4
     AND status IS NULL AND headers->>'claim' = $5`;
const idOf = ({ clusterId, namespace, sender, key, claim }: ClaimedKey) => [clusterId, namespace, sender, key, claim];

/** Says that the program of the claim lives. @returns false when the claim was taken over. */
export async function renewClaim(client: ClientBase, claimed: ClaimedKey): Promise<boolean> {
  const result = await client.query(
    `UPDATE batch_upload.batch_upload_requests SET created_at = now() WHERE ${CLAIMED}`,
    idOf(claimed),
  );
  return result.rowCount === 1;
}

/** Keeps the answer of a claimed request. */
export async function storeAnswer(
  client: ClientBase,
  claimed: ClaimedKey,
  { status, headers, body }: StoredAnswer,
): Promise<void> {
  await client.query(
    `UPDATE batch_upload.batch_upload_requests SET status = $6, headers = $7, body = $8 WHERE ${CLAIMED}`,
    [...idOf(claimed), status, JSON.stringify(headers), body],
  );
}

/** Frees the key of a claimed request that has changed nothing, so that the same request can be sent again. */
export async function releaseRequest(client: ClientBase, claimed: ClaimedKey): Promise<void> {
  await client.query(`DELETE FROM batch_upload.batch_upload_requests WHERE ${CLAIMED}`, idOf(claimed));
}
