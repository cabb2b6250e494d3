/** Files arrive by themselves in each way, and are followed from the first byte to the rows in PostgreSQL. */
import { readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  CreateBucketCommand,
  HeadObjectCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { UploadSource } from '#kube/custom-resources.ts';
import {
  applySecret,
  createTestSource,
  deleteSecret,
  forPods,
  hostAddress,
  OTHER_SFTP_SECRET,
  removeObjects,
  SFTP_SECRET,
  scaleBridge,
  type TestSource,
  WEBHOOK_SECRET,
  webhookUrl,
} from '#support/bridge/sources.ts';
import { startSqsServer } from '#support/bridge/sqs-server.ts';
import type { BatchUpload } from '#support/cluster/cluster.ts';
import { createE2e, type E2e, eventuallyTrue, NAMESPACE } from '#support/cluster/e2e.ts';
import { sourceManifest } from '#support/cluster/manifests.ts';
import { findFreePort } from '#support/process/server-process.ts';
import { type SshServer, startSshServer } from '#support/sftp/ssh-server.ts';
import { awsEvent } from '#support/storage/s3-events.ts';
import { startS3Server } from '#support/storage/s3-server.ts';

const TOKEN = '0123456789abcdef';
const VERSIONED = 'e2e-versions';

let e2e: E2e;
beforeAll(async () => {
  e2e = await createE2e();
  await applySecret(e2e, WEBHOOK_SECRET, { token: TOKEN });
});
afterAll(async () => {
  for (const secret of [WEBHOOK_SECRET, SFTP_SECRET, OTHER_SFTP_SECRET]) await deleteSecret(e2e, secret);
  await e2e.close();
});

/** Runs the test with a source of its own. */
async function withSource(kind: string, run: (source: TestSource) => Promise<void>): Promise<void> {
  const source = await createTestSource(e2e, kind);
  try {
    await run(source);
  } finally {
    await source.remove();
  }
}

const isListed = ({ status }: UploadSource) => status?.lastListTime !== undefined;
const ignoredReasons = ({ status }: UploadSource) => (status?.recentIgnored ?? []).map(({ reason }) => reason);
const complete = (records: number) => ({
  phase: 'Complete',
  records: { total: records, processed: records, succeeded: records, failed: 0, duplicate: 0, updated: 0 },
});

/** Reads from the ledger which source and which event led to an upload. */
async function auditOf({ metadata }: BatchUpload): Promise<object> {
  const { rows } = await e2e.db.query<{ metadata: object }>(
    `SELECT metadata FROM batch_upload.batch_upload_audit_logs
     WHERE batch_upload_id = $1 AND event_type = 'upload_accepted'`,
    [metadata.uid],
  );
  expect(rows).toHaveLength(1);
  return rows[0]!.metadata;
}

async function expectShown({ name }: TestSource, columns: RegExp): Promise<void> {
  const shown = await e2e.cluster.kubectl('-n', NAMESPACE, 'get', 'upsrc', name);
  expect(shown.trim().split('\n')[1]).toMatch(columns);
}

it('a queue: two versions of a key, and what makes no upload', () =>
  withSource('by-sqs', async (source) => {
    await using sqs = await startSqsServer();
    const { s3 } = e2e.cluster;
    const bucket = VERSIONED;
    await s3.send(new CreateBucketCommand({ Bucket: bucket })).catch(() => undefined);
    await s3.send(
      new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration: { Status: 'Enabled' as const } }),
    );
    const queueUrl = forPods(e2e, await sqs.createQueue(source.name));
    await source.apply({
      s3Event: { sqs: { queueUrl }, relistSeconds: 86_400 },
      s3: { bucket, prefix: source.prefix },
      filter: { suffixes: ['.csv'] },
    });
    await source.waitForReady();
    // After the first listing the bridge learns of files by events alone.
    await source.waitFor('the first list', isListed);

    const key = `${source.prefix}März 1+2 (neu)%20.csv`;
    const put = async (body: string) => {
      const { VersionId } = await s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body }));
      return { bucket, key, versionId: VersionId!, eventTime: new Date().toISOString() };
    };
    const events = [await put('k,v\n1,a\n2,b\n'), await put('k,v\n3,c\n')];
    // The later event comes first and twice, in messages with events that the source does not want.
    await sqs.send(queueUrl, awsEvent([events[1]!, { bucket: 'other-bucket', key }]));
    await sqs.send(queueUrl, awsEvent([events[1]!, { bucket, key: `${source.prefix}gone.csv` }]));
    await sqs.send(
      queueUrl,
      awsEvent([events[0]!, { bucket, key: `${source.prefix}../passwd.csv` }, { bucket, key: '../a.csv' }]),
    );

    const uploads = await source.finished(2);
    const byVersion = (versionId: string) => uploads.find(({ spec }) => spec.source.s3.versionId === versionId)!;
    const [first, second] = events.map(({ versionId }) => byVersion(versionId)) as [BatchUpload, BatchUpload];
    expect(first.status).toMatchObject(complete(2));
    expect(second.status).toMatchObject(complete(1));
    expect(await source.rows()).toEqual(['1=a', '2=b', '3=c']);
    for (const [at, upload] of [first, second].entries()) {
      const { versionId, eventTime } = events[at]!;
      expect(upload.spec.source).toMatchObject({
        type: 'S3Event',
        event: { uploadSource: source.name, time: eventTime },
        s3: { bucket, key, versionId },
      });
      expect(await auditOf(upload)).toMatchObject({
        source_type: 'S3Event',
        upload_source: source.name,
        event_id: upload.spec.source.event!.id,
        event_time: eventTime,
      });
    }
    const { status } = await source.waitFor(
      'the counts',
      (each) => each.status?.created === 2 && each.status.ignored === 4 && each.status.lagSeconds === 0,
    );
    expect(status).toMatchObject({ failing: 0, lastCreated: { key }, lastEventTime: expect.any(String) });
    expect(ignoredReasons(await source.get()).toSorted()).toEqual([
      'ObjectNotFound',
      'ObjectNotFound',
      'OtherBucket',
      'OtherPrefix',
    ]);
    await expectShown(source, /^\S+\s+True\s+Watching\s+2\s+4\s+0\s+\S+\s+\S+$/);
    await eventuallyTrue(async () => {
      const { visible, hidden } = await sqs.count(queueUrl);
      return visible + hidden === 0;
    }, 'messages are left');
  }));

