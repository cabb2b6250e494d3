/** The whole bridge with every kind of source: a queue, posted events, an SFTP server. */
import { createHmac } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rename, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '#common/clock.ts';
import type { HttpServer } from '#common/http-server.ts';
import type { BatchUpload, UploadSource } from '#kube/custom-resources.ts';
import { createReceivers } from '#operator/bridge/sources/receivers.ts';
import { type BridgeBench, startBridgeBench } from '#support/bridge/bridge.ts';
import { type SqsServer, startSqsServer } from '#support/bridge/sqs-server.ts';
import { NAMESPACE, testSource } from '#support/bridge/upload-source.ts';
import { withClient } from '#support/database/database.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import { eventually } from '#support/process/eventually.ts';
import { createRecordingLog } from '#support/process/recording-log.ts';
import { type SshServer, startSshServer } from '#support/sftp/ssh-server.ts';
import { awsEvent } from '#support/storage/s3-events.ts';
import { type S3Server, startS3Server } from '#support/storage/s3-server.ts';

let postgres: Postgres;
let storage: S3Server;
let sqs: SqsServer;
let ssh: SshServer;
let bench: BridgeBench;
let webhooks: HttpServer;
let buckets = 0;

beforeAll(async () => {
  [postgres, storage, sqs, ssh] = await Promise.all([
    startPostgres({ settings: { fsync: 'off' } }),
    startS3Server(),
    startSqsServer(),
    startSshServer(),
  ]);
});
afterAll(async () => {
  await postgres.stop();
  await storage.stop();
  await sqs.stop();
  await ssh.stop();
});
beforeEach(async () => {
  bench = await startBridgeBench({ postgres, storage });
  const stop = new AbortController();
  const { receivers, listen } = createReceivers({
    ...{ log: createRecordingLog(), clock: systemClock, signal: stop.signal },
  });
  webhooks = await listen(0);
  bench.start({ receivers });
  return async () => {
    await bench[Symbol.asyncDispose]();
    stop.abort();
    await webhooks.close();
  };
});

const uploads = () => bench.api.all('batchuploads') as unknown as BatchUpload[];
const statusOf = (name: string) =>
  (bench.api.get('uploadsources', NAMESPACE, name) as UploadSource | undefined)?.status;
const ready = (name: string) => statusOf(name)?.conditions?.find(({ type }) => type === 'Ready');
const newBucket = async () => {
  buckets += 1;
  await bench.bucket(`sources-${buckets}`);
  return `sources-${buckets}`;
};
const relist = { relistSeconds: 86_400 };
/** Completes an upload as the operator does: first in the ledger, then in the status. */
async function complete(upload: BatchUpload): Promise<void> {
  const { metadata, spec } = upload;
  await withClient(bench.databaseUrl, (client) =>
    client.query(
      `INSERT INTO batch_upload.batch_uploads (id, cluster_id, namespace, name, source_type, filename, s3_bucket, s3_key, request,
         schema, schema_hash, status) VALUES ($1, 'cluster', $2, $3, 'FTP', 'f', $4, $5, '{}', '{}', 'h', 'Complete')`,
      [metadata.uid, NAMESPACE, metadata.name, spec.source.s3.bucket, spec.source.s3.key],
    ),
  );
  const lastTransitionTime = new Date().toISOString();
  const condition = { type: 'Complete', status: 'True', reason: 'Completed', message: 'm', lastTransitionTime };
  bench.api.put('batchuploads', { ...upload, status: { phase: 'Complete', conditions: [condition] } });
}

