/**
 * spec.target.protect on real servers: a load waits for a replica whose replay is paused, keeps the WAL near its limit, and says
 * why; nothing is lost or loaded twice meanwhile.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { ProtectLimits } from '#common/job-contract.ts';
import { grantSql } from '#ledger/ledger-rights.ts';
import { migrate } from '#ledger/migrate.ts';
import { readProgress } from '#ledger/uploads/read-progress.ts';
import { checkProtect } from '#runner/protect/check-protect.ts';
import { eventuallyTrue } from '#support/cluster/e2e.ts';
import { createDatabase, createLedgerDatabase, withClient } from '#support/database/database.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import { makeTemplate, startReplication } from '#support/database/replication.ts';
import { type InProcessLoad, loadInProcess } from '#support/runner/load-in-process.ts';

const UPLOAD = '5a0f2a5e-4c5d-4f19-9f0c-6a4f5d6b7c8d';
const RECORDS = 4000;
const LAG: ProtectLimits = { maxReplicaLagSeconds: 1, maxWalBytesPerSecond: null };

const schema: RecordSchemaSpec = {
  fields: ['k', 'v'].map((name) => ({ name, type: 'string' })),
  fieldsMatch: 'equal',
  primaryKey: ['k'],
  target: {
    table: 'items',
    create: true,
    onDuplicate: 'Skip',
    columns: ['k', 'v'].map((name) => ({ name, field: name })),
  },
};

const fileOf = (records: number, valueBytes: number) =>
  ['k,v', ...Array.from({ length: records }, (_, i) => `k${i},${String(i).padEnd(valueBytes, 'x')}`)].join('\n');

/** A load of 4,000 records in about 40 groups, which takes some seconds. */
const slowLoad = (protect: ProtectLimits): InProcessLoad => ({
  id: UPLOAD,
  schema,
  key: 'f.csv',
  file: fileOf(RECORDS, 10),
  chunkRecords: 10,
  protect,
  beforeGroup: () => sleep(150),
});

const progressOf = (client: pg.Client) => readProgress(client, [UPLOAD]).then((all) => all.get(UPLOAD) ?? null);

const paceIs = (client: pg.Client, reason: string) =>
  eventuallyTrue(async () => (await progressOf(client))?.pace?.reason === reason, `the pace ${reason}`);

async function expectExact(client: pg.Client, result: Awaited<ReturnType<typeof loadInProcess>>, records: number) {
  expect(result).toMatchObject({
    refused: null,
    progress: { status: 'Complete', counts: { processed: records, succeeded: records, failed: 0, duplicate: 0 } },
  });
  const { rows } = await client.query('SELECT count(*)::int AS stored, count(DISTINCT k)::int AS keys FROM items');
  expect(rows).toEqual([{ stored: records, keys: records }]);
}

const notes = async (client: pg.Client) =>
  (await client.query('SELECT reason, noted_at IS NULL AS ended FROM batch_upload.batch_upload_paces')).rows;

describe('a replica', () => {
  let folder: string;
  let template: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'batch-upload-protect-'));
    template = await makeTemplate(join(folder, 'template'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('whose replay is paused holds the load, without a transaction, until it goes on', {
    timeout: 120_000,
  }, async () => {
    await using servers = await startReplication({ folder, template });
    const url = await createDatabase(servers.primary);
    await withClient(url, migrate);
    await servers.caughtUp();
    await withClient(url, async (client) => {
      const loading = loadInProcess(url, slowLoad(LAG));
      await eventuallyTrue(async () => ((await progressOf(client))?.chunksDone ?? 0) > 0, 'a chunk that is done');
      await withClient(servers.standby.url, (standby) => standby.query('SELECT pg_wal_replay_pause()'));
      await paceIs(client, 'ReplicaLag');
      const held = (await progressOf(client))!;
      expect(held.pace!.message).toMatch(/the replica walreceiver .*maxReplicaLagSeconds: 1/);
      expect(held.chunksDone).toBeGreaterThan(0);
      await sleep(3000);
      const still = (await progressOf(client))!;
      expect(still.pace).toMatchObject({ reason: 'ReplicaLag', since: held.pace!.since });
      // One group may have been under way when the note was written.
      expect(still.chunksDone).toBeLessThan(RECORDS / 10);
      expect((await progressOf(client))!.chunksDone).toBe(still.chunksDone);
      // The session that waits looks at the replicas now and then, and is active meanwhile.
      const sessions = async () =>
        (
          await client.query(
            `SELECT count(*)::int AS sessions, count(xact_start)::int AS transactions FROM pg_stat_activity
             WHERE application_name LIKE 'batch-upload/%' AND state <> 'active'`,
          )
        ).rows[0];
      await eventuallyTrue(async () => (await sessions()).sessions === 1, 'one session that waits');
      expect(await sessions()).toMatchObject({ transactions: 0 });
      await withClient(servers.standby.url, (standby) => standby.query('SELECT pg_wal_replay_resume()'));
      await expectExact(client, await loading, RECORDS);
      expect(await notes(client)).toEqual([{ reason: 'ReplicaLag', ended: true }]);
    });
  });
});

