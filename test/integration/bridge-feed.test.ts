/**
 * The order and the number of a source's uploads, and its history: real PostgreSQL, real storage, and an API server in
 * memory. The tests play the operator: they end the uploads in the ledger and in the status.
 */
import { mkdir, mkdtemp, rename, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { UploadSourceStatus } from '#api/upload-source.gen.ts';
import type { BatchUpload, UploadSource } from '#kube/custom-resources.ts';
import type { AdmitNotices, Receiver } from '#operator/bridge/model/types.ts';
import { type BridgeBench, startBridgeBench } from '#support/bridge/bridge.ts';
import { NAMESPACE, testSource } from '#support/bridge/upload-source.ts';
import { withClient } from '#support/database/database.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import { eventually } from '#support/process/eventually.ts';
import { type S3Server, startS3Server } from '#support/storage/s3-server.ts';

const FIRST = Date.UTC(2026, 0, 1) / 1000;
const POLL = { s3Poll: { intervalSeconds: 0.2 } };
const SERIAL = { concurrencyPolicy: 'Serial', settleSeconds: 0 } as const;

let postgres: Postgres;
let storage: S3Server;
let folder: string;
let bench: BridgeBench;
let bucket: string;
let buckets = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'batch-upload-feed-'));
  [postgres, storage] = await Promise.all([startPostgres({ settings: { fsync: 'off' } }), startS3Server({ folder })]);
});
afterAll(async () => {
  await postgres.stop();
  await storage.stop();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  bench = await startBridgeBench({ postgres, storage });
  buckets += 1;
  bucket = `feed-${buckets}`;
  await bench.bucket(bucket);
  return () => bench[Symbol.asyncDispose]();
});

/** Puts an object that appears with this Last-Modified: seconds after the first of January. */
async function arrive(key: string, second: number, body = `k,v\n1,${key}\n`): Promise<void> {
  await bench.put(bucket, `aside/${key}`, body);
  const from = join(folder, bucket, 'aside', key);
  await utimes(from, FIRST + second, FIRST + second);
  const to = join(folder, bucket, 'in', key);
  await mkdir(dirname(to), { recursive: true });
  await rename(from, to);
}

const apply = (spec: object, name = 'orders') =>
  bench.api.put('uploadsources', testSource(name, { s3: { bucket, prefix: 'in/' }, ...POLL, ...spec }));
const uploads = () => bench.api.all('batchuploads') as unknown as BatchUpload[];
const fileOf = ({ spec }: BatchUpload) => spec.source.s3.key.slice('in/'.length);
const find = (file: string) => uploads().find((upload) => fileOf(upload) === file);
const isTrue = ({ status }: BatchUpload, type: string) =>
  status?.conditions?.some((each) => each.type === type && each.status === 'True') ?? false;
const active = () => uploads().filter((upload) => !isTrue(upload, 'Complete') && !isTrue(upload, 'Failed'));
const statusOf = (name = 'orders'): UploadSourceStatus =>
  (bench.api.get('uploadsources', NAMESPACE, name) as UploadSource | undefined)?.status ?? {};
const condition = (type: string) => statusOf().conditions?.find((each) => each.type === type);
const query = async (sql: string, values: unknown[] = []) =>
  withClient(bench.databaseUrl, async (client) => (await client.query(sql, values)).rows);

type End = 'Complete' | 'Failed' | 'Cancelled';
let clock = 0;

async function setLedger({ metadata, spec }: BatchUpload, status: string, mode = 'Commit'): Promise<void> {
  await query(
    `INSERT INTO batch_upload.batch_uploads (id, cluster_id, namespace, name, source_type, filename, s3_bucket, s3_key,
       request, schema, schema_hash, status)
     VALUES ($1, 'cluster', $2, $3, 'S3Event', 'f', $4, $5, $7, '{}', 'h', $6)
     ON CONFLICT (id) DO UPDATE SET status = $6`,
    [metadata.uid, NAMESPACE, metadata.name, bucket, spec.source.s3.key, status, JSON.stringify({ mode })],
  );
}

