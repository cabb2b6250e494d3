import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connect, sqlState } from '#ledger/connection/postgres.ts';
import { closeDeletedUpload, completeUpload } from '#ledger/uploads/finish-upload.ts';
import { readProgress, readTopErrors } from '#ledger/uploads/read-progress.ts';
import { commitChunkGroup } from '#runner/load/commit-chunk-group.ts';
import { SeenKeys } from '#runner/load/seen-keys.ts';
import { describeTarget, prepareSession } from '#runner/load/target.ts';
import { WRITE_STRATEGIES, type WriteStrategy } from '#runner/load/write-outcome.ts';
import { type ColumnType, chooseEncodings } from '#runner/processor/column-encoding.ts';
import { readTargetColumns } from '#runner/target/read-columns.ts';
import { createLedgerDatabase, withClient } from '#support/database/database.ts';
import { ITEMS_SCHEMA, ITEMS_TABLE, planTestUpload } from '#support/database/ledger.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import { prepareGroup } from '#support/runner/prepared-chunks.ts';

interface Item {
  row: number;
  key: string;
  value?: string;
}

const CASES = ([14, 18] as const).flatMap((version) =>
  (['text', 'binary'] as const).map((format) => ({ version, format })),
);

describe.each(CASES)('the chunk transaction on PostgreSQL $version, $format', ({ version, format }) => {
  let server: Postgres;
  let url: string;
  let clients: pg.Client[] = [];
  let columnTypes: ColumnType[];
  const target = describeTarget(ITEMS_SCHEMA);

  beforeAll(async () => {
    server = await startPostgres({ version, settings: { fsync: 'off', deadlock_timeout: '50ms' } });
  });
  afterAll(() => server.stop());

  beforeEach(async () => {
    url = await createLedgerDatabase(server);
    await withClient(url, async (client) => {
      await client.query(ITEMS_TABLE);
      columnTypes = (await readTargetColumns(client, target)).types!;
    });
    return async () => {
      await Promise.all(clients.map((client) => client.end()));
      clients = [];
    };
  });

  async function session(): Promise<pg.Client> {
    const client = await connect({ uri: url, applicationName: 'test' });
    await prepareSession(client, target);
    clients.push(client);
    return client;
  }

  const planned = (chunks: Item[][]) =>
    withClient(url, (client) =>
      planTestUpload(
        client,
        chunks.map((items) => ({ firstRowNumber: items[0]!.row, recordCount: items.length })),
      ),
    );

  const prepare = (id: string, chunks: Map<number, Item[]>, seen: SeenKeys | null) =>
    prepareGroup(
      id,
      new Map(
        [...chunks].map(([number, items]) => [
          number,
          items.map(({ row, key, value }) => ({ row, values: [key, value ?? `v${row}`, id, String(row)] })),
        ]),
      ),
      format === 'binary' ? chooseEncodings(ITEMS_SCHEMA, columnTypes)! : null,
      seen,
    );

  /** Tries again by the merge when PostgreSQL ends a deadlock, as the runner does. */
  async function commitGroup(
    client: pg.Client,
    id: string,
    chunks: Map<number, Item[]>,
    strategy: WriteStrategy = 'optimistic',
    seen: SeenKeys | null = null,
  ) {
    for (let tries = 1; ; tries += 1) {
      try {
        const transaction = { client, target, columnTypes, uploadId: id, attempt: 1, metadata: {} };
        return await commitChunkGroup(
          { ...transaction, strategy: tries > 1 ? 'merge' : strategy },
          prepare(id, chunks, seen),
        );
      } catch (error) {
        if (sqlState(error) !== '40P01') throw error;
      }
    }
  }

  async function commitChunk(
    client: pg.Client,
    id: string,
    number: number,
    items: Item[],
    strategy: WriteStrategy = 'optimistic',
    seen: SeenKeys | null = null,
  ) {
    const outcome = await commitGroup(client, id, new Map([[number, items]]), strategy, seen);
    if (!outcome.done) throw new Error('a chunk alone is always done');
    return { result: outcome.results[0] ?? null, strategy: outcome.strategy };
  }

  const progress = (id: string) => withClient(url, async (client) => (await readProgress(client, [id])).get(id)!);
  const rows = (sql: string) => withClient(url, async (client) => (await client.query(sql)).rows);

  it('writes rows, failed records and one audit row together, and a second run of the chunk changes nothing', async () => {
    const items = [1, 2, 3].map((row) => ({ row, key: `k${row}` }));
    const id = await planned([items]);
    const client = await session();
    expect(await commitChunk(client, id, 0, items)).toMatchObject({ strategy: 'optimistic', result: { succeeded: 3 } });
    expect(await commitChunk(client, id, 0, items)).toMatchObject({ result: null });
    expect((await progress(id)).counts).toEqual({ processed: 3, succeeded: 3, failed: 0, duplicate: 0, updated: 0 });
    expect(await rows('SELECT count(*)::int AS n FROM items')).toEqual([{ n: 3 }]);
  });

  describe('several chunks in one transaction', () => {
    const items = [2, 3, 4, 5, 6, 7].map((row) => ({ row, key: `k${row}` }));
    const chunks = [items.slice(0, 3), items.slice(3, 5), items.slice(5)];
    const group = new Map(chunks.entries());

    it('commit together, each with its own audit row', async () => {
      const id = await planned(chunks);
      const outcome = await commitGroup(await session(), id, group);
      expect(outcome).toMatchObject({ done: true, results: [{ succeeded: 3 }, { succeeded: 2 }, { succeeded: 1 }] });
      expect(
        await rows(`SELECT chunk_number, records_in_chunk FROM batch_upload.batch_upload_audit_logs
          WHERE event_type = 'chunk_completed' ORDER BY 1`),
      ).toEqual(chunks.map(({ length }, i) => ({ chunk_number: i, records_in_chunk: length })));
      expect(await withClient(url, (client) => completeUpload(client, id))).toBe('Complete');
      expect(await rows('SELECT count(*)::int AS n FROM items')).toEqual([{ n: 6 }]);
    });

    it.each([
      { stored: "('k5', 'old')", counts: { succeeded: 5, failed: 0, duplicate: 1 } },
      { stored: "('k900', 'v6')", counts: { succeeded: 5, failed: 1, duplicate: 0 } },
    ])('a row that meets $stored is merged behind the others, in the same transaction', async ({ stored, counts }) => {
      await rows(`INSERT INTO items VALUES ${stored}`);
      const id = await planned(chunks);
      const outcome = await commitGroup(await session(), id, group);
      expect(outcome).toMatchObject({ done: true, conflicts: 1 });
      expect(await rows('SELECT count(*)::int AS n FROM items')).toEqual([{ n: 6 }]);
      expect((await progress(id)).counts).toMatchObject({ processed: 6, ...counts });
      expect(
        await rows(
          'SELECT count(DISTINCT xmin::text)::int AS n FROM batch_upload.batch_upload_audit_logs WHERE chunk_number IS NOT NULL',
        ),
      ).toEqual([{ n: 1 }]);
    });

    it('rows that COPY refuses one by one are merged alone, and the others are in the table', async () => {
      const many = Array.from({ length: 90 }, (_, i) => ({
        ...{ row: i + 2, key: `k${i}` },
        ...(i % 9 === 4 ? { value: 'forbidden' } : {}),
      }));
      const parts = [many.slice(0, 30), many.slice(30, 60), many.slice(60)];
      const id = await planned(parts);
      expect(await commitGroup(await session(), id, new Map(parts.entries()))).toMatchObject({ done: true });
      expect((await progress(id)).counts).toMatchObject({ processed: 90, succeeded: 80, failed: 10, duplicate: 0 });
      expect(await rows("SELECT count(*)::int AS n FROM items WHERE v <> 'forbidden'")).toEqual([{ n: 80 }]);
    });

    it('where COPY refuses many rows the rest is merged, in the same transaction', async () => {
      const many = Array.from({ length: 80 }, (_, i) => ({
        ...{ row: i + 2, key: `k${i}` },
        ...(i % 2 === 1 ? { value: 'forbidden' } : {}),
      }));
      const parts = [many.slice(0, 40), many.slice(40)];
      const id = await planned(parts);
      expect(await commitGroup(await session(), id, new Map(parts.entries()))).toMatchObject({ done: true });
      expect((await progress(id)).counts).toMatchObject({ processed: 80, succeeded: 40, failed: 40 });
      expect(await rows('SELECT count(*)::int AS n FROM items')).toEqual([{ n: 40 }]);
    });

    it('a probe writes them together: what is stored, equal or new in each of them is counted there', async () => {
      const stored = ['k3', 'k6'].map((key) => `('${key}', 'old ${key}', '${randomUUID()}', 900)`);
      await rows(`INSERT INTO items VALUES ${stored.join(', ')}`);
      const id = await planned(chunks);
      const again = new Map(chunks.entries()).set(2, [{ row: 7, key: 'k2' }]);
      const outcome = await commitGroup(await session(), id, again, 'probe');
      expect(outcome).toMatchObject({
        ...{ done: true, strategy: 'probe', conflicts: 3 },
        results: [
          { succeeded: 2, duplicate: 1 },
          { succeeded: 1, duplicate: 1 },
          { succeeded: 0, duplicate: 1 },
        ],
      });
      expect(await rows('SELECT k, v FROM items ORDER BY k')).toEqual([
        { k: 'k2', v: 'v2' },
        { k: 'k3', v: 'old k3' },
        { k: 'k4', v: 'v4' },
        { k: 'k5', v: 'v5' },
        { k: 'k6', v: 'old k6' },
      ]);
      const lost = await rows(
        'SELECT row_number::int AS row, byte_offset::int AS at FROM batch_upload.batch_upload_errors ORDER BY 1',
      );
      expect(lost).toEqual([3, 6, 7].map((row) => ({ row, at: row * 10 })));
    });

    it('a later chunk that is done first gives its rows to an earlier one, which counts them', async () => {
      const same = [
        items.slice(0, 2),
        items.slice(2, 4),
        [
          { row: 6, key: 'k2' },
          { row: 7, key: 'k4' },
        ],
      ];
      const id = await planned(same);
      const client = await session();
      await commitChunk(client, id, 2, same[2]!);
      const outcome = await commitGroup(
        client,
        id,
        new Map([
          [0, same[0]!],
          [1, same[1]!],
        ]),
        'probe',
      );
      expect(outcome).toMatchObject({
        ...{ done: true, strategy: 'probe', conflicts: 2 },
        results: [
          { succeeded: 1, duplicate: 1 },
          { succeeded: 1, duplicate: 1 },
        ],
      });
      expect(await rows('SELECT k, row::int FROM items ORDER BY k')).toEqual(
        [2, 3, 4, 5].map((row) => ({ k: `k${row}`, row })),
      );
      expect((await progress(id)).counts).toMatchObject({ processed: 6, succeeded: 4, duplicate: 2 });
    });

    it('a conflict that a probe cannot see is named by COPY', async () => {
      await rows("INSERT INTO items VALUES ('k900', 'v6')");
      const id = await planned(chunks);
      expect(await commitGroup(await session(), id, group, 'probe')).toMatchObject({ done: true, strategy: 'probe' });
      expect((await progress(id)).counts).toMatchObject({ processed: 6, succeeded: 5, failed: 1 });
    });

    it('a record that the table refuses is never just lost to an equal key of a chunk that goes with it', async () => {
      const equal = [[{ row: 2, key: 'k2' }], [{ row: 3, key: 'k2', value: 'forbidden' }]];
      const id = await planned(equal);
      expect(await commitGroup(await session(), id, new Map(equal.entries()), 'probe')).toMatchObject({ done: true });
      expect((await progress(id)).counts).toMatchObject({ succeeded: 1, failed: 1, duplicate: 0 });
    });

    it('one that another pod has done makes them go alone, and nothing is done twice', async () => {
      const id = await planned(chunks);
      const client = await session();
      await commitChunk(client, id, 1, chunks[1]!);
      expect(await commitGroup(client, id, group)).toEqual({ done: false });
      for (const [number, each] of group) await commitChunk(client, id, number, each);
      expect((await progress(id)).counts).toEqual({ processed: 6, succeeded: 6, failed: 0, duplicate: 0, updated: 0 });
    });
  });

  it('two sessions in one chunk at once: one does it, the other finds it done', async () => {
    const items = [1, 2, 3].map((row) => ({ row, key: `k${row}` }));
    const id = await planned([items]);
    const [a, b] = [await session(), await session()];
    const outcomes = await Promise.all([commitChunk(a, id, 0, items), commitChunk(b, id, 0, items)]);
    expect(outcomes.filter(({ result }) => result !== null)).toHaveLength(1);
    expect((await progress(id)).counts).toEqual({ processed: 3, succeeded: 3, failed: 0, duplicate: 0, updated: 0 });
  });

  it.each([
    ...WRITE_STRATEGIES.map((strategy) => ({ strategy, filter: 'no filter' })),
    { strategy: 'optimistic' as const, filter: 'a filter' },
    { strategy: 'optimistic' as const, filter: 'a filter that remembers too much' },
  ])(
    'whatever the order and the overlap, the lowest row of a key stays (first strategy: $strategy, with $filter)',
    async ({ strategy, filter }) => {
      const sessions = [await session(), await session(), await session()];
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.nat(40), { minLength: 1, maxLength: 60 }),
          fc.integer({ min: 1, max: 9 }),
          fc.nat(1_000_000),
          async (keys, size, seed) => {
            const items = keys.map((key, i): Item => ({ row: i + 2, key: `k${key}` }));
            const chunks: Item[][] = [];
            for (let at = 0; at < items.length; at += size) chunks.push(items.slice(at, at + size));
            await rows('TRUNCATE items');
            const id = await planned(chunks);
            const seen = filter === 'no filter' ? null : new SeenKeys(target.byKey!.probe.columns, 100);
            if (filter === 'a filter that remembers too much') prepare(id, new Map([[0, items]]), seen);
            const order = chunks.map((_, i) => i).sort((a, b) => ((a * 7919 + seed) % 101) - ((b * 7919 + seed) % 101));
            await Promise.all(
              sessions.map(async (client) => {
                for (let next = order.pop(); next !== undefined; next = order.pop()) {
                  const group = new Map(
                    [next, next % 3 === 0 ? order.pop() : undefined]
                      .flatMap((number) => (number === undefined ? [] : [[number, chunks[number]!] as const]))
                      .sort(([a], [b]) => a - b),
                  );
                  const outcome = await commitGroup(client, id, group, strategy, seen);
                  if (outcome.done) continue;
                  for (const [number, each] of group) await commitChunk(client, id, number, each, strategy, seen);
                }
              }),
            );
            const first = new Map<string, number>();
            for (const { row, key } of items) if (!first.has(key)) first.set(key, row);
            expect(new Map((await rows('SELECT k, row::int FROM items')).map(({ k, row }) => [k, row]))).toEqual(first);
            expect((await rows('SELECT v, row::int FROM items')).every(({ v, row }) => v === `v${row}`)).toBe(true);
            const losers = items.filter(({ row, key }) => first.get(key) !== row).map(({ row }) => row);
            const stored = await rows(
              `SELECT row_number::int AS row FROM batch_upload.batch_upload_errors WHERE batch_upload_id = '${id}' ORDER BY 1`,
            );
            expect(stored.map(({ row }) => row)).toEqual(losers);
            expect((await progress(id)).counts).toEqual({
              processed: items.length,
              succeeded: first.size,
              failed: 0,
              duplicate: losers.length,
              updated: 0,
            });
          },
        ),
        { numRuns: 20 },
      );
    },
  );

  it('counts what is stored already as duplicate and leaves it as it is', async () => {
    await rows(`INSERT INTO items VALUES ('k2', 'old', '${randomUUID()}', 900)`);
    const items = [1, 2, 3].map((row) => ({ row, key: `k${row}` }));
    const id = await planned([items]);
    expect((await commitChunk(await session(), id, 0, items)).result).toMatchObject({ succeeded: 2, duplicate: 1 });
    expect(await rows(`SELECT v FROM items WHERE k = 'k2'`)).toEqual([{ v: 'old' }]);
    const [stored] = await rows('SELECT * FROM batch_upload.batch_upload_errors');
    expect(stored).toMatchObject({ row_number: '2', error_code: 'DUP_001', byte_offset: '20', row_data: null });
  });

  it('finds the records that PostgreSQL refuses, stores the others, and never repeats a value', async () => {
    const items: Item[] = Array.from({ length: 50 }, (_, i) => ({ row: i + 2, key: `k${i}` }));
    items[7]!.value = 'a secret that is longer than twenty characters';
    items[20]!.value = 'forbidden';
    items[33]!.value = 'v5';
    const id = await planned([items]);
    const { result } = await commitChunk(await session(), id, 0, items);
    expect(result).toMatchObject({ succeeded: 47, failed: 3, duplicate: 0 });
    const stored = await rows(
      'SELECT row_number::int AS row, error_code, error_message FROM batch_upload.batch_upload_errors ORDER BY 1',
    );
    expect(stored.map(({ row, error_code }) => [row, error_code])).toEqual([
      [9, 'DB_001'],
      [22, 'DB_001'],
      [35, 'DB_001'],
    ]);
    expect(stored[0].error_message).toContain('too long');
    expect(stored[1].error_message).toContain('check constraint');
    expect(stored[2].error_message).toContain('a unique index already has this value');
    expect(JSON.stringify(stored)).not.toContain('secret');
    await withClient(url, async (client) => {
      expect(await readTopErrors(client, id)).toMatchObject([{ code: 'DB_001', count: 3 }]);
    });
  });

  it.each(WRITE_STRATEGIES)(
    'a record that the table refuses is not lost to an equal key of its chunk (%s)',
    async (strategy) => {
      const items = [
        { row: 2, key: 'a' },
        { row: 3, key: 'a', value: 'forbidden' },
        { row: 4, key: 'a' },
      ];
      const id = await planned([items]);
      const { result } = await commitChunk(await session(), id, 0, items, strategy);
      expect(result).toMatchObject({ succeeded: 1, failed: 1, duplicate: 1 });
    },
  );

  it('a session is prepared again, as for each index that one process loads', async () => {
    const items = [{ row: 2, key: 'a' }];
    const id = await planned([items]);
    const client = await session();
    await prepareSession(client, target);
    expect((await commitChunk(client, id, 0, items)).result).toMatchObject({ succeeded: 1 });
  });

  it('stops when the upload was closed, and writes nothing', async () => {
    const items = [{ row: 2, key: 'a' }];
    const id = await planned([items]);
    await withClient(url, (client) => closeDeletedUpload(client, id));
    await expect(commitChunk(await session(), id, 0, items)).rejects.toMatchObject({ category: 'fenced' });
    expect(await rows('SELECT count(*)::int AS n FROM items')).toEqual([{ n: 0 }]);
    expect(await progress(id)).toMatchObject({ status: 'Deleted', counts: { processed: 0 } });
  });

  it('completes only when every chunk is done, with the sums of the audit rows', async () => {
    const chunks = [[{ row: 2, key: 'a' }], [{ row: 3, key: 'a' }]];
    const id = await planned(chunks);
    const client = await session();
    await commitChunk(client, id, 1, chunks[1]!);
    expect(await withClient(url, (c) => completeUpload(c, id))).toBe('Processing');
    await commitChunk(client, id, 0, chunks[0]!);
    expect(await withClient(url, (c) => completeUpload(c, id))).toBe('Complete');
    const [upload] = await rows(
      'SELECT succeeded_records::int AS s, duplicate_records::int AS d FROM batch_upload.batch_uploads',
    );
    expect(upload).toEqual({ s: 1, d: 1 });
  });

  it('audit rows cannot be changed or removed', async () => {
    await planned([[{ row: 2, key: 'a' }]]);
    for (const sql of ['UPDATE', 'DELETE FROM', 'TRUNCATE']) {
      const set = sql === 'UPDATE' ? ' SET chunk_number = 1' : '';
      await expect(rows(`${sql} batch_upload.batch_upload_audit_logs${set}`)).rejects.toThrow('append-only');
    }
  });
});