describe('a queue', () => {
  it('each message becomes one upload and is deleted, however often it comes', async () => {
    const bucket = await newBucket();
    const queueUrl = await sqs.createQueue(`q${buckets}`);
    const queue = { queueUrl, endpoint: sqs.endpoint, region: sqs.region };
    bench.api.put(
      'uploadsources',
      testSource('orders', { s3: { bucket, prefix: 'in/' }, s3Event: { sqs: queue, ...relist } }),
    );
    await eventually(
      'ready',
      () => ready('orders')?.status === 'True' && statusOf('orders')?.lastListTime !== undefined,
    );
    const keys = Array.from({ length: 20 }, (_, at) => `in/a b+ä-${at}.csv`);
    for (const key of keys) await bench.put(bucket, key);
    const bodies = keys.flatMap((key) => Array.from({ length: 3 }, () => awsEvent([{ bucket, key }])));
    for (const body of bodies.sort(() => Math.random() - 0.5)) await sqs.send(queueUrl, body);
    await sqs.send(queueUrl, awsEvent([{ bucket, key: 'in/gone.csv' }]));
    // The message that was sent last is ignored, and may also be handled last, so that all three counts are summed.
    await eventually('all', () => {
      const { created = 0, known = 0, ignored = 0 } = statusOf('orders') ?? {};
      return created + known + ignored >= keys.length * 3 + 1;
    });
    expect(
      uploads()
        .map(({ spec }) => spec.source.s3.key)
        .sort(),
    ).toEqual([...keys].sort());
    expect(statusOf('orders')).toMatchObject({ created: 20, known: 40, ignored: 1 });
    expect(statusOf('orders')?.recentIgnored?.[0]).toMatchObject({ reason: 'ObjectNotFound' });
    expect(uploads()[0]!.spec.source).toMatchObject({ type: 'S3Event', event: { uploadSource: 'orders' } });
    await eventually('the queue is empty', async () => {
      const { visible, hidden } = await sqs.count(queueUrl);
      return visible + hidden === 0;
    });
  });

  it('that is not there is said', async () => {
    const bucket = await newBucket();
    const queue = { queueUrl: `${sqs.endpoint}/000000000000/none`, endpoint: sqs.endpoint, region: sqs.region };
    bench.api.put(
      'uploadsources',
      testSource('orders', { s3: { bucket, prefix: '' }, s3Event: { sqs: queue, ...relist } }),
    );
    await eventually('said', () => ready('orders')?.reason === 'QueueNotFound');
  });
});

describe('posted events', () => {
  const post = (body: string, headers: Record<string, string>) =>
    fetch(`http://127.0.0.1:${webhooks.port}/v1/namespaces/${NAMESPACE}/uploadsources/orders/events`, {
      ...{ method: 'POST', body, headers },
    }).then(async (response) => ({ status: response.status, body: await response.json() }));

  it('who knows the secret can post; the answer comes when the upload is there', async () => {
    const bucket = await newBucket();
    const webhook = { secretRef: { name: 'own' } };
    const spec = { s3: { bucket, prefix: '' }, s3Event: { webhook, ...relist } };
    bench.api.put('uploadsources', testSource('orders', spec));
    await eventually('the Secret is missing', () => ready('orders')?.reason === 'SecretMissing');
    bench.secret('own', { token: 'secret', hmacKey: 'key' });
    // A change of the spec takes effect at once; the next check of the Secret would come some seconds later.
    bench.api.put('uploadsources', testSource('orders', { ...spec, filter: { minBytes: 1, suffixes: ['.csv'] } }));
    await eventually('ready', () => statusOf('orders')?.observedGeneration === 2 && ready('orders')?.status === 'True');
    await bench.put(bucket, 'a.csv');
    const body = awsEvent([{ bucket, key: 'a.csv' }]);
    expect(await post(body, {})).toMatchObject({ status: 401 });
    expect(await post(body, { authorization: 'Bearer other' })).toMatchObject({ status: 401 });
    expect(uploads()).toHaveLength(0);
    expect(await post(body, { authorization: 'Bearer secret' })).toMatchObject({ status: 200, body: { created: 1 } });
    const signature = `sha256=${createHmac('sha256', 'key').update(body).digest('hex')}`;
    expect(await post(body, { 'x-signature-256': signature })).toMatchObject({ status: 200, body: { known: 1 } });
    expect(uploads()).toHaveLength(1);

    bench.api.put('uploadsources', testSource('orders', { ...spec, suspend: true }));
    await eventually('suspended', () => ready('orders')?.reason === 'Suspended');
    await bench.put(bucket, 'b.csv');
    const suspended = () => post(awsEvent([{ bucket, key: 'b.csv' }]), { authorization: 'Bearer secret' });
    expect(await suspended()).toMatchObject({ status: 503 });
    expect(uploads()).toHaveLength(1);
    // After the suspension the list finds the object whose event was refused.
    bench.api.put('uploadsources', testSource('orders', spec));
    await eventually('found', () => uploads().length === 2);
  });
});