/** Ends an upload as the operator does: first in the ledger, then in the status. */
async function end(upload: BatchUpload, as: End, { loaded = true, mode = 'Commit' } = {}): Promise<void> {
  await setLedger(upload, as === 'Complete' ? 'Complete' : 'Failed', mode);
  if (as !== 'Complete' && loaded) {
    await query(
      `INSERT INTO batch_upload.batch_upload_chunks (batch_upload_id, chunk_number, start_byte, end_byte, first_row_number,
         record_count, completed_at) VALUES ($1, 0, 0, 1, 2, 1, now()) ON CONFLICT DO NOTHING`,
      [upload.metadata.uid],
    );
  }
  clock += 1;
  const completionTime = new Date((FIRST + clock) * 1000).toISOString();
  const common = { status: 'True', lastTransitionTime: completionTime, message: 'm' };
  const reason = as === 'Cancelled' ? 'Cancelled' : 'TooManyFailedRecords';
  const ended =
    as === 'Complete' ? { ...common, type: 'Complete', reason: 'Completed' } : { ...common, type: 'Failed', reason };
  setStatus(upload, { phase: as, completionTime, conditions: [ended] });
}

function setStatus({ metadata }: BatchUpload, status: object): void {
  const present = bench.api.get('batchuploads', NAMESPACE, metadata.name)!;
  bench.api.put('batchuploads', { ...present, status });
}

async function nextActive(file?: string): Promise<BatchUpload> {
  await eventually(`the turn of ${file ?? 'the next file'}`, () => active().length > 0);
  const [upload] = active();
  if (file !== undefined) expect(fileOf(upload!)).toBe(file);
  return upload!;
}

/** Completes the files in this order, and sees that no other upload is active meanwhile. */
async function completeInOrder(files: readonly string[]): Promise<void> {
  for (const file of files) {
    const upload = await nextActive(file);
    expect(active()).toHaveLength(1);
    await end(upload, 'Complete');
  }
}

