/** The operator, the bridge and `batch-upload load` follow a database cluster to its new primary, without a new start. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { findCondition } from '#api/conditions.ts';
import type { BatchUpload, UploadSource } from '#kube/custom-resources.ts';
import { beginChunks, commitChunks } from '#ledger/chunks/chunks.ts';
import { migrate } from '#ledger/migrate.ts';
import { commitPlan } from '#ledger/uploads/commit-plan.ts';
import { startBridgeBench } from '#support/bridge/bridge.ts';
import { NAMESPACE, testSource } from '#support/bridge/upload-source.ts';
import { waitForLoad, whileHeld } from '#support/cli/load-ledger.ts';
import { startCommand } from '#support/cli/load-processes.ts';
import { startController } from '#support/cluster/controller.ts';
import { createDatabase, withClient } from '#support/database/database.ts';
import { testPlan } from '#support/database/ledger.ts';
import { startPostgres } from '#support/database/postgres.ts';
import { makeTemplate, type Replication, startReplication } from '#support/database/replication.ts';
import { startSwitchingProxy } from '#support/network/switching-proxy.ts';
import { startS3Server } from '#support/storage/s3-server.ts';

const READ_ONLY = /SQLSTATE 25006.*takes no writes: a switchover is under way.*by itself/;

let root: string;
let template: string;
let folder: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'batch-upload-promotion-'));
  template = await makeTemplate(join(root, 'template'));
});
afterAll(() => rm(root, { recursive: true, force: true }));
beforeEach(async () => {
  folder = await mkdtemp(join(root, 'servers-'));
});

const until = (what: () => unknown, timeout = 30_000) =>
  expect.poll(async () => Boolean(await what()), { timeout, interval: 50 }).toBe(true);

/** Lets every session of the server take no writes from its next transaction on, as a server that is being demoted. */
async function setReadOnly(url: string, isReadOnly: boolean): Promise<void> {
  await withClient(url, async (client) => {
    await client.query(`ALTER SYSTEM SET default_transaction_read_only = ${isReadOnly ? 'on' : 'off'}`);
    await client.query('SELECT pg_reload_conf()');
  });
}

/** Commits the only chunk of an upload, as its pod would. */
async function commitChunk(url: string, id: string): Promise<void> {
  const counts = { records: 1, succeeded: 1, updated: 0, failed: 0, duplicate: 0 };
  const [chunk] = testPlan(id).chunks;
  await withClient(url, async (client) => {
    await client.query('SET default_transaction_read_only = off');
    await commitPlan(client, { id, attempt: 1 }, testPlan(id));
    await beginChunks(client, { id, attempt: 1, chunks: [{ number: 0, ...chunk! }] });
    await commitChunks(client, id, [{ number: 0, ...counts, durationMs: 1, codes: [], metadata: {} }]);
  });
}

/** Makes a database with a ledger, of which the standby gets nothing more from now on. @returns the uri of the primary */
async function createDatabaseThenLose(servers: Awaited<ReturnType<typeof startReplication>>): Promise<string> {
  const url = await createDatabase(servers.primary);
  await withClient(url, migrate);
  await servers.caughtUp();
  servers.loseWal();
  return url;
}

