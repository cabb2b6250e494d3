/** The job runner as a process of its own, as a pod would run it, without a cluster. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { parse } from 'yaml';
import { migrate } from '#runner/ledger/migrate.ts';
import { openUpload } from '#runner/ledger/open-upload.ts';
import type { UploadRequest } from '#runner/ledger/types.ts';
import type { RecordSchemaSpec } from '#runner/processor/record-schema.gen.ts';
import { createDatabase, withClient } from './database.ts';
import { type Postgres, startPostgres } from './postgres.ts';
import { type S3Server, startS3Server } from './s3-server.ts';

const ROOT = new URL('../../', import.meta.url);
export const BUCKET = 'test-bucket';

export interface RunnerResult {
  code: number | null;
  /** Lines of the log. */
  log: Record<string, unknown>[];
}

export interface RunningRunner {
  process: ChildProcess;
  done: Promise<RunnerResult>;
}

export interface RunnerBench extends AsyncDisposable {
  postgres: Postgres;
  s3: S3Server;
  client: S3Client;
  /** An empty database with a ledger. */
  newDatabase(): Promise<string>;
  put(key: string, body: Buffer | string): Promise<void>;
  open(url: string, key: string, options?: OpenOptions): Promise<string>;
  start(command: 'plan' | 'process', url: string, id: string, env?: Record<string, string>): RunningRunner;
  run(command: 'plan' | 'process', url: string, id: string, env?: Record<string, string>): Promise<RunnerResult>;
}

export interface OpenOptions {
  schema?: RecordSchemaSpec;
  chunkRecords?: number;
  s3?: Partial<UploadRequest['s3']>;
  request?: Partial<UploadRequest>;
}

/** A schema of crds/examples with the API server's defaults filled in. */
export function exampleSchema(name: string): RecordSchemaSpec {
  const { spec } = parse(readFileSync(new URL(`crds/examples/recordschema-${name}.yaml`, ROOT), 'utf8')) as {
    spec: RecordSchemaSpec;
  };
  for (const field of spec.fields) field.type ??= 'string';
  spec.fieldsMatch ??= 'equal';
  return spec;
}

export const CERTIFICATIONS_SQL = readFileSync(new URL('crds/examples/certifications.sql', ROOT), 'utf8');

export async function startRunnerBench(): Promise<RunnerBench> {
  const stack = new AsyncDisposableStack();
  const postgres = stack.use(await startPostgres());
  const s3 = stack.use(await startS3Server());
  const credentials = { accessKeyId: s3.accessKeyId, secretAccessKey: s3.secretAccessKey };
  const client = new S3Client({ endpoint: s3.endpoint, region: s3.region, forcePathStyle: true, credentials });
  stack.defer(() => client.destroy());
  await client.send(new CreateBucketCommand({ Bucket: BUCKET }));

  function start(
    command: 'plan' | 'process',
    url: string,
    id: string,
    env: Record<string, string> = {},
  ): RunningRunner {
    const child = spawn(process.execPath, ['job-runner/main.ts', command], {
      cwd: ROOT,
      env: {
        PATH: process.env['PATH'],
        BATCH_UPLOAD_ID: id,
        BATCH_UPLOAD_NAMESPACE: 'n',
        DATABASE_URL: url,
        AWS_ENDPOINT_URL_S3: s3.endpoint,
        AWS_REGION: s3.region,
        AWS_ACCESS_KEY_ID: s3.accessKeyId,
        AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
        BATCH_UPLOAD_RETRY_SECONDS: '20',
        POD_NAME: `pod-${randomUUID().slice(0, 5)}`,
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout!, child.stderr!])
      stream.setEncoding('utf8').on('data', (text) => (output += text));
    const done = new Promise<RunnerResult>((resolve) => {
      child.once('close', (code) =>
        resolve({
          code,
          log: output
            .split('\n')
            .filter(Boolean)
            .map((line) => (line.startsWith('{') ? JSON.parse(line) : { line })),
        }),
      );
    });
    return { process: child, done };
  }

  return {
    postgres,
    s3,
    client,
    async newDatabase() {
      const url = await createDatabase(postgres);
      await withClient(url, migrate);
      return url;
    },
    async put(key, body) {
      await client.send(new PutObjectCommand({ Bucket: BUCKET, Key: key, Body: body }));
    },
    async open(url, key, options = {}) {
      const id = randomUUID();
      await withClient(url, (db) =>
        openUpload(db, {
          id,
          clusterId: 'c',
          namespace: 'n',
          name: 'u',
          sourceType: 'Manual',
          request: {
            s3: { bucket: BUCKET, key, ...options.s3 },
            chunkRecords: options.chunkRecords ?? 1000,
            ...options.request,
          },
          schema: options.schema ?? exampleSchema('certifications'),
        }),
      );
      return id;
    },
    start,
    run: (...args) => start(...args).done,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
