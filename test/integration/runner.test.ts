import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT_CODES } from '#common/job-contract.ts';
import { dequeueUpload } from '#ledger/uploads/claim-content.ts';
import { closeDeletedUpload, completeUpload, failUpload } from '#ledger/uploads/finish-upload.ts';
import { waitForBlocked } from '#support/cluster/e2e.ts';
import { withClient } from '#support/database/database.ts';
import { ITEMS_SCHEMA, ITEMS_TABLE } from '#support/database/ledger.ts';
import { eventually } from '#support/process/eventually.ts';
import { type ExpectedCounts, generateCertifications } from '#support/records/certifications.ts';
import { expectExact, progressOf } from '#support/runner/expect-exact.ts';
import { CERTIFICATIONS_SQL, type RunnerBench, startRunnerBench } from '#support/runner/runner.ts';

let bench: RunnerBench;
beforeAll(async () => {
  bench = await startRunnerBench();
});
afterAll(() => bench[Symbol.asyncDispose]());

function certifications(
  records: number,
  seed: number,
  lineEnd: '\n' | '\r\n' = '\n',
): { file: Buffer; counts: ExpectedCounts } {
  const { pieces, counts } = generateCertifications({ records, seed, lineEnd, bad: 0.05, duplicates: 0.02 });
  return { file: Buffer.concat([...pieces]), counts };
}

async function newTarget(): Promise<string> {
  const url = await bench.newDatabase();
  await withClient(url, (client) => client.query(CERTIFICATIONS_SQL));
  return url;
}

async function planForTwoIndexes(
  url: string,
  key: string,
  { file, chunkRecords }: { file: Buffer; chunkRecords: number },
): Promise<string> {
  await bench.put(key, file);
  const id = await bench.open(url, key, { chunkRecords });
  expect((await bench.run('plan', url, id, { BATCH_UPLOAD_INLINE_LIMIT_BYTES: '1000' })).code).toBe(0);
  await withClient(url, (client) => client.query('UPDATE batch_upload.batch_uploads SET total_indexes = 2'));
  return id;
}

/** Runs a pod for each of the indexes at once. @returns their exit codes. */
async function processAtOnce(url: string, id: string, indexes: readonly number[]): Promise<(number | null)[]> {
  const pods = indexes.map((index) => bench.run('process', url, id, { JOB_COMPLETION_INDEX: String(index) }));
  return (await Promise.all(pods)).map(({ code }) => code);
}

