/** Many small uploads at once, by warm pods of a real cluster, while pods and operators are killed. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type BatchUpload, hasCondition, isFinished } from '#support/cluster/cluster.ts';
import { createE2e, type E2e, eventuallyTrue, NAMESPACE } from '#support/cluster/e2e.ts';
import { itemsSchema, schemaManifest, uploadManifest } from '#support/cluster/manifests.ts';
import { operatorPods, SYSTEM, setVariable } from '#support/kills/operator-kills.ts';

const UPLOADS = 30;
const RECORDS = 10;

let e2e: E2e;
let usual: string | null;
beforeAll(async () => {
  e2e = await createE2e();
  usual = await setVariable(e2e, 'BATCH_UPLOAD_WARM_PODS', '3');
});
afterAll(async () => {
  await setVariable(e2e, 'BATCH_UPLOAD_WARM_PODS', usual);
  await e2e.close();
});

const warmPods = async () => {
  const selector = ['-l', 'batchupload.dev/kind=pool', '--field-selector', 'status.phase=Running'];
  const names = await e2e.cluster.kubectl('-n', NAMESPACE, 'get', 'pods', ...selector, '-o', 'name');
  return names.trim().split('\n').filter(Boolean);
};

it('a warm pod and the leading operator are killed, and every upload is complete and exact', async () => {
  const { cluster, db } = e2e;
  const name = e2e.unique('warm');
  const table = name.replaceAll('-', '_');
  const label = { 'e2e.test/warm': name };
  await cluster.apply(schemaManifest(NAMESPACE, name, itemsSchema(table)));
  const manifests = [];
  for (let at = 0; at < UPLOADS; at += 1) {
    const key = `e2e/${name}/${at}.csv`;
    const lines = Array.from({ length: RECORDS }, (_, n) => `${at}-${n},v\n`);
    await cluster.putObject(key, `k,v\n${lines.join('')}`);
    const s3 = { bucket: cluster.env.S3_BUCKET, key };
    const manifest = uploadManifest(NAMESPACE, `${name}-${at}`, {
      source: { type: 'Manual', s3 },
      schemaRef: { name },
    }) as { metadata: object };
    manifests.push({ ...manifest, metadata: { ...manifest.metadata, labels: label } });
  }
  const read = async () => {
    const all = ['-n', NAMESPACE, 'get', 'batchuploads', '-l', `e2e.test/warm=${name}`, '-o', 'json'];
    return (JSON.parse(await cluster.kubectl(...all)) as { items: BatchUpload[] }).items;
  };
  await cluster.apply(...manifests);
  await eventuallyTrue(async () => (await read()).some(isFinished), 'no upload has ended', 120_000);
  const [pod] = await warmPods();
  if (pod) await cluster.kubectl('-n', NAMESPACE, 'delete', pod, '--force', '--grace-period=0');
  for (const { metadata } of await operatorPods(e2e)) {
    await cluster.kubectl(...SYSTEM, 'delete', 'pod', metadata.name, '--force', '--grace-period=0');
  }
  await eventuallyTrue(async () => (await read()).every(isFinished), 'not all uploads have ended', 240_000);
  const uploads = await read();
  expect(uploads.filter((upload) => hasCondition(upload, 'Complete')).length).toBe(UPLOADS);
  for (const { status } of uploads)
    expect(status?.records).toMatchObject({ total: RECORDS, succeeded: RECORDS, failed: 0, duplicate: 0 });
  const { rows } = await db.query(`SELECT count(*)::int AS rows, count(DISTINCT k)::int AS keys FROM ${table}`);
  expect(rows).toEqual([{ rows: UPLOADS * RECORDS, keys: UPLOADS * RECORDS }]);
  // The pods end by themselves when nothing comes.
  await eventuallyTrue(async () => (await warmPods()).length === 0, 'warm pods stay', 60_000);
});
