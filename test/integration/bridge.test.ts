/** Each object that arrives becomes exactly one upload: real PostgreSQL, real storage, lists instead of events. */
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { DeleteObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { UploadSourceStatus } from '#api/upload-source.gen.ts';
import { Fault } from '#common/faults.ts';
import type { BatchUpload, UploadSource } from '#kube/custom-resources.ts';
import type { AdmitNotices, ObjectNotice, Outcome, Receiver } from '#operator/bridge/model/types.ts';
import { type BridgeBench, startBridgeBench } from '#support/bridge/bridge.ts';
import { NAMESPACE, testSource } from '#support/bridge/upload-source.ts';
import { withClient } from '#support/database/database.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import { startFreezingProxy } from '#support/network/freezing-proxy.ts';
import { eventually } from '#support/process/eventually.ts';
import { type S3Server, startS3Server } from '#support/storage/s3-server.ts';

let postgres: Postgres;
let storage: S3Server;
let bench: BridgeBench;
let buckets = 0;

beforeAll(async () => {
  [postgres, storage] = await Promise.all([
    startPostgres({ settings: { fsync: 'off' } }),
    startS3Server({ versioning: true }),
  ]);
});
afterAll(async () => {
  await postgres.stop();
  await storage.stop();
});
beforeEach(async () => {
  bench = await startBridgeBench({ postgres, storage });
  return () => bench[Symbol.asyncDispose]();
});

const newBucket = async (options?: { versioned?: boolean }) => {
  buckets += 1;
  const name = `bucket-${buckets}`;
  await bench.bucket(name, options);
  return name;
};
const uploads = () => bench.api.all('batchuploads') as unknown as BatchUpload[];
const keysOf = (list: readonly BatchUpload[]) => list.map(({ spec }) => spec.source.s3.key).sort();
const statusOf = (name: string): UploadSourceStatus =>
  (bench.api.get('uploadsources', NAMESPACE, name) as UploadSource | undefined)?.status ?? {};
const ready = (name: string) => statusOf(name).conditions?.find(({ type }) => type === 'Ready');
const condition = (name: string, type: string) => statusOf(name).conditions?.find((each) => each.type === type);
const arrivals = () =>
  withClient(bench.databaseUrl, async (client) => {
    const { rows } = await client.query('SELECT * FROM batch_upload.batch_upload_arrivals ORDER BY key');
    return rows;
  });
const POLL = { s3Poll: { intervalSeconds: 0.2 } };
/** Waits for the end of a list that began after this call. */
const listedAgain = async (name: string) => {
  const bridgeTime = () => statusOf(name).lastListTime ?? '';
  // A status has whole seconds and is not written for a list alone. The upload of a probe file proves that a list ended.
  const { spec } = bench.api.get('uploadsources', NAMESPACE, name) as unknown as UploadSource;
  const key = `${spec.s3.prefix}probe-${Math.random()}.csv`;
  await bench.put(spec.s3.bucket, key);
  await eventually(`a list after ${bridgeTime()}`, () => keysOf(uploads()).includes(key));
  // An upload is created before its arrival is recorded.
  await eventually('its arrival', async () => (await arrivals()).some((arrival) => arrival.key === key));
};
/** A receiver that hands the admission of its source to the test. */
function captureAdmission(): { run: Receiver; admit: (notices: Partial<ObjectNotice>[]) => Promise<Outcome[]> } {
  const { promise, resolve } = Promise.withResolvers<AdmitNotices>();
  return {
    run: (_source, { admit, recorder }, signal) => {
      recorder.problem('receive', null);
      resolve(admit);
      return new Promise((end) => signal.addEventListener('abort', () => end(), { once: true }));
    },
    async admit(notices) {
      const admit = await promise;
      const unknown = { bucket: '', key: '', versionId: null, eTag: null, size: null, sequencer: null, event: null };
      return admit(
        notices.map((notice) => ({ ...unknown, ...notice })),
        new AbortController().signal,
      );
    },
  };
}
const EVENTS = { s3Event: { sqs: { queueUrl: 'https://sqs.example.com/1/a' }, relistSeconds: 86_400 } };

describe.each([false, true])('a bucket with versions: %s', (versioned) => {
  it('each object becomes one upload, pinned to what was seen; keys of all kinds', async () => {
    const bucket = await newBucket({ versioned });
    const keys = ['in/a.csv', 'in/with space.csv', 'in/a+b.csv', 'in/100%.csv', 'in/ä/日本.csv', "in/it's (1)&<2>.csv"];
    for (const key of keys) await bench.put(bucket, key);
    await bench.put(bucket, 'elsewhere/a.csv');
    bench.api.put('uploadsources', testSource('orders', { s3: { bucket, prefix: 'in/' }, ...POLL }));
    bench.start();
    await eventually('all uploads', () => uploads().length === keys.length);
    expect(keysOf(uploads())).toEqual([...keys].sort());
    for (const { metadata, spec } of uploads()) {
      expect(metadata?.name).toMatch(/^orders-[a-z2-7]{20}$/);
      expect(metadata?.labels).toEqual({ 'batchupload.dev/upload-source': 'orders' });
      expect(spec).toMatchObject({
        source: { type: 'S3Event', event: { uploadSource: 'orders' }, s3: { bucket } },
        schemaRef: { name: 'items' },
        chunkRecords: 1000,
      });
      expect(spec.source.s3.versionId !== undefined).toBe(versioned);
      expect(spec.source.s3.eTag).toMatch(/^[^"]+$/);
    }
    await eventually(
      'the status',
      () => statusOf('orders').created === keys.length && ready('orders')?.status === 'True',
    );
    expect(await arrivals()).toHaveLength(keys.length);
  });

  it('several bridges at once make one upload of each', async () => {
    const bucket = await newBucket({ versioned });
    for (let at = 0; at < 60; at += 1) await bench.put(bucket, `in/${at}.csv`);
    bench.api.put('uploadsources', testSource('orders', { s3: { bucket, prefix: 'in/' }, ...POLL }));
    const bridges = [bench.start(), bench.start(), bench.start()];
    await eventually('all uploads', () => uploads().length === 60);
    await listedAgain('orders');
    expect(uploads()).toHaveLength(61);
    const created = async () => {
      let sum = 0;
      for (const { metrics } of bridges)
        for (const { labels, value } of (await metrics.arrivals.get()).values)
          if (labels.outcome === 'created') sum += value;
      return sum;
    };
    // Each bridge records an arrival, and then counts the upload.
    await eventually('all are counted', async () => (await created()) >= 61);
    expect(await created()).toBe(61);
    expect(await arrivals()).toHaveLength(61);
  });

  it('what was made is not made again when its resource is deleted, nor by another process', async () => {
    const bucket = await newBucket({ versioned });
    await bench.put(bucket, 'in/a.csv');
    bench.api.put('uploadsources', testSource('orders', { s3: { bucket, prefix: 'in/' }, ...POLL }));
    const first = bench.start();
    await eventually('the upload', () => uploads().length === 1);
    await eventually('the arrival', () => statusOf('orders').created === 1);
    await first.stop();
    bench.api.remove('batchuploads', NAMESPACE, uploads()[0]!.metadata!.name!);
    bench.start();
    await listedAgain('orders');
    expect(keysOf(uploads())).toEqual([expect.stringContaining('probe')]);
    await eventually('the count goes on', () => statusOf('orders').created === 2);
  });

  it('an object that is replaced is another upload', async () => {
    const bucket = await newBucket({ versioned });
    await bench.put(bucket, 'in/a.csv', 'k,v\n1,a\n');
    bench.api.put('uploadsources', testSource('orders', { s3: { bucket, prefix: 'in/' }, ...POLL }));
    bench.start();
    await eventually('the upload', () => uploads().length === 1);
    await bench.put(bucket, 'in/a.csv', 'k,v\n1,a\n2,b\n');
    await eventually('the other upload', () => uploads().length === 2);
    expect(new Set(uploads().map(({ spec }) => spec.source.s3.eTag)).size).toBe(2);
  });

  it('a file that was deleted or overwritten while it waited is not loaded', async () => {
    const bucket = await newBucket({ versioned });
    await bench.put(bucket, 'a.csv');
    bench.api.put('uploadsources', testSource('orders', { s3: { bucket, prefix: '' }, maxActiveUploads: 1, ...POLL }));
    bench.start();
    await eventually('the first', () => uploads().length === 1);
    await bench.put(bucket, 'b.csv');
    await bench.put(bucket, 'c.csv');
    await eventually('two wait', () => statusOf('orders').waiting === 2);
    await bench.s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: 'b.csv' }));
    await bench.put(bucket, 'c.csv', 'k,v\n1,corrected\n');
    await eventually('three wait', () => statusOf('orders').waiting === 3);
    const complete = { type: 'Complete', status: 'True', reason: 'Completed', message: 'm' };
    bench.api.put('batchuploads', { ...uploads()[0]!, status: { conditions: [complete] } });
    await eventually('the next', () => uploads().length === 2 && statusOf('orders').waiting === 0);
    const { Contents = [] } = await bench.s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: 'c.csv' }));
    const { key, eTag } = uploads()[1]!.spec.source.s3;
    expect({ key, eTag: `"${eTag}"` }).toEqual({ key: 'c.csv', eTag: Contents[0]!.ETag });
    const ignored = statusOf('orders').recentIgnored!.map(({ key: file, reason }) => `${file} ${reason}`);
    expect(ignored.sort()).toEqual(['b.csv ObjectNotFound', 'c.csv Replaced']);
  });

  it('an event and a list of the same object give the same upload; an event given three times too', async () => {
    const bucket = await newBucket({ versioned });
    const capture = captureAdmission();
    bench.api.put('uploadsources', testSource('orders', { s3: { bucket, prefix: 'in/' }, ...EVENTS }));
    const bridge = bench.start({ receivers: { sqs: capture.run } });
    await eventually(
      'ready',
      () => ready('orders')?.status === 'True' && statusOf('orders').lastListTime !== undefined,
    );
    await bench.put(bucket, 'in/a.csv');
    const notice = { bucket, key: 'in/a.csv', event: { id: 'e1', time: '2026-01-01T00:00:00Z' } };
    const outcomes = await Promise.all([
      capture.admit([notice, notice]),
      capture.admit([notice]),
      capture.admit([notice]),
    ]);
    expect(
      outcomes
        .flat()
        .map(({ kind }) => kind)
        .sort(),
    ).toEqual(['Created', 'Known', 'Known', 'Known']);
    await bridge.stop();
    bench.api.put('uploadsources', testSource('orders', { s3: { bucket, prefix: 'in/' }, ...POLL }));
    bench.start();
    await listedAgain('orders');
    expect(keysOf(uploads())).toEqual(['in/a.csv', expect.stringContaining('probe')]);
    expect(await arrivals()).toEqual([
      expect.objectContaining({ key: 'in/a.csv', event_id: 'e1', event_time: new Date('2026-01-01') }),
      expect.objectContaining({ event_id: null }),
    ]);
  });

  it('a loaded object is deleted or moved, once, and nothing else', async () => {
    const bucket = await newBucket({ versioned });
    const odd = 'in/ä +(1).csv';
    for (const key of ['in/a.csv', odd]) await bench.put(bucket, key);
    const move = { action: 'Move' as const, prefix: 'done/' };
    bench.api.put(
      'uploadsources',
      testSource('orders', { s3: { bucket, prefix: 'in/' }, ...POLL, afterSuccess: move }),
    );
    bench.start();
    await eventually('the uploads', () => uploads().length === 2 && statusOf('orders').created === 2);
    // The file is replaced before its upload is complete: only the loaded version may be moved.
    await bench.put(bucket, 'in/a.csv', 'k,v\n9,other\n');
    await eventually('its upload', () => uploads().length === 3 && statusOf('orders').created === 3);
    const byETag = uploads().filter(({ spec }) => spec.source.s3.key === 'in/a.csv');
    await complete(uploads().find(({ spec }) => spec.source.s3.key === odd)!);
    await complete(byETag[0]!);
    const list = async () => {
      const { Contents = [] } = await bench.s3.send(new ListObjectsV2Command({ Bucket: bucket }));
      return Contents.map(({ Key, Size }) => `${Key} ${Size}`).sort();
    };
    const due = async () => (await arrivals()).filter((row) => row.after_success_at === null).length;
    await eventually('both are done', async () => (await due()) === 1);
    const moved = versioned ? ['done/a.csv 8', 'done/ä +(1).csv 8'] : ['done/ä +(1).csv 8'];
    expect(await list()).toEqual([...moved, 'in/a.csv 12'].sort());
    await complete(byETag[1]!);
    await eventually('all are done', async () => (await due()) === 0);
    // Two files of one name are both kept.
    const other = versioned ? expect.stringMatching(/^done\/a-[a-z2-7]{20}\.csv 12$/) : 'done/a.csv 12';
    expect(await list()).toEqual(versioned ? [other, 'done/a.csv 8', 'done/ä +(1).csv 8'] : [other, ...moved]);
    expect(uploads()).toHaveLength(3);
    expect(condition('orders', 'Degraded')?.status).toBe('False');
  });
});

