/** Certification uploads whose connections to PostgreSQL and S3 go through proxies that break them. */
import pg from 'pg';
import { expect } from 'vitest';
import { withClient } from '#support/database/database.ts';
import { type ExpectedCounts, generateCertifications } from '#support/records/certifications.ts';
import { expectCertifications } from '#support/records/oracle.ts';
import { expectExact } from '#support/runner/expect-exact.ts';
import { CERTIFICATIONS_SQL, type RunnerBench, type RunnerResult, type RunningRunner } from '#support/runner/runner.ts';
import { type Brakes, installBrakes } from './brakes.ts';

export interface Ports {
  postgres?: number;
  s3?: number;
}

export interface FaultyUpload {
  url: string;
  id: string;
  file: Buffer;
  counts: ExpectedCounts;
  /** Starts a runner whose connections go through these ports of 127.0.0.1. */
  start(command: 'plan' | 'process', ports: Ports, env?: Record<string, string>): RunningRunner;
  /** Plans the upload without faults, for `indexes` processes; default 1. */
  plan(indexes?: number): Promise<void>;
  /** The row number of a good record of the chunk. */
  goodRow(chunk: number): number;
  /** Expects the right counts, rows and errors, and one audit row for each chunk. */
  expectExact(): Promise<void>;
  /** The largest number in the metadata of any audit row. */
  mostInAudit(name: 'tries' | 'readRetries'): Promise<number>;
}

export const CHUNK_RECORDS = 200;

export async function openFaultyUpload(
  bench: RunnerBench,
  { records = 6000, seed = 1, duplicates = 0.01 }: { records?: number; seed?: number; duplicates?: number } = {},
): Promise<FaultyUpload> {
  const { pieces, counts } = generateCertifications({ records, seed, bad: 0.02, duplicates });
  const file = Buffer.concat([...pieces]);
  const url = await bench.newDatabase();
  await withClient(url, (client) => client.query(CERTIFICATIONS_SQL));
  const key = `faults/${new URL(url).pathname.slice(1)}.csv`;
  await bench.put(key, file);
  const id = await bench.open(url, key, { chunkRecords: CHUNK_RECORDS });
  const outcomes = [...expectCertifications(file)];
  return {
    ...{ url, id, file, counts },
    start: (command, { postgres, s3 }, env) =>
      bench.start(command, postgres ? withPort(url, postgres) : url, id, {
        BATCH_UPLOAD_STALL_SECONDS: '2',
        BATCH_UPLOAD_RETRY_SECONDS: '60',
        BATCH_UPLOAD_PARALLELISM: '1',
        LOG_LEVEL: 'debug',
        ...(s3 ? { AWS_ENDPOINT_URL_S3: withPort(bench.s3.endpoint, s3) } : {}),
        ...env,
      }),
    async plan(indexes = 1) {
      const env = { BATCH_UPLOAD_INLINE_LIMIT_BYTES: '0', BATCH_UPLOAD_PARALLELISM: String(indexes) };
      expect((await bench.run('plan', url, id, env)).code).toBe(0);
    },
    goodRow(chunk) {
      const own = outcomes.slice(chunk * CHUNK_RECORDS, (chunk + 1) * CHUNK_RECORDS);
      return own.slice(own.length / 2).find(({ outcome }) => outcome === 'succeeded')!.row;
    },
    expectExact: () => expectExact(url, id, { file, counts }),
    async mostInAudit(name) {
      const { rows } = await withClient(url, (client) =>
        client.query<{ most: number }>(
          `SELECT max((metadata->>$1)::int) AS most FROM batch_upload.batch_upload_audit_logs WHERE event_type = 'chunk_completed'`,
          [name],
        ),
      );
      return rows[0]!.most;
    },
  };
}

/** Runs `work` with brakes, which stop a process at a point; see brakes.ts. */
export async function withBrakes(url: string, work: (brakes: Brakes, db: pg.Client) => Promise<void>): Promise<void> {
  const connectDatabase = async () => {
    const client = new pg.Client({ connectionString: url });
    // Some tests kill the server.
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };
  const db = await connectDatabase();
  try {
    await work(await installBrakes({ connectDatabase }, db, 'certifications'), db);
  } finally {
    await db.end();
  }
}

export function linesOf({ log }: RunnerResult, message: string): Record<string, unknown>[] {
  return log.filter((line) => line['message'] === message);
}

export const DATABASE_FAULT = 'database fault, trying again';
export const STORAGE_FAULT = 'storage fault, trying again';
export const SESSION_SERVED = 'nothing has come from the database for a while, but it works for this session';
export const SESSION_LOST = 'the database no longer works for this session, which nobody has closed: it is given up';

function withPort(uri: string, port: number): string {
  const url = new URL(uri);
  url.port = String(port);
  return url.href.replace(/\/$/, '');
}
