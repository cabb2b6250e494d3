import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { beginChunks } from '#ledger/chunks/chunks.ts';
import { connect } from '#ledger/connection/postgres.ts';
import { commitPlan } from '#ledger/uploads/commit-plan.ts';
import { closeDeletedUpload, failUpload } from '#ledger/uploads/finish-upload.ts';
import { applicationName, withLockPatience } from '#ledger/uploads/lock-upload.ts';
import { readUpload } from '#ledger/uploads/read-upload.ts';
import { createLedgerDatabase, withClient } from '#support/database/database.ts';
import { openTestUpload, planTestUpload, testPlan } from '#support/database/ledger.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';

describe('the fence', () => {
  let server: Postgres;
  let url: string;
  let clients: pg.Client[] = [];

  beforeAll(async () => {
    server = await startPostgres({ settings: { fsync: 'off' } });
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    url = await createLedgerDatabase(server);
    return async () => {
      await Promise.all(clients.map((client) => client.end().catch(() => undefined)));
      clients = [];
    };
  });

  const session = async (name: string) => {
    const client = await connect({ uri: url, applicationName: name });
    clients.push(client);
    return client;
  };
  const plan = (chunks = 1) =>
    withClient(url, (client) =>
      planTestUpload(
        client,
        Array.from({ length: chunks }, (_, i) => ({ firstRowNumber: i + 2, recordCount: 1 })),
      ),
    );
  /** Begins a transaction with the fence and chunk 0. @returns whether the chunk is pending. */
  const begin = async (client: pg.Client, id: string) => {
    const chunk = { number: 0, startByte: 0, endByte: 1, firstRowNumber: 2, recordCount: 1 };
    return (await beginChunks(client, { id, attempt: 1, chunks: [chunk] })).has(0);
  };

  it('lets a change of state pass although pods overlap without a pause', async () => {
    const id = await plan();
    let stop = false;
    let fenced = 0;
    const pods = Array.from({ length: 8 }, (_, i) => i).map(async (i) => {
      const client = await session(`pod-${i}`);
      await sleep(i * 4);
      while (!stop) {
        try {
          await begin(client, id);
          await sleep(30);
          await client.query('COMMIT');
        } catch {
          await client.query('ROLLBACK');
          fenced += 1;
          return;
        }
      }
    });
    await sleep(200);
    const operator = await session('operator');
    // Pods that were let through before the operator would starve it for ever.
    const status = await Promise.race([closeDeletedUpload(operator, id), sleep(20_000, 'starved')]);
    stop = status === 'starved';
    expect(status).toBe('Deleted');
    await Promise.all(pods);
    expect(fenced).toBe(8);
  });

  it('ends the session of a pod that froze inside its transaction, and only that one', async () => {
    const id = await plan(2);
    const frozen = await session(applicationName(id, 'process-0'));
    const other = await session(applicationName('another-upload', 'process-0'));
    await other.query('BEGIN');
    expect(await begin(frozen, id)).toBe(true);
    await sleep(400);
    const replacement = await session(applicationName(id, 'process-0'));
    const ended: number[] = [];
    const pending = await withLockPatience(
      replacement,
      {
        uploadId: id,
        patienceMs: 300,
        onTerminated: (pid) => ended.push(pid),
        openHelper: () => connect({ uri: url, applicationName: 'helper' }),
      },
      async () => {
        const mine = await begin(replacement, id);
        await replacement.query('COMMIT');
        return mine;
      },
    );
    expect(pending).toBe(true);
    // A look may find the session once more, when the server has not got to ending it yet.
    expect(new Set(ended)).toEqual(new Set([(frozen as unknown as { processID: number }).processID]));
    await expect(frozen.query('COMMIT')).rejects.toThrow();
    await other.query('COMMIT');
  });

  it('leaves a session alone whose transaction is old and whose statements follow each other', async () => {
    const id = await plan(2);
    const pod = await session(applicationName(id, 'process-0'));
    expect(await begin(pod, id)).toBe(true);
    const operator = await session('operator');
    let looks = 0;
    const ended: number[] = [];
    const closing = withLockPatience(
      operator,
      {
        uploadId: id,
        patienceMs: 1_000,
        onTerminated: (pid) => ended.push(pid),
        openHelper: () => {
          looks += 1;
          return connect({ uri: url, applicationName: 'helper' });
        },
      },
      () => closeDeletedUpload(operator, id),
    );
    closing.catch(() => undefined);
    // The third look begins after the second one has ended.
    while (looks < 3) {
      await pod.query('SELECT 1');
      await sleep(20);
    }
    await pod.query('COMMIT');
    expect(await closing).toBe('Deleted');
    expect(ended).toEqual([]);
  });

  it.each([true, false])(
    'a session of a pod that waits for a lock of somebody else: ended only when the upload is deleted (%s)',
    async (isDeleted) => {
      const id = await plan(2);
      const pod = await session(applicationName(id, 'process-0'));
      const other = await session('somebody else');
      await other.query("BEGIN; SELECT pg_advisory_lock(hashtext('somebody else'))");
      expect(await begin(pod, id)).toBe(true);
      const waiting = pod.query("SELECT pg_advisory_xact_lock(hashtext('somebody else'))").then(
        () => 'went on',
        () => 'ended',
      );
      const operator = await session('operator');
      const closing = withLockPatience(
        operator,
        {
          uploadId: id,
          patienceMs: 300,
          isDeleted,
          openHelper: () => connect({ uri: url, applicationName: 'helper' }),
        },
        () => closeDeletedUpload(operator, id),
      );
      if (!isDeleted) {
        await sleep(1000);
        await other.query("SELECT pg_advisory_unlock(hashtext('somebody else')); COMMIT");
        expect(await waiting).toBe('went on');
        await pod.query('COMMIT');
      }
      expect(await closing).toBe('Deleted');
      expect(await waiting).toBe(isDeleted ? 'ended' : 'went on');
    },
  );

  it('a plan is written once: the second planner finds the first one', async () => {
    const id = await withClient(url, (client) => openTestUpload(client));
    const [a, b] = [await session('a'), await session('b')];
    const committed = await Promise.all([
      commitPlan(a, { id, attempt: 1 }, testPlan('first')),
      commitPlan(b, { id, attempt: 1 }, testPlan('second')),
    ]);
    expect(committed.toSorted()).toEqual([false, true]);
    const upload = await withClient(url, (client) => readUpload(client, id));
    expect(upload?.plan?.digest).toBe(committed[0] ? 'first' : 'second');
    const count = await withClient(url, (c) =>
      c.query('SELECT count(*)::int AS n FROM batch_upload.batch_upload_chunks'),
    );
    expect(count.rows).toEqual([{ n: 1 }]);
  });

  it('a plan for another attempt or a closed upload is refused', async () => {
    const id = await withClient(url, (client) => openTestUpload(client));
    const empty = { ...testPlan('d'), header: null, totalRecords: 0, chunks: [] };
    const client = await session('a');
    await expect(commitPlan(client, { id, attempt: 2 }, empty)).rejects.toMatchObject({ category: 'fenced' });
    await failUpload(client, { id }, { reason: 'Test', message: 'closed' });
    await expect(commitPlan(client, { id, attempt: 1 }, empty)).rejects.toMatchObject({ category: 'fenced' });
  });

  it('the first failure stays, and one of an older attempt says nothing', async () => {
    const id = await plan();
    const client = await session('a');
    expect(await failUpload(client, { id, attempt: 7 }, { reason: 'Old', message: 'old' })).toBe('Processing');
    expect(await failUpload(client, { id, attempt: 1 }, { reason: 'First', message: 'one' })).toBe('Failed');
    expect(await failUpload(client, { id, attempt: 1 }, { reason: 'Second', message: 'two' })).toBe('Failed');
    const { rows } = await client.query('SELECT failure_reason FROM batch_upload.batch_uploads');
    expect(rows).toEqual([{ failure_reason: 'First' }]);
  });
});
