/** The primary of a database cluster crashes while pods load, and its standby is promoted: nobody has to do anything. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { migrate } from '#ledger/migrate.ts';
import { hostAddress } from '#support/bridge/sources.ts';
import { type BatchUpload, hasCondition } from '#support/cluster/cluster.ts';
import { createE2e, type E2e, NAMESPACE, TEST_DATABASE_SECRET } from '#support/cluster/e2e.ts';
import { schemaManifest, uploadManifest } from '#support/cluster/manifests.ts';
import { createDatabase, withClient } from '#support/database/database.ts';
import { makeTemplate, startReplication } from '#support/database/replication.ts';
import { withBrakes } from '#support/kills/fault-tests.ts';
import { generateCertifications } from '#support/records/certifications.ts';
import { expectExact } from '#support/runner/expect-exact.ts';
import { CERTIFICATIONS_SQL, exampleSchema } from '#support/runner/runner.ts';

let e2e: E2e;
let folder: string;
beforeAll(async () => {
  e2e = await createE2e();
  folder = await mkdtemp(join(tmpdir(), 'batch-upload-promotion-'));
});
afterAll(async () => {
  await e2e.close();
  await rm(folder, { recursive: true, force: true });
});

it('a standby is promoted while a pod stands before its COMMIT: the status says what happens, and every record is loaded once', async () => {
  const { cluster } = e2e;
  const template = await makeTemplate(join(folder, 'template'));
  const address = hostAddress(e2e);
  await using servers = await startReplication({ folder, template, synchronous: 'on', listenAddresses: [address] });
  await using stack = new AsyncDisposableStack();
  const url = await createDatabase(servers.primary);
  await withClient(url, migrate);
  await withClient(url, (client) => client.query(CERTIFICATIONS_SQL));
  const metadata = { name: TEST_DATABASE_SECRET, namespace: NAMESPACE };
  const uri = servers.both(url).replaceAll('127.0.0.1', address);
  await cluster.apply({ apiVersion: 'v1', kind: 'Secret', metadata, stringData: { uri } });
  stack.defer(async () => void (await cluster.kubectl('-n', NAMESPACE, 'delete', 'secret', metadata.name)));

  const name = e2e.unique('promotion');
  const { pieces, counts } = generateCertifications({ records: 6000, seed: 3, duplicates: 0 });
  const file = Buffer.concat([...pieces]);
  await cluster.putObject(`e2e/${name}.csv`, file);
  await cluster.apply(schemaManifest(NAMESPACE, name, exampleSchema('certifications')));
  await cluster.apply(
    uploadManifest(NAMESPACE, name, {
      source: { type: 'Manual', s3: { bucket: cluster.env.S3_BUCKET, key: `e2e/${name}.csv` } },
      schemaRef: { name: `held-${name}` },
      target: { databaseSecretRef: { name: TEST_DATABASE_SECRET } },
      chunkRecords: 200,
    }),
  );
  const { uid } = (await cluster.getUpload(NAMESPACE, name)).metadata;
  const degraded = ({ status }: BatchUpload) => status?.conditions?.find(({ type }) => type === 'Degraded');
  await withBrakes(url, async (brakes) => {
    const brake = await brakes.beforeCommit(uid, 7);
    await cluster.apply(schemaManifest(NAMESPACE, `held-${name}`, exampleSchema('certifications')));
    await brake.reached();
    await servers.killPrimary();
    const seen = await cluster.waitForUpload(NAMESPACE, name, (upload) => degraded(upload)?.status === 'True', 30_000);
    expect(degraded(seen)?.reason).toBe('DatabaseUnavailable');
    await servers.promote();
  });
  const done = await cluster.waitForUpload(NAMESPACE, name, (upload) => hasCondition(upload, 'Complete'), 120_000);
  const { records, succeeded, failed, duplicate } = counts;
  expect(done.status?.records).toEqual({
    total: records,
    processed: records,
    succeeded,
    failed,
    duplicate,
    updated: 0,
  });
  await expectExact(servers.onStandby(url), uid, { file, counts });
  await cluster.kubectl('-n', NAMESPACE, 'delete', 'batchupload', name);
});
