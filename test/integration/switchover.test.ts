/**
 * The primary of a database cluster changes in the middle of an upload, by a switchover or by a crash after which its
 * streaming standby is promoted. Counts and rows are exact on the new primary, and every chunk is committed once there,
 * also where the standby had not received what was committed last.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { migrate } from '#ledger/migrate.ts';
import { eventuallyTrue } from '#support/cluster/e2e.ts';
import { createDatabase, withClient } from '#support/database/database.ts';
import { makeTemplate, type Replication, startReplication } from '#support/database/replication.ts';
import {
  DATABASE_FAULT,
  type FaultyUpload,
  linesOf,
  openFaultyUpload,
  withBrakes,
} from '#support/kills/fault-tests.ts';
import { startSwitchingProxy } from '#support/network/switching-proxy.ts';
import { startToxiproxy } from '#support/network/toxiproxy.ts';
import { type RunnerBench, type RunnerResult, startRunnerBench } from '#support/runner/runner.ts';

/** 20 000 shows what the docs say; a run of all tests takes less. */
const READ_ONLY_MS = Number(process.env['READ_ONLY_MS'] ?? 3000);

let bench: RunnerBench;
let root: string;
let template: string;
let folder: string;
beforeAll(async () => {
  bench = await startRunnerBench({ settings: { fsync: 'off' } });
  root = await mkdtemp(join(tmpdir(), 'batch-upload-promotion-'));
  template = await makeTemplate(join(root, 'template'));
});
afterAll(async () => {
  await bench[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});
beforeEach(async () => {
  folder = await mkdtemp(join(root, 'servers-'));
});

/** An upload in the replicated database; its pods get the uri with both servers. */
async function openUpload(servers: Replication): Promise<FaultyUpload> {
  const newDatabase = async () => {
    const url = await createDatabase(servers.primary);
    await withClient(url, migrate);
    return url;
  };
  const upload = await openFaultyUpload({ ...bench, newDatabase }, { duplicates: 0 });
  return {
    ...upload,
    start: (command, ports, env) => upload.start(command, ports, { DATABASE_URL: servers.both(upload.url), ...env }),
  };
}

/** A moment passes between the crash and the promotion, as always: until then no server takes writes. */
async function failOver(servers: Replication): Promise<void> {
  await servers.killPrimary();
  await new Promise((resolve) => setTimeout(resolve, 300));
  await servers.promote();
}

const waits = (db: pg.Client, condition: string) =>
  eventuallyTrue(
    async () =>
      (await db.query(`SELECT FROM pg_stat_activity WHERE application_name LIKE 'batch-upload/%' AND ${condition}`))
        .rowCount === 1,
    `no session with ${condition}`,
  );
const commitsOf = (result: RunnerResult, chunk: number) =>
  linesOf(result, 'chunk committed').filter((line) => line['chunk'] === chunk).length;

it('the primary takes no writes for some seconds', { timeout: 240_000 }, async () => {
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

it('a standby takes over from a primary that is shut down, behind a Service that changes its target', async () => {
  await using servers = await startReplication({ folder, template });
  const upload = await openUpload(servers);
  await upload.plan();
  await using proxy = await startSwitchingProxy(servers.primary.port);
  await withBrakes(upload.url, async (brakes) => {
    const brake = await brakes.inCopy(upload.id, upload.goodRow(7));
    const uri = upload.url.replace(/@[^/]*/, `@127.0.0.1:${proxy.port}`);
    const pod = upload.start('process', {}, { DATABASE_URL: uri });
    await brake.reached();
    // A moment before the promotion new connections reach a server that takes no writes.
    proxy.switchTo(servers.standby.port);
    await servers.caughtUp();
    await servers.primary.stop();
    expect(await pod.logged(DATABASE_FAULT)).toBeDefined();
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await servers.promote();
    const result = await pod.done;
    expect(result.code).toBe(0);
  });
  await upload.expectExact(servers.standby.port);
});

describe('commits wait for the standby: what was acknowledged is there', () => {
  it.each([
    ['inCopy', 'on'],
    ['beforeCommit', 'remote_apply'],
  ] as const)('the primary crashes while the pod stands %s (synchronous_commit = %s)', async (point, synchronous) => {
    await using servers = await startReplication({ folder, template, synchronous });
    const upload = await openUpload(servers);
    await upload.plan();
    await withBrakes(upload.url, async (brakes) => {
      const brake = await brakes[point](upload.id, point === 'inCopy' ? upload.goodRow(7) : 7);
      const pod = upload.start('process', {});
      await brake.reached();
      await failOver(servers);
      const result = await pod.done;
      expect(result.code).toBe(0);
      expect(linesOf(result, DATABASE_FAULT).length).toBeGreaterThan(0);
      expect(commitsOf(result, 0)).toBe(1);
    });
    await upload.expectExact(servers.standby.port);
  });

  it.each([
    ['loseWal', 'the standby has not received it: the chunk is done again', false],
    ['loseAnswers', 'the standby has received it: the chunk is found done', true],
  ] as const)('the primary crashes at COMMIT (%s), and %s', async (loss, _what, isThere) => {
    await using servers = await startReplication({ folder, template, synchronous: 'on' });
    const upload = await openUpload(servers);
    await upload.plan();
    await withBrakes(upload.url, async (brakes, db) => {
      await db.query('SET synchronous_commit = local');
      const brake = await brakes.beforeCommit(upload.id, 7);
      const pod = upload.start('process', {});
      await brake.reached();
      servers[loss]();
      await brake.release();
      await waits(db, `wait_event = 'SyncRep'`);
      if (isThere) await servers.caughtUp();
      await failOver(servers);
      const result = await pod.done;
      expect(result.code).toBe(0);
      expect(linesOf(result, 'chunk was already done').length > 0).toBe(isThere);
      expect(commitsOf(result, 7)).toBe(isThere ? 0 : 1);
    });
    await upload.expectExact(servers.standby.port);
  });

  it('the primary crashes while the plan is written', async () => {
    await using servers = await startReplication({ folder, template, synchronous: 'on' });
    const upload = await openUpload(servers);
    await withClient(upload.url, async (holder) => {
      holder.on('error', () => undefined);
      await holder.query('BEGIN; LOCK TABLE batch_upload.batch_upload_chunks IN SHARE MODE');
      const pod = upload.start('plan', {});
      const isWriting = `wait_event_type = 'Lock' AND query LIKE '%batch_upload_chunks%'`;
      // The holder's transaction sees the sessions of its own beginning only.
      await withClient(upload.url, (db) => waits(db, isWriting));
      await failOver(servers);
      const result = await pod.done;
      expect(result.code).toBe(0);
      expect(linesOf(result, 'planned')).toHaveLength(1);
    });
    await upload.expectExact(servers.standby.port);
  });

  it('the primary crashes while the pod waits for the storage, and comes back as a standby that gets no writes', async () => {
    await using servers = await startReplication({ folder, template, synchronous: 'on' });
    await using toxiproxy = await startToxiproxy();
    const storage = await toxiproxy.createProxy(bench.s3.port);
    const upload = await openUpload(servers);
    await upload.plan();
    const speak = await storage.add('downstream', { type: 'timeout', attributes: { timeout: 0 } });
    const pod = upload.start('process', { s3: storage.port }, { BATCH_UPLOAD_RETRY_SECONDS: '120' });
    await pod.logged('processing');
    await withClient(upload.url, (db) => waits(db, `state = 'idle'`));
    await failOver(servers);
    const former = await servers.rejoin();
    await speak();
    const result = await pod.done;
    expect(result.code).toBe(0);
    await upload.expectExact(servers.standby.port);
    await withClient(former.url, async (client) => {
      expect((await client.query('SELECT pg_is_in_recovery() AS standby')).rows).toEqual([{ standby: true }]);
    });
  });
});

describe('commits do not wait: ledger and table lose the same transactions', () => {
  it('chunks that were committed are lost, and are done again', async () => {
    await using servers = await startReplication({ folder, template });
    const upload = await openUpload(servers);
    await upload.plan();
    await withBrakes(upload.url, async (brakes) => {
      const first = await brakes.beforeCommit(upload.id, 7);
      const last = await brakes.beforeCommit(upload.id, 29);
      const pod = upload.start('process', {});
      await first.reached();
      servers.loseWal();
      await first.release();
      await last.reached();
      await failOver(servers);
      const result = await pod.done;
      expect(result.code).toBe(0);
      expect([commitsOf(result, 0), commitsOf(result, 7)]).toEqual([1, 2]);
    });
    await upload.expectExact(servers.standby.port);
  });

  it('the plan is lost with the first chunks: the pod ends quietly, and the next one plans again', async () => {
    await using servers = await startReplication({ folder, template });
    const upload = await openUpload(servers);
    await servers.caughtUp();
    await withBrakes(upload.url, async (brakes) => {
      const brake = await brakes.beforeCommit(upload.id, 29);
      await servers.caughtUp();
      servers.loseWal();
      const pod = upload.start('plan', {});
      await brake.reached();
      await failOver(servers);
      const result = await pod.done;
      expect(result.code).toBe(0);
      expect(commitsOf(result, 7)).toBe(1);
      expect(linesOf(result, 'stopping: the ledger has decided')).toHaveLength(1);
      const next = await upload.start('plan', {}).done;
      expect(next.code).toBe(0);
      expect(linesOf(next, 'planned')).toHaveLength(1);
    });
    await upload.expectExact(servers.standby.port);
  });
});
