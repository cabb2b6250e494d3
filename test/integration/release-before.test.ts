/**
 * The operator and the pods of the release before run on the migrated ledger, also side by side with those of this release:
 * an upgrade replaces one after the other. Migrations therefore only expand.
 */
import { randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { latestVersion } from '#ledger/migrate.ts';
import { completeUpload } from '#ledger/uploads/finish-upload.ts';
import { retryUpload } from '#ledger/uploads/retry-upload.ts';
import { withClient } from '#support/database/database.ts';
import { generateCertifications } from '#support/records/certifications.ts';
import { policySchema } from '#support/records/duplicates.ts';
import {
  checkOutReleaseBefore,
  hasHistory,
  type ReleaseBefore,
  runOperator,
} from '#support/release-before/check-out.ts';
import { expectExact, progressOf } from '#support/runner/expect-exact.ts';
import {
  BUCKET,
  CERTIFICATIONS_SQL,
  exampleSchema,
  type RunnerBench,
  startRunnerBench,
} from '#support/runner/runner.ts';

/** A copy of the sources alone has no release before. */
const isHere = hasHistory();
let before: ReleaseBefore;
beforeAll(async () => {
  if (isHere) before = await checkOutReleaseBefore();
});
afterAll(() => before?.[Symbol.asyncDispose]());

it.runIf(isHere)('the release before lacks the newest migration', async () => {
  expect(Number(before.newestMigration.slice(0, 3))).toBe((await latestVersion()) - 1);
});

describe.runIf(isHere).each([14, 18] as const)('PostgreSQL %i', (version) => {
  let bench: RunnerBench;
  beforeAll(async () => {
    bench = await startRunnerBench({ version, settings: { fsync: 'off' } });
  });
  afterAll(() => bench[Symbol.asyncDispose]());

  const certifications = (seed: number) => {
    const { pieces, counts } = generateCertifications({ records: 3000, seed, bad: 0.05, duplicates: 0.02 });
    return { file: Buffer.concat([...pieces]), counts };
  };
  const operator = (url: string, ...steps: [string, ...unknown[]][]) => runOperator(before, url, steps);

  /** Opens an upload by the operator of the release before. */
  async function open(
    url: string,
    key: string,
    { schema = exampleSchema('certifications'), ...request }: Request = {},
  ) {
    const id = randomUUID();
    const upload = { id, clusterId: 'c', namespace: 'n', name: 'u', sourceType: 'Manual', schema };
    const whole = { s3: { bucket: BUCKET, key }, chunkRecords: 300, ...request };
    expect(await operator(url, ['open', { ...upload, request: whole }])).toEqual([{ opened: true }]);
    return id;
  }
  interface Request {
    schema?: RecordSchemaSpec;
    mode?: 'Commit' | 'Validate';
  }

  const setIndexes = (url: string, indexes: number) =>
    withClient(url, (client) => client.query('UPDATE batch_upload.batch_uploads SET total_indexes = $1', [indexes]));

  async function newTarget(sql = CERTIFICATIONS_SQL): Promise<string> {
    const url = await bench.newDatabase();
    await withClient(url, (client) => client.query(sql));
    return url;
  }

  const JOB = { BATCH_UPLOAD_INLINE_LIMIT_BYTES: '1000' };
  type Release = 'before' | 'this';
  const run = async (release: Release, ...args: Parameters<RunnerBench['run']>) => {
    const done = release === 'this' ? bench.run(...args) : bench.runRelease(before.folder, ...args);
    const { code, log } = await done;
    expect(code, JSON.stringify(log.slice(-5))).toBe(0);
  };

  it.each<[plan: Release, first: Release, second: Release, end: Release]>([
    ['before', 'before', 'before', 'before'],
    ['before', 'before', 'this', 'before'],
    ['before', 'this', 'before', 'this'],
    ['this', 'before', 'this', 'before'],
  ])('planned by %s, processed by %s and %s, completed by %s', async (plan, first, second, end) => {
    const url = await newTarget();
    const data = certifications(version);
    const key = `${plan}-${first}-${second}-${end}.csv`;
    await bench.put(key, data.file);
    const id = await open(url, key);
    await run(plan, 'plan', url, id, JOB);
    await setIndexes(url, 2);
    await Promise.all([
      run(first, 'process', url, id, { JOB_COMPLETION_INDEX: '0' }),
      run(second, 'process', url, id, { JOB_COMPLETION_INDEX: '1' }),
    ]);
    const { records, ...counts } = data.counts;
    const [reading, errors] = (await operator(url, ['read', id], ['readTopErrors', id])) as [Reading, unknown[]];
    expect(reading.row.counts).toMatchObject({ processed: records, succeeded: counts.succeeded });
    expect(errors.length).toBeGreaterThan(0);
    if (end === 'before') expect(await operator(url, ['complete', id])).toEqual(['Complete']);
    else expect(await withClient(url, (client) => completeUpload(client, id))).toBe('Complete');
    await expectExact(url, id, data);
  });
  interface Reading {
    row: { counts: Record<string, number>; status: string; attempt: number };
  }

  it.each<[plan: Release, load: Release]>([
    ['this', 'before'],
    ['before', 'this'],
  ])('planned by %s for the pod that planned to go on, and loaded by a pod of %s', async (plan, load) => {
    const url = await newTarget();
    const data = certifications(version + 300);
    const key = `inline-${plan}-${load}.csv`;
    await bench.put(key, data.file);
    const id = await open(url, key);
    await run(plan, 'plan', url, id, JOB);
    // The pod that planned is killed before it loads, and another pod comes in its place.
    await withClient(url, (client) =>
      client.query("UPDATE batch_upload.batch_uploads SET execution = 'Inline', total_indexes = 1"),
    );
    await run(load, 'plan', url, id);
    expect(await operator(url, ['complete', id])).toEqual(['Complete']);
    await expectExact(url, id, data);
  });

  it('an upload that failed is tried again, and another of the same content waits for it', async () => {
    const url = await newTarget();
    const data = certifications(version + 100);
    await bench.put('again.csv', data.file);
    const id = await open(url, 'again.csv');
    await run('before', 'plan', url, id, JOB);
    await setIndexes(url, 1);
    expect(await operator(url, ['fail', id], ['retry', id, 1])).toEqual(['Failed', 'Processing']);
    const second = await open(url, 'again.csv');
    await run('before', 'plan', url, second, JOB);
    expect(await operator(url, ['dequeue', second], ['listRunning', 'c'])).toMatchObject(['Queued', [{}, {}]]);
    await run('before', 'process', url, id, { JOB_COMPLETION_INDEX: '0', BATCH_UPLOAD_ATTEMPT: '2' });
    expect(await operator(url, ['complete', id], ['dequeue', second])).toEqual(['Complete', 'Complete']);
    await expectExact(url, id, data);
  });

  it('a part of a copied file is loaded and tried again: the release before leaves the upload to this one', async () => {
    const url = await newTarget();
    const data = certifications(version + 400);
    await bench.put('copied.csv.gz', gzipSync(data.file));
    const id = await open(url, 'copied.csv.gz');
    await run('this', 'plan', url, id, JOB);
    await setIndexes(url, 2);
    const markSecondHalf = (value: string) =>
      withClient(url, (client) =>
        client.query(`UPDATE batch_upload.batch_upload_chunks SET completed_at = ${value} WHERE chunk_number >= 5`),
      );
    await markSecondHalf('now()');
    await run('before', 'process', url, id, { JOB_COMPLETION_INDEX: '0' });
    await markSecondHalf('NULL');
    expect(await operator(url, ['fail', id], ['retry', id, 1])).toEqual(['Failed', 'Failed']);
    expect(await withClient(url, (client) => retryUpload(client, { id, generation: 1 }))).toBe('Planning');
    const second = { BATCH_UPLOAD_ATTEMPT: '2', JOB_COMPLETION_INDEX: '1' };
    await run('before', 'plan', url, id, { ...JOB, ...second });
    expect(await progressOf(url, id)).toMatchObject({ status: 'Planning', attempt: 2, chunksDone: 5, totalChunks: 10 });
    await run('this', 'plan', url, id, { ...JOB, ...second });
    await run('before', 'process', url, id, second);
    expect(await operator(url, ['complete', id])).toEqual(['Complete']);
    await expectExact(url, id, data);
  });

  it('a copied file that the release before has planned is tried again only where nothing of it is loaded', async () => {
    const url = await newTarget();
    const data = certifications(version + 500);
    await bench.put('copied-before.csv.gz', gzipSync(data.file));
    const id = await open(url, 'copied-before.csv.gz');
    await run('before', 'plan', url, id, JOB);
    expect(await operator(url, ['fail', id], ['retry', id, 1])).toEqual(['Failed', 'Failed']);
    expect(await progressOf(url, id)).toMatchObject({ pointsInto: 'UnknownCopy', chunksDone: 0 });
    expect(await withClient(url, (client) => retryUpload(client, { id, generation: 1 }))).toBe('Planning');
    await run('before', 'plan', url, id, { BATCH_UPLOAD_ATTEMPT: '2' });
    await expectExact(url, id, data);
  });

  it('keys in the ledger: a validation and an update, and the sweep of keys', async () => {
    const url = await newTarget(
      "CREATE TABLE items (k text PRIMARY KEY, v text); INSERT INTO items VALUES ('a', 'old')",
    );
    await bench.put('keys.csv', 'k,v\na,1\nb,2\na,3\nb,4\nc,5\n');
    for (const mode of ['Validate', 'Commit'] as const) {
      const id = await open(url, 'keys.csv', { schema: policySchema({ policy: 'Update', owner: false }), mode });
      await run('before', 'plan', url, id);
      await run('before', 'process', url, id, { JOB_COMPLETION_INDEX: '0' });
      expect(await operator(url, ['complete', id], ['removeKeys'])).toEqual(['Complete', false]);
      expect((await progressOf(url, id)).counts).toMatchObject({ succeeded: 3, duplicate: 2, updated: 1 });
    }
    const { rows } = await withClient(url, (client) => client.query('SELECT k, v FROM items ORDER BY k'));
    expect(rows.map(({ v }) => v)).toEqual(['3', '4', '5']);
    const left = await withClient(url, (client) => client.query('SELECT FROM batch_upload.batch_upload_keys'));
    expect(left.rowCount).toBe(0);
  });

  it('a deleted upload is closed while pods of this release work for it', async () => {
    const url = await newTarget();
    await bench.put('closed.csv', certifications(version + 200).file);
    const id = await open(url, 'closed.csv');
    await run('this', 'plan', url, id, JOB);
    expect(await operator(url, ['close', id])).toEqual(['Deleted']);
    await bench.run('process', url, id, { JOB_COMPLETION_INDEX: '0' });
    expect(await progressOf(url, id)).toMatchObject({ status: 'Deleted', counts: { processed: 0 } });
  });
});
