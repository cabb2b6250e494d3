/**
 * Faults of every kind strike at random moments, again and again, while two processes load one file, without a cluster.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { EXIT_CODES } from '#common/job-contract.ts';
import { type Postgres, restartPostgres } from '#support/database/postgres.ts';
import {
  DATABASE_FAULT,
  type FaultyUpload,
  linesOf,
  openFaultyUpload,
  STORAGE_FAULT,
} from '#support/kills/fault-tests.ts';
import { startToxiproxy, type Toxic, type ToxicProxy } from '#support/network/toxiproxy.ts';
import { type RunnerResult, startRunnerBench } from '#support/runner/runner.ts';

const TOXICS: Record<string, Toxic> = {
  slow: { type: 'latency', attributes: { latency: 100, jitter: 50 } },
  narrow: { type: 'bandwidth', attributes: { rate: 300 } },
  silent: { type: 'timeout', attributes: { timeout: 0 } },
  short: { type: 'limit_data', attributes: { bytes: 100_000 } },
};

it.each([1, 2, 3])('a file of 40,000 records, run %i', async (run) => {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'batch-upload-faults-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const dataDir = join(folder, 'data');
  const bench = stack.use(await startRunnerBench({ dataDir }));
  const toxiproxy = stack.use(await startToxiproxy());
  const postgres = await toxiproxy.createProxy(bench.postgres.port);
  const s3 = await toxiproxy.createProxy(bench.s3.port);
  const upload = await openFaultyUpload(bench, { records: 40_000, seed: run });
  await upload.plan(2);
  // Each process takes some 35 seconds, so that the object is being read whenever a fault comes.
  await s3.add('downstream', { type: 'bandwidth', attributes: { rate: 100 } });

  let server: Postgres = bench.postgres;
  stack.defer(() => server.stop());
  const kill = async () => {
    process.kill(server.pid, 'SIGKILL');
    server = await restartPostgres({ dataDir, port: server.port });
  };
  const done = Promise.all(
    [0, 1].map((index) => processUntilDone(upload, index, { postgres: postgres.port, s3: s3.port })),
  );
  const faults = await injectUntil(done, { proxies: { postgres, s3 }, kill });
  const results = (await done).flat();
  console.log(`faults: ${faults.join(', ')}; processes: ${results.length}`);
  expect(new Set(faults).size).toBe(faultsOf({ postgres, s3 }).length);
  const seen = (message: string) => results.flatMap((result) => linesOf(result, message)).length;
  expect(seen(DATABASE_FAULT)).toBeGreaterThan(0);
  expect(seen(STORAGE_FAULT)).toBeGreaterThan(0);
  await upload.expectExact();
});

/** Starts a process that ends with a retryable fault again, as Kubernetes does. */
async function processUntilDone(upload: FaultyUpload, index: number, ports: object): Promise<RunnerResult[]> {
  const results: RunnerResult[] = [];
  for (;;) {
    const result = await upload.start('process', ports, { JOB_COMPLETION_INDEX: String(index) }).done;
    results.push(result);
    if (result.code === 0) return results;
    expect(result.code, JSON.stringify(result.log.slice(-3))).toBe(EXIT_CODES.retryable);
  }
}

interface Injection {
  proxies: Record<string, ToxicProxy>;
  kill: () => Promise<void>;
}

type Fault = [proxy: string, kind: string];

function faultsOf(proxies: Record<string, ToxicProxy>): Fault[] {
  const both = Object.keys(proxies).flatMap((name) =>
    ['cut', ...Object.keys(TOXICS)].map((kind): Fault => [name, kind]),
  );
  return [...both, ['postgres', 'kill']];
}

/**
 * Injects every fault in a random order, each for up to three seconds with a moment of peace afterwards, and repeats
 * until all processes are done.
 * @returns the faults that were injected
 */
async function injectUntil(done: Promise<unknown>, { proxies, kill }: Injection): Promise<string[]> {
  let ended = false;
  const end = done.finally(() => {
    ended = true;
  });
  const faults: string[] = [];
  const pass = (ms: number) => Promise.race([end, sleep(Math.random() * ms)]);
  await pass(2000);
  while (!ended) {
    for (const [name, kind] of shuffle(faultsOf(proxies))) {
      if (ended) break;
      faults.push(`${name} ${kind}`);
      const proxy = proxies[name]!;
      if (kind === 'cut') await proxy.cut();
      else if (kind === 'kill') await kill();
      else {
        const remove = await proxy.add(Math.random() < 0.5 ? 'upstream' : 'downstream', TOXICS[kind]!);
        await pass(3000);
        await remove();
      }
      await pass(700);
    }
  }
  return faults;
}

function shuffle<T>(list: readonly T[]): T[] {
  return list
    .map((item) => [Math.random(), item] as const)
    .sort(([a], [b]) => a - b)
    .map(([, item]) => item);
}
