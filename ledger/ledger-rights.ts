import pg from 'pg';
import type { UploadExplanation } from '#api/explanation.ts';

/** The rights that an upload's role needs. Inserting into an identity column needs no right on its sequence. */
export function grantSql(user: string): string {
  const role = pg.escapeIdentifier(user);
  return `GRANT USAGE ON SCHEMA batch_upload TO ${role}; GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA batch_upload TO ${role}; GRANT DELETE ON batch_upload.batch_upload_chunks, batch_upload.batch_upload_keys, batch_upload.batch_upload_pending_records, batch_upload.batch_upload_requests, batch_upload.batch_upload_nonces, batch_upload.batch_upload_column_choices TO ${role};`;
}

/** @returns null when the role of the connection has its rights on the ledger, else the line to run. */
export async function checkLedgerRights(client: pg.ClientBase): Promise<UploadExplanation | null> {
  const result = await client.query<{ user: string; usable: boolean }>(
    `SELECT current_user AS "user", has_schema_privilege('batch_upload', 'USAGE') AND bool_and(
       has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
       AND (c.relname NOT IN ('batch_uploads', 'batch_upload_chunks', 'batch_upload_keys',
         'batch_upload_arrivals', 'batch_upload_files', 'batch_upload_requests', 'batch_upload_nonces', 'batch_upload_column_choices', 'batch_upload_active_times', 'batch_upload_waiting_files', 'batch_upload_assignments', 'batch_upload_paces') OR has_table_privilege(c.oid, 'UPDATE'))
       AND (c.relname NOT IN ('batch_upload_chunks', 'batch_upload_keys', 'batch_upload_pending_records', 'batch_upload_requests', 'batch_upload_nonces', 'batch_upload_column_choices') OR has_table_privilege(c.oid, 'DELETE'))) AS usable
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = 'batch_upload' AND c.relkind = 'r' AND c.relname LIKE 'batch\\_upload%'`,
  );
  const row = result.rows[0];
  if (row?.usable) return null;
  return {
    reason: 'DatabaseAccessDenied',
    message: `The role ${row?.user ?? 'of the Secret'} may not use the ledger in the schema batch_upload. Run as its owner: ${grantSql(row?.user ?? '…')}`,
  };
}
