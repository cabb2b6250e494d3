import type { ClientBase } from 'pg';
import type { LedgerScope } from '#ledger/types.ts';

/** The ledger keeps this many bytes of a body: enough to see what the event was. */
const KEPT_BYTES = 8192;

export interface RejectedEvent {
  /** Name of the UploadSource. */
  source: string;
  /** Id of the queue's message; null when the event was posted. */
  messageId: string | null;
  /** Says to people what could not be understood. */
  reason: string;
  body: string | Uint8Array;
}

/** Keeps an event that could not be understood. A message that is delivered again is kept once. */
export async function rejectEvent(
  client: ClientBase,
  { clusterId, namespace }: LedgerScope,
  { source, messageId, reason, body }: RejectedEvent,
): Promise<void> {
  await client.query(
    `INSERT INTO batch_upload.batch_upload_rejected_events (cluster_id, namespace, source, message_id, reason, body)
     VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (cluster_id, namespace, source, message_id) DO NOTHING`,
    [clusterId, namespace, source, messageId, withoutNul(reason), withoutNul(head(body))],
  );
}

/** @returns the body's first bytes as text. Decoding as a stream leaves out a character that is cut at the end. */
function head(body: string | Uint8Array): string {
  const bytes = Buffer.from(typeof body === 'string' ? body.slice(0, KEPT_BYTES) : body).subarray(0, KEPT_BYTES);
  return new TextDecoder().decode(bytes, { stream: true });
}

/** Escapes NUL, which PostgreSQL's text cannot hold. */
function withoutNul(text: string): string {
  return text.replaceAll('\0', '\\u0000');
}