describe('a certification file', () => {
  it.each(['\n', '\r\n'] as const)('planned and processed by one pod, lines ending with %j', async (lineEnd) => {
    const url = await newTarget();
    const data = certifications(5000, 1, lineEnd);
    await bench.put('one.csv', data.file);
    const id = await bench.open(url, 'one.csv', { chunkRecords: 300 });
    expect((await bench.run('plan', url, id)).code).toBe(0);
    expect(await progressOf(url, id)).toMatchObject({ execution: 'Inline', totalRecords: 5000 });
    await expectExact(url, id, data);
  });

  it('in more chunks than a pod keeps in mind at a time', async () => {
    const url = await newTarget();
    const data = certifications(11_000, 6);
    await bench.put('small-chunks.csv', data.file);
    const id = await bench.open(url, 'small-chunks.csv', { chunkRecords: 5 });
    expect((await bench.run('plan', url, id)).code).toBe(0);
    expect(await progressOf(url, id)).toMatchObject({ totalChunks: 2200, chunksDone: 2200 });
    await expectExact(url, id, data);
  });

  it('planned by one pod, processed by several at once, and every index by two pods', async () => {
    const url = await newTarget();
    const data = certifications(12_000, 2);
    const id = await planForTwoIndexes(url, 'many.csv', { file: data.file, chunkRecords: 250 });
    expect(await progressOf(url, id)).toMatchObject({ execution: 'Job', totalChunks: 48 });
    expect(await processAtOnce(url, id, [0, 0, 1, 1])).toEqual([0, 0, 0, 0]);
    await expectExact(url, id, data);
  });

  it('processed by one index alone as far as it helps, then by all at once', async () => {
    const url = await newTarget();
    const data = certifications(120_000, 4);
    const id = await planForTwoIndexes(url, 'helped.csv', { file: data.file, chunkRecords: 1000 });
    expect(await processAtOnce(url, id, [0])).toEqual([0]);
    const { rows } = await withClient(url, (client) =>
      client.query<{ chunk_number: number }>(
        'SELECT chunk_number FROM batch_upload.batch_upload_chunks WHERE completed_at IS NULL ORDER BY chunk_number',
      ),
    );
    // The helper took the last of the other index's sixty chunks, and left those at the front.
    const left = rows.map(({ chunk_number }) => chunk_number);
    expect(left).toEqual(Array.from({ length: left.length }, (_, i) => 60 + i));
    expect(left.length).toBeGreaterThan(20);
    expect(left.length).toBeLessThan(40);
    expect(await processAtOnce(url, id, [1, 0, 1])).toEqual([0, 0, 0]);
    await expectExact(url, id, data);
  });

  it("helped until the database fails on the others' chunks, which is no failure of the index that helps", async () => {
    const url = await newTarget();
    const data = certifications(120_000, 5);
    const id = await planForTwoIndexes(url, 'hindered.csv', { file: data.file, chunkRecords: 1000 });
    await withClient(url, (client) =>
      client.query(`CREATE FUNCTION hinder() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.row_number > 61000 THEN RAISE SQLSTATE '57P03'; END IF; RETURN NEW; END $$;
        CREATE TRIGGER hinder BEFORE INSERT ON certifications FOR EACH ROW EXECUTE FUNCTION hinder()`),
    );
    const env = { BATCH_UPLOAD_RETRY_SECONDS: '0' };
    const helper = await bench.run('process', url, id, { ...env, JOB_COMPLETION_INDEX: '0' });
    expect(helper.log.map(({ message }) => message)).toContain('stopped helping');
    expect(helper.code).toBe(0);
    expect((await progressOf(url, id)).chunksDone).toBe(60);
    // The failing chunk is one of the owner's own, so the owner's pod fails.
    const owner = await bench.run('process', url, id, { ...env, JOB_COMPLETION_INDEX: '1' });
    expect(owner.code).toBe(EXIT_CODES.retryable);
    await withClient(url, (client) => client.query('DROP TRIGGER hinder ON certifications'));
    expect(await processAtOnce(url, id, [1])).toEqual([0]);
    await expectExact(url, id, data);
  });

  it('killed again and again at any moment', async () => {
    const url = await newTarget();
    const data = certifications(40_000, 3);
    await bench.put('killed.csv', data.file);
    const id = await bench.open(url, 'killed.csv', { chunkRecords: 100 });
    // The chunks take so long that the file is not done before the last kill, however fast the machine is.
    await withClient(url, (client) =>
      client.query(`CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.02); RETURN NEW; END $$;
        CREATE TRIGGER slow BEFORE INSERT ON batch_upload.batch_upload_audit_logs FOR EACH ROW EXECUTE FUNCTION slow()`),
    );
    let killedWhileProcessing = 0;
    for (let i = 0; i < 12; i += 1) {
      const pod = bench.start('plan', url, id);
      const before = (await progressOf(url, id)).chunksDone;
      // The first kills hit the plan. Later ones wait until this pod has committed a chunk, and then a little longer.
      if (i > 2) {
        await eventually('a commit', async () => (await progressOf(url, id)).chunksDone > before);
      }
      await sleep(i <= 2 ? 150 + i * 120 : i * 7);
      pod.process.kill('SIGKILL');
      if ((await pod.done).code === null && i > 2 && (await progressOf(url, id)).chunksDone > before)
        killedWhileProcessing += 1;
    }
    expect(killedWhileProcessing).toBe(9);
    await withClient(url, (client) => client.query('DROP TRIGGER slow ON batch_upload.batch_upload_audit_logs'));
    expect((await bench.run('plan', url, id)).code).toBe(0);
    await expectExact(url, id, data);
  });
});

