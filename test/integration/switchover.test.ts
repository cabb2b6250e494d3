/**
 * The primary of a database cluster changes in the middle of an upload. Counts and rows stay the same, and every chunk is
 * committed once.
 */
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { eventuallyTrue } from '#support/cluster/e2e.ts';
import { withClient } from '#support/database/database.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import { DATABASE_FAULT, linesOf, openFaultyUpload, withBrakes } from '#support/kills/fault-tests.ts';
import { startSwitchingProxy } from '#support/network/switching-proxy.ts';
import { findFreePort } from '#support/process/server-process.ts';
import { startRunnerBench } from '#support/runner/runner.ts';

/** 20 000 shows what the docs say; a run of all tests takes less. */
const READ_ONLY_MS = Number(process.env['READ_ONLY_MS'] ?? 3000);

it('the primary takes no writes for some seconds', { timeout: 240_000 }, async () => {
  await using bench = await startRunnerBench();
  const upload = await openFaultyUpload(bench, { duplicates: 0 });
  await upload.plan();
  await withBrakes(upload.url, async (brakes, db) => {
    const brake = await brakes.beforeCommit(upload.id, 7);
    const pod = upload.start('process', {});
    await brake.reached();
    await db.query('ALTER SYSTEM SET default_transaction_read_only = on');
    await db.query('SET default_transaction_read_only = off');
    await db.query('SELECT pg_reload_conf()');
    await brake.release();
    expect(await pod.logged(DATABASE_FAULT)).toMatchObject({ code: 'DB_25006' });
    await new Promise((resolve) => setTimeout(resolve, READ_ONLY_MS));
    await db.query('ALTER SYSTEM RESET default_transaction_read_only');
    await db.query('SELECT pg_reload_conf()');
    const result = await pod.done;
    expect(result.code).toBe(0);
    expect(linesOf(result, DATABASE_FAULT).length).toBeGreaterThan(1);
  });
  await upload.expectExact();
});

it.each([
  ['inCopy', 'a Service that changes its target'],
  ['beforeCommit', 'a uri with both hosts'],
] as const)(
  'a streaming standby is promoted while the pod is stopped %s, behind %s',
  { timeout: 240_000 },
  async (point, way) => {
    await using stack = new AsyncDisposableStack();
    const folder = await mkdtemp(join(tmpdir(), 'batch-upload-switchover-'));
    stack.defer(() => rm(folder, { recursive: true, force: true }));
    const dataDir = join(folder, 'first');
    const port = await findFreePort();
    await (await startPostgres({ dataDir, port })).stop();
    await cp(dataDir, join(folder, 'second'), { recursive: true });
    const bench = stack.use(await startRunnerBench({ dataDir, port }));
    const standby = stack.use(await startStandby(join(folder, 'second'), port));
    const upload = await openFaultyUpload(bench, { duplicates: 0 });
    await upload.plan();
    const proxy = stack.use(await startSwitchingProxy(bench.postgres.port));
    await withBrakes(upload.url, async (brakes) => {
      const brake = await brakes[point](upload.id, point === 'inCopy' ? upload.goodRow(7) : 7);
      const both = upload.url.replace(/@[^/]*/, `@127.0.0.1:${standby.port},127.0.0.1:${port}`);
      const pod = way.startsWith('a uri')
        ? upload.start('process', {}, { DATABASE_URL: both })
        : upload.start('process', { postgres: proxy.port });
      await brake.reached();
      // A moment before the promotion new connections reach a server that takes no writes.
      proxy.switchTo(standby.port);
      const caughtUp = 'SELECT pg_last_wal_replay_lsn() = pg_last_wal_receive_lsn() AS "is"';
      await eventuallyTrue(async () => (await ask(standby.url, caughtUp))['is'] === true, 'the standby lags');
      await bench.postgres.stop();
      expect(await pod.logged(DATABASE_FAULT)).toBeDefined();
      await new Promise((resolve) => setTimeout(resolve, 1500));
      await ask(standby.url, 'SELECT pg_promote()');
      const result = await pod.done;
      expect(result.code).toBe(0);
    });
    await upload.expectExact(standby.port);
  },
);

async function ask(url: string, text: string): Promise<Record<string, unknown>> {
  return await withClient(url, async (client) => (await client.query(text)).rows[0]);
}

/** Starts a streaming standby of the primary from a copy of the primary's folder, made before the primary was started. */
async function startStandby(dataDir: string, primaryPort: number): Promise<Postgres> {
  await writeFile(join(dataDir, 'standby.signal'), '');
  const primary_conninfo = `host=127.0.0.1 port=${primaryPort} user=postgres password=postgres`;
  return await startPostgres({ dataDir, settings: { primary_conninfo } });
}
