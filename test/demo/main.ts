/**
 * `make demo` loads four files through a real cluster into a real PostgreSQL: two by `kubectl apply`, one that arrives by
 * itself, and one by the REST API. It compares the results with the files.
 */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { parse } from 'yaml';
import { type BatchUpload, createCluster, isFinished } from '#support/cluster/cluster.ts';
import { sourceManifest, uploadManifest } from '#support/cluster/manifests.ts';
import { findGateway } from '#support/gateway/origin.ts';
import { type ExpectedCounts, generateCertifications } from '#support/records/certifications.ts';
import { createTable, dim, formatDuration, good, title, wrong } from './screen.ts';
import { removePreviousSender, uploadByApi } from './upload-by-api.ts';

const NAMESPACE = 'default';
const RECORDS = Number(process.env['DEMO_RECORDS'] ?? 100_000);
const TIMEOUT_MS = 300_000;
const WEATHER = new URL('../../node_modules/vega-datasets/data/seattle-weather.csv', import.meta.url);
/** `make down` removes the folder with the cluster. */
const API_FOLDER = fileURLToPath(new URL('../../.cluster/demo', import.meta.url));

interface DemoUpload {
  name: string;
  /**
   * Nobody applies this upload: an UploadSource of this name watches the folder of `key`, and the bridge names the
   * upload.
   */
  byItself?: true;
  key: string;
  schema: string;
  table: string;
  file: Buffer;
  expected: ExpectedCounts;
}

const startedAt = Date.now();
const cluster = createCluster();
const database = await cluster.connectDatabase();
process.exitCode = (await demo()) ? 0 : 1;
await database.end();
await cluster.close();

async function demo(): Promise<boolean> {
  title('Three files');
  const uploads = await makeFiles();
  await removePrevious(uploads);
  const applied = uploads.filter(({ byItself }) => !byItself);
  const arriving = uploads.filter(({ byItself }) => byItself);
  await putFiles(applied);
  for (const { key, file, expected, byItself } of uploads) {
    const size = file.length < 1e6 ? `${(file.length / 1e3).toFixed(0)} kB` : `${(file.length / 1e6).toFixed(1)} MB`;
    const what = `${expected.records.toLocaleString('en')} records, ${size}${byItself ? dim(', is put below') : ''}`;
    console.log(`  s3://${cluster.env.S3_BUCKET}/${key}  ${what}`);
  }
  title('kubectl apply: three schemas, a source of files, two uploads');
  const manifests = await Promise.all(uploads.map(({ schema }) => readSchema(schema)));
  process.stdout.write(indent(await cluster.apply(...manifests, ...arriving.map(toSource))));
  const loadedAt = Date.now();
  process.stdout.write(indent(await cluster.apply(...applied.map(toManifest))));
  // The file is put only now, so that its source exists before it.
  await putFiles(arriving);
  for (const { key } of arriving)
    console.log(`  s3://${cluster.env.S3_BUCKET}/${key} ${dim('is put; nobody applies its upload')}`);
  title('kubectl get batchuploads --watch');
  const finished = await watch(uploads);
  const seconds = formatDuration(Date.now() - loadedAt);
  title('kubectl get batchuploads');
  process.stdout.write(
    indent(
      await cluster.kubectl('-n', NAMESPACE, 'get', 'batchuploads', ...finished.map(({ metadata }) => metadata.name)),
    ),
  );
  title('kubectl get uploadsources');
  await Promise.all(arriving.map(({ name }) => waitForStatus(name, finished)));
  process.stdout.write(
    indent(await cluster.kubectl('-n', NAMESPACE, 'get', 'uploadsources', ...arriving.map(({ name }) => name))),
  );
  for (const upload of finished) await showErrors(upload);
  const exact = await showTables(uploads, finished);
  // This upload changes the rows of a table whose count is shown above.
  const exactByApi = await uploadByApi({
    origin: await findGateway(cluster),
    namespace: NAMESPACE,
    env: cluster.env,
    folder: API_FOLDER,
    weather: await readFile(WEATHER, 'utf8'),
  });
  title(`The three files were loaded in ${seconds}, the demo took ${formatDuration(Date.now() - startedAt)}`);
  showNext();
  return exact && exactByApi;
}