describe('the operator', () => {
  it('says that the primary takes no writes, and ends the upload when it does again', async () => {
    await using server = await startPostgres({ settings: { fsync: 'off' } });
    const url = await createDatabase(server);
    await using bench = await startController({ databases: { one: url } });
    // The others only need to be read, which the server still allows.
    const names = ['u', 'a', 'b', 'c', 'd', 'e'];
    for (const name of names) bench.upload('one', name);
    await until(() => names.every((name) => bench.status('one', name)?.phase === 'Planning'));
    await setReadOnly(server.url, true);
    await commitChunk(url, bench.api.get('batchuploads', 'one', 'u')!.metadata!.uid!);
    const degraded = () => findCondition(bench.status('one', 'u'), 'Degraded');
    await until(() => degraded()?.status === 'True');
    expect(degraded()).toMatchObject({ reason: 'DatabaseUnavailable', message: expect.stringMatching(READ_ONLY) });
    const written = () => bench.api.requests.filter(({ subresource }) => subresource === 'status').length;
    const before = written();
    await new Promise((resolve) => setTimeout(resolve, 6_000));
    expect(written() - before).toBeLessThanOrEqual(names.length);
    expect(bench.log.entries.filter(({ message }) => message === 'a database cannot be used')).toHaveLength(1);
    await setReadOnly(server.url, false);
    await until(() => bench.status('one', 'u')?.phase === 'Complete');
    expect(degraded()?.status).toBe('False');
  });

  it('commits do not wait, and an upload that was accepted is lost: it is accepted again', async () => {
    await using servers = await startReplication({ folder, template });
    const url = await createDatabaseThenLose(servers);
    await using bench = await startController({ databases: { one: servers.both(url) } });
    bench.upload('one', 'u');
    await until(() => bench.status('one', 'u')?.phase === 'Planning');
    await servers.killPrimary();
    await servers.promote();
    const count = 'SELECT count(*)::int AS n FROM batch_upload.batch_uploads';
    await until(() =>
      withClient(servers.onStandby(url), async (client) => (await client.query(count)).rows[0].n === 1),
    );
    await until(() => findCondition(bench.status('one', 'u'), 'Degraded')?.status === 'False');
    expect(bench.status('one', 'u')?.phase).toBe('Planning');
  });

  it('an upload is accepted again also where the address of the only host leads to the standby before its promotion', async () => {
    await using servers = await startReplication({ folder, template });
    const url = await createDatabaseThenLose(servers);
    await using proxy = await startSwitchingProxy(servers.primary.port);
    await using bench = await startController({
      databases: { one: url.replace(/@[^/]*/, `@127.0.0.1:${proxy.port}`) },
    });
    const degraded = () => findCondition(bench.status('one', 'u'), 'Degraded');
    bench.upload('one', 'u');
    await until(() => bench.status('one', 'u')?.phase === 'Planning');
    await servers.killPrimary();
    await until(() => degraded()?.status === 'True');
    proxy.switchTo(servers.standby.port);
    await until(() => bench.log.entries.some(({ message }) => message === 'a database can be used again'));
    await until(() => degraded()?.reason === 'LedgerRowMissing');
    await servers.promote();
    const count = 'SELECT count(*)::int AS n FROM batch_upload.batch_uploads';
    await until(() =>
      withClient(servers.onStandby(url), async (client) => (await client.query(count)).rows[0].n === 1),
    );
    await until(() => degraded()?.status === 'False');
    expect(bench.status('one', 'u')?.phase).toBe('Planning');
  });

  it('commits do not wait, and the end of an upload is lost: the upload goes on, and ends again', async () => {
    await using servers = await startReplication({ folder, template });
    const url = await createDatabase(servers.primary);
    const env = { BATCH_UPLOAD_SWEEP_SECONDS: '1' };
    await using bench = await startController({ databases: { one: servers.both(url) }, env });
    bench.upload('one', 'u');
    const phaseIs = (phase: string) => until(() => bench.status('one', 'u')?.phase === phase);
    await phaseIs('Planning');
    await servers.caughtUp();
    servers.loseWal();
    const { uid = '' } = bench.api.get('batchuploads', 'one', 'u')!.metadata!;
    await commitChunk(url, uid);
    await phaseIs('Complete');
    await servers.killPrimary();
    await servers.promote();
    await phaseIs('Planning');
    expect(findCondition(bench.status('one', 'u'), 'Complete')?.status).toBe('False');
    await commitChunk(servers.onStandby(url), uid);
    await phaseIs('Complete');
  });

  it('says that the primary is away, and goes on with the new one', async () => {
    await using servers = await startReplication({ folder, template, synchronous: 'on' });
    const url = await createDatabase(servers.primary);
    await using bench = await startController({ databases: { one: servers.both(url) } });
    const conditionOf = (name: string, type: 'Accepted' | 'Degraded') => findCondition(bench.status('one', name), type);
    bench.upload('one', 'running');
    await until(() => bench.status('one', 'running')?.phase === 'Planning');
    await servers.killPrimary();
    await until(() => conditionOf('running', 'Degraded')?.reason === 'DatabaseUnavailable');
    bench.upload('one', 'waiting');
    await until(() => conditionOf('waiting', 'Accepted')?.reason === 'DatabaseUnavailable');
    await until(() => READ_ONLY.test(conditionOf('waiting', 'Accepted')!.message));
    await servers.promote();
    await until(() => conditionOf('running', 'Degraded')?.status === 'False');
    await until(() => bench.status('one', 'waiting')?.phase === 'Planning');
    const job = bench.api.all('jobs').find(({ metadata }) => metadata?.ownerReferences?.[0]?.name === 'running');
    const conditions = [{ type: 'Failed', status: 'True', reason: 'PodFailurePolicy', message: 'exit code 2' }];
    bench.api.put('jobs', { ...job, status: { conditions } });
    await until(() => bench.status('one', 'running')?.phase === 'Failed');
    const { rows } = await withClient(servers.onStandby(url), (client) =>
      client.query('SELECT name, status FROM batch_upload.batch_uploads ORDER BY name'),
    );
    expect(rows).toEqual([
      { name: 'running', status: 'Failed' },
      { name: 'waiting', status: 'Planning' },
    ]);
  });
});