it('a webhook of the storage itself; what came while the bridge was down is found by the list', () =>
  withSource('by-webhook', async (source) => {
    const { env } = e2e.cluster;
    const bucket = 'pushed';
    const port = await findFreePort();
    const endpoint = `http://${hostAddress(e2e)}:${port}`;
    // The storage starts only after the webhook has answered.
    await source.apply({
      s3Event: { webhook: { secretRef: { name: WEBHOOK_SECRET } }, relistSeconds: 30 },
      s3: { bucket, prefix: source.prefix, endpoint, forcePathStyle: true },
    });
    await source.waitForReady();
    await using storage = await startS3Server({
      port,
      listenAddresses: [hostAddress(e2e)],
      accessKeyId: env.AWS_ACCESS_KEY_ID,
      secretAccessKey: env.AWS_SECRET_ACCESS_KEY,
      region: env.AWS_REGION,
      eventWebhookUrl: await webhookUrl(e2e, source.name, TOKEN),
    });
    const { accessKeyId, secretAccessKey, region } = storage;
    const client = new S3Client({
      endpoint: storage.endpoint,
      region,
      forcePathStyle: true,
      credentials: { accessKeyId, secretAccessKey },
    });
    const put = (key: string, body: string) =>
      client.send(new PutObjectCommand({ Bucket: bucket, Key: `${source.prefix}${key}`, Body: body }));
    try {
      await client.send(new CreateBucketCommand({ Bucket: bucket }));
      // The next listing is half a minute away, so the event alone can bring the file.
      await source.waitFor('the first list', isListed);
      await put('a b+c.csv', 'k,v\n1,a\n');
      const [upload] = await source.finished(1);
      expect(upload!.status).toMatchObject(complete(1));
      const { type, event, s3 } = upload!.spec.source;
      expect({ type, s3 }).toMatchObject({ type: 'S3Event', s3: { key: `${source.prefix}a b+c.csv`, endpoint } });
      expect(await source.rows()).toEqual(['1=a']);
      expect(event?.time).toBeDefined();
      expect(await auditOf(upload!)).toMatchObject({
        source_type: 'S3Event',
        upload_source: source.name,
        event_time: event!.time,
      });
      await source.waitFor('the count', ({ status }) => status?.created === 1 && status.lastEventTime !== undefined);

      await scaleBridge(e2e, 0);
      try {
        for (let at = 2; at < 5; at += 1) await put(`${at}.csv`, `k,v\n${at},while-down\n`);
      } finally {
        await scaleBridge(e2e, 1);
      }
      await source.finished(4);
      expect(await source.rows()).toEqual(['1=a', '2=while-down', '3=while-down', '4=while-down']);
      await source.waitFor('all are counted', (each) => each.status?.created === 4);
      expect((await source.arrivals()).map(({ key }) => key)).toHaveLength(4);
    } finally {
      client.destroy();
    }
  }));

