/** All contestants share one PostgreSQL server and one S3 server, and every run gets an empty target. */
import { execFile } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { withClient } from '#support/database/database.ts';
import { BUCKET, type RunnerBench, startRunnerBench } from '#support/runner/runner.ts';
import { readChildrenSeconds, readServerSeconds } from './cpu.ts';
import type { BenchFile } from './files.ts';
import type { Sample } from './harness.ts';
import type { BenchTarget } from './tables.ts';

const exec = promisify(execFile);

/**
 * The server is durable and has the memory of a server for loads. The settings are fixed, whatever the defaults become.
 */
export const SETTINGS = {
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  wal_level: 'replica',
  shared_buffers: '1GB',
  max_wal_size: '8GB',
  checkpoint_timeout: '15min',
};

export interface Stage extends AsyncDisposable {
  bench: RunnerBench;
  /** Puts the file into the bucket, once. @returns its key */
  putFile(file: BenchFile): Promise<string>;
  /** Runs work with a new database that has a ledger and the empty table, and drops it afterwards. */
  withTarget<T>(target: BenchTarget, work: (url: string) => Promise<T>): Promise<T>;
  /** Measures work. A checkpoint writes everything to the disk before the clock starts. */
  measure(work: () => Promise<void>): Promise<Pick<Sample, 'seconds' | 'cpuSeconds' | 'serverCpuSeconds' | 'cost'>>;
}

export async function startStage(): Promise<Stage> {
  const bench = await startRunnerBench({ settings: SETTINGS });
  const { url: adminUrl, pid } = bench.postgres;
  const keys = new Map<string, string>();
  return {
    bench,
    async putFile({ path, bytes }) {
      let key = keys.get(path);
      if (!key) {
        key = `bench/${keys.size}.csv`;
        const Body = createReadStream(path);
        await bench.client.send(new PutObjectCommand({ Bucket: BUCKET, Key: key, Body, ContentLength: bytes }));
        keys.set(path, key);
      }
      return key;
    },
    async withTarget(target, work) {
      const url = await bench.newDatabase();
      try {
        await withClient(url, (client) => client.query(target.sql));
        return await work(url);
      } finally {
        await withClient(adminUrl, (client) =>
          client.query(`DROP DATABASE ${new URL(url).pathname.slice(1)} WITH (FORCE)`),
        );
      }
    },
    async measure(work) {
      await withClient(adminUrl, (client) => client.query('CHECKPOINT'));
      const [children, server] = await Promise.all([readChildrenSeconds(), readServerSeconds(pid)]);
      const start = performance.now();
      await work();
      const seconds = (performance.now() - start) / 1000;
      const [childrenAfter, serverAfter] = await Promise.all([readChildrenSeconds(), readServerSeconds(pid)]);
      return { seconds, cpuSeconds: childrenAfter - children, serverCpuSeconds: serverAfter - server };
    },
    [Symbol.asyncDispose]: () => bench[Symbol.asyncDispose](),
  };
}

/**
 * Finds a program, or installs its package where that can be done (as root on Debian or Ubuntu).
 * @throws with the line to type where it cannot.
 */
export async function needProgram(program: string, packageName: string): Promise<void> {
  const script = `. test/cluster/lib.sh; need_packages 'make bench' '${program}:${packageName}'`;
  const root = fileURLToPath(new URL('../../', import.meta.url));
  await exec('bash', ['-c', script], { cwd: root }).catch((error: { stderr?: string }) => {
    throw new Error(`${program} is missing. ${error.stderr?.trim() ?? ''}`);
  });
}
