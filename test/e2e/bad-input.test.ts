import { mkdtemp, rm } from 'node:fs/promises';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { type BatchUpload, hasCondition, isFinished } from '#support/cluster/cluster.ts';
import {
  createE2e,
  type E2e,
  eventuallyTrue,
  holdFence,
  NAMESPACE,
  TEST_DATABASE_SECRET,
  TEST_STORAGE_SECRET,
  waitForBlocked,
} from '#support/cluster/e2e.ts';
import { itemsSchema, schemaManifest } from '#support/cluster/manifests.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import { findFreePort } from '#support/process/server-process.ts';

const GOOD = 'k,v\na,1\nb,2\n';

let e2e: E2e;
let name: string;
beforeAll(async () => {
  e2e = await createE2e();
});
afterAll(() => e2e.close());
beforeEach(() => {
  name = e2e.unique('bad');
  return async () => {
    await e2e.cluster.kubectl('-n', NAMESPACE, 'delete', 'batchupload', name, '--ignore-not-found');
    await e2e.cluster.kubectl('-n', NAMESPACE, 'delete', 'recordschema', name, '--ignore-not-found');
  };
});

const waitFor = (until: (upload: BatchUpload) => boolean) => e2e.cluster.waitForUpload(NAMESPACE, name, until, 90_000);
const completes = () => waitFor((upload) => hasCondition(upload, 'Complete'));
const condition = (upload: BatchUpload, type: string) => upload.status?.conditions?.find((each) => each.type === type);

async function fails(reason: string, message: RegExp): Promise<void> {
  const upload = await waitFor(isFinished);
  expect(condition(upload, 'Failed')).toMatchObject({
    status: 'True',
    reason,
    message: expect.stringMatching(message),
  });
  expect(upload.status).toMatchObject({ phase: 'Failed', message: expect.stringMatching(message) });
  await eventuallyTrue(async () => (await e2e.activeJobs(upload.metadata.uid)).length === 0, 'a Job is still running');
}

/** Expects that the upload is not accepted, that its condition says why, and that no Job was made. */
async function waits(reason: string, message: RegExp): Promise<void> {
  const upload = await waitFor((each) => condition(each, 'Accepted')?.reason === reason);
  expect(condition(upload, 'Accepted')).toMatchObject({ status: 'False', message: expect.stringMatching(message) });
  expect(upload.status).toMatchObject({ phase: 'Pending', message: expect.stringMatching(message) });
  expect(await e2e.podsOf(upload.metadata.uid)).toEqual([]);
}