/** Waits for two more looks of every feed: an upload that came too early would be there. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 500));
}

describe('Serial', () => {
  it('20 files that come out of order, one failing, one too late, two bridges that restart', async () => {
    const names = Array.from({ length: 20 }, (_, at) => `${String.fromCharCode(116 - at)}-${at + 1}.csv`);
    // Three files of one second: their keys decide.
    const seconds = names.map((_, at) => (at >= 9 && at <= 11 ? 100 : (at + 1) * 10));
    const order = names
      .map((name, at) => ({ name, second: seconds[at]! }))
      .toSorted((a, b) => a.second - b.second || (a.name < b.name ? -1 : 1));
    const [early, late] = [order.slice(0, 14), order.slice(14)];
    for (const { name, second } of early.toSorted(() => Math.random() - 0.5)) await arrive(name, second);
    apply(SERIAL);
    const [first, second] = [bench.start(), bench.start()];
    await completeInOrder(order.slice(0, 6).map(({ name }) => name));
    // Two bridges write one status each, so that only one may run while the status is looked at.
    await second.stop();
    const failing = await nextActive(order[6]!.name);
    await end(failing, 'Failed');
    await eventually('held', () => statusOf().heldBy === failing.metadata.name && statusOf().waiting === 7);
    expect(condition('Degraded')).toMatchObject({ status: 'True', reason: 'FeedHeld' });
    expect(condition('Waiting')).toMatchObject({ status: 'True', reason: 'FeedHeld' });
    expect(condition('Waiting')?.message).toContain('7 files wait behind it');

    for (const { name, second } of late.toSorted(() => Math.random() - 0.5)) await arrive(name, second);
    await arrive('too-late.csv', order[2]!.second + 1);
    await eventually('all wait', () => statusOf().waiting === 13);
    await eventually('refused', () => statusOf().recentIgnored?.some(({ reason }) => reason === 'OutOfOrder') ?? false);
    expect(statusOf().recentIgnored).toEqual([expect.objectContaining({ key: 'in/too-late.csv' })]);
    await first.stop();
    const bridges = [bench.start(), bench.start()];
    await settle();
    expect(uploads()).toHaveLength(7);

    setStatus(failing, { phase: 'Processing', conditions: [] });
    await end(failing, 'Complete');
    await completeInOrder(order.slice(7).map(({ name }) => name));
    for (const bridge of bridges) await bridge.stop();
    bench.start();
    await eventually('nothing waits', () => statusOf().waiting === 0 && statusOf().created === 20);
    await settle();
    expect(uploads()).toHaveLength(20);
    const arrivals = await query('SELECT key FROM batch_upload.batch_upload_arrivals ORDER BY created_at');
    expect(arrivals.map(({ key }) => key)).toEqual(order.map(({ name }) => `in/${name}`));
    const [row] = await query("SELECT * FROM batch_upload.batch_upload_waiting_files WHERE state <> 'Done'");
    expect(row).toMatchObject({ key: 'in/too-late.csv', state: 'Refused', reason: 'OutOfOrder' });
    expect(condition('Degraded')?.status).toBe('False');
    expect(statusOf()).toMatchObject({ failing: 0, lagSeconds: 0 });
    expect(statusOf().heldBy).toBeUndefined();
  });

  it.each<[string, End, () => Promise<void>]>([
    ['failed, is deleted', 'Failed', async () => bench.api.remove('batchuploads', NAMESPACE, find('a')!.metadata.name)],
    [
      'cancelled, is deleted',
      'Cancelled',
      async () => bench.api.remove('batchuploads', NAMESPACE, find('a')!.metadata.name),
    ],
    ['failed, and skipFailed is set', 'Failed', async () => void apply({ ...SERIAL, skipFailed: true })],
    ['failed, and the policy is Allow', 'Failed', async () => void apply({ settleSeconds: 0 })],
  ])('the feed goes on when the upload that %s', async (_, as, release) => {
    await arrive('a', 1);
    await arrive('b', 2);
    apply(SERIAL);
    bench.start();
    await end(await nextActive('a'), as);
    await eventually('held', () => statusOf().heldBy !== undefined);
    expect(condition('Degraded')?.message).toContain(as === 'Failed' ? 'has failed' : 'was cancelled');
    await settle();
    expect(find('b')).toBeUndefined();
    await release();
    await nextActive('b');
    await eventually('not held', () => statusOf().heldBy === undefined && condition('Degraded')?.status === 'False');
  });

  it('with skipFailed no failed upload holds the feed, and one that was skipped does not hold it later', async () => {
    for (const [at, file] of ['a', 'b', 'c'].entries()) await arrive(file, at);
    apply({ ...SERIAL, skipFailed: true });
    bench.start();
    await end(await nextActive('a'), 'Failed');
    await end(await nextActive('b'), 'Complete');
    apply(SERIAL);
    await nextActive('c');
  });

  it('an older file that an event has not announced comes before the one that was announced', async () => {
    const capture = Promise.withResolvers<AdmitNotices>();
    const sqs: Receiver = (_source, { admit, recorder }, signal) => {
      recorder.problem('receive', null);
      capture.resolve(admit);
      return new Promise((ended) => signal.addEventListener('abort', () => ended(), { once: true }));
    };
    const s3Event = { sqs: { queueUrl: 'https://sqs.example.com/1/a' }, relistSeconds: 86_400 };
    bench.api.put('uploadsources', testSource('orders', { s3: { bucket, prefix: 'in/' }, s3Event, ...SERIAL }));
    bench.start({ receivers: { sqs } });
    await eventually('listed', () => statusOf().lastListTime !== undefined);
    await arrive('old', 1);
    await arrive('new', 2);
    const admit = await capture.promise;
    const notice = { bucket, key: 'in/new', versionId: null, eTag: null, size: null, sequencer: null, event: null };
    expect(await admit([notice], new AbortController().signal)).toMatchObject([{ kind: 'Waiting' }]);
    await completeInOrder(['old', 'new']);
  });

  it('a file that is older than what is being loaded waits, and is loaded if that fails without having loaded', async () => {
    await arrive('b', 2);
    apply(SERIAL);
    bench.start();
    const upload = await nextActive('b');
    await arrive('a', 1);
    await eventually('waits', () => statusOf().waiting === 1);
    await end(upload, 'Failed', { loaded: false });
    await eventually('held', () => statusOf().heldBy !== undefined);
    bench.api.remove('batchuploads', NAMESPACE, upload.metadata.name);
    await nextActive('a');
  });

  it('a file that is older than a part that was loaded is refused, also when the resource is deleted', async () => {
    await arrive('b', 2);
    apply(SERIAL);
    bench.start();
    const upload = await nextActive('b');
    await end(upload, 'Failed');
    bench.api.remove('batchuploads', NAMESPACE, upload.metadata.name);
    await arrive('a', 1);
    await eventually('refused', () => statusOf().recentIgnored?.[0]?.reason === 'OutOfOrder');
    expect(statusOf().recentIgnored![0]!.message).toContain('in/b');
    expect(uploads()).toEqual([]);
    // Not even when the order no longer matters.
    apply({ settleSeconds: 0 });
    await arrive('c', 3);
    await nextActive('c');
    expect(uploads()).toHaveLength(1);
  });

  it('a file that is replaced while it waits is loaded once, at the place of its new content', async () => {
    for (const [at, file] of ['a', 'b', 'c'].entries()) await arrive(file, at);
    apply(SERIAL);
    bench.start();
    const first = await nextActive('a');
    await eventually('wait', () => statusOf().waiting === 2);
    await arrive('b', 9, 'k,v\n9,other\n');
    await end(first, 'Complete');
    await completeInOrder(['c', 'b']);
    await settle();
    expect(uploads()).toHaveLength(3);
  });

  it('an upload that is deleted while pods load it has its successor when the ledger has closed it', async () => {
    await arrive('a', 1);
    await arrive('b', 2);
    apply(SERIAL);
    bench.start();
    const upload = await nextActive('a');
    await eventually('recorded', () => statusOf().created === 1);
    await setLedger(upload, 'Processing');
    bench.api.remove('batchuploads', NAMESPACE, upload.metadata.name);
    await eventually('says so', () => condition('Waiting')?.message.includes('It was deleted') ?? false);
    expect(uploads()).toEqual([]);
    await setLedger(upload, 'Deleted');
    await nextActive('b');
  });

  it('an upload that is deleted while it is tried again has its successor when the ledger has closed it', async () => {
    await arrive('a', 1);
    await arrive('b', 2);
    apply(SERIAL);
    bench.start();
    const upload = await nextActive('a');
    await end(upload, 'Failed', { loaded: false });
    await eventually('held', () => statusOf().heldBy !== undefined);
    await setLedger(upload, 'Processing');
    setStatus(upload, { phase: 'Processing', conditions: [] });
    await eventually('loads', () => statusOf().heldBy === undefined && statusOf().active === 1);
    bench.api.remove('batchuploads', NAMESPACE, upload.metadata.name);
    await eventually('says so', () => condition('Waiting')?.message.includes('It was deleted') ?? false);
    expect(uploads()).toEqual([]);
    await setLedger(upload, 'Deleted');
    await nextActive('b');
  });

  it('an upload of the time before Serial that is deleted while pods load it counts until the ledger has closed it', async () => {
    await arrive('a', 1);
    apply({ settleSeconds: 0 });
    bench.start();
    const upload = await nextActive('a');
    await eventually('recorded', () => statusOf().created === 1);
    await setLedger(upload, 'Processing');
    apply(SERIAL);
    await arrive('b', 2);
    await eventually('waits', () => statusOf().waiting === 1);
    bench.api.remove('batchuploads', NAMESPACE, upload.metadata.name);
    await eventually('says so', () => condition('Waiting')?.message.includes('It was deleted') ?? false);
    expect(uploads()).toEqual([]);
    await setLedger(upload, 'Deleted');
    await nextActive('b');
  });

  it('an upload whose end a promoted standby lacks is neither followed nor deleted until it has ended again', async () => {
    await arrive('a', 1);
    await arrive('b', 2);
    apply({ ...SERIAL, successfulUploadsHistoryLimit: 0 });
    bench.start();
    const upload = await nextActive('a');
    await eventually('recorded', () => statusOf().created === 1);
    const complete = { type: 'Complete', status: 'True', reason: 'Completed', message: 'm' };
    await setLedger(upload, 'Processing');
    setStatus(upload, { phase: 'Complete', conditions: [complete] });
    await eventually('one is active and one waits', () => statusOf().active === 1 && statusOf().waiting === 1);
    await settle();
    expect(uploads()).toHaveLength(1);
    expect(statusOf()).toMatchObject({ active: 1, waiting: 1 });
    // The operator goes on with it.
    setStatus(upload, { phase: 'Processing', conditions: [] });
    await end(upload, 'Complete');
    await nextActive('b');
    await eventually('deleted', () => find('a') === undefined);
  });

  it('a validation loads nothing, so that an older file is not refused after it', async () => {
    await arrive('b', 2);
    apply(SERIAL);
    bench.start();
    await end(await nextActive('b'), 'Complete', { mode: 'Validate' });
    await arrive('a', 1);
    await nextActive('a');
    expect(statusOf().recentIgnored).toBeUndefined();
  });

  it('a file that was refused by a process which died before it reported so is named by the next one, once', async () => {
    await arrive('b', 2);
    apply(SERIAL);
    const first = bench.start();
    await end(await nextActive('b'), 'Complete');
    await arrive('a', 1);
    await eventually('refused', () => statusOf().recentIgnored?.[0]?.reason === 'OutOfOrder');
    await first.stop();
    const { recentIgnored, ...rest } = statusOf();
    const { time: _, ...refused } = recentIgnored![0]!;
    const source = bench.api.get('uploadsources', NAMESPACE, 'orders')!;
    bench.api.put('uploadsources', { ...source, status: { ...rest, ignored: 0 } });
    bench.events.length = 0;
    const second = bench.start();
    await eventually('named', () => statusOf().recentIgnored?.[0]?.key === 'in/a');
    expect(statusOf()).toMatchObject({ ignored: 1, recentIgnored: [refused] });
    expect(bench.events).toMatchObject([{ name: 'orders', reason: 'OutOfOrder' }]);
    await second.stop();
    bench.start();
    await settle();
    expect(statusOf()).toMatchObject({ ignored: 1, recentIgnored: [refused] });
  });

  it('a suspended upload holds the feed, and the status says how it goes on', async () => {
    await arrive('a', 1);
    await arrive('b', 2);
    apply(SERIAL);
    bench.start();
    const upload = await nextActive('a');
    bench.api.put('batchuploads', { ...upload, spec: { ...upload.spec, suspend: true } });
    await eventually('says so', () => condition('Waiting')?.message.includes('"suspend":false') ?? false);
    expect(condition('Waiting')).toMatchObject({ status: 'True', reason: 'UploadsActive' });
    expect(uploads()).toHaveLength(1);
  });

  it('a file that cannot become an upload keeps its turn', async () => {
    await arrive('a', 1);
    await arrive('b', 2);
    const allow = bench.api.refuse(
      ({ method, plural }, body) => method === 'POST' && plural === 'batchuploads' && body.includes('in/a'),
      403,
      'Forbidden',
      'exceeded quota: uploads',
    );
    apply(SERIAL);
    bench.start();
    await eventually('said', () => statusOf().recentFailing?.[0]?.reason === 'QuotaExceeded');
    await settle();
    expect(uploads()).toEqual([]);
    allow();
    await completeInOrder(['a', 'b']);
    await eventually('well', () => condition('Degraded')?.status === 'False');
  });
});

describe('another source', () => {
  const LONG = 'orders-of-the-suppliers-in-the-';

  // The names of uploads have the first 30 characters of the source's name.
  it.each([
    ['of another name', 'orders', 'prices'],
    ['whose uploads have the same names', `${LONG}north`, `${LONG}south`],
  ])('%s leaves waiting files to the first one, and takes them when that is deleted', async (_, first, second) => {
    for (const [at, file] of ['a', 'b', 'c'].entries()) await arrive(file, at);
    apply(SERIAL, first);
    const bridge = bench.start();
    await end(await nextActive('a'), 'Failed');
    await eventually('held', () => statusOf(first).waiting === 2 && statusOf(first).heldBy !== undefined);
    apply(SERIAL, second);
    await eventually('listed', () => statusOf(second).lastListTime !== undefined);
    await settle();
    expect(uploads()).toHaveLength(1);
    expect(statusOf(second)).toMatchObject({ waiting: 0, created: 0 });
    bench.api.remove('uploadsources', NAMESPACE, first);
    await completeInOrder(['b', 'c']);
    await eventually('all are created', () => statusOf(second).created === 2 && statusOf(second).waiting === 0);
    // The first source is made again, and finds nothing that is left to do.
    await bridge.stop();
    bench.api.remove('uploadsources', NAMESPACE, second);
    apply({ ...SERIAL, skipFailed: true }, first);
    bench.start();
    await eventually('listed', () => statusOf(first).lastListTime !== undefined && statusOf(first).waiting === 0);
    await settle();
    expect(uploads()).toHaveLength(3);
  });

  it('takes a part of the prefix, though the first source is held', async () => {
    for (const [at, file] of ['1/a', '1/b', '2/c', '2/d'].entries()) await arrive(file, at);
    apply(SERIAL);
    bench.start();
    await end(await nextActive('1/a'), 'Failed');
    await eventually('held', () => statusOf().waiting === 3 && statusOf().heldBy !== undefined);
    apply({ ...SERIAL, s3: { bucket, prefix: 'in/1/' } });
    apply({ ...SERIAL, s3: { bucket, prefix: 'in/2/' } }, 'prices');
    await completeInOrder(['2/c', '2/d']);
    await eventually('one waits', () => statusOf().waiting === 1);
    expect(statusOf().recentIgnored).toMatchObject([{ reason: 'OtherPrefix' }, { reason: 'OtherPrefix' }]);
    expect(find('1/b')).toBeUndefined();
  });
});

describe('maxActiveUploads', () => {
  it('no more than so many have not ended, with three bridges; the oldest wait for the shortest time', async () => {
    const files = Array.from({ length: 12 }, (_, at) => `f${String(at).padStart(2, '0')}`);
    for (const [at, file] of files.entries()) await arrive(file, at);
    apply({ maxActiveUploads: 3 });
    for (let at = 0; at < 3; at += 1) bench.start();
    let most = 0;
    const ended: string[] = [];
    while (ended.length < files.length) {
      await eventually('uploads', () => active().length >= Math.min(3, files.length - ended.length));
      most = Math.max(most, active().length);
      if (files.length - ended.length > 3) {
        const waiting = files.length - ended.length - 3;
        await eventually('says so', () => statusOf().waiting === waiting && statusOf().active === 3);
        expect(condition('Waiting')).toMatchObject({ status: 'True', reason: 'UploadsActive' });
      }
      const upload = active().toSorted((a, b) => (fileOf(a) < fileOf(b) ? -1 : 1))[0]!;
      ended.push(fileOf(upload));
      await end(upload, ended.length % 4 === 0 ? 'Failed' : 'Complete');
    }
    expect(most).toBe(3);
    expect(ended).toEqual(files);
    await eventually('nothing waits', () => statusOf().waiting === 0 && statusOf().active === 0);
    expect(uploads()).toHaveLength(files.length);
  });

  it('waiting files become uploads when the limit is gone', async () => {
    for (const [at, file] of ['a', 'b', 'c'].entries()) await arrive(file, at);
    apply({ maxActiveUploads: 1 });
    bench.start();
    await nextActive('a');
    await eventually('wait', () => statusOf().waiting === 2);
    apply({});
    await eventually('all', () => uploads().length === 3);
    await eventually('nothing waits', () => statusOf().waiting === undefined && statusOf().created === 3);
    expect(condition('Waiting')).toBeUndefined();
  });
});

describe('history limits', () => {
  it('the uploads that ended first are deleted, and none of their files is loaded again', async () => {
    const files = Array.from({ length: 8 }, (_, at) => `f${at}`);
    for (const [at, file] of files.entries()) await arrive(file, at);
    apply({});
    const first = bench.start();
    await eventually('all', () => uploads().length === 8 && statusOf().created === 8);
    for (const [at, file] of files.entries()) await end(find(file)!, at % 2 === 0 ? 'Complete' : 'Failed');
    bench.api.put('batchuploads', {
      ...find('f0')!,
      metadata: { ...find('f0')!.metadata, name: 'by-hand', uid: 'by-hand', resourceVersion: '1' },
    });
    apply({ successfulUploadsHistoryLimit: 2, failedUploadsHistoryLimit: 1 });
    const kept = () =>
      uploads().map(({ metadata, ...rest }) =>
        metadata.name === 'by-hand' ? 'by-hand' : fileOf({ metadata, ...rest }),
      );
    await eventually('deleted', () => uploads().length === 4);
    expect(kept().toSorted()).toEqual(['by-hand', 'f4', 'f6', 'f7'].toSorted());
    await first.stop();
    bench.start();
    await arrive('f9', 9);
    await eventually('another list', () => find('f9') !== undefined);
    expect(kept().toSorted()).toEqual(['by-hand', 'f4', 'f6', 'f7', 'f9'].toSorted());
  });

  it('uploads that somebody has applied neither count nor keep the others from being deleted', async () => {
    const files = ['a', 'b', 'c'];
    for (const [at, file] of files.entries()) await arrive(file, at);
    apply({});
    bench.start();
    await eventually('all', () => uploads().length === 3 && statusOf().created === 3);
    const own = files.map((file) => find(file)!);
    const [upload] = own;
    // The first hundred have ended before the others, and the last one after them.
    const byHand = Array.from({ length: 101 }, (_, at) => `by-hand-${at}`);
    for (const [at, name] of byHand.entries()) {
      const completionTime = new Date((FIRST + (at === 100 ? 1e6 : at - 1e6)) * 1000).toISOString();
      const complete = { type: 'Complete', status: 'True', reason: 'Completed', message: 'm' };
      bench.api.put('batchuploads', {
        ...upload!,
        metadata: { ...upload!.metadata, name, uid: name, resourceVersion: '1' },
        status: { phase: 'Complete', completionTime, conditions: [complete] },
      });
    }
    for (const each of own) await end(each, 'Complete');
    apply({ successfulUploadsHistoryLimit: 1 });
    const kept = () => own.filter(({ metadata }) => bench.api.get('batchuploads', NAMESPACE, metadata.name));
    await eventually('deleted', () => kept().length === 1);
    await settle();
    expect(kept().map(fileOf)).toEqual(['c']);
    expect(uploads()).toHaveLength(102);
  });

  it('a failed upload that holds the feed stays until it is released', async () => {
    for (const [at, file] of ['a', 'b'].entries()) await arrive(file, at);
    apply({ ...SERIAL, successfulUploadsHistoryLimit: 0, failedUploadsHistoryLimit: 0 });
    bench.start();
    const upload = await nextActive('a');
    await end(upload, 'Failed');
    await eventually('held', () => statusOf().heldBy === upload.metadata.name);
    await settle();
    expect(find('a')).toBeDefined();
    apply({ ...SERIAL, skipFailed: true, successfulUploadsHistoryLimit: 0, failedUploadsHistoryLimit: 0 });
    await end(await nextActive('b'), 'Complete');
    await eventually('all are deleted', () => uploads().length === 0);
    await settle();
    expect(uploads()).toEqual([]);
  });
});
