/** Certification uploads whose connections to PostgreSQL and S3 go through proxies that break them. */
import pg from 'pg';
import { expect } from 'vitest';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { eventuallyTrue } from '#support/cluster/e2e.ts';
import { withClient } from '#support/database/database.ts';
import type { ToxicProxy } from '#support/network/toxiproxy.ts';
import { type ExpectedCounts, generateCertifications } from '#support/records/certifications.ts';
import { expectCertifications } from '#support/records/oracle.ts';
import { expectExact } from '#support/runner/expect-exact.ts';
import {
  CERTIFICATIONS_SQL,
  exampleSchema,
  type RunnerBench,
  type RunnerResult,
  type RunningRunner,
} from '#support/runner/runner.ts';
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
  /**
   * Expects the right counts, rows and errors, and one audit row for each chunk, in the server at `port` of 127.0.0.1.
   */
  expectExact(port?: number): Promise<void>;
  /** The largest number in the metadata of any audit row. */
  mostInAudit(name: 'tries' | 'readRetries'): Promise<number>;
}

export const CHUNK_RECORDS = 200;

export interface FaultyFile {
  records?: number;
  seed?: number;
  /** The share of duplicates, which must be 0 when records are appended. */
  duplicates?: number;
  /** Has the schema no key, and the table no unique index for one? */
  append?: boolean;
}

/** The fields of the key stay required, so that the same records fail. */
export function withoutKey({ primaryKey = [], ...schema }: RecordSchemaSpec): RecordSchemaSpec {
  const fields = schema.fields.map((field) =>
    primaryKey.includes(field.name) ? { ...field, constraints: { ...field.constraints, required: true } } : field,
  );
  return { ...schema, fields };
}

export async function openFaultyUpload(
  bench: RunnerBench,
  { records = 6000, seed = 1, duplicates = 0.01, append = false }: FaultyFile = {},
): Promise<FaultyUpload> {
  const { pieces, counts } = generateCertifications({ records, seed, bad: 0.02, duplicates });
  const file = Buffer.concat([...pieces]);
  const url = await bench.newDatabase();
  const table = append ? CERTIFICATIONS_SQL.replace(/,\s*UNIQUE \([^)]*\)/, '') : CERTIFICATIONS_SQL;
  await withClient(url, (client) => client.query(table));
  const key = `faults/${new URL(url).pathname.slice(1)}.csv`;
  await bench.put(key, file);
  const schema = exampleSchema('certifications');
  const id = await bench.open(url, key, {
    chunkRecords: CHUNK_RECORDS,
    schema: append ? withoutKey(schema) : schema,
  });
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
      expect((await bench.run('plan', url, id, { BATCH_UPLOAD_INLINE_LIMIT_BYTES: '0' })).code).toBe(0);
      await withClient(url, (client) =>
        client.query('UPDATE batch_upload.batch_uploads SET total_indexes = $2 WHERE id = $1', [id, indexes]),
      );
    },
    goodRow(chunk) {
      const own = outcomes.slice(chunk * CHUNK_RECORDS, (chunk + 1) * CHUNK_RECORDS);
      return own.slice(own.length / 2).find(({ outcome }) => outcome === 'succeeded')!.row;
    },
    expectExact: (port) => expectExact(port ? withPort(url, port) : url, id, { file, counts }),
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

/** Loads the upload through a proxy that is cut when the chunk's COMMIT is on the disk and its answer is not yet sent. */
export async function loseCommitAnswer(
  upload: FaultyUpload,
  proxy: ToxicProxy,
  { chunk }: { chunk: number },
): Promise<RunnerResult> {
  let pod: RunningRunner | undefined;
  await withBrakes(upload.url, async (brakes, db) => {
    await db.query('SET synchronous_commit = local');
    const brake = await brakes.beforeCommit(upload.id, chunk);
    pod = upload.start('process', { postgres: proxy.port });
    await brake.reached();
    // Commits reach the disk, but their answers wait for a standby that does not exist.
    await db.query("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    await db.query('SELECT pg_reload_conf()');
    try {
      await brake.release();
      await eventuallyTrue(
        async () =>
          (
            await db.query(
              `SELECT 1 FROM pg_stat_activity WHERE application_name LIKE '%/process-0' AND wait_event = 'SyncRep'`,
            )
          ).rowCount === 1,
        'no COMMIT waits',
      );
      await proxy.cut();
      await pod.logged(DATABASE_FAULT);
    } finally {
      await db.query('ALTER SYSTEM RESET synchronous_standby_names');
      await db.query('SELECT pg_reload_conf()');
    }
    await pod.done;
  });
  return pod!.done;
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
