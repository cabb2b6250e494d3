/**
 * Injects faults between the job runner and PostgreSQL. Counts and rows stay the same, and every chunk is committed
 * once.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { restartPostgres } from '#support/database/postgres.ts';
import {
  DATABASE_FAULT,
  type FaultyUpload,
  linesOf,
  loseCommitAnswer,
  openFaultyUpload,
  type Ports,
  SESSION_LOST,
  SESSION_SERVED,
  withBrakes,
} from '#support/kills/fault-tests.ts';
import { startFreezingProxy } from '#support/network/freezing-proxy.ts';
import { startToxiproxy, type ToxicProxy, type Toxiproxy } from '#support/network/toxiproxy.ts';
import { type RunnerBench, startRunnerBench } from '#support/runner/runner.ts';

let bench: RunnerBench;
let toxiproxy: Toxiproxy;
let proxy: ToxicProxy;
let ports: Ports;
let upload: FaultyUpload;
beforeAll(async () => {
  bench = await startRunnerBench();
  toxiproxy = await startToxiproxy();
});
afterAll(async () => {
  await toxiproxy[Symbol.asyncDispose]();
  await bench[Symbol.asyncDispose]();
});
beforeEach(async () => {
  proxy = await toxiproxy.createProxy(bench.postgres.port);
  ports = { postgres: proxy.port };
  // A duplicate would change the strategy of the chunks after it, which would then go through a temporary table.
  upload = await openFaultyUpload(bench, { duplicates: 0 });
  await upload.plan();
});

it('the connection is cut in the middle of COPY', async () => {
  await withBrakes(upload.url, async (brakes) => {
    const brake = await brakes.inCopy(upload.id, upload.goodRow(7));
    const pod = upload.start('process', ports);
    expect((await brake.reached()).query).toMatch(/^COPY/);
    await proxy.cut();
    expect(await pod.logged(DATABASE_FAULT)).toMatchObject({ code: 'DB_CONNECTION' });
    await brake.release();
    expect((await pod.done).code).toBe(0);
  });
  await upload.expectExact();
  expect(await upload.mostInAudit('tries')).toBeGreaterThan(1);
});

it.each(['closed', 'reset'] as const)('every connection is %s after 300 kB', async (how) => {
  if (how === 'reset') await proxy.add('upstream', { type: 'reset_peer', attributes: { timeout: 0 }, toxicity: 0 });
  await proxy.add('upstream', { type: 'limit_data', attributes: { bytes: 300_000 } });
  const result = await upload.start('process', ports).done;
  expect(result.code).toBe(0);
  expect(linesOf(result, DATABASE_FAULT).length).toBeGreaterThanOrEqual(3);
  await upload.expectExact();
  expect(await upload.mostInAudit('tries')).toBeGreaterThan(1);
});

it('the network is slow: no fault at all', async () => {
  for (const direction of ['upstream', 'downstream'] as const) {
    await proxy.add(direction, { type: 'latency', attributes: { latency: 5, jitter: 3 } });
    await proxy.add(direction, { type: 'bandwidth', attributes: { rate: 2000 } });
  }
  const result = await upload.start('process', ports).done;
  expect(result.code).toBe(0);
  expect(linesOf(result, DATABASE_FAULT)).toEqual([]);
  await upload.expectExact();
  expect((await proxy.bytes()).upstream).toBeGreaterThan(1_000_000);
});

it('the answer to COMMIT is lost: what was committed is not done again', async () => {
  const result = await loseCommitAnswer(upload, proxy, { chunk: 7 });
  expect(result.code).toBe(0);
  // The log has one line for each chunk of the commit.
  expect(linesOf(result, 'chunk was already done').length).toBeGreaterThanOrEqual(1);
  await upload.expectExact();
});

describe('silence: the connection stays open and nothing passes', () => {
  it('while others work: the server waits for what was lost', async () => {
    await using freezing = await startFreezingProxy(bench.postgres.port);
    await withBrakes(upload.url, async (brakes) => {
      const brake = await brakes.inCopy(upload.id, upload.goodRow(7));
      const pod = upload.start('process', { postgres: freezing.port });
      await brake.reached();
      expect(freezing.freeze()).toBe(1);
      await brake.release();
      await pod.logged(SESSION_LOST);
      const result = await pod.done;
      expect(result.code).toBe(0);
      expect(linesOf(result, DATABASE_FAULT).length).toBeGreaterThanOrEqual(1);
    });
    await upload.expectExact();
    expect(await upload.mostInAudit('tries')).toBeGreaterThan(1);
  });

  it('for all of them', async () => {
    await withBrakes(upload.url, async (brakes) => {
      const brake = await brakes.inCopy(upload.id, upload.goodRow(7));
      const pod = upload.start('process', ports);
      await brake.reached();
      const speakUp = await proxy.add('upstream', { type: 'timeout', attributes: { timeout: 0 } });
      const speakDown = await proxy.add('downstream', { type: 'timeout', attributes: { timeout: 0 } });
      await brake.release();
      await pod.logged(SESSION_LOST);
      await Promise.all([speakUp(), speakDown()]);
      expect((await pod.done).code).toBe(0);
    });
    await upload.expectExact();
    expect(await upload.mostInAudit('tries')).toBeGreaterThan(1);
  });

  it('a session that waits for a lock is silent too, and is left alone', async () => {
    await withBrakes(upload.url, async (brakes) => {
      const brake = await brakes.inCopy(upload.id, upload.goodRow(7));
      const pod = upload.start('process', ports, { BATCH_UPLOAD_STALL_SECONDS: '1' });
      await brake.reached();
      await pod.logged(SESSION_SERVED);
      await brake.release();
      const result = await pod.done;
      expect(result.code).toBe(0);
      expect(linesOf(result, DATABASE_FAULT)).toEqual([]);
    });
    await upload.expectExact();
    expect(await upload.mostInAudit('tries')).toBe(1);
  });
});

it('PostgreSQL is killed by SIGKILL in the middle of COPY and started again', async () => {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'batch-upload-killed-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const dataDir = join(folder, 'data');
  const own = stack.use(await startRunnerBench({ dataDir }));
  const { port, pid } = own.postgres;
  const killed = await openFaultyUpload(own, { duplicates: 0 });
  await killed.plan();
  await withBrakes(killed.url, async (brakes) => {
    const brake = await brakes.inCopy(killed.id, killed.goodRow(7));
    const pod = killed.start('process', {});
    await brake.reached();
    process.kill(pid, 'SIGKILL');
    expect(await pod.logged(DATABASE_FAULT)).toMatchObject({ code: expect.stringMatching(/^DB_(CONNECTION|57P02)$/) });
    stack.use(await restartPostgres({ dataDir, port }));
    expect((await pod.done).code).toBe(0);
  });
  await killed.expectExact();
  expect(await killed.mostInAudit('tries')).toBeGreaterThan(1);
});
