/** An upload's spec decides about bad records, equal keys, validation and content that was loaded before. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { BatchUploadSpec } from '#api/batch-upload.gen.ts';
import { type BatchUpload, hasCondition, isFinished } from '#support/cluster/cluster.ts';
import { createE2e, type E2e, eventuallyTrue, holdFence, NAMESPACE, waitForBlocked } from '#support/cluster/e2e.ts';
import { itemsSchema, schemaManifest, uploadManifest } from '#support/cluster/manifests.ts';

let e2e: E2e;
let name: string;
let table: string;
beforeAll(async () => {
  e2e = await createE2e();
});
afterAll(() => e2e.close());
beforeEach(() => {
  name = e2e.unique('policy');
  table = name.replaceAll('-', '_');
  return async () => {
    const uploads = [name, `${name}-2`, `${name}-3`];
    await e2e.cluster.kubectl('-n', NAMESPACE, 'delete', 'batchupload', '--ignore-not-found', ...uploads);
    await e2e.cluster.kubectl('-n', NAMESPACE, 'delete', 'recordschema', name, '--ignore-not-found');
  };
});

const waitFor = (until: (upload: BatchUpload) => boolean, which = name) =>
  e2e.cluster.waitForUpload(NAMESPACE, which, until, 90_000);
const condition = (upload: BatchUpload, type: string) => upload.status?.conditions?.find((each) => each.type === type);
const rows = async (sql: string) => (await e2e.db.query(sql)).rows;

/** Applies another upload of the same object with the same schema. */
async function applyAgain(suffix: string, spec: Partial<BatchUploadSpec> = {}): Promise<BatchUpload> {
  const s3 = { bucket: e2e.cluster.env.S3_BUCKET, key: `e2e/${name}.csv` };
  const again = `${name}-${suffix}`;
  await e2e.cluster.apply(
    uploadManifest(NAMESPACE, again, { source: { type: 'Manual', s3 }, schemaRef: { name }, ...spec }),
  );
  return e2e.cluster.getUpload(NAMESPACE, again);
}

describe('errorPolicy', () => {
  // Every third record has a field too many.
  const body = (records: number) =>
    `k,v\n${Array.from({ length: records }, (_, i) => (i % 3 === 0 ? `k${i},v,x` : `k${i},v`)).join('\n')}\n`;

  it.each<[string, NonNullable<BatchUploadSpec['errorPolicy']>, RegExp]>([
    ['maxFailedRecords', { maxFailedRecords: 9, storeRowData: true }, /10 of 30 records.*maxFailedRecords \(9\)/],
    ['maxFailedPercent', { maxFailedPercent: 33, storeRowData: true }, /10 of 30 records.*maxFailedPercent \(33\)/],
  ])('a small file beyond %s is Failed, with its counts', async (_name, errorPolicy, message) => {
    await e2e.createItemsUpload(name, body(30), { spec: { errorPolicy } });
    const { status } = await waitFor(isFinished);
    expect(status).toMatchObject({
      phase: 'Failed',
      message: expect.stringMatching(message),
      records: { total: 30, processed: 30, succeeded: 20, failed: 10 },
      topErrors: [{ code: 'VAL_010', count: 10 }],
    });
    expect(status?.message).toContain('VAL_010 (10)');
  });

  it('as many as allowed is Complete; without storeRowData nothing of the records is kept', async () => {
    const errorPolicy = { maxFailedRecords: 10, maxFailedPercent: 34, storeRowData: false };
    const { metadata } = await e2e.createItemsUpload(name, body(30), { spec: { errorPolicy } });
    await waitFor((upload) => hasCondition(upload, 'Complete'));
    const wait = ['--for=condition=Complete', `batchupload/${name}`, '--timeout=10s'];
    await expect(e2e.cluster.kubectl('-n', NAMESPACE, 'wait', ...wait)).resolves.toContain('condition met');
    const { rows: stored } = await e2e.db.query(
      'SELECT DISTINCT row_data FROM batch_upload.batch_upload_errors WHERE batch_upload_id = $1',
      [metadata.uid],
    );
    expect(stored).toEqual([{ row_data: null }]);
  });

  it('stops a file in the middle when the limit is lowered, and no pod is left', async () => {
    // A trigger holds the chunk with the row k200 until the upload has failed. Another session would go on meanwhile.
    await e2e.db.query(`CREATE TABLE ${table} (k text PRIMARY KEY, v text, batch_upload_id uuid, row_number bigint);
      CREATE FUNCTION ${table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.k = 'k200' THEN PERFORM pg_advisory_xact_lock_shared(hashtext('${table}')); END IF; RETURN NEW; END $$;
      CREATE TRIGGER hold BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION ${table}()`);
    const holder = await e2e.cluster.connectDatabase();
    await holder.query(`SELECT pg_advisory_lock(hashtext('${table}'))`);
    try {
      const { metadata } = await e2e.createItemsUpload(name, body(300), { spec: { chunkRecords: 30, parallelism: 1 } });
      await waitForBlocked(e2e.db, metadata.uid);
      await waitFor((upload) => (upload.status?.records?.processed ?? 0) > 0);
      const patch = JSON.stringify({ spec: { errorPolicy: { maxFailedRecords: 5 } } });
      await e2e.cluster.kubectl('-n', NAMESPACE, 'patch', 'batchupload', name, '--type=merge', '-p', patch);
      // The decision waits for the chunk that is under way, and no chunk after it is written.
      await eventuallyTrue(async () => {
        const waiting = await e2e.db.query(
          `SELECT 1 FROM pg_locks JOIN pg_stat_activity USING (pid)
           WHERE application_name = 'batch-upload-operator' AND locktype = 'advisory' AND NOT granted
             AND (classid::int8 << 32 | objid::int8) = hashtextextended($1, 0)`,
          [metadata.uid],
        );
        return waiting.rowCount !== 0;
      }, 'the operator does not fail the upload');
    } finally {
      await holder.end();
    }
    const upload = await waitFor(isFinished);
    expect(condition(upload, 'Failed')).toMatchObject({ status: 'True', reason: 'TooManyFailedRecords' });
    expect(upload.status?.records?.processed).toBeLessThan(300);
    const { succeeded } = upload.status!.records!;
    expect(await rows(`SELECT count(*)::int AS n FROM ${table}`)).toEqual([{ n: succeeded }]);
    await eventuallyTrue(
      async () => (await e2e.activeJobs(upload.metadata.uid)).length === 0,
      'a Job is still running',
    );
  });
});

