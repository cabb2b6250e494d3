/**
 * `make scale RECORDS=1000000` loads a big certification file through the cluster. The program checks the counts,
 * prints the time of each part and the peak memory of every pod as the pod's own cgroup counted it, and writes
 * .cluster/scale.json.
 */
import { writeFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { hasCondition, isFinished } from '#support/cluster/cluster.ts';
import { createE2e, NAMESPACE } from '#support/cluster/e2e.ts';
import { uploadManifest } from '#support/cluster/manifests.ts';
import { prepareKillTests, SCHEMA_NAME } from '#support/kills/kill-tests.ts';
import { setVariable } from '#support/kills/operator-kills.ts';
import { generateCertifications } from '#support/records/certifications.ts';

const INLINE_LIMIT = 'BATCH_UPLOAD_INLINE_LIMIT_BYTES';
const records = Number(process.env['RECORDS'] ?? 1_000_000);
const parallelism = Number(process.env['PARALLELISM'] ?? 2);
const e2e = await createE2e();
const { cluster } = e2e;
await prepareKillTests(e2e);
// The test cluster has small limits, so that its tests see process Jobs; this measures the product as it is installed.
const usualLimit = await setVariable(e2e, INLINE_LIMIT, null);
await e2e.db.query('TRUNCATE certifications');

const name = e2e.unique('scale');
const key = `e2e/${name}.csv`;
const { pieces, counts } = generateCertifications({ records, seed: 11 });
console.log(`making ${records.toLocaleString('en')} records`);
const file = Buffer.concat([...pieces]);
await cluster.s3.send(
  new PutObjectCommand({
    Bucket: cluster.env.S3_BUCKET,
    Key: key,
    Body: Readable.from(cut(file)),
    ContentLength: file.length,
  }),
);
console.log(`${(file.length / 1e6).toFixed(0)} MB in s3://${cluster.env.S3_BUCKET}/${key}`);

const appliedAt = Date.now();
await cluster.apply(
  uploadManifest(NAMESPACE, name, {
    source: { type: 'Manual', s3: { bucket: cluster.env.S3_BUCKET, key } },
    schemaRef: { name: SCHEMA_NAME },
    parallelism,
    // An earlier run may have loaded the same content, and the table was emptied since.
    reload: true,
  }),
);
let plannedAt = 0;
let last = '';
for (;;) {
  const upload = await cluster.getUpload(NAMESPACE, name);
  if (plannedAt === 0 && hasCondition(upload, 'Planned')) plannedAt = Date.now();
  const line = `${upload.status?.phase ?? 'Pending'} ${upload.status?.progress ?? ''} ${upload.status?.recordsPerSecond ?? 0}/s`;
  if (line !== last) console.log(`  ${((Date.now() - appliedAt) / 1000).toFixed(0).padStart(4)} s  ${line}`);
  last = line;
  if (isFinished(upload)) break;
  await sleep(1000);
}
const finishedAt = Date.now();
await setVariable(e2e, INLINE_LIMIT, usualLimit);
const { metadata, status } = await cluster.getUpload(NAMESPACE, name);
const { succeeded, failed, duplicate } = counts;
const expected = { total: records, processed: records, succeeded, failed, duplicate, updated: 0 };
const { rows } = await e2e.db.query<{ n: number }>(
  'SELECT count(*)::int AS n FROM certifications WHERE batch_upload_id = $1',
  [metadata.uid],
);
const exact = JSON.stringify(sorted(status?.records)) === JSON.stringify(sorted(expected)) && rows[0]!.n === succeeded;

const pods = [];
for (const pod of await e2e.podsOf(metadata.uid)) {
  const log = await cluster.kubectl('-n', NAMESPACE, 'logs', pod.metadata.name);
  const finished = log.split('\n').find((each) => each.includes('"finished"'));
  const { durationMs, cgroupPeakBytes, peakRssBytes } = finished ? JSON.parse(finished) : {};
  pods.push({ pod: pod.metadata.name, durationMs, cgroupPeakMB: toMB(cgroupPeakBytes), peakRssMB: toMB(peakRssBytes) });
}
console.table(pods);
const seconds = (finishedAt - appliedAt) / 1000;
const result = {
  records,
  bytes: file.length,
  parallelism,
  exact,
  seconds,
  planSeconds: (plannedAt - appliedAt) / 1000,
  recordsPerSecond: Math.round(records / seconds),
  maxCgroupPeakMB: Math.max(...pods.map(({ cgroupPeakMB }) => cgroupPeakMB ?? 0)),
  counts: status?.records,
};
console.log(result);
await writeFile(new URL('../../.cluster/scale.json', import.meta.url), JSON.stringify({ ...result, pods }, null, 2));
console.log(
  exact
    ? 'The counts and the table are exactly what was put in.'
    : `The counts are NOT what was put in: expected ${JSON.stringify(expected)}, the table has ${rows[0]!.n} rows.`,
);
process.exitCode = exact ? 0 : 1;
await e2e.close();

function* cut(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 1 << 20) yield bytes.subarray(at, at + (1 << 20));
}

function sorted(object: object | undefined): [string, unknown][] {
  return Object.entries(object ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
}

function toMB(bytes: number | null | undefined): number | null {
  return bytes ? Math.round(bytes / 1e6) : null;
}