describe('a pod frozen in the middle of COPY', () => {
  it.each(['ended', 'deleted'] as const)('and woken after its replacement has %s changes nothing', async (fate) => {
    const url = await bench.newDatabase();
    const rows = 60_000;
    // The trigger stops the COPY at one row until the test lets the COPY go on.
    await withClient(url, async (client) => {
      await client.query(ITEMS_TABLE.replace('varchar(20) UNIQUE', 'varchar(20)'));
      await client.query(`CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.k = 'k5000' THEN PERFORM pg_advisory_xact_lock_shared(1); END IF; RETURN NEW; END $$`);
      await client.query('CREATE TRIGGER hold BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION hold()');
    });
    const file = `k,v\n${Array.from({ length: rows }, (_, i) => `k${i},${'x'.repeat(10)}${i}`).join('\n')}\n`;
    await bench.put('frozen.csv', file);
    const id = await bench.open(url, 'frozen.csv', { schema: ITEMS_SCHEMA, chunkRecords: rows });
    const frozen = await withClient(url, async (holder) => {
      await holder.query('SELECT pg_advisory_lock(1)');
      const pod = bench.start('plan', url, id);
      const inCopy = `SELECT 1 FROM pg_stat_activity WHERE query LIKE 'COPY "public"."items"%' AND wait_event = 'advisory'`;
      for (let waited = 0; (await holder.query(inCopy)).rowCount === 0; waited += 20) {
        expect(waited).toBeLessThan(20_000);
        await sleep(20);
      }
      pod.process.kill('SIGSTOP');
      return pod;
    });
    const replacement = await bench.run('plan', url, id);
    expect(replacement.code).toBe(0);
    expect(replacement.log.some(({ message }) => String(message).startsWith('ended a session'))).toBe(true);
    if (fate === 'deleted') await withClient(url, (client) => closeDeletedUpload(client, id));
    frozen.process.kill('SIGCONT');
    await frozen.done;
    expect((await progressOf(url, id)).counts).toEqual({
      processed: rows,
      succeeded: rows,
      failed: 0,
      duplicate: 0,
      updated: 0,
    });
    await withClient(url, async (client) => {
      expect((await client.query('SELECT count(*)::int AS n, count(DISTINCT k)::int AS k FROM items')).rows).toEqual([
        { n: rows, k: rows },
      ]);
      expect(
        (await client.query(`SELECT 1 FROM batch_upload.batch_upload_audit_logs WHERE event_type = 'chunk_completed'`))
          .rowCount,
      ).toBe(1);
    });
  });
});

it.each([true, false])('the text of failed records is kept: %s', async (storeRowData) => {
  const url = await bench.newDatabase();
  await withClient(url, (client) => client.query(ITEMS_TABLE));
  await bench.put('kept.csv', 'k,v\na,forbidden\n"b"c,\n');
  const id = await bench.open(url, 'kept.csv', { schema: ITEMS_SCHEMA, request: { storeRowData } });
  expect((await bench.run('plan', url, id)).code).toBe(0);
  const { rows } = await withClient(url, (client) =>
    client.query('SELECT error_code, row_data, byte_length FROM batch_upload.batch_upload_errors ORDER BY row_number'),
  );
  const kept = (text: string) => (storeRowData ? text : null);
  expect(rows).toEqual([
    { error_code: 'DB_001', row_data: kept('a,forbidden'), byte_length: 12 },
    { error_code: 'VAL_012', row_data: kept('bc,'), byte_length: 6 },
  ]);
});