/** Makes the ledger say that an upload is complete. */
async function complete({ metadata, spec }: BatchUpload): Promise<void> {
  const { bucket, key } = spec.source.s3;
  await withClient(bench.databaseUrl, (client) =>
    client.query(
      `INSERT INTO batch_upload.batch_uploads (id, cluster_id, namespace, name, source_type, filename, s3_bucket, s3_key, request,
         schema, schema_hash, status)
       VALUES ($1, 'cluster', $2, $3, 'S3Event', 'f', $4, $5, '{"mode":"Commit"}', '{}', 'h', 'Complete')`,
      [metadata!.uid, NAMESPACE, metadata!.name, bucket, key],
    ),
  );
}

/** A server that accepts every connection and never answers. */
async function startSilentServer() {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => void sockets.add(socket.on('error', () => undefined)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe('what makes no upload', () => {
  it('is ignored, with the reason, and counted once', async () => {
    const bucket = await newBucket();
    for (const key of ['in/a.csv', 'in/b.txt', 'in/other/c.csv', 'in/empty.csv']) {
      await bench.put(bucket, key, key.includes('empty') ? '' : 'k,v\n');
    }
    await bench.put(bucket, 'in/folder/', '');
    bench.api.put(
      'uploadsources',
      testSource('orders', {
        ...{ s3: { bucket, prefix: 'in/' }, ...POLL },
        filter: { suffixes: ['.csv'], minBytes: 1 },
        schemas: [{ pattern: '^[a-z]+\\.csv$', schemaRef: { name: 'items' } }],
      }),
    );
    bench.start();
    await eventually('the status', () => statusOf('orders').ignored === 4);
    await bench.put(bucket, 'in/next.csv');
    await eventually('another list', () => uploads().length === 2 && statusOf('orders').created === 2);
    expect(statusOf('orders').ignored).toBe(4);
    expect(keysOf(uploads())).toEqual(['in/a.csv', 'in/next.csv']);
    expect(Object.fromEntries(statusOf('orders').recentIgnored!.map(({ key, reason }) => [key, reason]))).toMatchObject(
      {
        'in/b.txt': 'Filtered',
        'in/other/c.csv': 'NoSchemaFits',
        'in/empty.csv': 'Filtered',
        'in/folder/': 'Folder',
      },
    );
  });

  it('the product’s own copies, other buckets and prefixes, and missing objects', async () => {
    const bucket = await newBucket();
    await bench.put(bucket, 'work/0b0c4fd6-6c0f-4f5c-9df2-3b8a3a3ad7a5/pod/canonical.csv');
    await bench.put(bucket, 'work/mine.csv');
    const capture = captureAdmission();
    bench.api.put('uploadsources', testSource('orders', { s3: { bucket, prefix: '' }, ...EVENTS }));
    bench.start({ receivers: { sqs: capture.run } });
    const outcomes = await capture.admit([
      { bucket, key: 'work/0b0c4fd6-6c0f-4f5c-9df2-3b8a3a3ad7a5/pod/canonical.csv' },
      { bucket: 'other-bucket', key: 'a.csv' },
      { bucket, key: 'gone.csv' },
      { bucket, key: '../../etc/passwd' },
      { bucket, key: 'in/../../x.csv' },
      { bucket, key: 'gone.csv', versionId: '01JZ00000000000000000000AB' },
      { bucket, key: `${'x'.repeat(1000)}.csv` },
    ]);
    expect(outcomes.map((outcome) => ('reason' in outcome ? outcome.reason : outcome.kind))).toEqual([
      'Filtered',
      'OtherBucket',
      'ObjectNotFound',
      'ObjectNotFound',
      'ObjectNotFound',
      'ObjectNotFound',
      'ObjectNotFound',
    ]);
    await eventually('the list', () => uploads().length === 1);
    expect(keysOf(uploads())).toEqual(['work/mine.csv']);
  });

  it('an object is left alone until it has not changed for a while, and then taken without another event', async () => {
    const bucket = await newBucket();
    await bench.put(bucket, 'a.csv', 'k,v\n1,a\n');
    const capture = captureAdmission();
    bench.api.put('uploadsources', testSource('orders', { s3: { bucket, prefix: '' }, ...EVENTS, settleSeconds: 2 }));
    bench.start({ receivers: { sqs: capture.run } });
    expect(await capture.admit([{ bucket, key: 'a.csv' }])).toMatchObject([{ kind: 'Later', reason: 'Settling' }]);
    await bench.put(bucket, 'a.csv', 'k,v\n2,b\n3,c\n');
    await eventually('the upload', () => uploads().length === 1);
    await eventually('the status', () => statusOf('orders').created === 1);
    expect(statusOf('orders')).toMatchObject({ failing: 0, lagSeconds: 0 });
    expect(condition('orders', 'Degraded')?.status).toBe('False');
    expect((await arrivals())[0]).toMatchObject({ size: '12' });
  });
});

describe('what hinders a source', () => {
  it('is its own: a storage that does not answer delays nobody else, and it goes on by itself', async () => {
    const bucket = await newBucket();
    await bench.put(bucket, 'in/a.csv');
    await using proxy = await startFreezingProxy(storage.port);
    const endpoint = `http://127.0.0.1:${proxy.port}`;
    const dead = 'http://127.0.0.1:9';
    await using silent = await startSilentServer();
    const first = { s3: { bucket, prefix: 'in/', endpoint: silent.endpoint }, ...POLL };
    for (let at = 0; at < 20; at += 1) bench.api.put('uploadsources', testSource(`a-silent-${at}`, first));
    bench.api.put('uploadsources', testSource('dead', { s3: { bucket, prefix: 'in/', endpoint: dead }, ...POLL }));
    bench.api.put('uploadsources', testSource('denied', { s3: { bucket: 'no-such', prefix: '' }, ...POLL }));
    bench.api.put('uploadsources', testSource('well', { s3: { bucket, prefix: 'in/', endpoint }, ...POLL }));
    bench.start();
    await eventually('the upload of the one that is well', () => uploads().length === 1);
    await eventually('says so', () => ready('dead')?.reason === 'StorageUnavailable');
    await eventually('says so', () => ready('denied')?.reason === 'BucketNotFound');
    expect(ready('denied')?.message).toContain('spec.s3.bucket');
    await eventually('an event', () =>
      bench.events.some(({ name, reason }) => name === 'denied' && reason === 'BucketNotFound'),
    );
    await bench.bucket('no-such');
    await bench.put('no-such', 'b.csv');
    await eventually('goes on', () => uploads().length === 2 && ready('denied')?.status === 'True');
  });

  it('refused Secrets, patterns and namespaces are said; a Secret that is made later is found', async () => {
    const bucket = await newBucket();
    await bench.put(bucket, 'a.csv');
    const s3 = { bucket, prefix: '' };
    const secret = (name: string) => ({ s3: { ...s3, credentialsSecretRef: { name } }, ...POLL });
    bench.api.put('uploadsources', testSource('not-allowed', secret('somebody-elses')));
    bench.api.put('uploadsources', testSource('missing', secret('other-s3')));
    bench.api.put('uploadsources', testSource('pattern', { s3, ...POLL, filter: { pattern: '(', minBytes: 1 } }));
    const elsewhere = testSource('elsewhere', { s3, ...POLL });
    bench.api.put('uploadsources', { ...elsewhere, metadata: { name: 'elsewhere', namespace: 'other' } });
    bench.start();
    await eventually('not allowed', () => condition('not-allowed', 'Accepted')?.reason === 'SecretNotAllowed');
    await eventually('missing', () => ready('missing')?.reason === 'SecretMissing');
    await eventually('pattern', () => condition('pattern', 'Accepted')?.reason === 'PatternInvalid');
    expect(ready('pattern')?.reason).toBe('NotAccepted');
    await eventually('namespace', () => {
      const { status } = bench.api.get('uploadsources', 'other', 'elsewhere') as unknown as UploadSource;
      return status?.conditions?.[0]?.reason === 'NamespaceNotEnabled';
    });
    expect(bench.api.requests.some(({ plural, name }) => plural === 'secrets' && name === 'somebody-elses')).toBe(
      false,
    );
    expect(uploads()).toHaveLength(0);
  });

  it('without the ledger nothing is made, and nothing is lost', async () => {
    const bucket = await newBucket();
    await bench.put(bucket, 'a.csv');
    const uri = Buffer.from('postgres://u:p@127.0.0.1:9/none').toString('base64');
    const good = bench.api.get('secrets', NAMESPACE, 'batch-upload-database')!;
    bench.api.put('secrets', { metadata: { name: 'batch-upload-database', namespace: NAMESPACE }, data: { uri } });
    bench.api.put('uploadsources', testSource('orders', { s3: { bucket, prefix: '' }, ...POLL }));
    const first = bench.start();
    await eventually('said', () => ready('orders')?.reason === 'DatabaseUnavailable');
    expect(uploads()).toHaveLength(0);
    await first.stop();
    bench.api.put('secrets', good);
    bench.start();
    await eventually('made', () => uploads().length === 1 && ready('orders')?.status === 'True');
  });

  it('an API server that refuses the upload is tried again; the source says why', async () => {
    const bucket = await newBucket();
    await bench.put(bucket, 'a.csv');
    const allow = bench.api.refuse(
      ({ method, plural }) => method === 'POST' && plural === 'batchuploads',
      422,
      'Invalid',
    );
    bench.api.put('uploadsources', testSource('orders', { s3: { bucket, prefix: '' }, ...POLL }));
    bench.start();
    await eventually('said', () => condition('orders', 'Degraded')?.reason === 'FilesFailing');
    expect(statusOf('orders').recentFailing?.[0]).toMatchObject({ key: 'a.csv', reason: 'UploadRefused' });
    expect(await arrivals()).toHaveLength(0);
    allow();
    await eventually('made', () => uploads().length === 1 && condition('orders', 'Degraded')?.status === 'False');
    expect(statusOf('orders')).toMatchObject({ created: 1, lagSeconds: 0 });
  });
});

describe('sources come, change and go', () => {
  it('a queue has one owner; the next one takes over', async () => {
    const bucket = await newBucket();
    const owners: string[] = [];
    const sqs: Receiver = ({ metadata }, { recorder }, signal) => {
      owners.push(metadata!.name!);
      recorder.problem('receive', null);
      return new Promise((end) => signal.addEventListener('abort', () => end(), { once: true }));
    };
    const s3 = { bucket, prefix: '' };
    const at = (name: string, creationTimestamp: string) => {
      const source = testSource(name, { s3, ...EVENTS });
      bench.api.put('uploadsources', { ...source, metadata: { ...source.metadata, creationTimestamp } });
    };
    at('younger', '2026-01-02T00:00:00Z');
    at('older', '2026-01-01T00:00:00Z');
    bench.start({ receivers: { sqs } });
    await eventually('taken', () => ready('younger')?.reason === 'QueueTaken' && ready('older')?.status === 'True');
    expect(ready('younger')?.message).toContain('ns/older');
    expect(owners).toEqual(['older']);
    bench.api.remove('uploadsources', NAMESPACE, 'older');
    await eventually('takes over', () => ready('younger')?.status === 'True');
    expect(owners).toEqual(['older', 'younger']);
  });

  it('a source that names a queue and may not receive from it does not keep the queue from its owner', async () => {
    const bucket = await newBucket();
    const receiving = new Map<string, number>();
    let deny = true;
    const sqs: Receiver = async ({ metadata }, { recorder }, signal) => {
      const name = metadata!.name!;
      receiving.set(name, (receiving.get(name) ?? 0) + 1);
      if (name === 'claims' && deny) {
        throw new Fault({ code: 'CFG_SECRET', category: 'permanent', reason: 'QueueAccessDenied', message: 'denied' });
      }
      recorder.problem('receive', null);
      await new Promise<void>((end) => signal.addEventListener('abort', () => end(), { once: true }));
    };
    const put = (name: string, creationTimestamp: string) => {
      const source = testSource(name, { s3: { bucket, prefix: '' }, ...EVENTS });
      bench.api.put('uploadsources', { ...source, metadata: { ...source.metadata, creationTimestamp } });
    };
    put('claims', '2026-01-01T00:00:00Z');
    const bridge = bench.start({ receivers: { sqs } });
    await eventually('denied', () => ready('claims')?.status === 'False');
    put('owner', '2026-01-02T00:00:00Z');
    await eventually('receives', () => ready('owner')?.status === 'True');
    await eventually('yields', () => ready('claims')?.reason === 'QueueTaken');
    expect(ready('claims')?.message).toContain('ns/owner');
    expect(statusOf('owner').queue).toBe('https://sqs.example.com/1/a');
    expect(statusOf('claims').queue).toBeUndefined();
    // A bridge that has just started knows the owner by its status, and lets no other source try.
    await bridge.stop();
    deny = false;
    const tries = receiving.get('claims');
    bench.start({ receivers: { sqs } });
    await eventually('receives again', () => receiving.get('owner') === 2);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(receiving.get('claims')).toBe(tries);
    bench.api.remove('uploadsources', NAMESPACE, 'owner');
    await eventually('takes over', () => ready('claims')?.status === 'True');
  });

  it('suspended, resumed, changed, deleted', async () => {
    const bucket = await newBucket();
    await bench.put(bucket, 'in/a.csv');
    const source = (spec: object) => testSource('orders', { s3: { bucket, prefix: 'in/' }, ...POLL, ...spec });
    bench.api.put('uploadsources', source({ suspend: true }));
    bench.start();
    await eventually('suspended', () => ready('orders')?.reason === 'Suspended');
    expect(uploads()).toHaveLength(0);
    bench.api.put('uploadsources', source({ suspend: false }));
    await eventually('resumed', () => uploads().length === 1);
    bench.api.put('uploadsources', source({ s3: { bucket, prefix: 'other/' } }));
    await eventually(
      'changed',
      () => statusOf('orders').observedGeneration === 3 && ready('orders')?.status === 'True',
    );
    await bench.put(bucket, 'in/b.csv');
    await bench.put(bucket, 'other/c.csv');
    await eventually('the new prefix', () => uploads().length === 2);
    expect(keysOf(uploads())).toEqual(['in/a.csv', 'other/c.csv']);
    bench.api.remove('uploadsources', NAMESPACE, 'orders');
    bench.api.put('uploadsources', testSource('next', { s3: { bucket, prefix: 'next/' }, ...POLL }));
    await bench.put(bucket, 'other/d.csv');
    await bench.put(bucket, 'next/e.csv');
    await eventually('the next source', () => uploads().length === 3);
    expect(keysOf(uploads())).not.toContain('other/d.csv');
  });

  it('an idle source writes nothing', async () => {
    const bucket = await newBucket();
    await bench.put(bucket, 'in/a.csv');
    await bench.put(bucket, 'in/ignored.txt');
    const spec = { s3: { bucket, prefix: 'in/' }, ...POLL, filter: { suffixes: ['.csv'], minBytes: 1 } };
    bench.api.put('uploadsources', testSource('orders', spec));
    const bridge = bench.start();
    await eventually('settled', () => statusOf('orders').created === 1 && ready('orders')?.status === 'True');
    const writes = () => bench.api.requests.filter(({ subresource }) => subresource === 'status').length;
    const passes = async () => {
      const { values } = await bridge.metrics.listDuration.get();
      return values.find(({ metricName }) => metricName?.endsWith('_count'))?.value ?? 0;
    };
    const [before, passed] = [writes(), await passes()];
    await eventually('three more passes', async () => (await passes()) >= passed + 3);
    expect(writes()).toBe(before);
  });
});