async function makeFiles(): Promise<DemoUpload[]> {
  const { pieces, counts } = generateCertifications({ records: RECORDS, seed: 7 });
  const certifications = Buffer.concat([...pieces]);
  const airports = await readFile(new URL('../../node_modules/vega-datasets/data/airports.csv', import.meta.url));
  const weather = await readFile(WEATHER);
  return [
    {
      name: 'demo-certifications',
      key: 'raw-uploads/demo/certifications.csv',
      schema: 'certifications',
      table: 'certifications',
      file: certifications,
      expected: counts,
    },
    {
      name: 'demo-airports',
      key: 'raw-uploads/demo/airports.csv',
      schema: 'airports',
      table: 'airports',
      file: airports,
      expected: allGood(airports),
    },
    {
      name: 'demo-weather',
      byItself: true,
      key: 'raw-uploads/demo-arriving/seattle-weather.csv',
      schema: 'weather',
      table: 'weather',
      file: weather,
      expected: allGood(weather),
    },
  ];
}

function allGood(file: Buffer): ExpectedCounts {
  const records = file.toString('utf8').trim().split('\n').length - 1;
  return { records, succeeded: records, failed: 0, duplicate: 0, codes: {} };
}

async function putFiles(uploads: DemoUpload[]): Promise<void> {
  for (const { key, file } of uploads) await cluster.putObject(key, file);
}

/** Removes the uploads and rows of an earlier demo, so that the demo can be repeated. */
async function removePrevious(uploads: DemoUpload[]): Promise<void> {
  const remove = (...what: string[]) => cluster.kubectl('-n', NAMESPACE, 'delete', 'batchupload', ...what);
  await remove('--ignore-not-found', ...uploads.filter(({ byItself }) => !byItself).map(({ name }) => name));
  for (const { name } of uploads.filter(({ byItself }) => byItself)) await remove('-l', ofSource(name));
  await removePreviousSender(cluster.kubectl, NAMESPACE);
  const exists = await database.query<{ name: string | null }>("SELECT to_regclass('certifications')::text AS name");
  if (exists.rows[0]?.name === null) {
    await database.query(await readFile(new URL('../../crds/examples/certifications.sql', import.meta.url), 'utf8'));
  }
  for (const { table } of uploads) {
    const there = await database.query<{ name: string | null }>('SELECT to_regclass($1)::text AS name', [table]);
    if (there.rows[0]?.name) await database.query(`TRUNCATE ${pg.escapeIdentifier(table)}`);
  }
}

async function readSchema(name: string): Promise<object> {
  const text = await readFile(new URL(`../../crds/examples/recordschema-${name}.yaml`, import.meta.url), 'utf8');
  const manifest = parse(text) as { metadata: object };
  return { ...manifest, metadata: { ...manifest.metadata, namespace: NAMESPACE } };
}

function toManifest({ name, key, schema }: DemoUpload): object {
  return uploadManifest(NAMESPACE, name, {
    source: { type: 'Manual', s3: { bucket: cluster.env.S3_BUCKET, key } },
    schemaRef: { name: schema },
    // Two pods of four sessions load the large file.
    parallelism: 8,
    // A repeated demo loads the same content again, into tables that it has emptied.
    reload: true,
  });
}

/** The source watches the folder of the upload's file. */
function toSource({ name, key, schema }: DemoUpload): object {
  return sourceManifest(NAMESPACE, name, {
    s3Poll: { intervalSeconds: 5 },
    s3: { bucket: cluster.env.S3_BUCKET, prefix: key.slice(0, key.lastIndexOf('/') + 1) },
    schemas: [{ schemaRef: { name: schema } }],
    // A repeated demo puts the same bytes again.
    template: { spec: { reload: true } },
  });
}

function ofSource(name: string): string {
  return `batchupload.dev/upload-source=${name}`;
}

/** @returns undefined while the bridge has not made the upload of a file that was put. */
async function findUpload({ name, byItself }: DemoUpload): Promise<BatchUpload | undefined> {
  if (!byItself) return cluster.getUpload(NAMESPACE, name);
  const text = await cluster.kubectl('-n', NAMESPACE, 'get', 'batchuploads', '-l', ofSource(name), '-o', 'json');
  return (JSON.parse(text) as { items: BatchUpload[] }).items[0];
}

