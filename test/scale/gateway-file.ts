/**
 * `SIZE=5GB node test/scale/gateway-file.ts` puts a big file into the storage by the API of the running cluster, part by part,
 * and loads it. The sender is cut off CUTS (2) times in the middle of a part, and goes on with the parts that the storage
 * does not have. The program prints the rate and the peak memory of the gateways by their cgroups, and compares the digest
 * and the counts.
 */
import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import { isFinished } from '#support/cluster/cluster.ts';
import { createE2e, NAMESPACE } from '#support/cluster/e2e.ts';
import { itemsSchema, schemaManifest } from '#support/cluster/manifests.ts';
import { podUsage } from '#support/cluster/pod-usage.ts';
import { createPartSender, type LargePlace } from '#support/gateway/part-sender.ts';
import { createSenders } from '#support/gateway/senders.ts';
import { SYSTEM } from '#support/kills/operator-kills.ts';
import { digestOfObject } from '#support/records/big-file.ts';
import { digestOfRecords, makeRecords, RECORD_BYTES } from '#support/records/long-records.ts';

const asked = Number(/^([\d.]+)GB$/.exec(process.env['SIZE'] ?? '5GB')?.[1]) * 1e9;
const cuts = Number(process.env['CUTS'] ?? 2);
const records = Math.ceil(asked / RECORD_BYTES);
const size = records * RECORD_BYTES;
const LIMIT_MB = 150;

await using stack = new AsyncDisposableStack();
const e2e = await createE2e();
stack.defer(() => e2e.close());
const { cluster } = e2e;
const senders = stack.use(await createSenders(e2e));
const sender = await senders.create('batch-upload-uploader');
const token = await senders.tokenFor(sender);
const schema = e2e.unique('big');
const table = schema.replaceAll('-', '_');
await cluster.apply(schemaManifest(NAMESPACE, schema, itemsSchema(table)));
stack.defer(async () => {
  await cluster.kubectl('-n', NAMESPACE, 'delete', 'recordschema', schema);
  await e2e.db.query(`DROP TABLE IF EXISTS ${table}`);
});

const { crc, sha256 } = digestOfRecords(size);
const startedAt = performance.now();
const checksum = { algorithm: 'CRC32', value: crc };
const place = await ask<LargePlace>('files', { name: 'big.csv', size, contentType: 'text/csv', checksum });
stack.defer(async () => {
  await cluster.s3.send(new DeleteObjectCommand({ Bucket: place.bucket, Key: place.key }));
});
const { parts } = place.multipart;
const partSender = createPartSender(place, { size, ask, makeBytes: makeRecords });
const resumed: number[] = [];
for (let cut = 1; cut <= cuts; cut += 1) {
  await partSender.putParts(Math.ceil((parts * cut) / (cuts + 1)));
  resumed.push((await partSender.listMissing()).length);
}
await partSender.putParts();
const putSeconds = secondsSince(startedAt);
await ask(`files/${place.id}/complete`, {});
const seconds = secondsSince(startedAt);

const loadStartedAt = performance.now();
const { name } = await ask<{ name: string }>('uploads', { file: place.id, schema });
stack.defer(async () => {
  await cluster.kubectl('-n', NAMESPACE, 'delete', 'batchupload', name);
});
const { status } = await cluster.waitForUpload(NAMESPACE, name, isFinished, 3_600_000);
const loadSeconds = secondsSince(loadStartedAt);
const { rows } = await e2e.db.query(`SELECT count(*)::int AS n, count(DISTINCT k)::int AS keys FROM ${table}`);

const usage = await Promise.all((await gatewayPods()).map((pod) => podUsage(e2e, pod)));
const peakMb = Math.max(...usage.map(({ peakMb: peak }) => peak));
console.table({
  file: `${(size / 1e9).toFixed(2)} GB, ${records.toLocaleString('en')} records`,
  parts,
  'parts that were left after each cut': resumed.join(', '),
  'rate of the parts': `${(size / 1e6 / putSeconds).toFixed(1)} MB/s`,
  'put and completed in': `${seconds.toFixed(0)} s`,
  'loaded in': `${loadSeconds.toFixed(0)} s`,
  'peak of the gateways': usage.map((each) => `${each.peakMb} MB`).join(', '),
  'resident, at the end': usage.map((each) => `${each.rssMb} MB`).join(', '),
  'processor time of the gateways': usage.map((each) => `${each.cpuSeconds.toFixed(1)} s`).join(', '),
});
const checks = {
  'digest of the object': (await digestOfObject(cluster.s3, place.bucket, place.key)) === sha256,
  'each cut left parts to put, the one that was cut among them': resumed.every(
    (left, i) => left > 0 && left < (resumed[i - 1] ?? parts),
  ),
  'counts of the upload':
    status?.phase === 'Complete' && status.records?.succeeded === records && status.records.failed === 0,
  'rows in the table': rows[0].n === records && rows[0].keys === records,
  [`no gateway takes ${LIMIT_MB} MB`]: peakMb < LIMIT_MB,
};
console.table(checks);
if (Object.values(checks).includes(false)) {
  console.error(JSON.stringify(status, null, 1));
  process.exitCode = 1;
}

function secondsSince(began: number): number {
  return (performance.now() - began) / 1000;
}

async function ask<T>(path: string, body?: object): Promise<T> {
  const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  const answer = await senders.call(path, { token, ...init });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}

async function gatewayPods(): Promise<string[]> {
  const selector = 'app.kubernetes.io/name=batch-upload-gateway';
  const names = await cluster.kubectl(...SYSTEM, 'get', 'pods', '-l', selector, '-o', 'name');
  return names
    .trim()
    .split('\n')
    .map((each) => each.replace('pod/', ''));
}