describe('the file cannot be loaded: Failed, with what to do', () => {
  it('the object is missing', async () => {
    await e2e.createItemsUpload(name, null);
    await fails('ObjectNotFound', /has no object .*create the BatchUpload again/);
  });

  it('the bucket is missing', async () => {
    await e2e.createItemsUpload(name, null, {
      spec: { source: { type: 'Manual', s3: { bucket: 'no-such-bucket', key: 'x.csv' } } },
    });
    await fails('BucketNotFound', /no-such-bucket does not exist/);
  });

  it('the credentials are refused', async () => {
    const { env } = e2e.cluster;
    await e2e.cluster.apply({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: TEST_STORAGE_SECRET, namespace: NAMESPACE },
      stringData: {
        AWS_ACCESS_KEY_ID: env.AWS_ACCESS_KEY_ID,
        AWS_SECRET_ACCESS_KEY: 'wrong',
        AWS_ENDPOINT_URL_S3: env.POD_S3_ENDPOINT,
        AWS_REGION: env.AWS_REGION,
      },
    });
    const s3 = { bucket: env.S3_BUCKET, key: `e2e/${name}.csv`, credentialsSecretRef: { name: TEST_STORAGE_SECRET } };
    await e2e.createItemsUpload(name, GOOD, { spec: { source: { type: 'Manual', s3 } } });
    await fails('StorageAccessDenied', /refused access.*Check the keys/);
  });

  it.each([
    ['a required column is missing', 'k\na\n', /missing: v/],
    ['a column is unknown', 'k,v,colour\na,b,c\n', /unknown: colour.*Expected: k, v/],
  ])('%s', async (_what, body, message) => {
    await e2e.createItemsUpload(name, body);
    await fails('HeaderMismatch', message);
  });

  it('a quoted field never closes', async () => {
    await e2e.createItemsUpload(name, 'k,v\na,b\nc,"d\ne,f\n');
    await fails('UnterminatedQuote', /opens in row 3/);
  });

  /** Replaces the object after it was read and before the plan is committed. */
  async function replaceObject(body: string, chunkRecords: number): Promise<void> {
    // The fence cannot be held before the uid is known, so the schema comes last.
    const { metadata } = await e2e.createItemsUpload(name, body, { withoutSchema: true, spec: { chunkRecords } });
    const fence = await holdFence(e2e.cluster, metadata.uid);
    await e2e.cluster.apply(schemaManifest(NAMESPACE, name, itemsSchema(name.replaceAll('-', '_'))));
    await waitForBlocked(e2e.db, metadata.uid);
    await e2e.cluster.putObject(`e2e/${name}.csv`, 'k,v\nX,9\nY,8\nZ,7\n');
    await fence.release();
  }

  it('the object is replaced between plan and process', async () => {
    // The file is larger than what the pod of the plan keeps and processes itself.
    const rows = Array.from({ length: 3000 }, (_, i) => `k${i},${'v'.repeat(1000)}\n`);
    await replaceObject(`k,v\n${rows.join('')}`, 1000);
    await fails('SourceChanged', /was replaced.*Create a new BatchUpload/);
  });

  it('but a small object that is replaced meanwhile is loaded as it was planned', async () => {
    await replaceObject(GOOD, 1);
    await completes();
    const { rows } = await e2e.db.query(`SELECT k, v FROM ${name.replaceAll('-', '_')} ORDER BY k`);
    expect(rows).toEqual([
      { k: 'a', v: '1' },
      { k: 'b', v: '2' },
    ]);
  });
});