describe('an SFTP server', () => {
  it('a file becomes an object and an upload, and is put away', async () => {
    const bucket = await newBucket();
    const directory = await ssh.makeFolder(`outbox-${buckets}`);
    const file = join(directory, 'orders 1.csv');
    await writeFile(file, 'k,v\n1,a\n');
    await writeFile(join(directory, 'notes.txt'), 'x');
    ssh.own(file);
    bench.secret('own', { privateKey: ssh.privateKey, knownHosts: ssh.knownHosts() });
    const sftp = {
      ...{ host: '127.0.0.1', port: ssh.port, username: ssh.username, directory, secretRef: { name: 'own' } },
      ...{ intervalSeconds: 1, uploadPrefix: 'raw-uploads/' },
      afterFetch: { action: 'Move' as const, directory: 'processed', suffix: '.done' },
    };
    const filter = { minBytes: 1, suffixes: ['.csv'] };
    bench.api.put(
      'uploadsources',
      testSource('orders', { s3: { bucket, prefix: '' }, sftp, filter, settleSeconds: 0 }),
    );
    await eventually('the upload', () => uploads().length === 1);
    const { source } = uploads()[0]!.spec;
    expect(source).toMatchObject({ type: 'FTP', event: { uploadSource: 'orders' } });
    expect(source.s3.key).toMatch(/^raw-uploads\/ns\/orders\/[^/]+\/orders 1\.csv$/);
    await eventually('the status', () => statusOf('orders')?.created === 1 && ready('orders')?.status === 'True');
    expect(statusOf('orders')?.recentIgnored?.[0]).toMatchObject({ reason: 'Filtered' });
    await eventually('put away', () => existsSync(join(directory, 'processed', 'orders 1.csv')));
  });

  it('files of a Serial source are loaded in the order of their times on the server, however long a transfer takes', async () => {
    const bucket = await newBucket();
    const directory = await ssh.makeFolder(`outbox-${buckets}`);
    const start = Math.floor(Date.now() / 1000) - 3600;
    const put = async (name: string, second: number, bytes = 0) => {
      const aside = join(directory, `.${name}`);
      await writeFile(aside, `k,v\n1,${'a'.repeat(bytes)}\n`);
      ssh.own(aside);
      await utimes(aside, start + second, start + second);
      await rename(aside, join(directory, name));
    };
    // The oldest file is the largest, so that its transfer ends last.
    await put('z-oldest.csv', 1, 20_000_000);
    await put('b.csv', 2);
    await put('a.csv', 2);
    await put('0-newest.csv', 3);
    bench.secret('own', { privateKey: ssh.privateKey, knownHosts: ssh.knownHosts() });
    const sftp = {
      ...{ host: '127.0.0.1', port: ssh.port, username: ssh.username, directory, secretRef: { name: 'own' } },
      ...{ intervalSeconds: 1, uploadPrefix: 'raw-uploads/' },
      afterFetch: { action: 'Move' as const, directory: 'processed', suffix: '.done' },
    };
    const spec = { s3: { bucket, prefix: '' }, sftp, settleSeconds: 0, concurrencyPolicy: 'Serial' as const };
    bench.api.put('uploadsources', testSource('orders', spec));
    const names: string[] = [];
    for (let turn = 1; turn <= 4; turn += 1) {
      await eventually(`turn ${turn}`, () => uploads().length === turn, 30_000);
      const [upload] = uploads().filter(({ status }) => status === undefined);
      names.push(upload!.spec.source.s3.key.split('/').at(-1)!);
      if (turn === 2) {
        await eventually('put away', () => existsSync(join(directory, 'processed', '0-newest.csv')));
        await put('too-late.csv', 0);
      }
      await complete(upload!);
    }
    expect(names).toEqual(['z-oldest.csv', 'a.csv', 'b.csv', '0-newest.csv']);
    await eventually('refused', () => statusOf('orders')?.recentIgnored?.[0]?.reason === 'OutOfOrder');
    expect(uploads()).toHaveLength(4);
  });

  it('a host key that is not the one of knownHosts is said', async () => {
    const bucket = await newBucket();
    await using other = await startSshServer();
    const address = { host: '127.0.0.1', port: ssh.port };
    bench.secret('own', { privateKey: ssh.privateKey, knownHosts: other.knownHosts(address) });
    const sftp = {
      ...{ ...address, username: ssh.username, directory: '.', secretRef: { name: 'own' } },
      ...{ intervalSeconds: 1, uploadPrefix: 'raw-uploads/' },
      afterFetch: { action: 'Keep' as const, directory: 'processed', suffix: '.done' },
    };
    bench.api.put('uploadsources', testSource('orders', { s3: { bucket, prefix: '' }, sftp }));
    await eventually('said', () => ready('orders')?.reason === 'HostKeyMismatch');
  });
});
