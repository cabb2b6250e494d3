/**
 * A schema without a key: every valid record is stored once, whichever strategy writes it, in both formats of COPY, with
 * a table that takes every row and with tables that refuse some.
 */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connect, sqlState } from '#ledger/connection/postgres.ts';
import { readProgress } from '#ledger/uploads/read-progress.ts';
import { commitChunkGroup } from '#runner/load/commit-chunk-group.ts';
import { describeTarget, prepareSession } from '#runner/load/target.ts';
import { WRITE_STRATEGIES, type WriteStrategy } from '#runner/load/write-outcome.ts';
import { chooseEncodings } from '#runner/processor/column-encoding.ts';
import { createTableSql } from '#runner/target/create-target.ts';
import { prepareTarget } from '#runner/target/prepare-target.ts';
import { readTargetColumns } from '#runner/target/read-columns.ts';
import { createLedgerDatabase, withClient } from '#support/database/database.ts';
import { APPEND_SCHEMA, planTestUpload } from '#support/database/ledger.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import { prepareGroup } from '#support/runner/prepared-chunks.ts';

interface Item {
  row: number;
  k: string;
  v: string;
}

/** Chunks with many equal records; the table's CHECK refuses the value `forbidden`. */
const chunksOfItems: fc.Arbitrary<Item[][]> = fc
  .tuple(
    fc.array(fc.record({ k: fc.nat(5).map(String), v: fc.constantFrom('a', 'b', 'c', 'd', 'forbidden') }), {
      minLength: 1,
      maxLength: 80,
    }),
    fc.integer({ min: 1, max: 9 }),
  )
  .map(([records, size]) => {
    const items = records.map((record, i) => ({ ...record, row: i + 2 }));
    return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
  });

const workOrder = fc.record({
  together: fc.integer({ min: 1, max: 3 }),
  strategies: fc.array(fc.constantFrom(...WRITE_STRATEGIES), { minLength: 1, maxLength: 4 }),
  isBinary: fc.boolean(),
});

const VERSIONS = [14, 18] as const;
const servers = new Map<number, Postgres>();
beforeAll(async () => {
  for (const version of VERSIONS)
    servers.set(version, await startPostgres({ version, settings: { fsync: 'off', deadlock_timeout: '50ms' } }));
});
afterAll(async () => {
  for (const server of servers.values()) await server.stop();
});

const CASES = VERSIONS.flatMap((version) =>
  (['Commit', 'Validate'] as const).flatMap((mode) => [true, false].map((owner) => ({ version, mode, owner }))),
);