it('two uploads of the same content at once: one pod loads it, the other ends and goes on when that upload fails', async () => {
  const url = await bench.newDatabase();
  await withClient(url, (client) => client.query(ITEMS_TABLE));
  await bench.put('same.csv', 'k,v\na,1\nb,2\n');
  const ids = await Promise.all([1, 2].map(() => bench.open(url, 'same.csv', { schema: ITEMS_SCHEMA })));
  const pods = await Promise.all(ids.map((id) => bench.run('plan', url, id)));
  expect(pods.map(({ code }) => code)).toEqual([0, 0]);
  const states = await Promise.all(ids.map((id) => progressOf(url, id)));
  const first = ids[states.findIndex(({ status }) => status === 'Processing')]!;
  const second = ids.find((id) => id !== first)!;
  expect(await progressOf(url, first)).toMatchObject({ chunksDone: 1, counts: { succeeded: 2 } });
  expect(await progressOf(url, second)).toMatchObject({ status: 'Queued', chunksDone: 0, totalRecords: 2 });
  // Another plan pod of a queued upload has nothing to do.
  expect((await bench.run('plan', url, second)).code).toBe(0);
  expect(await progressOf(url, second)).toMatchObject({ status: 'Queued', chunksDone: 0 });
  await withClient(url, async (client) => {
    await failUpload(client, { id: first }, { reason: 'Test', message: 'test' });
    expect(await dequeueUpload(client, second)).toBe('Processing');
  });
  expect((await bench.run('plan', url, second)).code).toBe(0);
  expect(await progressOf(url, second)).toMatchObject({ chunksDone: 1, counts: { succeeded: 0, duplicate: 2 } });
  expect(await withClient(url, (client) => completeUpload(client, second))).toBe('Complete');
});

it('a table that is altered under a pod that loads it in the text format: its successor stores what the new type holds', async () => {
  const url = await bench.newDatabase();
  await withClient(url, (client) => client.query('CREATE TABLE items (k text PRIMARY KEY, v timestamptz(0))'));
  const [k, v] = ITEMS_SCHEMA.target.columns;
  const schema = {
    ...ITEMS_SCHEMA,
    fields: [ITEMS_SCHEMA.fields[0]!, { name: 'v', type: 'datetime' as const }],
    target: { ...ITEMS_SCHEMA.target, columns: [k!, v!] },
  };
  await bench.put('altered.csv', 'k,v\na,2025-01-31T12:00:00.25Z\na,2025-01-31T12:00:00.5Z\n');
  const id = await bench.open(url, 'altered.csv', { schema });
  expect((await bench.run('plan', url, id, { BATCH_UPLOAD_INLINE_LIMIT_BYTES: '1' })).code).toBe(0);
  const altered = await withClient(url, async (holder) => {
    await holder.query('BEGIN; SELECT 1 FROM batch_upload.batch_upload_chunks FOR UPDATE');
    const pod = bench.start('process', url, id);
    expect(await pod.logged('processing')).toMatchObject({ format: 'text' });
    await holder.query('ALTER TABLE items ALTER v TYPE timestamptz(3); COMMIT');
    return pod;
  });
  expect((await altered.done).code).toBe(EXIT_CODES.retryable);
  expect((await bench.run('process', url, id)).code).toBe(0);
  expect((await withClient(url, (client) => client.query('SELECT k, v FROM items'))).rows).toEqual([
    { k: 'a', v: new Date('2025-01-31T12:00:00.25Z') },
  ]);
});

it.each([
  ['a column is dropped', 'ALTER TABLE items DROP COLUMN v', 'TargetColumnMissing', /no column v.*ADD COLUMN/],
  ['the table is dropped', 'DROP TABLE items', 'TargetTableMissing', /does not exist.*CREATE TABLE/],
  ['the key is dropped', 'ALTER TABLE items DROP CONSTRAINT items_pkey', 'TargetKeyMissing', /CREATE UNIQUE INDEX/],
])('%s under a pod: no record fails, and the upload says what to do', async (_what, sql, reason, message) => {
  const url = await bench.newDatabase();
  await withClient(url, (client) => client.query(ITEMS_TABLE));
  // With equal keys the chunk is merged, which needs the key's index.
  await bench.put('dropped.csv', 'k,v\na,1\nb,2\na,3\n');
  const id = await bench.open(url, 'dropped.csv', { schema: ITEMS_SCHEMA });
  expect((await bench.run('plan', url, id, { BATCH_UPLOAD_INLINE_LIMIT_BYTES: '1' })).code).toBe(0);
  const pod = await withClient(url, async (holder) => {
    await holder.query('BEGIN; SELECT 1 FROM batch_upload.batch_upload_chunks FOR UPDATE');
    const process = bench.start('process', url, id);
    await process.logged('processing');
    await holder.query(`${sql}; COMMIT`);
    return process;
  });
  expect((await pod.done).code).toBe(EXIT_CODES.permanent);
  await withClient(url, async (client) => {
    const { rows } = await client.query('SELECT failure_reason, failure_message FROM batch_upload.batch_uploads');
    expect(rows).toEqual([{ failure_reason: reason, failure_message: expect.stringMatching(message) }]);
    expect((await client.query('SELECT 1 FROM batch_upload.batch_upload_errors')).rows).toEqual([]);
  });
});