describe('mode Validate', () => {
  it('says what a load would do, and writes nothing; the load then does it', async () => {
    const body = 'k,v\na,1\nb,2,x\na,3\nc,4\n';
    await e2e.createItemsUpload(name, body, { spec: { mode: 'Validate', chunkRecords: 1 } });
    const counts = { total: 4, processed: 4, succeeded: 2, failed: 1, duplicate: 1, updated: 0 };
    const validated = await waitFor(isFinished);
    expect(validated.status?.records).toEqual(counts);
    expect(condition(validated, 'Complete')).toMatchObject({
      status: 'True',
      reason: 'Validated',
      message: 'Nothing was written. 4 records: 2 would be inserted, 0 updated, 1 failed, 1 duplicate.',
    });
    expect(await rows(`SELECT 1 FROM ${table}`)).toEqual([]);
    await applyAgain('2');
    const loaded = await waitFor(isFinished, `${name}-2`);
    expect(condition(loaded, 'Complete')).toMatchObject({ status: 'True', reason: 'Completed' });
    expect(loaded.status?.records).toEqual(counts);
    expect(await rows(`SELECT k, v FROM ${table} ORDER BY k`)).toEqual([
      { k: 'a', v: '1' },
      { k: 'c', v: '4' },
    ]);
  });
});

describe('onDuplicate', () => {
  const body = 'k,v\na,1\nstored,2\na,3\n';
  const counts = { total: 3, processed: 3 };
  it.each([
    ['Skip', { succeeded: 1, failed: 0, duplicate: 2, updated: 0 }, { a: '1', stored: 'old' }],
    ['Update', { succeeded: 2, failed: 0, duplicate: 1, updated: 1 }, { a: '3', stored: '2' }],
    ['Fail', { succeeded: 1, failed: 2, duplicate: 0, updated: 0 }, { a: '1', stored: 'old' }],
  ] as const)('%s', async (onDuplicate, expected, values) => {
    await e2e.db.query(`CREATE TABLE ${table} (k text PRIMARY KEY, v text, batch_upload_id uuid, row_number bigint);
      INSERT INTO ${table} VALUES ('stored', 'old')`);
    await e2e.createItemsUpload(name, body, { onDuplicate, spec: { chunkRecords: 1 } });
    const upload = await waitFor((each) => hasCondition(each, 'Complete'));
    expect(upload.status?.records).toEqual({ ...counts, ...expected });
    const stored = await rows(`SELECT k, v FROM ${table}`);
    expect(Object.fromEntries(stored.map(({ k, v }) => [k, v]))).toEqual(values);
  });
});