async function watch(uploads: DemoUpload[]): Promise<BatchUpload[]> {
  const table = createTable(['NAME', 'PHASE', 'PROGRESS', 'RECORDS', 'FAILED', 'DUPLICATES', 'RATE', 'MESSAGE']);
  for (const deadline = Date.now() + TIMEOUT_MS; ; ) {
    const found = await Promise.all(uploads.map(findUpload));
    const states = found.filter((upload) => upload !== undefined);
    table.show(
      states.map(({ metadata, status }) => [
        metadata.name,
        status?.phase ?? 'Pending',
        status?.progress ?? '',
        status?.records?.total?.toLocaleString('en') ?? '',
        status?.records?.failed?.toLocaleString('en') ?? '',
        status?.records?.duplicate?.toLocaleString('en') ?? '',
        status?.recordsPerSecond ? `${status.recordsPerSecond.toLocaleString('en')}/s` : '',
        status?.message ?? '',
      ]),
    );
    if (states.length === uploads.length && states.every(isFinished)) return states;
    if (Date.now() > deadline)
      throw new Error('The uploads are not finished after five minutes: see kubectl describe batchuploads.');
    await sleep(500);
  }
}

/** Waits until the source's status names its last upload: the bridge writes a status only every few seconds. */
async function waitForStatus(source: string, finished: readonly BatchUpload[]): Promise<void> {
  for (const deadline = Date.now() + TIMEOUT_MS; Date.now() < deadline; await sleep(250)) {
    const path = 'jsonpath={.status.lastCreated.name}';
    const name = await cluster.kubectl('-n', NAMESPACE, 'get', 'uploadsource', source, '-o', path);
    if (finished.some(({ metadata }) => metadata.name === name)) return;
  }
}

async function showErrors(upload: BatchUpload): Promise<void> {
  const { name } = upload.metadata;
  const errors = upload.status?.topErrors ?? [];
  title(`${name}: ${errors.length === 0 ? 'no errors' : 'top errors'}`);
  for (const { code, count, message } of errors) {
    console.log(`  ${code.padEnd(8)} ${count.toLocaleString('en').padStart(7)}  ${message ?? ''}`);
  }
  if (errors.length === 0) return;
  console.log(dim('  three of the rows:'));
  const { rows } = await database.query(
    `SELECT DISTINCT ON (error_code) row_number, error_code, error_message FROM batch_upload.batch_upload_errors
     WHERE batch_upload_id = $1 ORDER BY error_code, row_number LIMIT 3`,
    [upload.metadata.uid],
  );
  for (const { row_number, error_code, error_message } of rows)
    console.log(`  row ${row_number}  ${error_code}  ${error_message}`);
}

/** Prints the counts of status, table and generator side by side. @returns whether all of them are the same */
async function showTables(uploads: DemoUpload[], finished: BatchUpload[]): Promise<boolean> {
  title('Tables');
  let exact = true;
  for (const [i, { table, expected }] of uploads.entries()) {
    const { metadata } = finished[i]!;
    const { rows } = await database.query<{ count: string }>(`SELECT count(*) FROM ${pg.escapeIdentifier(table)}`);
    const { succeeded, failed, duplicate, total } = finished[i]!.status?.records ?? {};
    const same =
      Number(rows[0]!.count) === expected.succeeded &&
      succeeded === expected.succeeded &&
      failed === expected.failed &&
      duplicate === expected.duplicate &&
      total === expected.records;
    exact &&= same;
    const counts = `${expected.succeeded.toLocaleString('en')} good, ${expected.failed.toLocaleString('en')} bad, ${expected.duplicate.toLocaleString('en')} duplicate`;
    const verdict = same
      ? good('exactly what was put in')
      : wrong(`expected ${counts}, status says ${JSON.stringify(finished[i]!.status?.records)}`);
    console.log(
      `  ${table.padEnd(16)} ${Number(rows[0]!.count).toLocaleString('en').padStart(9)} rows; the file had ${counts}: ${verdict} ${dim(metadata.name)}`,
    );
  }
  return exact;
}

function showNext(): void {
  console.log(`  source .cluster/env                              ${dim('# kubectl, helm and the addresses')}
  kubectl get batchuploads -o wide
  kubectl describe batchupload demo-certifications
  kubectl describe uploadsource demo-weather       ${dim('# put another file beside the one it found')}
  cd .cluster/demo                                 ${dim('# the files of the lines for the REST API above')}
  psql "$DATABASE_URL" -c 'SELECT * FROM batch_upload.batch_upload_errors LIMIT 5'
  kubectl explain batchupload.spec                 ${dim('# then write one for a file of your own; crds/examples/ has more')}
  make test                                        ${dim('# everything that must always hold')}
  make down                                        ${dim('# nothing is left')}`);
}

function indent(text: string): string {
  return text.replace(/^(?=.)/gm, '  ');
}