describe.each(CASES)('PostgreSQL $version, $mode, owner columns: $owner', ({ version, mode, owner }) => {
  const { target: declared } = APPEND_SCHEMA;
  const columns = declared.columns.filter(({ system }) => owner || system === undefined);
  const schema = { ...APPEND_SCHEMA, target: { ...declared, columns } };
  const target = describeTarget(schema, { rolledBack: mode === 'Validate' });
  let url: string;
  let clients: pg.Client[] = [];

  beforeEach(async () => {
    url = await createLedgerDatabase(servers.get(version)!);
    return async () => {
      await Promise.all(clients.map((client) => client.end()));
      clients = [];
    };
  });

  const rows = (sql: string, values: unknown[] = []) =>
    withClient(url, async (client) => (await client.query(sql, values)).rows);

  async function openSessions(uri = url): Promise<void> {
    for (let i = 0; i < 3; i += 1) {
      const client = await connect({ uri, applicationName: `test-${i}` });
      clients.push(client);
      await prepareSession(client, target);
    }
  }

  /** Writes all chunks by three sessions at once, as pods do. @returns the upload's id. */
  async function load(
    chunks: Item[][],
    { together, strategies, isBinary }: { together: number; strategies: WriteStrategy[]; isBinary: boolean },
  ): Promise<string> {
    const columnTypes = (await readTargetColumns(clients[0]!, target)).types!;
    const encodings = isBinary ? chooseEncodings(schema, columnTypes)! : null;
    const plan = chunks.map((items) => ({ firstRowNumber: items[0]!.row, recordCount: items.length }));
    const id = await withClient(url, (client) => planTestUpload(client, plan));
    const prepare = (numbers: number[]) => {
      const prepared = numbers.map((number): [number, { row: number; values: string[] }[]] => [
        number,
        chunks[number]!.map(({ row, k, v }) => ({ row, values: [k, v, ...(owner ? [id, String(row)] : [])] })),
      ]);
      return prepareGroup(id, new Map(prepared), encodings);
    };
    const commit = async (client: pg.Client, numbers: number[], strategy: WriteStrategy): Promise<void> => {
      const transaction = { client, target, columnTypes, metadata: {}, uploadId: id, attempt: 1, strategy };
      try {
        if ((await commitChunkGroup(transaction, prepare(numbers))).done) return;
        for (const number of numbers) await commit(client, [number], strategy);
      } catch (error) {
        if (sqlState(error) !== '40P01') throw error;
        for (const number of numbers) await commit(client, [number], 'merge');
      }
    };
    const order = chunks.map((_, i) => i);
    let round = 0;
    await Promise.all(
      clients.map(async (client) => {
        for (let next = order.splice(0, together); next.length > 0; next = order.splice(0, together)) {
          round += 1;
          await commit(client, next, strategies[round % strategies.length]!);
        }
      }),
    );
    return id;
  }

  const countsOf = (id: string) =>
    withClient(url, async (client) => (await readProgress(client, [id])).get(id)!.counts);
  const refusedRows = async (id: string) =>
    (
      await rows(
        `SELECT row_number::int AS row, error_code AS code FROM batch_upload.batch_upload_errors
         WHERE batch_upload_id = $1 ORDER BY 1`,
        [id],
      )
    ).map(({ row, code }) => {
      expect(code).toBe('DB_001');
      return row as number;
    });
  const stored = async () => (await rows('SELECT k, v FROM items')).map(({ k, v }) => `${k} ${v}`).sort();

  it('stores every record once, equal records too, and counts no duplicate', async () => {
    await rows(
      `CREATE TABLE items (k text, v text CHECK (v <> 'forbidden') ${owner ? ', upload uuid, row bigint' : ''})`,
    );
    await openSessions();
    await fc.assert(
      fc.asyncProperty(chunksOfItems, workOrder, async (chunks, work) => {
        await rows('TRUNCATE items');
        const items = chunks.flat();
        const good = items.filter(({ v }) => v !== 'forbidden');
        const id = await load(chunks, work);
        expect(await countsOf(id)).toEqual({
          processed: items.length,
          succeeded: good.length,
          failed: items.length - good.length,
          duplicate: 0,
          updated: 0,
        });
        expect(await refusedRows(id)).toEqual(items.filter(({ v }) => v === 'forbidden').map(({ row }) => row));
        expect(await stored()).toEqual(mode === 'Validate' ? [] : good.map(({ k, v }) => `${k} ${v}`).sort());
      }),
      { numRuns: 12 },
    );
  });

  it.each(['UNIQUE', 'UNIQUE DEFERRABLE INITIALLY DEFERRED'])(
    'stores one of the records that an index takes for equal, and the others fail: %s',
    async (unique) => {
      await rows(`CREATE TABLE items (k text ${unique}, v text ${owner ? ', upload uuid, row bigint' : ''})`);
      await openSessions();
      await fc.assert(
        fc.asyncProperty(chunksOfItems, workOrder, async (chunks, work) => {
          await rows('TRUNCATE items');
          await rows(`INSERT INTO items (k, v) VALUES ('0', 'old')`);
          const items = chunks.flat();
          const id = await load(chunks, work);
          // A validation sees the records of one chunk alone.
          const free = mode === 'Commit' ? [items] : chunks;
          const succeeded = free
            .map((part) => new Set(part.map(({ k }) => k).filter((k) => k !== '0')).size)
            .reduce((sum, size) => sum + size, 0);
          expect(await countsOf(id)).toEqual({
            processed: items.length,
            succeeded,
            failed: items.length - succeeded,
            duplicate: 0,
            updated: 0,
          });
          const refused = new Set(await refusedRows(id));
          expect(refused.size).toBe(items.length - succeeded);
          const own = items.filter(({ row }) => !refused.has(row)).map(({ k, v }) => `${k} ${v}`);
          expect(await stored()).toEqual(['0 old', ...(mode === 'Commit' ? own : [])].sort());
        }),
        { numRuns: 12 },
      );
    },
  );

  it('needs the right to insert alone', async () => {
    const role = `r${randomUUID().replaceAll('-', '')}`;
    await rows(`CREATE TABLE items (k text, v text CHECK (v <> 'forbidden') ${owner ? ', upload uuid, row bigint' : ''});
      CREATE ROLE ${role} LOGIN PASSWORD 'p'; GRANT INSERT ON items TO ${role};
      REVOKE TEMPORARY ON DATABASE ${new URL(url).pathname.slice(1)} FROM PUBLIC;
      GRANT USAGE ON SCHEMA batch_upload TO ${role}; GRANT ALL ON ALL TABLES IN SCHEMA batch_upload TO ${role};
      GRANT ALL ON ALL SEQUENCES IN SCHEMA batch_upload TO ${role}`);
    const its = url.replace('postgres:postgres@', `${role}:p@`);
    expect(await withClient(its, (client) => prepareTarget(client, schema))).toBeNull();
    await openSessions(its);
    const items = Array.from({ length: 20 }, (_, i) => ({ row: i + 2, k: 'k', v: i === 7 ? 'forbidden' : 'v' }));
    const id = await load([items], { together: 1, strategies: ['optimistic'], isBinary: true });
    expect(await countsOf(id)).toMatchObject({ succeeded: 19, failed: 1, duplicate: 0 });
  });

  it('makes a table without a primary key, and accepts one without an index', async () => {
    const created = { ...schema, target: { ...schema.target, create: true } };
    expect(createTableSql(created)).not.toMatch(/PRIMARY KEY|,\s*\)/);
    await withClient(url, async (client) => {
      expect(await prepareTarget(client, schema)).toMatchObject({ reason: 'TargetTableMissing' });
      expect(await prepareTarget(client, created)).toBeNull();
      expect(await prepareTarget(client, schema)).toBeNull();
      expect(await prepareTarget(client, { ...schema, primaryKey: ['k'] })).toMatchObject({
        reason: 'TargetKeyMissing',
      });
    });
    expect(await rows(`SELECT count(*)::int AS n FROM pg_indexes WHERE tablename = 'items'`)).toEqual([{ n: 0 }]);
    await openSessions();
    await load([[{ row: 2, k: 'a', v: 'b' }]], { together: 1, strategies: ['optimistic'], isBinary: true });
    expect(await stored()).toEqual(mode === 'Commit' ? ['a b'] : []);
  });
});