it('the bridge makes one upload of each file, also of one that came while no server took writes', async () => {
  await using servers = await startReplication({ folder, template, synchronous: 'on' });
  await using storage = await startS3Server({ versioning: true });
  await using bench = await startBridgeBench({ postgres: servers.primary, storage });
  bench.secret('batch-upload-database', { uri: servers.both(bench.databaseUrl) });
  const uploads = () => bench.api.all('batchuploads') as unknown as BatchUpload[];
  const ready = () => {
    const source = bench.api.get('uploadsources', NAMESPACE, 'orders') as UploadSource | undefined;
    return source?.status?.conditions?.find(({ type }) => type === 'Ready');
  };
  await bench.bucket('inbox');
  await bench.put('inbox', 'in/a.csv');
  const poll = { s3Poll: { intervalSeconds: 0.2 } };
  bench.api.put('uploadsources', testSource('orders', { s3: { bucket: 'inbox', prefix: 'in/' }, ...poll }));
  bench.start();
  await until(() => uploads().length === 1 && ready()?.status === 'True');
  await servers.killPrimary();
  await bench.put('inbox', 'in/b.csv');
  await until(() => ready()?.reason === 'DatabaseUnavailable');
  await servers.promote();
  await until(() => uploads().length === 2 && ready()?.status === 'True');
  const arrivals = async () => {
    const { rows } = await withClient(servers.onStandby(bench.databaseUrl), (client) =>
      client.query('SELECT key FROM batch_upload.batch_upload_arrivals ORDER BY key'),
    );
    return rows;
  };
  // An upload is created before its arrival is recorded.
  await until(async () => (await arrivals()).length >= 2);
  expect(await arrivals()).toEqual([{ key: 'in/a.csv' }, { key: 'in/b.csv' }]);
});

it('the bridge waits while the primary takes no writes', async () => {
  await using server = await startPostgres({ settings: { fsync: 'off' } });
  await using storage = await startS3Server({ versioning: true });
  await using bench = await startBridgeBench({ postgres: server, storage });
  const ready = () => {
    const source = bench.api.get('uploadsources', NAMESPACE, 'orders') as UploadSource | undefined;
    return source?.status?.conditions?.find(({ type }) => type === 'Ready');
  };
  await bench.bucket('inbox');
  const poll = { s3Poll: { intervalSeconds: 0.2 } };
  bench.api.put('uploadsources', testSource('orders', { s3: { bucket: 'inbox', prefix: 'in/' }, ...poll }));
  bench.start();
  await until(() => ready()?.status === 'True');
  await setReadOnly(server.url, true);
  await bench.put('inbox', 'in/a.csv');
  await until(() => ready()?.status === 'False');
  expect(ready()).toMatchObject({ reason: 'DatabaseUnavailable', message: expect.stringMatching(READ_ONLY) });
  await setReadOnly(server.url, false);
  await until(() => bench.api.all('batchuploads').length === 1 && ready()?.status === 'True');
});

