/**
 * `make demo`'s last part, with real curl, jq and bash, a real gateway and a real storage. kubectl and the operator are
 * stand-ins of a few lines, and the API server is one in memory.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { readSchema } from '#cli/schema/read-schema.ts';
import { createLedgerDatabase } from '#support/database/database.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import {
  type GatewayBench,
  NAMESPACE,
  startGatewayBench,
  type TestGateway,
  TOKEN_AUDIENCE,
} from '#support/gateway/gateway.ts';
import { eventually } from '#support/process/eventually.ts';
import { loadInProcess } from '#support/runner/load-in-process.ts';
import { type S3Server, startS3Server } from '#support/storage/s3-server.ts';
import { API_UPLOAD, uploadByApi } from '../demo/upload-by-api.ts';

const BUCKET = 'files';
const SENDER = `system:serviceaccount:${NAMESPACE}:demo-sender`;
const top = new URL('../../', import.meta.url);

let postgres: Postgres;
let storage: S3Server;
let s3: S3Client;
let databaseUrl: string;
let bench: GatewayBench;
let gateway: TestGateway;
let folder: string;
let weather: string;
let schema: RecordSchemaSpec;
let printed: string;

beforeAll(async () => {
  [postgres, storage] = await Promise.all([startPostgres(), startS3Server()]);
  const { endpoint, region, accessKeyId, secretAccessKey } = storage;
  s3 = new S3Client({ endpoint, region, forcePathStyle: true, credentials: { accessKeyId, secretAccessKey } });
  await s3.send(new CreateBucketCommand({ Bucket: BUCKET }));
  databaseUrl = await createLedgerDatabase(postgres);
  bench = await startGatewayBench({ databaseUrl });
  bench.secret(NAMESPACE, 'batch-upload-s3', {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_REGION: region,
    AWS_ENDPOINT_URL_S3: endpoint,
  });
  bench.api.review('tokenreviews', ({ token }: { token: string }) =>
    token === 'right'
      ? { authenticated: true, audiences: [TOKEN_AUDIENCE], user: { username: SENDER } }
      : { authenticated: false },
  );
  const fileStorage = new Map([['*', { bucket: BUCKET, prefix: 'raw-uploads', publicEndpoint: null }]]);
  gateway = await bench.start({ config: { fileStorage } });
  folder = await mkdtemp(join(tmpdir(), 'batch-upload-demo-'));
  weather = await readFile(new URL('node_modules/vega-datasets/data/seattle-weather.csv', top), 'utf8');
  const read = readSchema(await readFile(new URL('crds/examples/recordschema-weather.yaml', top), 'utf8'));
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  schema = read.spec;
  bench.api.put('recordschemas', { metadata: { name: 'weather', namespace: NAMESPACE }, spec: schema });
});
afterAll(async () => {
  s3?.destroy();
  await bench?.[Symbol.asyncDispose]();
  await Promise.all([postgres?.stop(), storage?.stop()]);
  if (folder) await rm(folder, { recursive: true });
});
beforeEach(() => {
  printed = '';
  vi.spyOn(console, 'log').mockImplementation((text: string) => {
    printed += `${text}\n`;
  });
});

/** Shows the part of the demo to a sender whose token is this. */
async function demo(token: string) {
  await writeFile(join(folder, 'kubectl'), `#!/bin/bash\n[[ $* != *'create token'* ]] || echo ${token}\n`, {
    mode: 0o755,
  });
  const env = { ...process.env, PATH: `${folder}:${process.env['PATH']}` };
  return uploadByApi({ origin: gateway.url, namespace: NAMESPACE, env, folder: join(folder, 'demo'), weather });
}

/** Loads the registered file as the operator's pods do, and writes the status of its upload. */
async function operate() {
  const find = () => bench.api.get('batchuploads', NAMESPACE, API_UPLOAD);
  await eventually('the upload', () => find() !== undefined);
  const upload = find()!;
  const { key } = (upload['spec'] as { source: { s3: { key: string } } }).source.s3;
  const object = await s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: key }));
  const file = await object.Body!.transformToString();
  const result = await loadInProcess(databaseUrl, { schema, key, file });
  if (result.refused) throw new Error(result.refused.message);
  const { counts } = result.progress;
  const status = {
    phase: 'Complete',
    startTime: '2026-01-01T00:00:00Z',
    records: { total: 1461, succeeded: counts.succeeded, failed: counts.failed, duplicate: counts.duplicate },
  };
  bench.api.remove('batchuploads', NAMESPACE, API_UPLOAD);
  bench.api.put('batchuploads', { ...upload, metadata: { ...upload.metadata, uid: result.id }, status });
}

it('sends the file by the lines that it shows, and finds the one broken record', async () => {
  const [exact] = await Promise.all([demo('right'), operate()]);
  expect(printed).toMatch(/"phase":"Complete","records":\{"total":1461,"succeeded":1460,"failed":1,"duplicate":0\}/);
  expect(printed).toMatch(/^ {2}date,precipitation,.*_row,_code,_message\n {2}2012-02-30,.*VAL_002/m);
  expect(printed).toContain('1,461 records sent, 1 broken: exactly what was sent');
  // Whoever reads the screen of another one can do nothing with it.
  expect(printed).not.toMatch(/X-Amz-Signature|Bearer right/);
  expect(exact).toBe(true);
});

it('says why the API refused a line', async () => {
  expect(await demo('wrong')).toBe(false);
  expect(printed).toMatch(/The line failed: .*401/);
  expect(printed).toContain('"detail"');
});
