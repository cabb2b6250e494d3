import type { ClientBase } from 'pg';
import type { LedgerScope } from '#ledger/types.ts';

/** The nonce of a message signature. */
export interface SignatureNonce {
  keyId: string;
  nonce: string;
  /** From this time on no clock takes a signature with the nonce for valid, so that the row may go. */
  expiresAt: Date;
}

/**
 * Records a nonce. Each call also removes up to two rows that have expired, the oldest first, so that the table shrinks
 * faster than it grows and nothing has to be listed. Rows that another session removes are passed over.
 * @returns false when the nonce was recorded before, by this gateway or another.
 */
export async function spendNonce(
  client: ClientBase,
  { clusterId, namespace }: LedgerScope,
  { keyId, nonce, expiresAt }: SignatureNonce,
): Promise<boolean> {
  const result = await client.query(
    `WITH expired AS (
       DELETE FROM batch_upload.batch_upload_nonces WHERE ctid = ANY (ARRAY(
         SELECT ctid FROM batch_upload.batch_upload_nonces WHERE expires_at < now()
         ORDER BY expires_at LIMIT 2 FOR UPDATE SKIP LOCKED)))
     INSERT INTO batch_upload.batch_upload_nonces (cluster_id, namespace, key_id, nonce, expires_at)
     VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
    [clusterId, namespace, keyId, nonce, expiresAt.toISOString()],
  );
  return result.rowCount === 1;
}