describe('batch-upload load', () => {
  const RECORDS = 6000;
  const HELD = `SELECT count(*) > 0 AS yes FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ '"notes"'`;

  /** A table of its own: a held lock on the table stops the load before its first commit. */
  async function prepare(servers: Replication): Promise<string> {
    const url = await createDatabase(servers.primary);
    await withClient(url, migrate);
    await withClient(url, (client) => client.query('CREATE TABLE notes (id integer PRIMARY KEY, note text)'));
    const columns = ['id', 'note'].map((name) => ({ name, field: name }));
    const fields = [{ name: 'id', type: 'integer' }, { name: 'note' }];
    const schema = { fields, primaryKey: ['id'], target: { table: 'notes', columns } };
    await writeFile(join(folder, 'notes.yaml'), JSON.stringify(schema));
    const lines = Array.from({ length: RECORDS }, (_, id) => `${id},note ${id}\n`);
    await writeFile(join(folder, 'notes.csv'), `id,note\n${lines.join('')}`);
    await servers.caughtUp();
    return url;
  }

  const start = (servers: Replication, url: string) =>
    startCommand(
      ['load', 'notes.csv', '-s', 'notes.yaml', '-d', servers.both(url), '--chunk-records', '10', '--namespace', 'n'],
      { cwd: folder },
    );

  async function expectAll(url: string): Promise<void> {
    const text = `SELECT (SELECT count(*)::int FROM notes) AS rows, status, succeeded_records::int AS succeeded
      FROM batch_upload.batch_uploads`;
    const { rows } = await withClient(url, (client) => client.query(text));
    expect(rows).toEqual([{ rows: RECORDS, status: 'Complete', succeeded: RECORDS }]);
  }

  it('commits wait for the standby: the load goes on with the new primary', async () => {
    await using servers = await startReplication({ folder, template, synchronous: 'on' });
    const url = await prepare(servers);
    const { done } = await whileHeld({ url, start: () => start(servers, url), commits: 2 }, async (running) => {
      await servers.killPrimary();
      await servers.promote();
      return running;
    });
    const { code, stderr } = await done;
    expect({ code }, stderr).toEqual({ code: 0 });
    await expectAll(servers.onStandby(url));
  });

  it('waits while the primary takes no writes', async () => {
    await using servers = await startReplication({ folder, template });
    const url = await prepare(servers);
    const { done } = await whileHeld({ url, start: () => start(servers, url), commits: 2 }, async (running) => {
      await setReadOnly(servers.primary.url, true);
      return running;
    });
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    await setReadOnly(servers.primary.url, false);
    const { code, stderr } = await done;
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('DB_25006') });
    await expectAll(url);
  });

  it('commits do not wait, and the plan is lost: the load plans again', async () => {
    await using servers = await startReplication({ folder, template });
    const url = await prepare(servers);
    await withClient(url, async (holder) => {
      holder.on('error', () => undefined);
      await holder.query('BEGIN; LOCK TABLE batch_upload.batch_upload_chunks IN SHARE MODE');
      const running = start(servers, url);
      const isWritten = `SELECT count(*) > 0 AS yes FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ 'batch_upload_chunks'`;
      expect(await waitForLoad(url, isWritten, running)).toBe(true);
      await servers.caughtUp();
      servers.loseWal();
      await holder.query('ROLLBACK; BEGIN; LOCK TABLE notes IN SHARE MODE');
      expect(await waitForLoad(url, HELD, running)).toBe(true);
      await servers.killPrimary();
      await servers.promote();
      const { code, stderr } = await running.done;
      expect({ code }, stderr).toEqual({ code: 0 });
      expect(stderr).toContain('The database has lost what was committed last');
    });
    await expectAll(servers.onStandby(url));
  });

  it('commits do not wait, and the load itself is lost: it says so, and the next call loads all', async () => {
    await using servers = await startReplication({ folder, template });
    const url = await prepare(servers);
    servers.loseWal();
    await withClient(url, async (holder) => {
      holder.on('error', () => undefined);
      await holder.query('BEGIN; LOCK TABLE notes IN SHARE MODE');
      const running = start(servers, url);
      expect(await waitForLoad(url, HELD, running)).toBe(true);
      await servers.killPrimary();
      await servers.promote();
      const { code, stderr } = await running.done;
      expect({ code, stderr }).toEqual({
        code: 75,
        stderr: expect.stringMatching(/The ledger has lost this load.*Call the same command again/),
      });
    });
    expect((await start(servers, url).done).code).toBe(0);
    await expectAll(servers.onStandby(url));
  });

  it('none of the servers of the uri answers: each is named', async () => {
    await writeFile(
      join(folder, 'notes.yaml'),
      JSON.stringify({ fields: [{ name: 'id' }], target: { table: 'notes', columns: [{ name: 'id', field: 'id' }] } }),
    );
    await writeFile(join(folder, 'notes.csv'), 'id\n1\n');
    const uri = 'postgres://u:p@127.0.0.1:1,127.0.0.1:2/d';
    const { code, stderr } = await startCommand(['load', 'notes.csv', '-s', 'notes.yaml', '-d', uri], { cwd: folder })
      .done;
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining('No PostgreSQL answers at 127.0.0.1:1 or 127.0.0.1:2'),
    });
  });
});
