/** A bridge process that is killed while it works still makes exactly one upload for each object. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import type { BatchUpload, UploadSource } from '#kube/custom-resources.ts';
import { startBridgeBench } from '#support/bridge/bridge.ts';
import { startSqsServer } from '#support/bridge/sqs-server.ts';
import { NAMESPACE, testSource } from '#support/bridge/upload-source.ts';
import { withClient } from '#support/database/database.ts';
import { startPostgres } from '#support/database/postgres.ts';
import { eventually } from '#support/process/eventually.ts';
import { findFreePort } from '#support/process/server-process.ts';
import { awsEvent } from '#support/storage/s3-events.ts';
import { startS3Server } from '#support/storage/s3-server.ts';

const OBJECTS = 200;
const KILLS = 5;

it('killed five times, while each object is announced three times and listed besides', {
  timeout: 180_000,
}, async () => {
  await using postgres = await startPostgres({ settings: { fsync: 'off' } });
  await using storage = await startS3Server();
  await using sqs = await startSqsServer();
  await using bench = await startBridgeBench({ postgres, storage });
  const ports = { metrics: await findFreePort(), webhooks: await findFreePort() };
  const start = (): ChildProcess =>
    spawn(process.execPath, ['test/support/bridge/bridge-process.ts'], {
      env: {
        ...process.env,
        API_SERVER: bench.api.access.server,
        BATCH_UPLOAD_NAMESPACES: NAMESPACE,
        BATCH_UPLOAD_ALLOWED_ENDPOINTS: '127.0.0.1',
        BATCH_UPLOAD_METRICS_PORT: String(ports.metrics),
        BATCH_UPLOAD_BRIDGE_PORT: String(ports.webhooks),
      },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  const uploads = () => bench.api.all('batchuploads') as unknown as BatchUpload[];
  const statusOf = (name: string) =>
    (bench.api.get('uploadsources', NAMESPACE, name) as unknown as UploadSource).status;

  await bench.bucket('arrivals');
  const queueUrl = await sqs.createQueue('arrivals', { VisibilityTimeout: '2' });
  const keys = Array.from({ length: OBJECTS }, (_, at) => `in/${at}.csv`);
  for (const key of keys) await bench.put('arrivals', key);
  const announced = keys.flatMap((key) => [key, key, key]).sort(() => Math.random() - 0.5);
  for (const key of announced) await sqs.send(queueUrl, awsEvent([{ bucket: 'arrivals', key }]));
  const queue = { queueUrl, endpoint: sqs.endpoint, region: sqs.region };
  const spec = { s3: { bucket: 'arrivals', prefix: 'in/' }, s3Event: { sqs: queue, relistSeconds: 2 } };
  bench.api.put('uploadsources', testSource('orders', spec));

  let bridge = start();
  try {
    for (let kill = 1; kill <= KILLS; kill += 1) {
      const enough = (OBJECTS * kill) / (KILLS + 1);
      await eventually(`${enough} uploads`, () => uploads().length >= enough, 60_000);
      bridge.kill('SIGKILL');
      await once(bridge, 'exit');
      // An upload that was deleted must not be created again.
      const [{ metadata }] = uploads() as [BatchUpload];
      if (kill === KILLS) bench.api.remove('batchuploads', NAMESPACE, metadata!.name!);
      bridge = start();
    }
    await eventually('all counted', () => statusOf('orders')?.created === OBJECTS, 90_000);
    const { rows } = await withClient(bench.databaseUrl, (client) =>
      client.query<{ key: string }>('SELECT key FROM batch_upload.batch_upload_arrivals'),
    );
    expect(rows.map(({ key }) => key).sort()).toEqual([...keys].sort());
    expect(new Set(uploads().map(({ spec: { source } }) => source.s3.key)).size).toBe(uploads().length);
    expect(uploads()).toHaveLength(OBJECTS - 1);
  } finally {
    bridge.kill('SIGTERM');
    await once(bridge, 'exit');
  }
});
