/**
 * Equal keys under every policy, in every mode, with and without owner columns, in both formats of COPY: the test
 * compares counts, rows and errors with a model that reads the file from its start to its end.
 */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { connect, sqlState } from '#ledger/connection/postgres.ts';
import { readProgress } from '#ledger/uploads/read-progress.ts';
import { type ChunkGroup, commitChunkGroup } from '#runner/load/commit-chunk-group.ts';
import { describeTarget, prepareSession } from '#runner/load/target.ts';
import { WRITE_STRATEGIES, type WriteStrategy } from '#runner/load/write-outcome.ts';
import { chooseEncodings } from '#runner/processor/column-encoding.ts';
import { readTargetColumns } from '#runner/target/read-columns.ts';
import { createLedgerDatabase, withClient } from '#support/database/database.ts';
import { planTestUpload } from '#support/database/ledger.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import { expectPolicy, type Item, numericKeys, policySchema, STORED } from '#support/records/duplicates.ts';
import { prepareGroup } from '#support/runner/prepared-chunks.ts';

const CASES = (['Skip', 'Update', 'Fail'] as const).flatMap((policy) =>
  [true, false].flatMap((owner) => (['Commit', 'Validate'] as const).map((mode) => ({ policy, owner, mode }))),
);

const FIELDS: RecordSchemaSpec['fields'] = [
  { name: 'k', type: 'number' },
  { name: 'v', type: 'string' },
];

/** A chunk whose only record is refused by the table. */
const ALL_REFUSED: Item[][] = [[{ row: 2, key: '1002', value: 'forbidden' }]];

/**
 * Files whose records are a key and a unique value of one character each. The table holds the key A with the value q. A
 * record with another key takes this value, but the record that gave the value free loses to a later one.
 */
const DEPENDENT = [
  {
    what: 'one chunk',
    ...{ chunks: [['Ax', 'Bq', 'Ar']], order: [0], table: ['Ar'] },
    counts: { succeeded: 1, failed: 1, duplicate: 1, updated: 1 },
    modes: ['Commit', 'Validate'],
  },
  {
    what: 'two chunks, the later one first',
    ...{ chunks: [['Ax', 'Bq'], ['Aq']], order: [1, 0], table: ['Aq'] },
    counts: { succeeded: 1, failed: 1, duplicate: 1, updated: 1 },
    modes: ['Commit', 'Validate'],
  },
  {
    what: 'an earlier record with the key of the refused one is stored',
    ...{ chunks: [['Ax', 'Bb', 'Bq', 'Ar']], order: [0], table: ['Ar', 'Bb'] },
    counts: { succeeded: 2, failed: 1, duplicate: 1, updated: 1 },
    modes: ['Commit', 'Validate'],
  },
  {
    what: 'more equal keys than rounds',
    ...{ chunks: [['Ax', ...Array.from({ length: 12 }, () => 'Bq'), 'Ar']], order: [0], table: ['Ar', 'Bq'] },
    counts: { succeeded: 2, failed: 8, duplicate: 4, updated: 1 },
    // A validation rolls each record back that is written alone, so that it does not see the value given free.
    modes: ['Commit'],
  },
];

type Prepare = (numbers: number[]) => ChunkGroup;

/** How many chunks share a transaction, the strategies that are tried first, and the order of the groups. */
const workOrder = fc.record({
  seed: fc.nat(1_000_000),
  together: fc.integer({ min: 1, max: 3 }),
  strategies: fc.array(fc.constantFrom(...WRITE_STRATEGIES), { minLength: 1, maxLength: 4 }),
});

function groupsOf(count: number, size: number): number[][] {
  const groups: number[][] = [];
  for (let at = 0; at < count; at += size)
    groups.push(Array.from({ length: Math.min(size, count - at) }, (_, i) => at + i));
  return groups;
}

