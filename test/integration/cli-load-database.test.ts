/** `batch-upload load` and a database that does not answer, goes away, or refuses. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitForLoad, whileHeld } from '#support/cli/load-ledger.ts';
import { startCommand } from '#support/cli/load-processes.ts';
import { createDatabase, withClient } from '#support/database/database.ts';
import { type Postgres, restartPostgres, startPostgres } from '#support/database/postgres.ts';

const RECORDS = 6000;
/** Longer than the first waits between two tries; OUTAGE_SECONDS=30 shows an outage of half a minute. */
const OUTAGE_MS = Number(process.env['OUTAGE_SECONDS'] ?? 10) * 1000;

const LIMIT_MS = 150_000;

let folder: string;
let postgres: Postgres;
let dataDir: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'batch-upload-database-'));
  dataDir = join(folder, 'server/data');
  postgres = await startPostgres({ dataDir });
  const columns = ['id', 'note'].map((name) => ({ name, field: name }));
  const schema = {
    fields: [{ name: 'id', type: 'integer' }, { name: 'note' }],
    primaryKey: ['id'],
    target: { table: 'notes', create: true, columns },
  };
  await writeFile(join(folder, 'notes.yaml'), JSON.stringify(schema));
  const lines = Array.from({ length: RECORDS }, (_, id) => `${id},note ${id}\n`);
  await writeFile(join(folder, 'notes.csv'), `id,note\n${lines.join('')}`);
});
afterAll(async () => {
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
});

const start = (url: string) =>
  startCommand(['load', 'notes.csv', '-s', 'notes.yaml', '-d', url, '--chunk-records', '10', '--namespace', 'n'], {
    cwd: folder,
    limitMs: LIMIT_MS,
  });
const rowsOf = (url: string) =>
  withClient(
    url,
    async (client) => (await client.query('SELECT count(*)::int AS n, sum(id)::int AS s FROM notes')).rows,
  );
const ALL = [{ n: RECORDS, s: (RECORDS * (RECORDS - 1)) / 2 }];

describe('an address where nothing answers ends with 2, since another call would not help', () => {
  async function expectRefused(url: string, message: RegExp): Promise<void> {
    const { code, stdout, stderr } = await start(url).done;
    expect({ code, stdout }, stderr).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/Secret| {4}at /);
  }

  it('a wrong port', () =>
    expectRefused(
      'postgres://u:p@127.0.0.1:1/d',
      /No PostgreSQL answers at 127\.0\.0\.1:1: nothing listens there\. Correct the host and the port/,
    ));

  it('a host that does not exist', () =>
    expectRefused('postgres://u:p@nowhere.invalid/d', /at nowhere\.invalid:5432: the name of the host/));

  it('another program', async () => {
    const server = createServer(
      (socket) =>
        void socket
          .on('error', () => undefined)
          .resume()
          .end('no PostgreSQL\n'),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await expectRefused(`postgres://u:p@127.0.0.1:${port}/d`, /by another program at this port/);
    await new Promise((resolve) => server.close(resolve));
  });

  it('a server without TLS, where TLS is asked for', async () => {
    const url = await createDatabase(postgres);
    await expectRefused(`${url}?sslmode=require`, /offers no TLS.*Remove sslmode/);
  });

  it('a storage that does not answer', async () => {
    const { code, stderr } = await startCommand(['load', 's3://bucket/key', '-s', 'notes.yaml', '-d', postgres.url], {
      cwd: folder,
      env: { AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:1', AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' },
    }).done;
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /No storage answers at http:\/\/127\.0\.0\.1:1: nothing listens there\. Check AWS_ENDPOINT_URL_S3/,
    );
  });
});

describe('the lock of a file', () => {
  const OF_LOAD = `SELECT l.pid, ((l.classid::bigint << 32) | l.objid::bigint)::text AS key
    FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE l.locktype = 'advisory' AND l.granted AND a.application_name = 'batch-upload/load'
      AND a.datname = current_database()`;
  const waitersFor = (key: string) => `SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
    AND ((classid::bigint << 32) | objid::bigint) = ${key}`;
  const lockOf = (url: string) => withClient(url, async (client) => (await client.query(OF_LOAD)).rows[0]);

  it('is taken again when its connection is lost', async () => {
    const url = await createDatabase(postgres);
    const { done } = await whileHeld({ url, start: () => start(url), commits: 2 }, async (running) => {
      const before = await lockOf(url);
      await withClient(url, (client) => client.query('SELECT pg_terminate_backend($1)', [before.pid]));
      const isBack = `SELECT count(*) > 0 AS yes FROM (${OF_LOAD}) AS l WHERE pid <> ${before.pid} AND key = '${before.key}'`;
      expect(await waitForLoad(url, isBack, running)).toBe(true);
      return running;
    });
    expect(await done).toMatchObject({ code: 0 });
    expect(await rowsOf(url)).toEqual(ALL);
  });

  it('that another process has taken meanwhile ends the load, which goes on later', async () => {
    const url = await createDatabase(postgres);
    await whileHeld({ url, start: () => start(url), commits: 2 }, async (running) => {
      const { pid, key } = await lockOf(url);
      await withClient(url, async (client) => {
        // The other process waits for the lock, so that it is the next to have it.
        const waiting = client.query('SELECT pg_advisory_lock($1::bigint)', [key]);
        expect(await waitForLoad(url, `SELECT count(*) > 0 AS yes FROM (${waitersFor(key)}) AS w`, running)).toBe(true);
        await withClient(url, (other) => other.query('SELECT pg_terminate_backend($1)', [pid]));
        await waiting;
        const { code, stderr } = await running.done;
        expect({ code, stderr }).toEqual({
          code: 2,
          stderr: expect.stringMatching(/Another process loads notes\.csv into notes at this moment/),
        });
      });
    });
    expect((await start(url).done).code).toBe(0);
    expect(await rowsOf(url)).toEqual(ALL);
  });
});

describe('a database that goes away in the middle', { timeout: 180_000 }, () => {
  async function whileAway(work: () => Promise<void>): Promise<void> {
    const { port } = postgres;
    await postgres.stop();
    await work();
    postgres = await restartPostgres({ dataDir, port });
  }

  it('is waited for', async () => {
    const url = await createDatabase(postgres);
    const { done } = await whileHeld({ url, start: () => start(url), commits: 5 }, async (running) => {
      await whileAway(async () => void (await sleep(OUTAGE_MS)));
      return running;
    });
    const { code, stderr } = await done;
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('trying again') });
    expect(await rowsOf(url)).toEqual(ALL);
  });

  it('and Ctrl-C ends the wait: the same call goes on', async () => {
    const url = await createDatabase(postgres);
    await whileHeld({ url, start: () => start(url), commits: 5 }, (running) =>
      whileAway(async () => {
        await running.said('trying again');
        running.process.kill('SIGINT');
        const { code, stderr } = await running.done;
        expect({ code, stderr }).toEqual({ code: 75, stderr: expect.stringContaining('The load was interrupted.') });
      }),
    );
    expect((await start(url).done).code).toBe(0);
    expect(await rowsOf(url)).toEqual(ALL);
  });
});
