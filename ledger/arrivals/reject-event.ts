import type { ClientBase } from 'pg';
import type { LedgerScope } from '#ledger/types.ts';

/** Of a body, in bytes: enough to see what it was. */
const KEPT_BYTES = 8192;

export interface RejectedEvent {
  /** Name of the UploadSource. */
  source: string;
  /** Of the queue; null: posted. */
  messageId: string | null;
  /** For people: what could not be understood. */
  reason: string;
  body: string | Uint8Array;
}

/** Puts an event aside that nobody can understand. A message that comes again is kept once. */
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

/** Text whatever the bytes are; as a stream, so that a character that is cut is left out. */
function head(body: string | Uint8Array): string {
  const bytes = Buffer.from(typeof body === 'string' ? body.slice(0, KEPT_BYTES) : body).subarray(0, KEPT_BYTES);
  return new TextDecoder().decode(bytes, { stream: true });
}

/** PostgreSQL's text has no NUL. */
function withoutNul(text: string): string {
  return text.replaceAll('\0', '\\u0000');
}