describe.each([14, 18] as const)('PostgreSQL %i', (version) => {
  let server: Postgres;
  let url: string;
  let clients: pg.Client[] = [];

  beforeAll(async () => {
    server = await startPostgres({ version, settings: { fsync: 'off', deadlock_timeout: '50ms' } });
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    url = await createLedgerDatabase(server);
    return async () => {
      await Promise.all(clients.map((client) => client.end()));
      clients = [];
    };
  });

  const rows = (sql: string, values: unknown[] = []) =>
    withClient(url, async (client) => (await client.query(sql, values)).rows);

  it.each(CASES)('$policy, owner columns: $owner, $mode', async ({ policy, owner, mode }) => {
    const schema = { ...policySchema({ policy, owner }), fields: FIELDS };
    const target = describeTarget(schema, { rolledBack: mode === 'Validate' });
    const columnTypes = await withClient(url, async (client) => {
      await client.query(`CREATE TABLE items (k numeric PRIMARY KEY, v text CHECK (v <> 'forbidden')
        ${owner ? ', upload uuid, row bigint' : ''})`);
      return (await readTargetColumns(client, target)).types!;
    });
    for (let i = 0; i < 3; i += 1) {
      const client = await connect({ uri: url, applicationName: `test-${i}` });
      clients.push(client);
      await prepareSession(client, target);
    }

    /**
     * Writes the group together, else each chunk alone, and by the merge when PostgreSQL ends a deadlock, as the runner
     * does.
     */
    async function commitGroup(
      client: pg.Client,
      id: string,
      { numbers, strategy }: { numbers: number[]; strategy: WriteStrategy },
      prepare: Prepare,
    ) {
      const transaction = { client, target, columnTypes, metadata: {}, uploadId: id, attempt: 1, strategy };
      try {
        if ((await commitChunkGroup(transaction, prepare(numbers))).done) return;
        for (const number of numbers) await commitGroup(client, id, { numbers: [number], strategy }, prepare);
      } catch (error) {
        if (sqlState(error) !== '40P01') throw error;
        for (const number of numbers) await commitGroup(client, id, { numbers: [number], strategy: 'merge' }, prepare);
      }
    }

    await fc.assert(
      fc.asyncProperty(
        numericKeys,
        fc.boolean(),
        workOrder,
        async (chunks, isBinary, { seed, together, strategies }) => {
          await rows('TRUNCATE items');
          const earlier = randomUUID();
          for (const [k, v] of STORED)
            await rows(`INSERT INTO items VALUES ($1, $2 ${owner ? ', $3, 7' : ''})`, [
              k,
              v,
              ...(owner ? [earlier] : []),
            ]);
          const plan = chunks.map((items) => ({ firstRowNumber: items[0]!.row, recordCount: items.length }));
          const id = await withClient(url, (client) => planTestUpload(client, plan));
          const encodings = isBinary ? chooseEncodings(schema, columnTypes)! : null;
          const valuesOf = ({ row, key, value }: Item) => [key, value, ...(owner ? [id, String(row)] : [])];
          const prepare = (numbers: number[]) =>
            prepareGroup(
              id,
              new Map(
                numbers.map((number) => [
                  number,
                  chunks[number]!.map((item) => ({ row: item.row, values: valuesOf(item) })),
                ]),
              ),
              encodings,
            );
          const order = groupsOf(chunks.length, together)
            .map((numbers, i) => ({ numbers, strategy: strategies[i % strategies.length]! }))
            .sort((a, b) => ((a.numbers[0]! * 7919 + seed) % 101) - ((b.numbers[0]! * 7919 + seed) % 101));
          await Promise.all(
            clients.map(async (client) => {
              for (let next = order.pop(); next !== undefined; next = order.pop())
                await commitGroup(client, id, next, prepare);
            }),
          );
          const items = chunks.flat();
          const expected = expectPolicy(policy, items);
          const progress = await withClient(url, async (client) => (await readProgress(client, [id])).get(id)!);
          expect(progress.counts).toEqual({ processed: items.length, ...expected.counts });

          const stored = await rows('SELECT trim_scale(k)::text AS k, v FROM items');
          const table = new Map(stored.map(({ k, v }) => [k, v]));
          const errors = await rows(
            `SELECT row_number::int AS row, error_code AS code, row_data FROM batch_upload.batch_upload_errors
           WHERE batch_upload_id = $1 ORDER BY 1`,
            [id],
          );
          const lost = errors.filter(({ code }) => code === 'DUP_001').map(({ row }) => row);
          const refused = errors.filter(({ code }) => code === 'DB_001').map(({ row }) => row);
          expect(refused).toEqual(expected.refused);
          if (policy !== 'Fail')
            expect(errors.every(({ code, row_data }) => code === 'DB_001' || !row_data)).toBe(true);
          // Without owner columns no row is displaced, so every failed record belongs to the chunk that stores it.
          if (policy === 'Fail' && !owner && mode === 'Commit')
            expect(errors.every(({ row, row_data }) => row_data === `row ${row}`)).toBe(true);
          if (mode === 'Validate') expect(table).toEqual(STORED);
          else expect(new Set(table.keys())).toEqual(new Set(expected.table.keys()));
          if (owner || policy === 'Update' || mode === 'Validate') {
            expect(lost).toEqual(expected.lost);
            if (mode === 'Commit') expect(table).toEqual(expected.table);
          } else {
            // One record of each key stays: the one that was committed first.
            expect(lost).toHaveLength(expected.lost.length);
            const own = items.filter(({ row, key }) => !errors.some((error) => error.row === row) && !STORED.has(key));
            for (const { key, value } of own) expect(table.get(String(Number(key)))).toBe(value);
          }
          if (owner && mode === 'Commit')
            expect(await rows('SELECT count(*)::int AS n FROM items WHERE upload = $1', [id])).toEqual([
              { n: expected.counts.succeeded },
            ]);
        },
      ),
      { numRuns: 20, examples: [[ALL_REFUSED, true, { seed: 0, together: 1, strategies: ['optimistic'] }]] },
    );
  });

  it.each(DEPENDENT.flatMap((each) => each.modes.map((mode) => ({ ...each, mode }))))(
    'records that depend on a record which loses, $mode: $what',
    async ({ chunks, order, table, counts, mode }) => {
      const target = describeTarget(policySchema({ policy: 'Update', owner: false }), {
        rolledBack: mode === 'Validate',
      });
      await rows("CREATE TABLE items (k text PRIMARY KEY, v text UNIQUE); INSERT INTO items VALUES ('A', 'q')");
      const placed: Item[][] = [];
      for (const chunk of chunks) {
        const from = placed.flat().length + 2;
        placed.push(chunk.map((record, i) => ({ row: from + i, key: record[0]!, value: record.slice(1) })));
      }
      const sums = { succeeded: 0, failed: 0, duplicate: 0, updated: 0 };
      await withClient(url, async (client) => {
        const plan = placed.map((items) => ({ firstRowNumber: items[0]!.row, recordCount: items.length }));
        const uploadId = await planTestUpload(client, plan);
        await prepareSession(client, target);
        const columnTypes = (await readTargetColumns(client, target)).types!;
        for (const number of order) {
          const records = placed[number]!.map(({ row, key, value }) => ({ row, values: [key, value] }));
          const outcome = await commitChunkGroup(
            { client, target, uploadId, attempt: 1, columnTypes, strategy: 'optimistic', metadata: {} },
            prepareGroup(uploadId, new Map([[number, records]])),
          );
          if (!outcome.done) throw new Error('the chunk was not written');
          for (const name of ['succeeded', 'failed', 'duplicate', 'updated'] as const)
            sums[name] += outcome.results[0]![name];
        }
      });
      expect(sums).toEqual(counts);
      const stored = await rows('SELECT k || v AS record FROM items ORDER BY k');
      expect(stored.map(({ record }) => record)).toEqual(mode === 'Validate' ? ['Aq'] : table);
      // The ledger keeps the keys of the records that are stored, and no others.
      expect(await rows('SELECT count(*)::int AS n FROM batch_upload.batch_upload_keys')).toEqual([
        { n: counts.succeeded },
      ]);
    },
  );

  it('a record that refers to what a record of a later chunk has replaced waits', async () => {
    const schema = policySchema({ policy: 'Update', owner: false });
    schema.fields = [...schema.fields, { name: 'p', type: 'string' }];
    schema.target = { ...schema.target, columns: [...schema.target.columns, { name: 'p', field: 'p' }] };
    const target = describeTarget(schema);
    await rows(`CREATE TABLE items (k text PRIMARY KEY, v text UNIQUE, p text REFERENCES items (v));
      INSERT INTO items VALUES ('root', 'root')`);
    const found = await withClient(url, async (client) => {
      const uploadId = await planTestUpload(client, [
        { firstRowNumber: 2, recordCount: 2 },
        { firstRowNumber: 4, recordCount: 1 },
      ]);
      await prepareSession(client, target);
      const columnTypes = (await readTargetColumns(client, target)).types!;
      const transaction = { client, target, uploadId, attempt: 1, columnTypes, metadata: {} };
      const later = prepareGroup(uploadId, new Map([[1, [{ row: 4, values: ['P', 'new', 'root'] }]]]));
      await commitChunkGroup({ ...transaction, strategy: 'optimistic' }, later);
      const records = [
        { row: 2, values: ['P', 'first', 'root'] },
        { row: 3, values: ['C', 'child', 'first'] },
      ];
      return commitChunkGroup(
        { ...transaction, strategy: 'optimistic' },
        prepareGroup(uploadId, new Map([[0, records]])),
      );
    });
    expect(found).toMatchObject({ done: true, waiting: 1, results: [{ succeeded: 0, failed: 0, duplicate: 1 }] });
    expect(await rows('SELECT k, v FROM items ORDER BY k')).toEqual([
      { k: 'P', v: 'new' },
      { k: 'root', v: 'root' },
    ]);
  });

  it.each(WRITE_STRATEGIES)(
    'whatever it is like, the table is never read from its start to its end, beginning by %s',
    async (strategy) => {
      const schema = { ...policySchema({ policy: 'Update', owner: true }), fields: FIELDS };
      const target = describeTarget(schema);
      const stored = 20_000;
      await withClient(url, async (client) => {
        await client.query(`CREATE TABLE items (k numeric PRIMARY KEY, v text, upload uuid, row bigint) WITH (autovacuum_enabled = off);
        INSERT INTO items SELECT n, 'old', gen_random_uuid(), n FROM generate_series(1, ${stored}) AS n`);
      });
      const records = 2000;
      const id = await withClient(url, (client) =>
        planTestUpload(client, [{ firstRowNumber: 2, recordCount: records }]),
      );
      const group = prepareGroup(
        id,
        new Map([
          [
            0,
            Array.from({ length: records }, (_, i) => ({
              row: i + 2,
              values: [String(3 * i), 'new', id, String(i + 2)],
            })),
          ],
        ]),
      );
      const client = await connect({ uri: url, applicationName: 'test' });
      await prepareSession(client, target);
      const columnTypes = (await readTargetColumns(client, target)).types;
      const outcome = await commitChunkGroup(
        { client, target, columnTypes, uploadId: id, attempt: 1, strategy, metadata: {} },
        group,
      );
      await client.end();
      expect(outcome).toMatchObject({ done: true, results: [{ succeeded: records, updated: records - 1 }] });
      const counted = `SELECT seq_scan::int AS whole, idx_scan::int AS looked FROM pg_stat_user_tables WHERE relname = 'items'`;
      // PostgreSQL 14 updates its counters a moment later.
      await expect.poll(async () => (await rows(counted))[0].looked).toBeGreaterThanOrEqual(records);
      // One sequential scan made the index; writing the rows needed none.
      expect((await rows(counted))[0].whole).toBeLessThanOrEqual(1);
    },
  );
});
