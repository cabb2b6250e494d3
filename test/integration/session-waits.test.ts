/**
 * What the database holds the pods of an upload up with stands in the upload's status. The tests run side by side, since the operator
 * waits for a while before it looks.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { expect, it } from 'vitest';
import { findCondition } from '#api/conditions.ts';
import { findWaits } from '#ledger/uploads/find-waits.ts';
import { type ControllerBench, startController } from '#support/cluster/controller.ts';
import { createDatabase } from '#support/database/database.ts';
import { restartPostgres, startPostgres } from '#support/database/postgres.ts';
import { makeTemplate, startReplication } from '#support/database/replication.ts';
import { eventually } from '#support/process/eventually.ts';

const until = (what: () => unknown, timeout = 60_000) =>
  eventually(String(what), async () => Boolean(await what()), timeout);

/** Starts an upload whose Job has a pod, and a session with the name of that pod's. */
async function startUpload(bench: ControllerBench, url: string) {
  bench.upload('one', 'u');
  await until(() => bench.api.all('jobs').length === 1);
  bench.api.put('jobs', { ...bench.api.all('jobs')[0], status: { active: 1 } });
  await until(() => bench.status('one', 'u')?.phase === 'Planning');
  const { uid } = bench.api.get('batchuploads', 'one', 'u')!.metadata!;
  const session = async (name: string) => {
    const client = new pg.Client({ connectionString: url, application_name: name });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };
  return {
    degraded: () => findCondition(bench.status('one', 'u'), 'Degraded'),
    pod: `batch-upload/${uid}/plan`,
    session,
  };
}

it.concurrent('a lock of another session: its pid, role and name are said', { timeout: 120_000 }, async () => {
  await using server = await startPostgres({ settings: { fsync: 'off' } });
  const url = await createDatabase(server);
  await using bench = await startController({ databases: { one: url } });
  const { degraded, pod: name, session } = await startUpload(bench, url);
  const holder = await session('report');
  await holder.query('BEGIN; LOCK TABLE items IN SHARE MODE');
  const pods = [await session(name), await session(name)];
  const waiting = pods.map((pod) => pod.query('BEGIN; LOCK TABLE items IN ROW EXCLUSIVE MODE').catch(() => undefined));
  await until(() => degraded()?.reason === 'SessionsWaiting');
  const { pid } = (await holder.query('SELECT pg_backend_pid() AS pid')).rows[0];
  expect(degraded()?.message).toBe(
    `The pods wait for locks in the database that other sessions hold: ${pid} (role postgres, application report). Let them commit, or end them: SELECT pg_terminate_backend(${pid}). The upload then goes on by itself.`,
  );
  await holder.end();
  await until(() => degraded()?.status === 'False');
  await Promise.all([...waiting, ...pods.map((pod) => pod.end())]);
});

it.concurrent.each([14, 18] as const)(
  'a lock of a prepared transaction of PostgreSQL %i: its name, role and time are said, and what to run',
  { timeout: 120_000 },
  async (version) => {
    await using server = await startPostgres({ version, settings: { fsync: 'off', max_prepared_transactions: 5 } });
    const url = await createDatabase(server);
    await using bench = await startController({ databases: { one: url } });
    const { degraded, pod: name, session } = await startUpload(bench, url);
    const other = await session('other');
    await other.query("BEGIN; LOCK TABLE items IN SHARE MODE; PREPARE TRANSACTION 'it''s stuck'");
    // A lock that conflicts with nothing that the pods want is no reason to end a transaction.
    await other.query("BEGIN; LOCK TABLE items IN ACCESS SHARE MODE; PREPARE TRANSACTION 'harmless'");
    const pod = await session(name);
    const waiting = pod.query('BEGIN; LOCK TABLE items IN ROW EXCLUSIVE MODE').catch(() => undefined);
    await until(() => degraded()?.reason === 'SessionsWaiting');
    expect(degraded()?.message).toMatch(
      /prepared transactions hold, which no session ends: 'it''s stuck' \(role postgres, prepared \d{4}-\d\d-\d\dT[\d:]+Z\)\. Finish .* ROLLBACK PREPARED 'it''s stuck'\. The upload/,
    );
    expect(degraded()?.message).not.toContain('harmless');
    await other.query("ROLLBACK PREPARED 'it''s stuck'");
    await until(() => degraded()?.status === 'False');
    await other.query("ROLLBACK PREPARED 'harmless'");
    await Promise.all([waiting, pod.end(), other.end()]);
  },
);

it.concurrent('a prepared transaction is found by a row of it, before and after a restart', {
  timeout: 120_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'batch-upload-prepared-'));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const options = { dataDir: join(folder, 'data'), settings: { max_prepared_transactions: 5 } };
  let server = await startPostgres(options);
  const url = await createDatabase(server);
  const id = '3f6c1d2e-8a4b-4c5d-9e7f-0123456789ab';
  const open = async (application_name: string) => {
    const client = new pg.Client({ connectionString: url, application_name });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };
  const first = await open('other');
  await first.query('CREATE TABLE t (k int PRIMARY KEY)');
  await first.query("BEGIN; SAVEPOINT s; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'row'");
  await first.end();
  for (const isRestarted of [false, true]) {
    if (isRestarted) {
      const { port } = server;
      await server.stop();
      server = await restartPostgres({ ...options, port });
    }
    const [other, pod] = await Promise.all([open('other'), open(`batch-upload/${id}/process-0`)]);
    const waiting = pod.query('INSERT INTO t VALUES (1)').catch(() => undefined);
    expect(await findWaits(other, id)).toEqual([]);
    await until(async () => (await findWaits(other, id)).length > 0);
    expect(await findWaits(other, id)).toMatchObject([{ on: 'prepared', gid: "'row'", role: 'postgres' }]);
    await other.query('SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name LIKE $1', [
      `%${id}%`,
    ]);
    await waiting;
    await Promise.all([other.end(), pod.end()]);
  }
  await server.stop();
});

it.concurrent('a synchronous standby that is away: said, and what to do', { timeout: 120_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'batch-upload-waits-'));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const template = await makeTemplate(join(folder, 'template'));
  const servers = stack.use(await startReplication({ folder, template, synchronous: 'on' }));
  const url = await createDatabase(servers.primary);
  await using bench = await startController({ databases: { one: url } });
  const { degraded, pod: name, session } = await startUpload(bench, url);
  servers.loseWal();
  const pod = await session(name);
  const commit = pod.query('CREATE TABLE t ()').catch(() => undefined);
  await until(() => degraded()?.reason === 'SessionsWaiting');
  expect(degraded()?.message).toMatch(/wait for a synchronous standby that does not answer. Start the standby/);
  await servers.killPrimary();
  await Promise.all([commit, pod.end()]);
});