it('a prefix that is listed; loaded files are moved away', () =>
  withSource('by-poll', async (source) => {
    const { cluster } = e2e;
    const moved = `moved/${source.name}/`;
    await cluster.putObject(`${source.prefix}before.csv`, 'k,v\n1,a\n');
    await source.apply({
      s3Poll: { intervalSeconds: 5 },
      afterSuccess: { action: 'Move', prefix: moved },
      template: { metadata: { labels: { team: 'night-shift' } }, spec: { chunkRecords: 10 } },
    });
    await source.waitForReady();
    await cluster.putObject(`${source.prefix}sub/after.csv`, 'k,v\n2,b\n');
    const uploads = await source.finished(2);
    for (const { metadata, spec, status } of uploads) {
      expect(metadata).toMatchObject({ labels: { team: 'night-shift' } });
      expect(spec).toMatchObject({
        chunkRecords: 10,
        source: { type: 'S3Event', event: { uploadSource: source.name } },
      });
      expect(status).toMatchObject(complete(1));
    }
    expect(await source.rows()).toEqual(['1=a', '2=b']);
    await eventuallyTrue(async () => {
      const states = await Promise.all(
        ['before.csv', 'sub/after.csv'].flatMap((name) => [
          isThere(`${source.prefix}${name}`),
          isThere(`${moved}${name}`),
        ]),
      );
      return states.join() === 'false,true,false,true';
    }, 'the files are not moved');
    // Moving the files caused no further arrival.
    await source.waitFor('the counts', ({ status }) => status?.created === 2 && status.lagSeconds === 0);
    expect(await source.uploads()).toHaveLength(2);
    await expectShown(source, /^\S+\s+True\s+Watching\s+2\s+0\s+0\s/);
  }));

it('names as long as they can be', async () => {
  const { cluster } = e2e;
  // The name is longer than a label value may be, and with a hash would be longer than any name may be.
  const name = `${e2e.unique('long')}-${'n'.repeat(253)}`.slice(0, 253);
  const prefix = `sources/${name.slice(0, 12)}/`;
  const key = `${prefix}${'k'.repeat(200)}.csv`;
  const spec = { s3Poll: { intervalSeconds: 5 }, schemas: [{ schemaRef: { name: 's'.repeat(253) } }] };
  await cluster.putObject(key, 'k,v\n');
  const uploads = async () => {
    const text = await cluster.kubectl('-n', NAMESPACE, 'get', 'batchuploads', '-o', 'json');
    const { items } = JSON.parse(text) as { items: BatchUpload[] };
    return items.filter((each) => each.spec.source.event?.uploadSource === name);
  };
  try {
    await cluster.apply(sourceManifest(NAMESPACE, name, { ...spec, s3: { bucket: cluster.env.S3_BUCKET, prefix } }));
    await eventuallyTrue(async () => (await uploads()).length === 1, 'there is no upload');
    const [upload] = await uploads();
    expect(upload!.metadata.name).toMatch(/^long-[0-9a-f]{8}-n{16}-[a-z2-7]{20}$/);
    expect(upload!.spec.source.s3.key).toBe(key);
  } finally {
    await cluster.kubectl('-n', NAMESPACE, 'delete', 'uploadsource', name);
    for (const { metadata } of await uploads()) {
      await cluster.kubectl('-n', NAMESPACE, 'delete', 'batchupload', metadata.name);
    }
    await removeObjects(e2e, prefix);
  }
});

