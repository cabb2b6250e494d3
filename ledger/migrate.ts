/** Numbered migrations of the ledger's schema. The operator applies them when it first uses a database. */
import { readdir, readFile } from 'node:fs/promises';
import type { ClientBase } from 'pg';
import { Fault } from '#common/faults.ts';

const FOLDER = new URL('./migrations/', import.meta.url);

/** Key of an advisory lock. Its value does not matter, as long as every replica of every operator uses the same. */
const MIGRATION_LOCK = 5_472_001_773;

export interface Migration {
  version: number;
  name: string;
  sql: string;
}

export async function readMigrations(): Promise<Migration[]> {
  const names = (await readdir(FOLDER)).filter((name) => /^\d{3}-.*\.sql$/.test(name)).sort();
  return Promise.all(
    names.map(async (name) => ({
      version: Number(name.slice(0, 3)),
      name: name.slice(4, -4),
      sql: await readFile(new URL(name, FOLDER), 'utf8'),
    })),
  );
}

/**
 * @returns the SQL that an administrator can run instead of the operator, for a ledger of version `from`; 0: there is
 * none yet.
 */
export async function migrationScript(from = 0): Promise<string> {
  const missing = (await readMigrations()).filter(({ version }) => version > from);
  const steps = missing.map(
    ({ version, name, sql }) =>
      `-- ${version} ${name}\n${sql}\nINSERT INTO batch_upload.schema_migrations (version, name) VALUES (${version}, '${name}');\n`,
  );
  return `BEGIN;\n${PREPARE};\n${steps.join('\n')}COMMIT;\n`;
}

const PREPARE = `CREATE SCHEMA IF NOT EXISTS batch_upload;
CREATE TABLE IF NOT EXISTS batch_upload.schema_migrations (
  version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`;

/** @returns the version to which {@link migrate} brings a ledger. */
export async function latestVersion(): Promise<number> {
  return (await readMigrations()).at(-1)?.version ?? 0;
}

/** @returns the version of the database's ledger; 0 without a ledger. */
export async function ledgerVersion(client: ClientBase): Promise<number> {
  // to_regclass would answer from the session's cache, which does not learn from a wait for an advisory lock that another
  // session has made the ledger meanwhile.
  const table = await client.query<{ present: boolean }>(
    `SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = 'batch_upload' AND c.relname = 'schema_migrations') AS present`,
  );
  if (!table.rows[0]?.present) return 0;
  const version = await client.query<{ version: number }>(
    'SELECT coalesce(max(version), 0) AS version FROM batch_upload.schema_migrations',
  );
  return version.rows[0]?.version ?? 0;
}

/** @returns whether the database has a ledger, and whether this program's migrations are applied to it. */
export async function readLedgerState(client: ClientBase): Promise<'missing' | 'outdated' | 'current'> {
  const version = await ledgerVersion(client);
  if (version === 0) return 'missing';
  return version < (await latestVersion()) ? 'outdated' : 'current';
}

/**
 * Brings the ledger up to date in one transaction under an advisory lock. Does nothing when the ledger is up to date.
 * @returns the versions that were applied.
 * @throws Fault DB_MIGRATION (permanent) when the role may not create or change the schema.
 */
export async function migrate(client: ClientBase): Promise<number[]> {
  const migrations = await readMigrations();
  const latest = migrations.at(-1)?.version ?? 0;
  const before = await ledgerVersion(client);
  if (before >= latest) return [];
  await client.query('BEGIN');
  try {
    await client.query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK]);
    const current = await ledgerVersion(client);
    const missing = migrations.filter(({ version }) => version > current);
    if (current === 0) await client.query(PREPARE);
    for (const { version, name, sql } of missing) {
      await client.query(sql);
      await client.query('INSERT INTO batch_upload.schema_migrations (version, name) VALUES ($1, $2)', [version, name]);
    }
    await client.query('COMMIT');
    return missing.map(({ version }) => version);
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    if ((error as { code?: string }).code === '42501') {
      throw new Fault({
        code: 'DB_MIGRATION',
        category: 'permanent',
        reason: 'MigrationRequired',
        message: `The database role may not ${before === 0 ? 'create' : 'change'} the batch_upload schema. Have an administrator run the output of \`operator print-migrations${before === 0 ? '' : ` ${before}`}\`, or add the Secret batch-upload-migrate with the uri of a role that may: the operator uses it within five minutes.`,
        cause: error,
      });
    }
    throw error;
  }
}