it('a trigger that always raises a code of the server: the pod gives up after its retries, and names the trigger', async () => {
  const url = await bench.newDatabase();
  await withClient(url, (client) =>
    client.query(`${ITEMS_TABLE}; CREATE FUNCTION busy() RETURNS trigger LANGUAGE plpgsql AS
      $f$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '40001'; END $f$;
      CREATE TRIGGER busy BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION busy()`),
  );
  await bench.put('busy.csv', 'k,v\na,1\n');
  const id = await bench.open(url, 'busy.csv', { schema: ITEMS_SCHEMA });
  const { code, log } = await bench.run('plan', url, id, { BATCH_UPLOAD_RETRY_SECONDS: '1' });
  expect(code).toBe(EXIT_CODES.retryable);
  const tries = log.filter(({ message }) => message === 'database fault, trying again');
  expect(tries.length).toBeGreaterThanOrEqual(2);
  expect(log.find(({ message }) => message === 'failed')).toMatchObject({
    code: 'DB_40001',
    explanation: expect.stringMatching(/function busy\(\) line 1\).*must raise another SQLSTATE/),
  });
});

it('a pod that is stopped while its transaction waits ends within seconds; its successor loads everything', async () => {
  const url = await bench.newDatabase();
  await withClient(url, (client) => client.query(ITEMS_TABLE));
  await bench.put('stopped.csv', 'k,v\na,1\nb,2\n');
  const id = await bench.open(url, 'stopped.csv', { schema: ITEMS_SCHEMA });
  expect((await bench.run('plan', url, id, { BATCH_UPLOAD_INLINE_LIMIT_BYTES: '1' })).code).toBe(0);
  await withClient(url, async (holder) => {
    await holder.query('BEGIN; SELECT 1 FROM batch_upload.batch_upload_chunks FOR UPDATE');
    const pod = bench.start('process', url, id);
    // Another client looks: the holder of the lock sees the same snapshot of other sessions during its whole
    // transaction.
    await withClient(url, (client) => waitForBlocked(client, id));
    const stoppedAt = performance.now();
    pod.process.kill('SIGTERM');
    expect((await pod.done).code).toBe(EXIT_CODES.retryable);
    // The transaction has 5 s to end, and Kubernetes kills the pod after 30 s.
    expect(performance.now() - stoppedAt).toBeLessThan(15_000);
    await holder.query('COMMIT');
  });
  expect((await bench.run('process', url, id)).code).toBe(0);
  expect(await progressOf(url, id)).toMatchObject({ chunksDone: 1, counts: { processed: 2, succeeded: 2 } });
});

