/** Creates or migrates the ledger of a database before its first use. */
import type pg from 'pg';
import type { UploadExplanation } from '#api/explanation.ts';
import type { Database } from '#ledger/client/database.ts';
import { openClient } from '#ledger/client/pool-connection.ts';
import type { DatabaseAddress } from '#ledger/connection/database-uri.ts';
import { sqlState } from '#ledger/connection/postgres.ts';
import { checkLedgerRights, grantSql } from '#ledger/ledger-rights.ts';
import { migrate, readLedgerState } from '#ledger/migrate.ts';

/** The connection of a role that may change the ledger's schema, or null where no Secret names one. */
export type FindMigrator = () => Promise<DatabaseAddress | null>;

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

/**
 * Brings the ledger up to date where a Secret names the role that may do so. The bridge, which may not read that Secret,
 * waits for this.
 * @returns false when the ledger is still to be migrated
 */
export async function migrateWhereNamed({
  database,
  findMigrator,
}: {
  database: Database;
  findMigrator: FindMigrator;
}): Promise<boolean> {
  if (!(await database.run(needsMigration, { isVisit: true }))) return true;
  const migrator = await findMigrator();
  if (migrator === null) return false;
  await migrateAs(migrator, await database.run(currentUser));
  return true;
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
async function migrateAs(address: DatabaseAddress, user: string): Promise<void> {
  const client = await openClient(address, { statement_timeout: 60_000 });
  try {
    await migrate(client);
    await client.query(grantSql(user));
  } finally {
    await client.end().catch(() => undefined);
  }
}