describe.each([14, 18] as const)('PostgreSQL %i', (version) => {
  let server: Postgres;
  beforeAll(async () => {
    server = await startPostgres({ version, settings: { fsync: 'off' } });
    await withClient(server.url, (client) => client.query("CREATE ROLE app LOGIN PASSWORD 'app'"));
  });
  afterAll(() => server.stop());

  const openDatabase = async () => {
    const url = await createLedgerDatabase(server);
    await withClient(url, (client) => client.query(`${grantSql('app')} GRANT CREATE ON SCHEMA public TO app`));
    return { url, app: url.replace(/\/\/[^@]*@/, '//app:app@') };
  };

  it('a role that sees no replica loads nothing until it has the right, and then says that there is none', async () => {
    const { url, app } = await openDatabase();
    await withClient(app, async (client) => {
      expect(await checkProtect(client, LAG)).toMatchObject({
        reason: 'ReplicaLagUnknown',
        message: expect.stringContaining('GRANT pg_monitor TO app;'),
      });
      expect(await checkProtect(client, { ...LAG, maxReplicaLagSeconds: null, maxWalBytesPerSecond: 1e6 })).toBeNull();
      expect(await checkProtect(client, null)).toBeNull();
    });
    await withClient(url, async (client) => {
      const loading = loadInProcess(app, slowLoad(LAG));
      await paceIs(client, 'ReplicaLagUnknown');
      expect((await progressOf(client))!.chunksDone).toBe(0);
      await client.query('GRANT pg_monitor TO app');
      await expectExact(client, await loading, RECORDS);
      expect(await notes(client)).toEqual([{ reason: 'NoReplicas', ended: true }]);
      await client.query('REVOKE pg_monitor FROM app');
    });
  });

  it('a function that the role may not call counts as a position that is not told', async () => {
    const { url, app } = await openDatabase();
    await withClient(url, (client) => client.query('REVOKE EXECUTE ON FUNCTION pg_current_wal_lsn() FROM PUBLIC'));
    const why = await withClient(app, (client) => checkProtect(client, { ...LAG, maxWalBytesPerSecond: 1e6 }));
    expect(why).toMatchObject({ reason: 'WalRateUnknown' });
  });

  it('the WAL of two pods stays near the limit on average', { timeout: 120_000 }, async () => {
    const { url } = await openDatabase();
    const bytesPerSecond = 2_000_000;
    const records = 40_000;
    await withClient(url, async (client) => {
      const written = async () =>
        (await client.query<{ at: number }>(`SELECT (pg_current_wal_lsn() - '0/0')::float8 AS at`)).rows[0]!.at;
      const before = await written();
      const since = performance.now();
      const loading = loadInProcess(url, {
        ...{ id: UPLOAD, schema, key: 'f.csv', file: fileOf(records, 400), chunkRecords: 100, pods: 2, sessions: 2 },
        protect: { maxReplicaLagSeconds: null, maxWalBytesPerSecond: bytesPerSecond },
      });
      await paceIs(client, 'WalRate');
      const result = await loading;
      const seconds = (performance.now() - since) / 1000;
      const bytes = (await written()) - before;
      await expectExact(client, result, records);
      expect(bytes).toBeGreaterThan(16_000_000);
      // The budget has a quarter of a second, and the last groups of a pod are waited for by nobody.
      expect(bytes / seconds).toBeLessThan(bytesPerSecond * 1.5);
    });
  });
});