describe('what a person must mend', () => {
  const items = { schema: ITEMS_SCHEMA };

  async function failure(
    key: string,
    options: Parameters<RunnerBench['open']>[2] = items,
    env: Record<string, string> = {},
  ) {
    const url = await bench.newDatabase();
    await withClient(url, (client) => client.query(ITEMS_TABLE));
    const id = await bench.open(url, key, options);
    const { code } = await bench.run('plan', url, id, env);
    const { status, failureReason, failureMessage } = await progressOf(url, id);
    return { code, status, reason: failureReason, message: failureMessage };
  }

  it.each<[string, string | Buffer | null, string, RegExp]>([
    ['a header without a required column', 'k\na\n', 'HeaderMismatch', /missing: v.*Expected: k, v/],
    ['an unknown column', 'k,v,colour\na,b,c\n', 'HeaderMismatch', /unknown: colour/],
    ['a column twice', 'k,v,K\na,b,c\n', 'HeaderMismatch', /twice: K/],
    ['a quote that never closes', 'k,v\na,b\n\nc,"d\ne,f\n', 'UnterminatedQuote', /opens in row 4/],
    [
      'a header that is not text',
      Buffer.concat([Buffer.from('k,v\xe9\n', 'latin1'), Buffer.from('é,ü\n')]),
      'HeaderMismatch',
      /not text in the file's encoding/,
    ],
    ['an object that is not there', null, 'ObjectNotFound', /has no object/],
  ])('%s', async (name, body, reason, message) => {
    const key = `bad/${name}.csv`;
    if (body !== null) await bench.put(key, body);
    expect(await failure(key)).toEqual({
      code: EXIT_CODES.permanent,
      status: 'Failed',
      reason,
      message: expect.stringMatching(message),
    });
  });

  it('a bucket that is not there', async () => {
    const result = await failure('x.csv', { ...items, s3: { bucket: 'no-such-bucket' } });
    expect(result).toMatchObject({
      status: 'Failed',
      reason: 'BucketNotFound',
      message: expect.stringContaining('no-such-bucket'),
    });
  });

  it('credentials that the storage refuses', async () => {
    await bench.put('secret.csv', 'k,v\na,b\n');
    const result = await failure('secret.csv', items, { AWS_SECRET_ACCESS_KEY: 'wrong' });
    expect(result).toMatchObject({
      status: 'Failed',
      reason: 'StorageAccessDenied',
      message: expect.stringContaining('batch-upload-s3'),
    });
  });

  it('an ETag that is not the object’s', async () => {
    await bench.put('tag.csv', 'k,v\na,b\n');
    expect(await failure('tag.csv', { ...items, s3: { eTag: '"other"' } })).toMatchObject({ reason: 'SourceChanged' });
  });

  it('an object that was replaced between plan and process', async () => {
    const url = await bench.newDatabase();
    await withClient(url, (client) => client.query(ITEMS_TABLE));
    await bench.put('replaced.csv', 'k,v\na,b\n');
    const id = await bench.open(url, 'replaced.csv', items);
    expect((await bench.run('plan', url, id, { BATCH_UPLOAD_INLINE_LIMIT_BYTES: '1' })).code).toBe(0);
    await bench.put('replaced.csv', 'k,v\nX,Y\n');
    expect((await bench.run('process', url, id)).code).toBe(EXIT_CODES.permanent);
    expect(await progressOf(url, id)).toMatchObject({
      status: 'Failed',
      failureReason: 'SourceChanged',
      counts: { processed: 0 },
    });
  });

  it.each([
    ['an empty file', ''],
    ['a byte order mark alone', '\ufeff'],
    ['blank lines alone', '\n\r\n\n'],
    ['a header alone', 'k,v\n'],
    ['a header without an end of line', 'K, V'],
  ])('%s is complete with 0 records', async (name, body) => {
    const url = await bench.newDatabase();
    await withClient(url, (client) => client.query(ITEMS_TABLE));
    await bench.put(`${name}.csv`, Buffer.from(body));
    const id = await bench.open(url, `${name}.csv`, items);
    expect((await bench.run('plan', url, id)).code).toBe(0);
    expect(await withClient(url, (client) => completeUpload(client, id))).toBe('Complete');
    expect(await progressOf(url, id)).toMatchObject({ totalRecords: 0, totalChunks: 0, counts: { processed: 0 } });
  });

  it('a pod whose upload was closed stops quietly', async () => {
    const url = await bench.newDatabase();
    await withClient(url, (client) => client.query(ITEMS_TABLE));
    await bench.put('closed.csv', 'k,v\na,b\n');
    const id = await bench.open(url, 'closed.csv', items);
    await withClient(url, (client) => closeDeletedUpload(client, id));
    expect((await bench.run('plan', url, id)).code).toBe(EXIT_CODES.fenced);
    expect((await withClient(url, (client) => client.query('SELECT 1 FROM items'))).rowCount).toBe(0);
  });
});
