import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, vi } from 'vitest';
import { systemClock } from '#common/clock.ts';
import { Database } from '#ledger/client/database.ts';
import { APPLICATION_NAME, connectionConfig } from '#ledger/client/pool-connection.ts';
import { grantSql } from '#ledger/ledger-rights.ts';
import { createLedgerDatabase, withClient } from '#support/database/database.ts';
import { startPostgres } from '#support/database/postgres.ts';
import { createRecordingLog } from '#support/process/recording-log.ts';

it('no connection stays with the server that was left for the next one of the uri', async () => {
  await using postgres = await startPostgres({ settings: { fsync: 'off' }, listenAddresses: ['127.0.0.2'] });
  const { port } = postgres;
  const uri = `postgres://postgres:postgres@127.0.0.1:${port},127.0.0.2:${port}/postgres?sslmode=disable`;
  const config = connectionConfig({ uri, caCert: undefined, namespace: 'n' });
  const database = new Database({ config, clock: systemClock, log: createRecordingLog(), tickMs: 50 });
  const sessions = () =>
    withClient(postgres.url, async (client) => {
      const { rows } = await client.query<{ pid: number }>(
        'SELECT pid FROM pg_stat_activity WHERE application_name = $1',
        [APPLICATION_NAME],
      );
      return rows.map(({ pid }) => pid);
    });
  try {
    database.watch('00000000-0000-4000-8000-000000000000', () => undefined);
    await expect.poll(sessions, { timeout: 10_000 }).toHaveLength(1);
    const [before] = await sessions();
    const lost = database.run((client) => client.query('SELECT pg_terminate_backend(pg_backend_pid())'));
    await expect(lost).rejects.toThrow();
    // A visit that finds the database up again comes first and goes; the next tick leaves the old connection.
    const isReplaced = async () => {
      const pids = await sessions();
      return pids.length === 1 && pids[0] !== before;
    };
    await expect.poll(isReplaced, { timeout: 20_000 }).toBe(true);
  } finally {
    await database.close();
  }
});

it('a database that refuses new connections is down, although the connection of the polling lives', async () => {
  await using postgres = await startPostgres({ settings: { fsync: 'off' } });
  await withClient(postgres.url, (client) => client.query("CREATE ROLE app LOGIN PASSWORD 'app'"));
  const uri = postgres.url.replace('postgres:postgres@', 'app:app@');
  const config = connectionConfig({ uri, caCert: undefined, namespace: 'n' });
  const log = createRecordingLog();
  const database = new Database({ config, clock: systemClock, log, tickMs: 50 });
  const messages = () =>
    log.entries.map(({ message }) => message).filter((message) => message.startsWith('a database'));
  let notices = 0;
  const limit = (connections: number) =>
    withClient(postgres.url, (client) => client.query(`ALTER ROLE app CONNECTION LIMIT ${connections}`));
  try {
    database.watch('00000000-0000-4000-8000-000000000000', () => {
      notices += 1;
    });
    await expect.poll(() => notices, { timeout: 10_000 }).toBe(1);
    await limit(1);
    await expect(database.run((client) => client.query('SELECT 1'))).rejects.toMatchObject({ code: 'DB_53300' });
    await sleep(4_000);
    expect(database.fault?.code).toBe('DB_53300');
    expect({ notices, messages: messages() }).toEqual({ notices: 2, messages: ['a database cannot be used'] });
    await limit(-1);
    await expect.poll(() => database.fault, { timeout: 20_000 }).toBeNull();
    expect(messages()).toEqual(['a database cannot be used', 'a database can be used again']);
  } finally {
    await database.close();
  }
});

