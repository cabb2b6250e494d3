/** Creates or migrates the ledger of a database before its first use. */
import pg from 'pg';
import type { UploadExplanation } from '#api/explanation.ts';
import type { Database } from '#ledger/client/database.ts';
import { sqlState } from '#ledger/connection/postgres.ts';
import { migrate, readLedgerState } from '#ledger/migrate.ts';

/** The connection of a role that may change the ledger's schema, or null where no Secret names one. */
export type FindMigrator = () => Promise<pg.ClientConfig | null>;

/**
 * Brings the ledger up to date, with the rights that the upload's role needs.
 * @returns null, or what somebody has to do first.
 */
export async function prepareLedger({
  database,
  findMigrator,
}: {
  database: Database;
  findMigrator: FindMigrator;
}): Promise<UploadExplanation | null> {
  if (await database.run(needsMigration)) {
    const migrator = await findMigrator();
    if (migrator === null) await database.run((client) => migrate(client));
    else await migrateAs(migrator, await database.run(currentUser));
  }
  return database.run(checkLedgerRights);
}

async function needsMigration(client: pg.ClientBase): Promise<boolean> {
  try {
    return (await readLedgerState(client)) !== 'current';
  } catch (error) {
    // The schema exists and this role has no right on it; checkLedgerRights reports the missing right.
    if (sqlState(error) === '42501') return false;
    throw error;
  }
}

async function currentUser(client: pg.ClientBase): Promise<string> {
  const result = await client.query<{ name: string }>('SELECT current_user AS name');
  return result.rows[0]!.name;
}

/** Migrates as another role, which then grants the upload's role the rights on the ledger. */
async function migrateAs(config: pg.ClientConfig, user: string): Promise<void> {
  const client = new pg.Client({ ...config, statement_timeout: 60_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await migrate(client);
    await client.query(grantSql(user));
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** The rights that an upload's role needs. Inserting into an identity column needs no right on its sequence. */
export function grantSql(user: string): string {
  const role = pg.escapeIdentifier(user);
  return `GRANT USAGE ON SCHEMA batch_upload TO ${role}; GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA batch_upload TO ${role}; GRANT DELETE ON batch_upload.batch_upload_keys TO ${role};`;
}

async function checkLedgerRights(client: pg.ClientBase): Promise<UploadExplanation | null> {
  const result = await client.query<{ user: string; usable: boolean }>(
    `SELECT current_user AS "user", has_schema_privilege('batch_upload', 'USAGE') AND bool_and(
       has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
       AND (c.relname NOT IN ('batch_uploads', 'batch_upload_chunks', 'batch_upload_keys',
         'batch_upload_arrivals') OR has_table_privilege(c.oid, 'UPDATE'))
       AND (c.relname <> 'batch_upload_keys' OR has_table_privilege(c.oid, 'DELETE'))) AS usable
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
