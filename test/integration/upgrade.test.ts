/** A ledger of the first version, with uploads in it, is brought up to date. */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '#common/clock.ts';
import { Database } from '#ledger/client/database.ts';
import { connectionConfig, isLedgerOutdated } from '#ledger/client/pool-connection.ts';
import { latestVersion, ledgerVersion, migrate, migrationScript, readMigrations } from '#ledger/migrate.ts';
import { commitPlan } from '#ledger/uploads/commit-plan.ts';
import { completeUpload } from '#ledger/uploads/finish-upload.ts';
import { prepareLedger } from '#operator/tenancy/prepare-ledger.ts';
import { createDatabase, withClient } from '#support/database/database.ts';
import { openTestUpload, testPlan } from '#support/database/ledger.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import { createRecordingLog } from '#support/process/recording-log.ts';

const FIRST = new URL('../../ledger/migrations/001-ledger.sql', import.meta.url);

describe.each([14, 18] as const)('PostgreSQL %i', (version) => {
  let server: Postgres;
  let url: string;
  beforeAll(async () => {
    server = await startPostgres({ version, settings: { fsync: 'off' } });
    await withClient(server.url, (client) => client.query("CREATE ROLE app LOGIN PASSWORD 'app'"));
  });
  afterAll(() => server.stop());

  /** Makes two complete uploads of one content and a running one, as the first version left them. */
  beforeEach(async () => {
    url = await createDatabase(server);
    await withClient(url, async (client) => {
      await client.query(`CREATE SCHEMA batch_upload; CREATE TABLE batch_upload.schema_migrations (
        version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`);
      await client.query(await readFile(FIRST, 'utf8'));
      await client.query("INSERT INTO batch_upload.schema_migrations VALUES (1, 'ledger')");
      for (const [digest, status] of [
        ['a', 'Complete'],
        ['a', 'Complete'],
        ['b', 'Processing'],
      ]) {
        const id = await openTestUpload(client);
        await client.query(
          `INSERT INTO batch_upload.batch_upload_audit_logs (batch_upload_id, event_type, chunk_number, records_in_chunk,
             succeeded_count, failed_count, duplicate_count) VALUES ($1, 'chunk_completed', 0, 1, 1, 0, 0)`,
          [id],
        );
        await client.query(
          `UPDATE batch_upload.batch_uploads SET status = $2, digest = $3, size_bytes = 1, planned_at = now(),
             total_records = 1, total_chunks = 1, total_indexes = 1, processed_records = 1 WHERE id = $1`,
          [id, status, digest],
        );
      }
    });
  });

  const plan = (digest: string) =>
    withClient(url, async (client) => {
      const id = await openTestUpload(client);
      await commitPlan(client, { id, attempt: 1 }, testPlan(digest));
      const { rows } = await client.query('SELECT status FROM batch_upload.batch_uploads WHERE id = $1', [id]);
      return rows[0].status;
    });

  it('what it had loaded counts as loaded, what ran goes on', async () => {
    await withClient(url, migrate);
    expect(await plan('a')).toBe('Complete');
    expect(await plan('b')).toBe('Queued');
    const { rows } = await withClient(url, (client) =>
      client.query(`SELECT id FROM batch_upload.batch_uploads WHERE status = 'Processing'`),
    );
    expect(await withClient(url, (client) => completeUpload(client, rows[0].id))).toBe('Complete');
  });

  it('the operator finds that it is old, also while an upload runs, and migrates it', async () => {
    const config = connectionConfig({ uri: url, caCert: undefined, namespace: 'n' });
    const database = new Database({ config, tickMs: 1000, clock: systemClock, log: createRecordingLog() });
    try {
      const id = (await withClient(url, (client) => client.query('SELECT id FROM batch_upload.batch_uploads'))).rows[0]
        .id;
      expect(isLedgerOutdated(await database.read(id).catch((error) => error))).toBe(true);
      expect(await prepareLedger({ database, findMigrator: async () => null })).toBeNull();
      expect((await database.read(id)).row).toMatchObject({ counts: { processed: 1, succeeded: 1, updated: 0 } });
    } finally {
      await database.close();
    }
  });

  it('also the last migration alone is found missing', async () => {
    await withClient(url, async (client) => {
      await migrate(client);
      await client.query('DELETE FROM batch_upload.schema_migrations WHERE version = $1', [await latestVersion()]);
    });
    const config = connectionConfig({ uri: url, caCert: undefined, namespace: 'n' });
    const database = new Database({ config, tickMs: 1000, clock: systemClock, log: createRecordingLog() });
    const read = database.read('00000000-0000-4000-8000-000000000000').finally(() => database.close());
    expect(isLedgerOutdated(await read.catch((error) => error))).toBe(true);
  });

  it('a role that may use the ledger may use the table of pending records', async () => {
    await withClient(url, async (client) => {
      for (const { version, name, sql } of await readMigrations()) {
        if (version === 1) continue;
        if (name === 'pending-records') break;
        await client.query(sql);
        await client.query('INSERT INTO batch_upload.schema_migrations VALUES ($1, $2)', [version, name]);
      }
      await client.query('GRANT DELETE ON batch_upload.batch_upload_keys TO app');
      expect(await migrate(client)).not.toEqual([]);
      const rights = ['SELECT', 'INSERT', 'UPDATE', 'DELETE'].map(
        (right) => `has_table_privilege('app', 'batch_upload.batch_upload_pending_records', '${right}')`,
      );
      expect((await client.query(`SELECT ${rights.join(' AND ')} AS has`)).rows).toEqual([{ has: true }]);
    });
  });

  it('a role that may not gets a message with the version; the SQL since then is enough', async () => {
    const app = url.replace('postgres:postgres@', 'app:app@');
    await withClient(url, (client) =>
      client.query(
        'GRANT USAGE ON SCHEMA batch_upload TO app; GRANT SELECT ON ALL TABLES IN SCHEMA batch_upload TO app',
      ),
    );
    await expect(withClient(app, migrate)).rejects.toMatchObject({
      code: 'DB_MIGRATION',
      message: expect.stringContaining('`operator print-migrations 1`'),
    });
    await withClient(url, async (client) => client.query(await migrationScript(1)));
    expect(await withClient(app, migrate)).toEqual([]);
    expect(await withClient(app, ledgerVersion)).toBeGreaterThan(1);
  });
});
