/** Runs the job runner in processes of its own, bundled as in the image, as pods would run it, without a cluster. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { parse } from 'yaml';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { MALLOC_ENV, NODE_OPTIONS } from '#common/job-contract.ts';
import type { UploadRequest } from '#ledger/types.ts';
import { openUpload } from '#ledger/uploads/open-upload.ts';
import { createLedgerDatabase, withClient } from '#support/database/database.ts';
import { type Postgres, type PostgresOptions, startPostgres } from '#support/database/postgres.ts';
import { buildOnce } from '#support/process/build-once.ts';
import { type S3Server, startS3Server } from '#support/storage/s3-server.ts';

const ROOT = new URL('../../../', import.meta.url);
export const BUCKET = 'test-bucket';

export interface RunnerResult {
  code: number | null;
  /** The lines of the log, parsed. */
  log: Record<string, unknown>[];
}

export interface RunningRunner {
  process: ChildProcess;
  done: Promise<RunnerResult>;
  /** Waits for the first line of the log with this message. @throws when the process ends without such a line. */
  logged(message: string): Promise<Record<string, unknown>>;
}

export interface RunnerBench extends AsyncDisposable {
  postgres: Postgres;
  s3: S3Server;
  client: S3Client;
  /** Makes an empty database with a ledger. @returns its URI. */
  newDatabase(): Promise<string>;
  put(key: string, body: Buffer | string): Promise<void>;
  open(url: string, key: string, options?: OpenOptions): Promise<string>;
  start(command: Command, url: string, id: string, env?: Record<string, string>): RunningRunner;
  run(command: Command, url: string, id: string, env?: Record<string, string>): Promise<RunnerResult>;
  /** Runs another program than the bundle. */
  runProgram(file: string, ...args: Parameters<RunnerBench['run']>): Promise<RunnerResult>;
  /** Runs the sources of another release. */
  runRelease(folder: string, ...args: Parameters<RunnerBench['run']>): Promise<RunnerResult>;
}

type Command = 'plan' | 'process' | 'cleanup' | 'pool';

export interface OpenOptions {
  schema?: RecordSchemaSpec;
  chunkRecords?: number;
  s3?: Partial<UploadRequest['s3']>;
  format?: UploadRequest['format'];
  work?: UploadRequest['work'];
  request?: Partial<UploadRequest>;
}

/** Reads a schema of crds/examples and fills in the defaults of the API server. */
export function exampleSchema(name: string): RecordSchemaSpec {
  return readSchema(new URL(`crds/examples/recordschema-${name}.yaml`, ROOT));
}

export function readSchema(file: URL): RecordSchemaSpec {
  const { spec } = parse(readFileSync(file, 'utf8')) as { spec: RecordSchemaSpec };
  for (const field of spec.fields) field.type ??= 'string';
  spec.fieldsMatch ??= 'equal';
  return spec;
}

export const CERTIFICATIONS_SQL = readFileSync(new URL('crds/examples/certifications.sql', ROOT), 'utf8');

export async function startRunnerBench(options: PostgresOptions = {}): Promise<RunnerBench> {
  const stack = new AsyncDisposableStack();
  const postgres = stack.use(await startPostgres(options));
  const s3 = stack.use(await startS3Server());
  const credentials = { accessKeyId: s3.accessKeyId, secretAccessKey: s3.secretAccessKey };
  const client = new S3Client({
    endpoint: s3.endpoint,
    region: s3.region,
    forcePathStyle: true,
    credentials,
    // versitygw now and then refuses a streamed body in signed pieces with a checksum behind them.
    requestChecksumCalculation: 'WHEN_REQUIRED',
  });
  stack.defer(() => client.destroy());
  await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  // The bundle is built by a process of its own, as in the Dockerfile: building it here would cost this process 200 MB.
  const bundle = await buildOnce('runner', (path) =>
    promisify(execFile)(process.execPath, ['job-runner/bundle/build.ts', path], { cwd: ROOT }),
  );
  const program = join(bundle, 'main.cjs');

  function startProgram(file: string, [command, url, id, env = {}]: Parameters<RunnerBench['start']>): RunningRunner {
    const child = spawn(process.execPath, [file, command], {
      cwd: dirname(file),
      env: {
        PATH: process.env['PATH'],
        NODE_OPTIONS,
        ...MALLOC_ENV,
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
    const log: Record<string, unknown>[] = [];
    const lines = new EventEmitter();
    for (const input of [child.stdout!, child.stderr!]) {
      createInterface({ input }).on('line', (line) => {
        log.push(line.startsWith('{') ? JSON.parse(line) : { line });
        lines.emit('line');
      });
    }
    const done = new Promise<RunnerResult>((resolve) => {
      child.once('close', (code) => resolve({ code, log }));
    });
    const logged = (message: string) =>
      new Promise<Record<string, unknown>>((resolve, reject) => {
        const find = () => log.find((line) => line['message'] === message);
        const look = () => {
          const found = find();
          if (!found) return;
          lines.off('line', look);
          resolve(found);
        };
        lines.on('line', look);
        look();
        void done.then(() => reject(new Error(`ended without '${message}': ${JSON.stringify(log.slice(-3))}`)));
      });
    return { process: child, done, logged };
  }

  return {
    postgres,
    s3,
    client,
    newDatabase: () => createLedgerDatabase(postgres),
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
            ...(options.format ? { format: options.format } : {}),
            ...(options.work ? { work: options.work } : {}),
            ...options.request,
          },
          schema: options.schema ?? exampleSchema('certifications'),
        }),
      );
      return id;
    },
    start: (...args) => startProgram(program, args),
    run: (...args) => startProgram(program, args).done,
    runProgram: (file, ...args) => startProgram(file, args).done,
    runRelease: (folder, ...args) => startProgram(join(folder, 'job-runner/main.ts'), args).done,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