describe('the same content', () => {
  const body = 'k,v\na,1\nb,2\n';
  const none = { total: 0, processed: 0, succeeded: 0, failed: 0, duplicate: 0, updated: 0 };
  const duplicates = { total: 2, processed: 2, succeeded: 0, failed: 0, duplicate: 2, updated: 0 };

  it('loaded before is Complete at once, and says by whom; with reload it is loaded again', async () => {
    await e2e.createItemsUpload(name, body);
    await waitFor((upload) => hasCondition(upload, 'Complete', 'Completed'));
    await applyAgain('2');
    const second = await waitFor(isFinished, `${name}-2`);
    expect(condition(second, 'Complete')).toMatchObject({ status: 'True', reason: 'AlreadyLoaded' });
    expect(second.status).toMatchObject({ phase: 'Complete', progress: '100%', records: none });
    expect(second.status?.message).toMatch(new RegExp(`BatchUpload ${name} .*2 succeeded.*spec.reload: true`));
    await applyAgain('3', { reload: true });
    const third = await waitFor(isFinished, `${name}-3`);
    expect(condition(third, 'Complete')).toMatchObject({ status: 'True', reason: 'Completed' });
    expect(third.status?.records).toEqual(duplicates);
  });

  it('without a key: loaded once, and with reload every record is there once more', async () => {
    const { primaryKey: _key, ...schema } = itemsSchema(table);
    await e2e.cluster.apply(schemaManifest(NAMESPACE, name, schema));
    await e2e.createItemsUpload(name, `${body}a,1\n`, { withoutSchema: true });
    const first = await waitFor((upload) => hasCondition(upload, 'Complete', 'Completed'));
    const loaded = { total: 3, processed: 3, succeeded: 3, failed: 0, duplicate: 0, updated: 0 };
    expect(first.status?.records).toEqual(loaded);
    await applyAgain('2');
    const second = await waitFor(isFinished, `${name}-2`);
    expect(condition(second, 'Complete')).toMatchObject({ reason: 'AlreadyLoaded' });
    expect(second.status?.message).toMatch(/no primaryKey, every record is then in the table once more/);
    await applyAgain('3', { reload: true });
    expect((await waitFor(isFinished, `${name}-3`)).status?.records).toEqual(loaded);
    expect(await rows(`SELECT k, count(*)::int AS n FROM ${table} GROUP BY k ORDER BY k`)).toEqual([
      { k: 'a', n: 4 },
      { k: 'b', n: 2 },
    ]);
  });

  describe('two at once: the second is Queued without a pod', () => {
    /** Starts both uploads. The first one is held at its first chunk, and the second one is Queued behind it. */
    async function startBoth(): Promise<{ release(): Promise<void> }> {
      await e2e.db.query(`CREATE TABLE ${table} (k text PRIMARY KEY, v text, batch_upload_id uuid, row_number bigint);
        CREATE FUNCTION ${table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          PERFORM pg_advisory_xact_lock_shared(hashtext('${table}')); RETURN NEW; END $$;
        CREATE TRIGGER hold BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION ${table}()`);
      const holder = await e2e.cluster.connectDatabase();
      await holder.query(`SELECT pg_advisory_lock(hashtext('${table}'))`);
      const first = await e2e.createItemsUpload(name, body);
      await waitForBlocked(e2e.db, first.metadata.uid);
      const second = await applyAgain('2');
      const queued = await waitFor((upload) => upload.status?.phase === 'Queued', `${name}-2`);
      expect(condition(queued, 'Progressing')).toMatchObject({
        status: 'False',
        reason: 'Queued',
        message: expect.stringContaining(`BatchUpload ${name} `),
      });
      await eventuallyTrue(
        async () => (await e2e.activeJobs(second.metadata.uid)).length === 0,
        'a pod waits with the queued upload',
      );
      return { release: () => holder.end() };
    }

    it('and has nothing to do when the first one is Complete', async () => {
      const { release } = await startBoth();
      await release();
      await waitFor((upload) => hasCondition(upload, 'Complete', 'Completed'));
      const second = await waitFor(isFinished, `${name}-2`);
      expect(condition(second, 'Complete')).toMatchObject({ status: 'True', reason: 'AlreadyLoaded' });
      expect(second.status?.records).toEqual(none);
    });

    it('and is loaded when the first one is deleted', async () => {
      const { release } = await startBoth();
      await e2e.cluster.kubectl('-n', NAMESPACE, 'delete', 'batchupload', name);
      await release();
      const second = await waitFor(isFinished, `${name}-2`);
      expect(condition(second, 'Complete')).toMatchObject({ status: 'True', reason: 'Completed' });
      // The records that the first upload had committed before it was deleted are still stored.
      const { total, succeeded, duplicate } = second.status!.records!;
      expect([total, succeeded! + duplicate!]).toEqual([2, 2]);
      expect(await rows(`SELECT count(*)::int AS n FROM ${table}`)).toEqual([{ n: 2 }]);
    });

    it('also when it is killed in the plan: one of the two loads', async () => {
      // Both planners are held before their commit.
      const uploads = [await e2e.createItemsUpload(name, body, { withoutSchema: true }), await applyAgain('2')];
      const fences = await Promise.all(uploads.map(({ metadata }) => holdFence(e2e.cluster, metadata.uid)));
      await e2e.cluster.apply(schemaManifest(NAMESPACE, name, itemsSchema(table)));
      for (const { metadata } of uploads) await waitForBlocked(e2e.db, metadata.uid);
      for (const { metadata } of uploads) {
        const label = `batchupload.dev/uid=${metadata.uid}`;
        await e2e.cluster.kubectl('-n', NAMESPACE, 'delete', 'pod', '-l', label, '--force', '--grace-period=0');
      }
      await Promise.all(fences.map((fence) => fence.release()));
      const ended = await Promise.all([waitFor(isFinished), waitFor(isFinished, `${name}-2`)]);
      const reasons = ended.map((upload) => condition(upload, 'Complete')?.reason);
      expect(reasons.toSorted()).toEqual(['AlreadyLoaded', 'Completed']);
      expect(await rows(`SELECT count(*)::int AS n FROM ${table}`)).toEqual([{ n: 2 }]);
    });
  });
});