it('a poll that began before new connections were refused does not take the database for up', async () => {
  await using postgres = await startPostgres({ settings: { fsync: 'off' } });
  const url = await createLedgerDatabase(postgres);
  await withClient(url, (client) => client.query(`CREATE ROLE app LOGIN PASSWORD 'app'; ${grantSql('app')}`));
  const config = connectionConfig({
    uri: url.replace('postgres:postgres@', 'app:app@'),
    caCert: undefined,
    namespace: 'n',
  });
  const log = createRecordingLog();
  const database = new Database({ config, clock: systemClock, log, tickMs: 50 });
  const waiting = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE usename = 'app' AND wait_event_type = 'Lock'`;
  let notices = 0;
  try {
    await withClient(url, async (client) => {
      await client.query('BEGIN; LOCK TABLE batch_upload.batch_uploads');
      database.watch('00000000-0000-4000-8000-000000000000', () => {
        notices += 1;
      });
      // Within a transaction the view would stay as it was first read.
      const waiters = () => withClient(url, async (other) => (await other.query(waiting)).rows[0].n);
      await expect.poll(waiters, { timeout: 9_000 }).toBe(1);
      await withClient(url, (other) => other.query('ALTER ROLE app CONNECTION LIMIT 1'));
      await expect(database.run((c) => c.query('SELECT 1'))).rejects.toMatchObject({ code: 'DB_53300' });
      await client.query('COMMIT');
    });
    // The first row that was read is one notice, the fault the other one.
    await expect.poll(() => notices, { timeout: 10_000 }).toBe(2);
    expect(database.fault?.code).toBe('DB_53300');
    await withClient(url, (client) => client.query('ALTER ROLE app CONNECTION LIMIT -1'));
    await expect.poll(() => database.fault, { timeout: 20_000 }).toBeNull();
  } finally {
    await database.close();
  }
});

it('a connection that is reset while a statement runs fails the statement, and nothing else', async () => {
  await using postgres = await startPostgres({ settings: { fsync: 'off' } });
  const sockets: Socket[] = [];
  const proxy = createServer((client) => {
    const upstream = connect({ port: postgres.port, host: '127.0.0.1' });
    sockets.push(client);
    client.on('close', () => upstream.destroy()).pipe(upstream);
    upstream.on('error', () => undefined).pipe(client);
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const { port } = proxy.address() as AddressInfo;
  const uri = `postgres://postgres:postgres@127.0.0.1:${port}/postgres?sslmode=disable`;
  const config = connectionConfig({ uri, caCert: undefined, namespace: 'n' });
  const database = new Database({ config, clock: systemClock, log: createRecordingLog(), tickMs: 50 });
  try {
    const running = database.run((client) => client.query('SELECT pg_sleep(30)'));
    const isRunning = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE query ~ 'pg_sleep' AND wait_event = 'PgSleep'`;
    await expect
      .poll(() => withClient(postgres.url, async (client) => (await client.query(isRunning)).rows[0].n), {
        timeout: 10_000,
      })
      .toBe(1);
    for (const socket of sockets) socket.resetAndDestroy();
    await expect(running).rejects.toMatchObject({ code: 'DB_CONNECTION' });
  } finally {
    await database.close();
    proxy.close();
  }
});

it('timers that are always late do not hide a database that is held up', async () => {
  await using postgres = await startPostgres({ settings: { fsync: 'off' } });
  const config = connectionConfig({ uri: postgres.url, caCert: undefined, namespace: 'n' });
  const clock = { ...systemClock, monotonic: () => 1.8 * systemClock.monotonic() };
  const database = new Database({ config, clock, log: createRecordingLog(), tickMs: 50 });
  try {
    const hold = () => database.run((client) => client.query('SELECT pg_sleep(15)'));
    const held = Promise.all([hold(), hold()]);
    await expect(database.run((client) => client.query('SELECT 1'))).rejects.toMatchObject({ code: 'DB_BUSY' });
    await held;
  } finally {
    await database.close();
  }
});

it('a freeze of this process does not count as time in which the database is held up', async () => {
  await using postgres = await startPostgres({ settings: { fsync: 'off' } });
  const config = connectionConfig({ uri: postgres.url, caCert: undefined, namespace: 'n' });
  const database = new Database({ config, clock: systemClock, log: createRecordingLog(), tickMs: 50 });
  try {
    let begun = 0;
    const work = async (client: { query(text: string): Promise<unknown> }) => {
      await client.query('SELECT 1');
      begun += 1;
      for (let i = 0; i < 3; i += 1) await client.query('SELECT pg_sleep(0.05)');
    };
    const running = [database.run(work), database.run(work)];
    await vi.waitUntil(() => begun === 2, { timeout: 10_000, interval: 1 });
    const waiting = database.run(work);
    // The answers come meanwhile, and the time for which the third work waits for a connection ends.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3_500);
    await Promise.all([...running, waiting]);
    expect(database.busy).toBeNull();
  } finally {
    await database.close();
  }
});