describe('something is missing: waits, says what, and goes on by itself', () => {
  it('the RecordSchema', async () => {
    await e2e.createItemsUpload(name, GOOD, { withoutSchema: true });
    await waits('SchemaNotFound', new RegExp(`RecordSchema.*${name}`));
    await e2e.cluster.apply(schemaManifest(NAMESPACE, name, itemsSchema(name.replaceAll('-', '_'))));
    await completes();
  });

  it('a RecordSchema that can be used', async () => {
    const broken = itemsSchema(name.replaceAll('-', '_'));
    broken.fields[1]!.constraints = { pattern: '(' };
    await e2e.cluster.apply(schemaManifest(NAMESPACE, name, broken));
    await e2e.createItemsUpload(name, GOOD, { withoutSchema: true });
    await waits('SchemaInvalid', /spec\.fields\[1\]\.constraints\.pattern/);
    await e2e.cluster.apply(schemaManifest(NAMESPACE, name, itemsSchema(name.replaceAll('-', '_'))));
    await completes();
  });

  it('the table, with create: false', async () => {
    const table = name.replaceAll('-', '_');
    await e2e.createItemsUpload(name, GOOD, { create: false });
    await waits('TargetTableMissing', new RegExp(`${table}.*create`, 's'));
    await e2e.db.query(`CREATE TABLE ${table} (k text, v text, batch_upload_id uuid, row_number bigint)`);
    await waits('TargetKeyMissing', /unique/i);
    await e2e.db.query(`ALTER TABLE ${table} ADD PRIMARY KEY (k)`);
    await completes();
  });

  it('the Secret', async () => {
    await e2e.cluster.kubectl('-n', NAMESPACE, 'delete', 'secret', TEST_DATABASE_SECRET, '--ignore-not-found');
    await e2e.createItemsUpload(name, GOOD, {
      spec: { target: { databaseSecretRef: { name: TEST_DATABASE_SECRET } } },
    });
    await waits('SecretMissing', new RegExp(TEST_DATABASE_SECRET));
    await applyDatabaseSecret('not a uri');
    await waits('SecretInvalid', /uri/);
    await applyDatabaseSecret(e2e.cluster.env['POD_DATABASE_URL']!);
    await completes();
  });

  async function applyDatabaseSecret(uri: string): Promise<void> {
    await e2e.cluster.apply({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: TEST_DATABASE_SECRET, namespace: NAMESPACE },
      stringData: { uri },
    });
  }

  it('the database, also when it goes down in the middle', async () => {
    // The test starts a server of its own, on the address of this machine that pods reach.
    const host = new URL(e2e.cluster.env['POD_DATABASE_URL']!).hostname;
    const port = await findFreePort();
    const folder = await mkdtemp('/tmp/batch-upload-e2e-');
    const start = () => startPostgres({ port, listenAddresses: [host], dataDir: `${folder}/data` });
    const query = async (sql: string) => {
      const client = new pg.Client({ connectionString: server.url });
      await client.connect();
      await client.query(sql);
      await client.end();
    };
    await applyDatabaseSecret(`postgres://postgres:postgres@${host}:${port}/postgres`);
    let server: Postgres = await start();
    onTestFinished(async () => {
      await e2e.cluster.kubectl('-n', NAMESPACE, 'delete', 'batchupload', name, '--ignore-not-found');
      await server.stop();
      await rm(folder, { recursive: true });
    });
    // Rows after the 400th wait for as long as the table test_brake is not empty.
    const table = name.replaceAll('-', '_');
    await query(`
      CREATE TABLE test_brake AS SELECT 1;
      CREATE TABLE ${table} (k text PRIMARY KEY, v text, batch_upload_id uuid, row_number bigint);
      CREATE FUNCTION test_brake() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        WHILE NEW.row_number > 400 AND EXISTS (SELECT FROM test_brake) LOOP PERFORM pg_sleep(0.1); END LOOP;
        RETURN NEW;
      END $$;
      CREATE TRIGGER test_brake BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION test_brake()`);
    await server.stop();
    const spec = { chunkRecords: 50, target: { databaseSecretRef: { name: TEST_DATABASE_SECRET } } };
    const rows = 1000;
    const body = `k,v\n${Array.from({ length: rows }, (_, i) => `k${i},v`).join('\n')}\n`;
    const { metadata } = await e2e.createItemsUpload(name, body, { spec });
    await waits('DatabaseUnavailable', /cannot be reached/);
    server = await start();
    await waitFor((upload) => (upload.status?.records?.processed ?? 0) > 0);
    await server.stop();
    await waitFor((upload) => hasCondition(upload, 'Degraded', 'DatabaseUnavailable'));
    server = await start();
    await query('DELETE FROM test_brake');
    const upload = await completes();
    expect(upload.status?.records).toEqual({
      total: rows,
      processed: rows,
      succeeded: rows,
      failed: 0,
      duplicate: 0,
      updated: 0,
    });
    expect(metadata.uid).toBe(upload.metadata.uid);
  });
});

it.each([
  ['an empty file', ''],
  ['a header alone', 'k,v\n'],
])('%s is Complete with 0 records', async (_what, body) => {
  await e2e.createItemsUpload(name, body);
  const upload = await completes();
  expect(upload.status).toMatchObject({
    phase: 'Complete',
    records: { total: 0, processed: 0, succeeded: 0, failed: 0, duplicate: 0, updated: 0 },
  });
});

it('a namespace that is not enabled is named, with the chart’s value', async () => {
  const namespace = e2e.unique('elsewhere');
  await e2e.cluster.kubectl('create', 'namespace', namespace);
  try {
    const manifest = { source: { s3: { bucket: 'bucket', key: 'k' } }, schemaRef: { name: 's' } };
    await e2e.cluster.apply({
      apiVersion: 'batchupload.dev/v1alpha1',
      kind: 'BatchUpload',
      metadata: { namespace, name },
      spec: manifest,
    });
    const upload = await e2e.cluster.waitForUpload(
      namespace,
      name,
      (each) => condition(each, 'Accepted') !== undefined,
      30_000,
    );
    expect(condition(upload, 'Accepted')).toMatchObject({
      status: 'False',
      reason: 'NamespaceNotEnabled',
      message: expect.stringContaining('uploads.namespaces'),
    });
  } finally {
    await e2e.cluster.kubectl('delete', 'namespace', namespace, '--wait=false');
  }
});