async function isThere(key: string): Promise<boolean> {
  const { s3, env } = e2e.cluster;
  return s3.send(new HeadObjectCommand({ Bucket: env.S3_BUCKET, Key: key })).then(
    () => true,
    () => false,
  );
}

describe('a folder of an SSH server', () => {
  let ssh: SshServer;
  beforeAll(async () => {
    ssh = await startSshServer({ listenAddresses: [hostAddress(e2e)] });
  });
  afterAll(() => ssh.stop());

  const sftp = (directory: string, secret: string) => ({
    ...{ host: hostAddress(e2e), port: ssh.port, username: ssh.username, directory },
    ...{ secretRef: { name: secret }, intervalSeconds: 5 },
  });
  const login = (secret: string, knownHosts = ssh.knownHosts({ host: hostAddress(e2e) })) =>
    applySecret(e2e, secret, { privateKey: ssh.privateKey, knownHosts });

  it('files are fetched when they are whole, loaded, and moved there', () =>
    withSource('by-sftp', async (source) => {
      await login(SFTP_SECRET);
      const outbox = await ssh.makeFolder(source.name);
      await source.apply({
        sftp: sftp(outbox, SFTP_SECRET),
        s3: { bucket: e2e.cluster.env.S3_BUCKET },
        settleSeconds: 1,
      });
      await source.waitForReady();
      const path = join(outbox, 'März 1+2.csv');
      await writeFile(`${path}.part`, 'k,v\n1,a\n2,b\n');
      await writeFile(join(outbox, 'b.csv'), 'k,v\n3,c\n');
      for (const name of [`${path}.part`, join(outbox, 'b.csv')]) ssh.own(name);
      await source.finished(1);
      await rename(`${path}.part`, path);
      const uploads = await source.finished(2);
      expect(await source.rows()).toEqual(['1=a', '2=b', '3=c']);
      for (const upload of uploads) {
        expect(upload.status?.phase).toBe('Complete');
        const { type, event, s3 } = upload.spec.source;
        expect({ type, source: event?.uploadSource }).toEqual({ type: 'FTP', source: source.name });
        expect(s3.key).toMatch(new RegExp(`^raw-uploads/${NAMESPACE}/${source.name}/[^/]+/(März 1\\+2|b)\\.csv$`));
        expect(await auditOf(upload)).toMatchObject({
          source_type: 'FTP',
          upload_source: source.name,
          event_time: event!.time,
        });
      }
      await eventuallyTrue(async () => (await readdir(outbox)).join() === 'processed', 'the files are not moved');
      expect((await readdir(join(outbox, 'processed'))).toSorted()).toEqual(['März 1+2.csv', 'b.csv'].toSorted());
      await source.waitFor('the counts', ({ status }) => status?.created === 2 && status.lagSeconds === 0);
    }));

  it('another host key than the known one: nothing is fetched, a person sees why, and it goes on when it is mended', () =>
    withSource('wrong-key', async (source) => {
      await using other = await startSshServer();
      await login(OTHER_SFTP_SECRET, other.knownHosts({ host: hostAddress(e2e), port: ssh.port }));
      await login(SFTP_SECRET);
      const outbox = await ssh.makeFolder(source.name);
      const path = join(outbox, 'a.csv');
      await writeFile(path, 'k,v\n1,a\n');
      ssh.own(path);
      const applyWith = (secret: string) =>
        source.apply({ sftp: sftp(outbox, secret), s3: { bucket: e2e.cluster.env.S3_BUCKET }, settleSeconds: 0 });
      await applyWith(OTHER_SFTP_SECRET);
      const ready = ({ status }: UploadSource) => status?.conditions?.find(({ type }) => type === 'Ready');
      const refused = await source.waitFor('it is refused', (each) => ready(each)?.reason === 'HostKeyMismatch');
      expect(ready(refused)).toMatchObject({ status: 'False', message: expect.stringMatching(/SHA256:/) });
      await expectShown(source, /^\S+\s+False\s+HostKeyMismatch\s+0\s+0\s/);
      expect(await readdir(outbox)).toEqual(['a.csv']);
      await applyWith(SFTP_SECRET);
      await source.waitForReady();
      await source.finished(1);
      expect(await source.rows()).toEqual(['1=a']);
    }));
});
